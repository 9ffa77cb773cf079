/* Looking at what runtimes keep of their containers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "doctor/doctor.h"

/* Call @fn(@arg, @dir, name) for each entry of the directory that @dir stands for, but for those
 * that begin with a dot. */
void state_each(int dir, void (*fn)(void *arg, int dir, const char *name), void *arg);

/* The number @name in the JSON object of @len bytes in @text, which is overwritten and has room for
 * a NUL behind it. -EBADMSG if it has none, or is no object. */
int64_t state_read_pid(char *text, size_t len, const char *name) _must_check_;

/* Has the process ended? One that waits for its parent has, too. */
bool state_has_ended(const struct doctor *d, int64_t pid);
