/* Help on matters that are not commands: `coracle help errors`. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct text;

struct topic {
	const char *name;
	void (*add)(struct text *t); /* append what there is to say */
};

/* In the order of help; ends with a NULL name. */
extern const struct topic topics[];

/* The topic called @name, or NULL. */
const struct topic *topic_find(const char *name);

/* Print what there is to say to standard output. Returns 0 or -errno. */
int topic_print(struct arena *a, const struct topic *topic, struct err *e) _must_check_;
