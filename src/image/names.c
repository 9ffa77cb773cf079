/* A tree of names with an index: open addressing, linear probing, and no graves, since what follows
 * a removed entry moves up. Pure. */
#include "image/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "image/xxhash.h"

#define FIRST_SIZE 1024

int names_init(struct names *t, struct arena *a)
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	*t = (struct names){.arena = a, .mask = FIRST_SIZE - 1};
	if (random)
		memcpy(&t->seed, random, sizeof(t->seed));
	t->root = arena_new(a, struct name);
	t->table = calloc(FIRST_SIZE, sizeof(struct name *));
	if (!t->root || !t->table) {
		names_done(t);
		return -ENOMEM;
	}
	t->root->parent = t->root;
	t->root->text = "";
	t->next_id = 1;
	return 0;
}

void names_done(struct names *t)
{
	free(t->table);
	t->table = NULL;
}

/* --- the index ------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct names *t, const struct name *dir, const char *text, size_t len)
{
	return xxhash32(text, len, t->seed ^ dir->id * 0x9E3779B1U);
}

static void insert(struct names *t, struct name *n)
{
	uint32_t i = n->hash & t->mask;

	while (t->table[i])
		i = (i + 1) & t->mask;
	t->table[i] = n;
}

static int grow(struct names *t)
{
	struct name **old = t->table;
	uint32_t size = t->mask + 1;

	if (t->n < size / 2)
		return 0;
	t->table = calloc((size_t)2 * size, sizeof(struct name *));
	if (!t->table) {
		t->table = old;
		return -ENOMEM;
	}
	t->mask = 2 * size - 1;
	for (uint32_t i = 0; i < size; i++)
		if (old[i])
			insert(t, old[i]);
	free(old);
	return 0;
}

/* Take @n out. Whoever stands behind it only because its own place was taken moves up. */
static void take_out(struct names *t, const struct name *n)
{
	uint32_t hole = n->hash & t->mask, i;

	while (t->table[hole] != n)
		hole = (hole + 1) & t->mask;
	for (i = (hole + 1) & t->mask; t->table[i]; i = (i + 1) & t->mask) {
		uint32_t home = t->table[i]->hash & t->mask;

		/* May it stand at the hole? Not if its home lies behind that. */
		if (((i - home) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->table[hole] = t->table[i];
		hole = i;
	}
	t->table[hole] = NULL;
}

/* --- names ----------------------------------------------------------------------------------- */

struct name *names_find(const struct names *t, const struct name *dir, const char *text, size_t len)
{
	uint32_t hash = hash_of(t, dir, text, len);
	struct name *n;

	for (uint32_t i = hash & t->mask; (n = t->table[i]); i = (i + 1) & t->mask)
		if (n->hash == hash && n->parent == dir && n->len == len &&
		    memcmp(n->text, text, len) == 0)
			return n;
	return NULL;
}

struct name *names_find_path(const struct names *t, const char *path, size_t len)
{
	const char *at = path, *end = path + len;
	struct name *n = t->root;

	while (n && at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t part = (size_t)((slash ? slash : end) - at);

		n = names_find(t, n, at, part);
		at += part + 1;
	}
	return n;
}

struct name *names_add(struct names *t, struct name *dir, const char *text, size_t len)
{
	struct name *n = arena_new(t->arena, struct name);
	char *copy = arena_strndup(t->arena, text, len);

	if (!n || !copy || t->next_id == UINT32_MAX || grow(t) < 0)
		return NULL;
	*n = (struct name){
		.parent = dir,
		.next = dir->children,
		.text = copy,
		.len = len,
		.id = t->next_id++,
		.hash = hash_of(t, dir, text, len),
	};
	if (n->next)
		n->next->prev = n;
	dir->children = n;
	insert(t, n);
	t->n++;
	return n;
}

void names_remove(struct names *t, struct name *n)
{
	take_out(t, n);
	t->n--;
	if (n->prev)
		n->prev->next = n->next;
	else
		n->parent->children = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

/* --- walks ----------------------------------------------------------------------------------- */

struct name *names_first(struct name *top)
{
	while (top->children)
		top = top->children;
	return top;
}

struct name *names_after(struct name *n, const struct name *top)
{
	if (n == top)
		return NULL;
	return n->next ? names_first(n->next) : n->parent;
}

struct name *names_next(struct name *n)
{
	if (n->children)
		return n->children;
	while (!n->next) {
		if (n->parent == n)
			return NULL;
		n = n->parent;
	}
	return n->next;
}
