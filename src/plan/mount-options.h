/* Every mount option that we know, what it does, and whether it may be used yet. One table serves
 * the planner, `features` and the tests. */
#pragma once

#include <stdint.h>

enum mount_option_kind {
	OPTION_ATTR,        /* sets `set` and clears `clear` of the mount's attributes */
	OPTION_REC_ATTR,    /* the same for the whole tree */
	OPTION_PROPAGATION, /* `set` is the MS_* propagation */
	OPTION_BIND,        /* bind, rbind (`set` is MS_REC) */
	OPTION_SUPER, /* a flag of the file system instance, by its own name; MS_* in set, clear */
	OPTION_OLD,   /* the same, but only mount(2) knows it */
	OPTION_EXTRA, /* `set` are PLAN_MOUNT_* flags */
	OPTION_IDMAP, /* idmap, ridmap (`set` is MS_REC) */
	OPTION_REMOUNT, /* the flags are for a mount that is there already */
	OPTION_IGNORED, /* accepted, means what happens anyway */
};

struct mount_option {
	char name[16];
	uint8_t kind; /* enum mount_option_kind */
	uint64_t set, clear;
};

/* The row for @name, or NULL: then it is an option of the file system. */
const struct mount_option *mount_option_find(const char *name);

/* MS_* for the name of a propagation ("rslave"), or 0. */
uint64_t mount_option_propagation(const char *name);

/* NULL-terminated list of the names that may be used, for `features`. */
extern const char *const plan_mount_option_names[];

/* Row @n, or NULL past the end: for tests. */
const struct mount_option *mount_option_at(unsigned n);
