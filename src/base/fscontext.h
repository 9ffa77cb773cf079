/* Making an instance of a file system through a context of the mount API. The kernel's own words
 * about what it refused ("tmpfs: Bad value for 'size'") become part of the error. Used by init and
 * by the host half. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* The longest value of an option, with its NUL, that the kernel takes here: longer ones need
 * mount(2). */
#define FSCONTEXT_VALUE_MAX 256

/* A context for file system type @fstype. Returns a descriptor or -errno. */
int fscontext_open(const char *fstype, struct err *e) _must_check_;

/* Set option @key to @value; NULL: a flag without a value. Returns 0 or -errno. */
int fscontext_set(int fd, const char *key, const char *value, struct err *e) _must_check_;

/* Make the instance and a detached mount of it with MOUNT_ATTR_* @attr. Returns a descriptor or
 * -errno. */
int fscontext_mount(int fd, uint64_t attr, struct err *e) _must_check_;
