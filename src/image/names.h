/* Names of a file tree that changes: found by directory and text, added, removed. What they name is
 * the caller's. Memory of names is the arena's; removed ones leave the index, not the arena. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mem.h"

struct inode;
struct image_node;

struct name {
	struct name *parent;      /* the root's is itself */
	struct name *children;    /* the last one added, first */
	struct name *prev, *next; /* among the parent's children */
	const char *text;
	size_t len;
	uint32_t id, hash;
	/* the caller's: */
	struct inode *inode;
	struct image_node *node;
	uint32_t layer;  /* that it came with */
	uint32_t pruned; /* the layer that hid what is below it */
};

struct names {
	struct arena *arena;
	struct name *root;
	struct name **table; /* a power of two, at most half of it taken */
	uint32_t mask, n, next_id, seed;
};

/* Start with the root alone. -ENOMEM or 0. */
int names_init(struct names *t, struct arena *a) _must_check_;
void names_done(struct names *t);

/* The name @text[@len] in @dir, or NULL. */
struct name *names_find(const struct names *t, const struct name *dir, const char *text,
			size_t len);

/* The name at a path without slashes at its ends, or NULL; "" is the root. */
struct name *names_find_path(const struct names *t, const char *path, size_t len);

/* A new name in @dir, which has none of it. @text is copied. NULL when memory is exhausted. */
struct name *names_add(struct names *t, struct name *dir, const char *text, size_t len)
	_must_check_;

/* Forget a name, below which there is none any more. */
void names_remove(struct names *t, struct name *n);

/* From the leaves up: the first name at or below @top, and the one after @n, which may be removed
 * then; @top is the last. */
struct name *names_first(struct name *top);
struct name *names_after(struct name *n, const struct name *top);

/* Parents first: the name after @n, or NULL. The root is the first. */
struct name *names_next(struct name *n);
