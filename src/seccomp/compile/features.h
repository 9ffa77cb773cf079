/* The names of a seccomp profile that are understood here, for the features document. */
#pragma once

#include "oci/features.h"

/* Lists that end with NULL; static. */
extern const struct features_seccomp seccomp_features;
