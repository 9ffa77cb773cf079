/* Paths in a root filesystem are never strings: (root fd, relative path) in, O_PATH fd out. The
 * content of the root filesystem is hostile and may change while we look: everything resolves by
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), and what we create is created relative to a
 * directory descriptor. Used by init and by the host half. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

#define PATH_SIZE 4096 /* longest path, with its NUL, as in the kernel */

/* openat2 in @root_fd. @path may be absolute or relative and hold ".." or symbolic links: they stay
 * inside. @resolve adds RESOLVE_* flags. O_CLOEXEC is added. Retries a bounded number of times
 * where the kernel asks for it (-EAGAIN). Returns a descriptor or -errno. */
int path_open_in_root(int root_fd, const char *path, int flags, uint64_t resolve) _must_check_;

/* The directory @path in @root_fd, made with mode 0755 where parts of it are missing (mkdir -p).
 * Returns an O_PATH descriptor, -ENOTDIR if something else stands there, or -errno. */
int path_make_dir_in_root(int root_fd, const char *path, mode_t mode) _must_check_;

/* The file @path in @root_fd, made empty (and its parents) if missing. Returns an O_PATH descriptor
 * of whatever stands there. */
int path_make_file_in_root(int root_fd, const char *path, mode_t mode) _must_check_;

/* The parent directory of @path (made if missing) and, in *@ret_name, a pointer to the last
 * component inside @path (which has no trailing slash). -EINVAL for the root itself and for "..".
 */
int path_make_parent_in_root(int root_fd, const char *path, const char **ret_name) _must_check_;
