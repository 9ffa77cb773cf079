/* Policy files, places in them, and what is to be said about those. Pure, host side; everything
 * lives in the caller's arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mem.h"

struct policy_file {
	const char *name; /* as messages show it */
	const char *text; /* followed by a NUL that is not counted */
	size_t len;
	unsigned depth; /* 0 for the first, 1 for what it includes … */
	const struct policy_file *from;
};

struct policy_place {
	const struct policy_file *file;
	uint32_t line, column; /* from 1 on; columns are bytes */
	uint32_t start, len;   /* what is meant, in the file's text */
};

enum policy_level {
	POLICY_NOTE,
	POLICY_WARNING,
	POLICY_ERROR
};

struct policy_message {
	struct policy_message *next;
	enum policy_level level;
	struct policy_place place;
	const char *text;
	const char *hint; /* "" for none */
};

struct policy_log {
	struct arena *arena;
	struct policy_message *first, *last;
	size_t n_errors, n_warnings;
	bool no_memory; /* something could not be said, or not be done */
};

/* More errors than this are not told: they follow from others. */
#define POLICY_ERRORS_MAX 20

/* Say something about @place; @hint may be NULL. Returns -EINVAL, for those who say an error. */
int policy_say(struct policy_log *log, enum policy_level level, const struct policy_place *place,
	       const char *hint, const char *fmt, ...) _printf_(5, 6);

/* Remember that memory is exhausted. Returns -ENOMEM. */
int policy_no_memory(struct policy_log *log);

/* The message as people read it:
 *
 *	web.policy:3:13: error: no system call is called "opnat"
 *	  $syscall == @opnat => ALLOW();
 *	              ^~~~~~
 *	  hint: did you mean @openat?
 *
 * Returns the text, which ends with a newline, in @a; or NULL when memory is exhausted. */
const char *policy_message_text(struct arena *a, const struct policy_message *m) _must_check_;
