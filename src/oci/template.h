/* The configuration that `coracle spec` writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* A container that somebody has described already. Lists of strings end with NULL. */
struct template_container {
	const char *rootfs, *cwd, *hostname;
	const char *const *args, *const *env;
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t n_groups;
	const char *const *volumes;    /* directories that are writable whatever the root is */
	const char *(*annotations)[2]; /* keys and values; a NULL key ends them */
	bool terminal, writable, host_network;
	bool nested;    /* the caller is root of a user namespace */
	bool single_id; /* which has that one id only */
};

struct template_options {
	bool rootless;     /* in a user namespace, without what needs privileges on the host */
	uint32_t uid, gid; /* rootless: what the container's root is on the host */
	const struct template_container *container; /* NULL: a shell in ./rootfs */
};

/* Write a config.json as one JSON object: by default a shell in ./rootfs, read-only, with few
 * capabilities; in substance what runc's and crun's users start from. A container that is described
 * has the capabilities that engines give, if it runs as root, and its volumes are file systems in
 * memory that begin with what the image has there. */
void template_write(const struct template_options *o, struct json_writer *w);
