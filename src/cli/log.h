/* The one printer of errors and warnings. There is one log for a process, so its state is here
 * and not in an argument: container/ calls log_warning() through a plain function pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_DEBUG,
};

/* Set how to print, before anything is. @target is --log: "" for standard error alone, PATH or
 * file:PATH for a file that is appended to (mode 0644, opened here, so that every error gets
 * there), journald:[NAME] or syslog:[NAME] for a service that must be there. Returns 0, or -errno
 * with *@e filled in; then standard error is used. */
int log_open(const char *target, bool json, enum log_level level, struct err *e) _must_check_;

/* Whether messages are JSON. */
bool log_is_json(void);

/* One line (and, on a terminal, a second one with the hint) to standard error; one line to the log,
 * too, where there is one. Never fails: there is nobody to tell. */
void log_error(const struct err *e);

/* The same at level "warning", only if the level asks for it: Podman reads the log as a single JSON
 * object. */
void log_warning(const struct err *e);

/* Append @s at @len of @buf, which holds @size bytes, with control characters escaped: a message is
 * one line whatever a path contains, and cannot command a terminal. Returns the new length. */
size_t log_append_clean(char *buf, size_t size, size_t len, const char *s);
