/* A strict reader of tar archives, as image layers are: ustar, GNU's long names and binary numbers,
 * PAX records. It sees a stream once, and keeps one entry at a time. What means two things to two
 * programs is refused. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

enum tar_type {
	TAR_FILE,
	TAR_LINK, /* another name of the file at target */
	TAR_SYMLINK,
	TAR_CHARACTER,
	TAR_BLOCK,
	TAR_DIRECTORY,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name;
	const char *value;
	size_t name_len, value_len;
	struct tar_xattr *next;
};

struct tar_entry {
	enum tar_type type;
	const char *path;   /* from the root without a slash at either end, "a/b"; "": the root */
	const char *target; /* of a link like path; of a symbolic link as it stands; else NULL */
	size_t path_len, target_len;
	uint64_t size; /* of a file, in bytes */
	uint32_t mode; /* permissions */
	uint32_t uid, gid;
	uint32_t rdev; /* as struct image_node has it */
	uint32_t mtime_nsec;
	int64_t mtime;
	struct tar_xattr *xattrs; /* no name twice */
};

struct tar;

/* Give up to @len bytes of the archive in @buf: how many, 0 at the end, or -errno with *@e set. */
typedef ssize_t (*tar_read_fn)(void *ctx, void *buf, size_t len, struct err *e);

/* Start to read. -ENOMEM or 0. */
int tar_new(tar_read_fn read, void *ctx, struct tar **ret) _must_check_;
void tar_free(struct tar *t);

/* The next entry, skipping what is left of the content of the one before. 1 with *@ret set, which
 * is good until the next call; 0 at the end, when the source has been read to its own end; or
 * -errno. Never call it again after 0 or a failure. */
int tar_next(struct tar *t, struct tar_entry *ret, struct err *e) _must_check_;

/* The next portion of the content of the last entry, good until the next call. 1, 0 when that was
 * all, or -errno. */
int tar_content(struct tar *t, const void **ret, size_t *ret_len, struct err *e) _must_check_;
