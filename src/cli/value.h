/* The values that arguments have: pure functions from strings. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* true, 1, yes, on and false, 0, no, off, in any case. Returns 0 or -EINVAL. */
int value_to_bool(const char *s, bool *ret) _must_check_;

/* A signal: a number from 0 to 64, or a name with or without SIG in any case, RTMIN+n and RTMAX-n
 * included. RTMIN is 34, as for every caller of a runtime, whatever our own C library reserves.
 * Returns 0 or -EINVAL. */
int value_to_signal(const char *s, int *ret) _must_check_;

struct value_user {
	uint32_t uid, gid;
	bool has_gid;
};

/* UID or UID:GID in decimal. Never a name: the container's passwd is not ours to believe
 * (CVE-2016-3697), and never a number with anything around it, or -1 (CVE-2026-30892).
 * Returns 0 or -EINVAL. */
int value_to_user(const char *s, struct value_user *ret) _must_check_;

/* A decimal number with an optional minus sign. Returns 0, -EINVAL or -ERANGE. */
int value_to_i64(const char *s, int64_t *ret) _must_check_;

/* Bytes: a number, with an optional unit k, m, g, t or p in any case, of 1024 each, an i or a B or
 * both behind it (10M, 10MB, 10MiB; what runc's callers write); -1 for no limit. Returns 0, -EINVAL
 * or -ERANGE. */
int value_to_size(const char *s, int64_t *ret) _must_check_;

/* A resource limit: a number, or "unlimited", "infinity" or -1. Returns 0 or -EINVAL. */
int value_to_rlimit(const char *s, uint64_t *ret) _must_check_;

/* A time as Go writes it, "5s", "1m30s", "250ms", or in seconds without a unit; in milliseconds, at
 * least 1. Returns 0 or -EINVAL. */
int value_to_duration(const char *s, uint32_t *ret) _must_check_;
