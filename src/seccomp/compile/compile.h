/* From a configuration to what seccomp(2) takes. Pure: no system call, no environment, no clock;
 * what it makes lives in the caller's arena. Whoever attaches the program needs no more than struct
 * seccomp_program. */
#pragma once

#include "seccomp/compile/policy.h"

/* Where compiled programs are kept, for those who have such a place. */
struct seccomp_store {
	const char *folder;
	/* The file @name, of at most @max bytes, in @a. -ENOENT where there is none. */
	int (*load)(const char *folder, const char *name, size_t max, struct arena *a, char **ret,
		    size_t *ret_len);
	/* Make or replace it. NULL where nothing is to be kept. */
	int (*save)(const char *folder, const char *name, const void *data, size_t len);
};

/* The annotation with the path of the folder. */
#define SECCOMP_ANNOTATION_STORE "run.oci.coracle.seccomp_store"

/* Compile and verify linux.seccomp, or take it from @options->store: what is there is proven anew,
 * and what is wrong there is compiled anew, with a complaint in @ret. Returns 0 and *@ret; -EINVAL
 * or -E2BIG (ERR_CONFIG_INVALID, with the path) for a profile that cannot be followed; -EINVAL
 * (ERR_INTERNAL) for a program that the verifier finds wrong, which must not be attached; -ENOMEM.
 */
int seccomp_compile(struct arena *a, const struct spec_seccomp *spec,
		    const struct seccomp_options *options, struct seccomp_program *ret,
		    struct err *e) _must_check_;

/* The annotation whose value is a program in base64 that replaces the whole of linux.seccomp. */
#define SECCOMP_ANNOTATION_BPF "run.oci.seccomp_bpf_data"

/* The annotation with the path of a policy (coracle-seccomp(5)) that replaces linux.seccomp but for
 * its flags and its agent. */
#define SECCOMP_ANNOTATION_POLICY "run.oci.coracle.seccomp_policy"

/* The annotation that makes unknown names errors. */
#define SECCOMP_ANNOTATION_FAIL_UNKNOWN "run.oci.seccomp_fail_unknown_syscall"

/* The annotation with the path of the agent's socket, where listenerPath is empty. */
#define SECCOMP_ANNOTATION_RECEIVER "run.oci.seccomp.receiver"

/* Take a program from base64 text. It is proven to be one that the kernel accepts, with one
 * difference: it must name all its verdicts (the kernel would let it return the accumulator), so
 * that notify can be told. Its verdicts are the author's business. @flags are those of
 * linux.seccomp.flags (seccomp_parse_flags()). Returns 0 and *@ret, -EINVAL or -E2BIG
 * (ERR_CONFIG_INVALID; the path is the caller's to set), -ENOMEM. */
int seccomp_raw_from_base64(struct arena *a, const char *text, uint32_t flags,
			    struct seccomp_program *ret, struct err *e) _must_check_;

/* The same proof for @n instructions, from 1 to BPF_MAXINSNS. *@ret_notify tells whether one of the
 * verdicts is SECCOMP_RET_USER_NOTIF. Returns 0, -EINVAL (ERR_CONFIG_INVALID) or -ENOMEM. */
int seccomp_raw_check(struct arena *a, const struct sock_filter *insns, size_t n, bool *ret_notify,
		      struct err *e) _must_check_;

/* linux.seccomp.flags as SECCOMP_FILTER_FLAG_*. TSYNC is known and dropped: init has one thread.
 * Returns 0 and *@ret, or -EINVAL with the path. */
int seccomp_parse_flags(const struct str_list *flags, uint32_t *ret, struct err *e) _must_check_;

/* @flags as the kernel takes them: NEW_LISTENER if @notify, and no WAIT_KILLABLE_RECV otherwise. */
uint32_t seccomp_final_flags(uint32_t flags, bool notify);
