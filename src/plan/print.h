/* Showing a plan: text for people and golden files, JSON for programs. */
#pragma once

#include "base/json.h"
#include "plan/build.h"

/* The plan as text, one line a step. The result is owned by @a. Returns 0 or -ENOMEM. */
int plan_print_text(struct arena *a, const struct plan *p, const char **ret) _must_check_;

/* The plan as JSON into @w. */
void plan_print_json(struct json_writer *w, const struct plan *p);

/* --- one description of every operand serves both ----------------------------------------------
 */

enum print_kind {
	PRINT_STRING, /* plan_str */
	PRINT_U32,
	PRINT_U64,
	PRINT_HEX,          /* uint64_t */
	PRINT_MODE,         /* uint32_t, octal with the file type as a letter */
	PRINT_BOOL,         /* uint32_t */
	PRINT_GROUPS,       /* uint32_t, enum plan_set_groups */
	PRINT_SLOT,         /* plan_slot; PLAN_NO_SLOT is left out */
	PRINT_CLONE_FLAGS,  /* uint64_t */
	PRINT_MS_FLAGS,     /* uint64_t */
	PRINT_ATTR,         /* struct plan_mount_attr */
	PRINT_TARGET,       /* uint32_t, enum plan_mount_flags */
	PRINT_CAPS,         /* uint64_t */
	PRINT_RESOURCE,     /* uint32_t, RLIMIT_* */
	PRINT_LIMIT,        /* uint64_t, ~0 is "unlimited" */
	PRINT_SIGNALS,      /* uint64_t */
	PRINT_FILTER_FLAGS, /* uint32_t, SECCOMP_FILTER_FLAG_* */
	PRINT_STRINGS,      /* struct plan_array of plan_str */
	PRINT_BITS,     /* struct plan_array of uint64_t: the numbers of the bits that are set */
	PRINT_POINTERS, /* struct plan_array of uint64_t: offsets of strings, then 0 */
	PRINT_U32S,     /* struct plan_array of uint32_t */
	PRINT_OPTIONS,  /* struct plan_array of struct plan_option */
	PRINT_DEVICES,  /* struct plan_array of struct plan_device */
	PRINT_LINKS,    /* struct plan_array of struct plan_symlink */
	PRINT_RULES,    /* struct plan_array of struct plan_landlock_rule */
};

struct print_field {
	const char *name;
	enum print_kind kind;
	size_t offset;
};

/* The fields of operation @op, ended by a NULL name. */
const struct print_field *print_fields(enum plan_op op);

/* The printed name of operation @op. */
const char *print_op_name(enum plan_op op);
