/* Names that the specification takes from the kernel: capabilities, resource limits, namespaces. */
#pragma once

#include <stdint.h>

#include "oci/spec.h"

#define CAPABILITY_MAX 41 /* CAP_CHECKPOINT_RESTORE is 40 (5.9) */
#define RLIMIT_MAX     16

/* "CAP_CHOWN" → 0, …; -EINVAL for an unknown name. */
int capability_from_name(const char *name);
/* "CAP_CHOWN", … for a number below CAPABILITY_MAX. */
const char *capability_name(unsigned cap);

/* "RLIMIT_NOFILE" → the kernel's number; -EINVAL for an unknown name. */
int rlimit_from_name(const char *name);
const char *rlimit_name(unsigned resource);

/* The CLONE_NEW* flag of a namespace. */
uint64_t ns_clone_flag(enum ns_type type);
