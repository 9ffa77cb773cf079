/* Completion scripts, generated from the tables of commands and options. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

enum completion_shell {
	COMPLETION_BASH,
	COMPLETION_ZSH,
	COMPLETION_FISH,
};

/* Print the script to standard output. Returns 0 or -errno. */
int completion_print(struct arena *a, enum completion_shell shell, struct err *e) _must_check_;
