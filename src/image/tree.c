/* The tree: nodes in an arena, children sorted on demand, names of attributes made once. Knows no
 * file format but the numbers that EROFS has for prefixes of attributes. Pure but for the seed of
 * the index, which keeps crafted names from making it slow and changes no result. */
#include "image/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/xxhash.h"

#define KEYS_FIRST  256 /* hash chains of keys, at first; real trees have ten keys */
#define NAMES_FIRST 1024

/* EROFS_XATTR_INDEX_* and EROFS_XATTR_FILTER_SEED (fs/erofs/erofs_fs.h). Number 5, "lustre.", is
 * never written in formats 0 and 1. The ACLs match by prefix: what follows is the rest of the name.
 */
static const struct {
	uint8_t index;
	const char *prefix;
} prefixes[] = {
	{1, "user."},
	{2, "system.posix_acl_access"},
	{3, "system.posix_acl_default"},
	{4, "trusted."},
	{6, "security."},
};
#define FILTER_SEED 0x25BBE08FU

int image_tree_init(struct image_tree *t, bool lookups)
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	*t = (struct image_tree){0};
	arena_init(&t->arena, NULL, 0);
	/* Whoever makes a file must not know what collides. */
	if (random)
		memcpy(&t->seed, random, sizeof(t->seed));
	t->keys = arena_newn(&t->arena, struct image_key *, KEYS_FIRST);
	if (!t->keys)
		return -ENOMEM;
	t->keys_mask = KEYS_FIRST - 1;
	if (lookups) {
		t->names = calloc(NAMES_FIRST, sizeof(*t->names));
		if (!t->names) {
			image_tree_done(t);
			return -ENOMEM;
		}
		t->names_mask = NAMES_FIRST - 1;
	}
	return 0;
}

void image_tree_done(struct image_tree *t)
{
	free(t->names);
	arena_done(&t->arena);
	*t = (struct image_tree){0};
}

/* --- nodes ----------------------------------------------------------------------------------- */

static uint32_t name_slot(const struct image_tree *t, const struct image_node *parent,
			  const char *name, size_t len)
{
	return xxhash32(name, len, t->seed ^ parent->id * 0x9E3779B1U);
}

static void names_insert(struct image_tree *t, struct image_node *n)
{
	uint32_t i = name_slot(t, n->parent, n->name, n->name_len);

	while (t->names[i & t->names_mask])
		i++;
	t->names[i & t->names_mask] = n;
}

/* Room for one more name: at most half of the slots are taken. */
static int names_grow(struct image_tree *t)
{
	struct image_node **old = t->names;
	uint32_t old_mask = t->names_mask;

	if (t->n_nodes <= old_mask / 2)
		return 0;
	t->names = calloc((size_t)2 * (old_mask + (size_t)1), sizeof(*t->names));
	if (!t->names) {
		t->names = old;
		return -ENOMEM;
	}
	t->names_mask = 2 * old_mask + 1;
	for (size_t i = 0; i <= old_mask; i++)
		if (old[i])
			names_insert(t, old[i]);
	free(old);
	return 0;
}

/* Room in @dir for one more child. */
static int children_grow(struct image_tree *t, struct image_node *dir)
{
	uint32_t cap = dir->cap_children ? dir->cap_children * 2 : 4;
	struct image_node **grown;

	if (dir->n_children < dir->cap_children)
		return 0;
	grown = arena_newn(&t->arena, struct image_node *, cap);
	if (!grown)
		return -ENOMEM;
	if (dir->n_children)
		memcpy(grown, dir->children, dir->n_children * sizeof(*grown));
	dir->children = grown;
	dir->cap_children = cap;
	return 0;
}

struct image_node *image_tree_add(struct image_tree *t, struct image_node *parent, const char *name,
				  size_t len)
{
	struct image_node *n;

	if (t->n_nodes >= UINT32_MAX / 4 || (t->names && names_grow(t) < 0) ||
	    (parent && children_grow(t, parent) < 0))
		return NULL;
	n = arena_new(&t->arena, struct image_node);
	if (!n)
		return NULL;
	n->name = name;
	n->name_len = (uint16_t)len;
	n->id = t->n_nodes++;
	n->parent = parent ? parent : n;
	n->depth = parent ? (uint16_t)(parent->depth + 1) : 0;
	if (!parent) {
		t->root = n;
		return n;
	}
	n->index = parent->n_children;
	parent->children[parent->n_children++] = n;
	if (t->names)
		names_insert(t, n);
	return n;
}

struct image_node *image_tree_find(const struct image_tree *t, const struct image_node *parent,
				   const char *name, size_t len)
{
	struct image_node *n;

	for (uint32_t i = name_slot(t, parent, name, len); (n = t->names[i & t->names_mask]); i++)
		if (n->parent == parent && n->name_len == len && memcmp(n->name, name, len) == 0)
			return n;
	return NULL;
}

bool image_node_is_whiteout(const struct image_node *n)
{
	return !n->target && S_ISCHR(n->mode) && n->rdev == 0;
}

