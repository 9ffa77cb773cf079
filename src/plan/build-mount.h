/* What the files that plan mounts share. */
#pragma once

#include "plan/build.h"

/* One mount, its options taken apart. */
struct resolved_mount {
	const struct spec_mount *mount;
	const char *origin;
	bool bind, recursive, remount;
	bool super_ro;       /* "ro" was asked for: for a new instance, of the instance too */
	bool peer;           /* what is mounted on it appears on the host, as asked for */
	uint32_t flags;      /* enum plan_mount_flags */
	uint64_t ms, old_ms; /* flags of the instance as MS_*; those that only mount(2) knows */
	bool has_idmap, recursive_idmap;
	const char *idmap; /* what follows "idmap=" */
	struct plan_mount_attr attr;
	const char **words; /* options for the file system, as they are */
	uint32_t n_words;
};

/* Fail for an @option of @m: "@what "@option"", at its options. Returns -EINVAL. */
int mount_bad(struct builder *b, const struct resolved_mount *m, const char *what,
	      const char *option);

/* Add an option for the file system, as it is. There is room for three beside those of the
 * configuration. */
void mount_add_word(struct resolved_mount *m, const char *word);

/* Does @m bind, by its type or an option, and the whole tree (*@ret_recursive)? */
bool mount_is_bind(const struct spec_mount *m, bool *ret_recursive);

/* Take mount @n of the configuration apart, into *@m, and check that its options go together.
 * Strings live in the builder's arena and the configuration. Returns 0 or -errno. */
int mount_resolve(struct builder *b, size_t n, struct resolved_mount *m) _must_check_;
