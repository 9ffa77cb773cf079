/* From a bundle to a plan: what create, run and plan share. */
#pragma once

#include "container/container.h"
#include "host/netns.h"
#include "plan/build.h"
#include "plan/facts.h"

struct loaded {
	const char *bundle, *rootfs; /* absolute */
	const char *config;          /* the file's text as it was; parsing works on a copy */
	size_t config_len;
	struct spec spec;
	struct facts facts;
	struct plan plan;
	bool has_notify; /* the plan mounts a folder for sd_notify(3) */
};

struct load_options {
	const char *id, *bundle, *config_file;
	const char *facts_file; /* NULL or "": this host */
	enum plan_purpose purpose;
	bool no_pivot, no_new_keyring;
	unsigned preserve_fds, listen_fds;
	const char *listen_names, *notify_folder, *seccomp_receiver;
	const struct seccomp_store *seccomp_store;
	int (*compile_policy)(struct arena *a, const char *path, uint64_t capabilities,
			      enum seccomp_arch arch, char **ret, size_t *ret_len, struct err *e);
	struct netns_maker *network; /* for what will be executed; NULL for plans to look at */
};

/* Read, parse, check, probe, plan; warnings go to rt->warn. */
int load(struct runtime *rt, const struct load_options *o, struct loaded *ret, struct err *e)
	_must_check_;

/* Facts from @facts_file, or of this host for @spec. */
int load_facts(struct runtime *rt, const struct spec *spec, const char *facts_file,
	       enum cgroup_manager manager, struct facts *ret, struct err *e) _must_check_;

/* Facts of this host as an exec into a container of @spec needs them. */
int load_exec_facts(struct runtime *rt, const struct spec *spec, struct facts *ret, struct err *e)
	_must_check_;

/* Parse and check the text of a config.json. */
int load_spec(struct runtime *rt, const char *text, size_t len, struct spec *ret, struct err *e)
	_must_check_;

/* Hand @plan's warnings to rt->warn. */
void load_warn(struct runtime *rt, const struct plan *plan);