bool image_node_is_external(const struct image_node *n)
{
	return !n->target && S_ISREG(n->mode) && n->size > 0 && !n->data;
}

void *image_tree_copy(struct image_tree *t, const void *data, size_t len)
{
	void *copy = arena_alloc(&t->arena, len ? len : 1);

	if (copy && len)
		memcpy(copy, data, len);
	return copy;
}

/* --- attributes ------------------------------------------------------------------------------ */

static void key_filter(struct image_key *k)
{
	uint32_t hash = xxhash32(k->name + k->prefix_len, k->len - (size_t)k->prefix_len,
				 FILTER_SEED + k->index);

	k->filter = 1U << (hash & 31);
}

/* Fill in what EROFS has for the name. */
static void key_classify(struct image_key *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!str_starts(k->name, prefixes[i].prefix))
			continue;
		k->index = prefixes[i].index;
		k->prefix_len = (uint8_t)strlen(prefixes[i].prefix);
		break;
	}
	key_filter(k);
}

static void key_number_lustre(struct image_key *k)
{
	static const char prefix[] = "lustre.";

	if (k->index || !str_starts(k->name, prefix))
		return;
	k->index = 5;
	k->prefix_len = sizeof(prefix) - 1;
	key_filter(k);
}

static struct image_key **key_chain(const struct image_tree *t, const char *name, size_t len)
{
	return &t->keys[xxhash32(name, len, t->seed) & t->keys_mask];
}

/* As many chains as keys: a hostile tree has as many of them as fit into it. */
static int keys_grow(struct image_tree *t)
{
	struct image_key **old = t->keys;
	uint32_t size = t->keys_mask + 1;

	if (t->n_keys < size || size > UINT32_MAX / 4)
		return 0;
	t->keys = arena_newn(&t->arena, struct image_key *, 2 * (size_t)size);
	if (!t->keys) {
		t->keys = old;
		return -ENOMEM;
	}
	t->keys_mask = 2 * size - 1;
	for (uint32_t i = 0; i < size; i++) {
		for (struct image_key *k = old[i], *next; k; k = next) {
			struct image_key **chain = key_chain(t, k->name, k->len);

			next = k->next_hash;
			k->next_hash = *chain;
			*chain = k;
		}
	}
	return 0;
}

const struct image_key *image_tree_key(struct image_tree *t, const char *name, size_t len)
{
	struct image_key *k, **chain;
	char *copy;

	for (k = *key_chain(t, name, len); k; k = k->next_hash)
		if (k->len == len && memcmp(k->name, name, len) == 0)
			return k;
	if (keys_grow(t) < 0)
		return NULL;
	k = arena_new(&t->arena, struct image_key);
	copy = arena_alloc(&t->arena, len + 1);
	if (!k || !copy)
		return NULL;
	memcpy(copy, name, len);
	k->name = copy;
	k->len = (uint16_t)len;
	key_classify(k);
	if (t->lustre)
		key_number_lustre(k);
	chain = key_chain(t, k->name, k->len);
	k->next_hash = *chain;
	*chain = k;
	t->n_keys++;
	return k;
}

void image_tree_number_lustre(struct image_tree *t)
{
	t->lustre = true;
	for (uint32_t i = 0; i <= t->keys_mask; i++)
		for (struct image_key *k = t->keys[i]; k; k = k->next_hash)
			key_number_lustre(k);
}

int image_node_set_xattr(struct image_tree *t, struct image_node *n, const struct image_key *key,
			 const void *value, size_t len)
{
	struct image_xattr *x = n->xattrs;

	for (unsigned i = 0; i < n->n_xattrs; i++) {
		if (x[i].key == key) {
			x[i].value = value;
			x[i].value_len = (uint32_t)len;
			return 0;
		}
	}
	if (n->n_xattrs == n->cap_xattrs) {
		unsigned cap = n->cap_xattrs ? n->cap_xattrs * 2U : 4;

		if (cap > UINT16_MAX)
			return -E2BIG;
		x = arena_newn(&t->arena, struct image_xattr, cap);
		if (!x)
			return -ENOMEM;
		if (n->n_xattrs)
			memcpy(x, n->xattrs, n->n_xattrs * sizeof(*x));
		n->xattrs = x;
		n->cap_xattrs = (uint16_t)cap;
	}
	n->xattrs[n->n_xattrs++] =
		(struct image_xattr){.key = key, .value = value, .value_len = (uint32_t)len};
	return 0;
}

const struct image_xattr *image_node_xattr(const struct image_node *n, const char *name)
{
	for (unsigned i = 0; i < n->n_xattrs; i++)
		if (str_eq(n->xattrs[i].key->name, name))
			return &n->xattrs[i];
	return NULL;
}

void image_node_drop_xattr(struct image_node *n, unsigned i)
{
	n->n_xattrs--;
	memmove(&n->xattrs[i], &n->xattrs[i + 1], (n->n_xattrs - i) * sizeof(*n->xattrs));
}

size_t image_node_xattr_space(const struct image_node *n)
{
	size_t space = 12;

	for (unsigned i = 0; i < n->n_xattrs; i++)
		space += n->xattrs[i].key->len + (size_t)n->xattrs[i].value_len + 7;
	return space;
}

