/* Whole files in and out, atomic replacement. Host half. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/mem.h"

/* Read all of @fd (at most @max bytes, else -EFBIG) into @a, followed by a NUL that is not counted.
 */
int io_read_fd(struct arena *a, int fd, size_t max, char **ret, size_t *ret_len) _must_check_;

/* Open @path below @dirfd (AT_FDCWD too) and read it. */
int io_read_file_at(struct arena *a, int dirfd, const char *path, size_t max, char **ret,
		    size_t *ret_len) _must_check_;

/* The same of a file of ours: a regular one, written whole, most often small. An answer that leaves
 * room is all of it, and is asked for once. */
int io_read_saved_at(struct arena *a, int dirfd, const char *path, size_t max, char **ret,
		     size_t *ret_len) _must_check_;

/* Write all of @data. */
int io_write_all(int fd, const void *data, size_t len) _must_check_;

/* Open an existing file for writing and write @data in one write(2), as kernel files want it. */
int io_write_value_at(int dirfd, const char *path, const char *value) _must_check_;

/* Replace @name in @dirfd by a temporary file and rename: readers see the old or the new content.
 * No fsync: callers use it in a tmpfs. */
int io_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
	_must_check_;
