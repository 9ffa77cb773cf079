/* What the commands read: policies, profiles in JSON, programs. */
#pragma once

#include "oci/spec.h"
#include "seccomp/tools/cli.h"

enum input_kind {
	INPUT_POLICY,  /* rules and map are there, and what follows */
	INPUT_PROFILE, /* linux.seccomp, a configuration with it, or an engine's profile: spec */
	INPUT_PROGRAM, /* classic BPF, its bytes or base64: program alone */
};

struct input {
	enum input_kind kind;
	const char *name;
	struct policy_rules rules;
	struct policy_map map;
	struct spec_seccomp seccomp;
	struct seccomp_policy policy;
	struct seccomp_program program;
	struct policy_log log; /* what there is to say; printed on errors only */
};

/* Read @path ("-": standard input) and find out what it says. Programs are proven to be what the
 * kernel takes, compiled ones to be what they were compiled from. Returns 0, or EXIT_FAILED after
 * printing what is wrong. */
int input_read(struct cli *c, const char *path, struct input *ret) _must_check_;

/* Compile what was read from text: policy → program. As above. */
int input_compile(struct cli *c, struct input *in) _must_check_;