static int compare_xattrs(const void *a, const void *b)
{
	const struct image_xattr *x = a, *y = b;

	return strcmp(x->key->name, y->key->name);
}

void image_node_sort_xattrs(struct image_node *n)
{
	if (n->n_xattrs > 1)
		qsort(n->xattrs, n->n_xattrs, sizeof(*n->xattrs), compare_xattrs);
}

/* --- order ----------------------------------------------------------------------------------- */

int image_bytes_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t n = MIN(a_len, b_len);
	int r = n ? memcmp(a, b, n) : 0;

	if (r != 0)
		return r;
	return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct image_node *const *x = a, *const *y = b;

	return image_bytes_compare((*x)->name, (*x)->name_len, (*y)->name, (*y)->name_len);
}

void image_node_sort_children(struct image_node *dir)
{
	bool sorted = true;

	for (uint32_t i = 1; i < dir->n_children && sorted; i++)
		sorted = compare_nodes(&dir->children[i - 1], &dir->children[i]) < 0;
	if (!sorted)
		qsort(dir->children, dir->n_children, sizeof(*dir->children), compare_nodes);
	for (uint32_t i = 0; i < dir->n_children; i++)
		dir->children[i]->index = i;
}

void image_tree_sort(struct image_tree *t)
{
	/* A directory is sorted before the walk enters it. */
	for (struct image_node *n = t->root; n; n = image_tree_next(n))
		image_node_sort_children(n);
}

struct image_node *image_tree_next(const struct image_node *n)
{
	if (n->n_children)
		return n->children[0];
	while (n->parent != n) {
		if (n->index + 1 < n->parent->n_children)
			return n->parent->children[n->index + 1];
		n = n->parent;
	}
	return NULL;
}

void image_node_make_real(struct image_node *n)
{
	struct image_node *real = n->target, keep = *n;

	*n = *real;
	n->parent = keep.parent;
	n->name = keep.name;
	n->name_len = keep.name_len;
	n->depth = keep.depth;
	n->index = keep.index;
	n->id = keep.id;
	n->target = NULL;
	keep.parent = real->parent;
	keep.name = real->name;
	keep.name_len = real->name_len;
	keep.depth = real->depth;
	keep.index = real->index;
	keep.id = real->id;
	keep.target = n;
	*real = keep;
}

void image_tree_shorten_links(struct image_tree *t)
{
	for (struct image_node *n = t->root; n; n = image_tree_next(n))
		while (n->target && n->target->target)
			n->target = n->target->target;
}

int image_tree_canonical_links(struct image_tree *t)
{
	struct image_node **first;

	/* first[id of a file]: the name that is real from now on. */
	image_tree_sort(t);
	first = calloc((size_t)t->n_nodes + 1, sizeof(struct image_node *));
	if (!first)
		return -ENOMEM;
	for (struct image_node *n = t->root; n; n = image_tree_next(n)) {
		struct image_node *real = image_node_real(n);
		uint32_t id = real->id;

		if (S_ISDIR(real->mode))
			continue;
		if (first[id]) {
			n->target = first[id];
		} else if (n == real) {
			first[id] = n;
		} else {
			/* The file moves to this name; its old name still finds it here. */
			image_node_make_real(n);
			first[id] = n;
			first[n->id] = n;
		}
	}
	free(first);
	return 0;
}

/* --- words ----------------------------------------------------------------------------------- */

int image_node_path(const struct image_node *n, struct image_path *buf)
{
	const struct image_node *p;
	size_t len = 0, at;

	for (p = n; p->parent != p; p = p->parent)
		len += 1 + (size_t)p->name_len;
	if (MAX(len, (size_t)1) > buf->cap) {
		size_t cap = MAX(2 * len, (size_t)256);
		char *grown = realloc(buf->text, cap);

		if (!grown)
			return -ENOMEM;
		buf->text = grown;
		buf->cap = cap;
	}
	buf->text[0] = '/';
	buf->len = MAX(len, (size_t)1);
	for (p = n, at = len; p->parent != p; p = p->parent) {
		at -= p->name_len;
		memcpy(buf->text + at, p->name, p->name_len);
		buf->text[--at] = '/';
	}
	return 0;
}

void image_path_done(struct image_path *p)
{
	free(p->text);
	*p = (struct image_path){0};
}

const char *image_excerpt(const void *bytes, size_t len, char buf[static IMAGE_EXCERPT_MAX])
{
	const unsigned char *p = bytes;
	size_t n = MIN(len, (size_t)IMAGE_EXCERPT_MAX - 4);

	for (size_t i = 0; i < n; i++)
		buf[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
	(void)str_copy(buf + n, IMAGE_EXCERPT_MAX - n, n < len ? "..." : "");
	return buf;
}

void image_hex(const void *data, size_t len, char *buf)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		buf[2 * i] = digits[p[i] >> 4];
		buf[2 * i + 1] = digits[p[i] & 15];
	}
	buf[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int image_unhex(const char *text, size_t len, uint8_t *ret)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
