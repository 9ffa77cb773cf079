/* The features document (runtime-spec 1.3, features.md): what this build supports, in one place.
 * What is implemented later is added to features.c, and nowhere else. */
#pragma once

#include "base/json.h"

#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0"

/* The names that a seccomp profile may use; lists end with NULL. */
struct features_seccomp {
	const char *const *actions, *const *operators, *const *archs, *const *flags;
};

/* What is not oci/'s to know. */
struct features_context {
	const char *version, *commit;     /* of the program; commit "" if unknown */
	const char *const *mount_options; /* names, ends with NULL */
	const struct features_seccomp *seccomp;
	bool checkpoint; /* there is a program that can */
};

/* Write the document as one JSON object. */
void features_write(const struct features_context *c, struct json_writer *w);
