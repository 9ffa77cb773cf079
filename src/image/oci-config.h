/* What an image says about the program in it: config.md of the image specification. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/document.h"

struct oci_label {
	const char *key, *value;
};

struct oci_config {
	const char *architecture, *os, *created; /* "" if it is not said, as are those below */
	const char *user, *cwd, *stop_signal;
	struct strings env, entrypoint, cmd;
	struct strings volumes, ports; /* the keys */
	struct oci_label *labels;
	size_t n_labels;
};

/* Read the config in @text, in place: strings live in it, lists in @a. */
int oci_config_read(char *text, size_t len, struct arena *a, struct oci_config *ret, struct err *e)
	_must_check_;
