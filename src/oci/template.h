/* The configuration that `coracle spec` writes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct template_options {
	bool rootless;     /* in a user namespace, without what needs privileges on the host */
	uint32_t uid, gid; /* rootless: what the container's root is on the host */
};

/* Write a config.json as one JSON object: a shell in ./rootfs, read-only, with few capabilities; in
 * substance what runc's and crun's users start from. */
void template_write(const struct template_options *o, struct json_writer *w);
