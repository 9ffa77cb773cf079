/* What the files that plan limits share. Internal to plan/cgroup*.c. */
#pragma once

#include "plan/cgroup.h"

/* A plan of writes in the making. */
struct limits {
	struct arena *arena;
	const struct facts_cgroup *facts;
	const struct spec_resources *all; /* what will hold */
	const struct spec_resources
		*asked; /* what to write: @all itself, or what an update names */
	bool update;
	struct plan_cgroup *plan; /* writes are appended */
	size_t cap;
	struct err *e;
};

/* Append a write to @file. @key: its place below linux.resources. Returns it for more, or NULL with
 * *l->e set. Strings that are not formatted must outlive the plan. */
struct plan_cgroup_write *limits_add(struct limits *l, const char *controller, const char *file,
				     const char *key, const char *fmt, ...) _printf_(5, 6);

/* Is @controller bound to a cgroup v1 hierarchy here? */
bool limits_on_v1(const struct limits *l, const char *controller);

/* "The arrangement cannot hold this": ERR_CGROUP_LIMIT. @hint may be NULL. */
int limits_refuse(const struct limits *l, const char *key, const char *hint, const char *text);

/* ERR_CONFIG_INVALID. */
int limits_invalid(const struct limits *l, const char *key, const char *text);

/* blockIO. */
int limits_block_io(struct limits *l);

/* Which v1 hierarchies the container is in, into plan->v1. Returns 0 or -errno. */
int plan_cgroup_use_v1(struct arena *a, const struct facts *facts, struct plan_cgroup *plan,
		       struct err *e) _must_check_;

/* The unit of a systemd scope in the making: properties are appended to @plan. */
struct scope {
	struct arena *arena;
	struct plan_cgroup *plan;
	struct err *e;
};

/* Append the line "@type @name @value" that coracle-systemd reads. Returns 0 or -errno. */
int scope_add(struct scope *s, const char *type, const char *name, const char *value) _must_check_;
int scope_add_u64(struct scope *s, const char *type, const char *name, uint64_t v) _must_check_;

/* Append what systemd has a property for among the plan's writes that are @late, or those that are
 * not. */
int scope_add_limits(struct scope *s, bool late) _must_check_;
