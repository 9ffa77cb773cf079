/* From an image to the configuration of a container (conversion.md of the image specification). */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/repo.h"

#define CONTAINER_ENV_MAX 256

/* What the command line says; NULL where it says nothing. */
struct container_options {
	const char *image, *id, *store;
	const char *user, *cwd, *entrypoint;
	const char *const *args; /* in place of the image's; a NULL ends them */
	const char *env[CONTAINER_ENV_MAX];
	size_t n_env;
	const char *verity, *digest, *policy, *upper;
	bool terminal, read_only, host_network;
	bool nested;    /* we are root of a user namespace */
	bool single_id; /* which has that one id only */
};

/* The text of a config.json, in @a: the image as root filesystem by way of annotations; its user
 * looked up in its own files; entrypoint and command, environment, working directory; volumes as
 * file systems in memory where the root is read-only. */
int container_config(struct repo *r, const struct container_options *o, struct arena *a,
		     const char **ret, size_t *ret_len, struct err *e) _must_check_;
