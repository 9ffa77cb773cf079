/* Where container images come from: files by their names, whether they lie in a directory or in an
 * archive. What they mean is layout.h's business. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"

struct source_member;

struct source {
	int fd;       /* the directory, or the archive as plain bytes */
	bool is_flat; /* a directory with blobs by their hexadecimal digits alone (skopeo's "dir:")
		       */
	bool is_archive;
	struct arena arena; /* of the members */
	struct source_member *members;
};

/* A file in it: @size bytes at @offset of @fd. @fd is to be closed if it is not the source's. */
struct source_file {
	int fd;
	bool is_own; /* of the source: stays open */
	uint64_t offset, size;
};

/* Open the directory or archive @path; "-" is an archive on standard input. An archive that is
 * compressed, or that comes from a pipe, is written out as plain bytes to an unnamed file in
 * @scratch (a directory's descriptor; -EBADF: refused). */
int source_open(const char *path, int scratch, struct source *ret, struct err *e) _must_check_;
void source_close(struct source *s);

/* Is there a file @name? */
bool source_has(const struct source *s, const char *name);

/* Find the file @name, a path without "." and "..". What is read there has to prove itself by its
 * digest, so links are followed. Returns -ENOENT and other errnos with *@e set. */
int source_find(const struct source *s, const char *name, struct source_file *ret, struct err *e)
	_must_check_;
void source_file_done(struct source_file *f);

/* All of the file @name, at most @max bytes, with a NUL behind it, in @a. */
int source_read(const struct source *s, const char *name, size_t max, struct arena *a, char **ret,
		size_t *ret_len, struct err *e) _must_check_;
