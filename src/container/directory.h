/* The state directory: ROOT/ID with state.json, config.json (a verbatim copy, for exec), the socket
 * on which a created container waits for start. Runs in the host half. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "container/container.h"
#include "container/state.h"

struct directory {
	const char *id;
	int root_fd; /* the state root */
	int fd;      /* the container's directory; holds the lock, if one was taken */
};

#define DIRECTORY_INIT                                                                             \
	{                                                                                          \
		.root_fd = -EBADF, .fd = -EBADF                                                    \
	}

/* Letters, digits, "_+-.", not beginning with ".": what runc and crun accept. */
int directory_check_id(const char *id, struct err *e) _must_check_;

/* The state root, made where it is missing. Returns a descriptor or -errno. */
int directory_open_root(struct runtime *rt, bool make, struct err *e) _must_check_;

/* Make the directory of a new container and lock it. An existing one is ERR_CONTAINER_EXISTS. */
int directory_create(struct runtime *rt, const char *id, struct directory *ret, struct err *e)
	_must_check_;

/* Open a container's directory, and lock it if @lock: commands that change something wait for one
 * another, those that look do not. A missing one is ERR_CONTAINER_MISSING. */
int directory_open(struct runtime *rt, const char *id, bool lock, struct directory *ret,
		   struct err *e) _must_check_;

/* The same below @root_fd, which directory_open_root() gave and stays the caller's, without a lock
 * and for looking only. */
int directory_open_at(int root_fd, const char *id, struct directory *ret, struct err *e)
	_must_check_;

/* What directory_read_state() reads, without opening the directory first: @id is proven by
 * directory_check_id(). */
int directory_look(struct arena *a, int root_fd, const char *id, struct state *ret, struct err *e)
	_must_check_;

void directory_close(struct directory *d);

static inline void directory_closep(struct directory *d)
{
	directory_close(d);
}

#define _cleanup_directory_ _cleanup_(directory_closep)

/* Remove the directory with everything that is ours in it. */
int directory_remove(struct directory *d, struct err *e) _must_check_;

int directory_write_state(struct arena *a, const struct directory *d, const struct state *s,
			  struct err *e) _must_check_;
int directory_read_state(struct arena *a, const struct directory *d, struct state *ret,
			 struct err *e) _must_check_;

/* The absolute path of @file in the directory of container @id, which need not exist yet. NULL when
 * memory is exhausted. */
const char *directory_path(struct runtime *rt, const char *id, const char *file);

/* The copy of config.json. */
int directory_write_config(const struct directory *d, const char *text, size_t len, struct err *e)
	_must_check_;
int directory_read_config(struct arena *a, const struct directory *d, char **ret, size_t *ret_len,
			  struct err *e) _must_check_;

/* The saved seccomp filter; there is none for a container without. @bytes belong to @a. */
int directory_write_filter(const struct directory *d, const void *bytes, size_t len, struct err *e)
	_must_check_;
int directory_read_filter(struct arena *a, const struct directory *d, size_t max, char **ret,
			  size_t *ret_len, struct err *e) _must_check_;

/* What linux.resources has become since the first update. Reading returns 1 if there was none. */
int directory_write_resources(const struct directory *d, const char *text, size_t len,
			      struct err *e) _must_check_;
int directory_read_resources(struct arena *a, const struct directory *d, char **ret,
			     size_t *ret_len, struct err *e) _must_check_;

/* What "mounts" has become since the first change to a running container. Reading returns 1 if
 * there was none. */
int directory_write_mounts(const struct directory *d, const char *text, size_t len, struct err *e)
	_must_check_;
int directory_read_mounts(struct arena *a, const struct directory *d, char **ret, size_t *ret_len,
			  struct err *e) _must_check_;

/* The start socket: made by create, knocked on by start. Return a descriptor or -errno; connecting
 * to a container that no longer waits is -ECONNREFUSED or -ENOENT. */
int directory_listen(const struct directory *d, struct err *e) _must_check_;
int directory_connect(const struct directory *d) _must_check_;
/* Does anybody listen, without knocking? */
bool directory_is_listened(const struct directory *d);
void directory_unlisten(const struct directory *d);
