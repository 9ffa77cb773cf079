/* Step 7 of the canonical writer: attributes that several inodes have are stored once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/erofs-internal.h"
#include "image/xxhash.h"

/* References of one inode, at most. */
#define REFERENCES_MAX 128

static uint32_t hash_value(const struct erofs_writer *w, const struct image_xattr *x)
{
	return xxhash32(x->value, x->value_len, w->tree->seed ^ x->key->filter) +
	       (uint32_t)(uintptr_t)x->key / 16 * 0x9E3779B1U;
}

static bool value_is(const struct erofs_value *v, const struct image_xattr *x)
{
	return v->key == x->key && v->len == x->value_len &&
	       (v->len == 0 || memcmp(v->value, x->value, v->len) == 0);
}

/* Count one attribute of one inode, and note its row. The table was made large enough. */
static void count_value(struct erofs_writer *w, struct image_xattr *x)
{
	uint32_t i = hash_value(w, x), row;

	while ((row = w->value_table[i & w->value_mask])) {
		if (value_is(&w->values[row - 1], x)) {
			w->values[row - 1].count++;
			x->shared = row - 1;
			return;
		}
		i++;
	}
	w->values[w->n_values] = (struct erofs_value){
		.key = x->key,
		.value = x->value,
		.len = x->value_len,
		.count = 1,
	};
	x->shared = w->n_values++;
	w->value_table[i & w->value_mask] = w->n_values;
}

/* Tables for as many values as there are attributes. */
static int make_tables(struct erofs_writer *w)
{
	uint64_t n = 0, slots = 64;

	for (uint32_t i = 0; i < w->n_inodes; i++)
		n += w->inodes[i].node->n_xattrs;
	while (slots < n + n / 2)
		slots *= 2;
	if (slots > UINT32_MAX / 2)
		return -E2BIG;
	w->values = malloc((n + 1) * sizeof(*w->values));
	w->value_table = calloc(slots, sizeof(*w->value_table));
	w->value_mask = (uint32_t)slots - 1;
	return w->values && w->value_table ? 0 : -ENOMEM;
}

/* Descending: by name, then by length, then by bytes. */
static int compare_shared(const void *a, const void *b, void *values)
{
	const struct erofs_value *x = (struct erofs_value *)values + *(const uint32_t *)a;
	const struct erofs_value *y = (struct erofs_value *)values + *(const uint32_t *)b;
	int r = x->key == y->key ? 0 : strcmp(y->key->name, x->key->name);

	if (r != 0)
		return r;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return x->len ? memcmp(y->value, x->value, x->len) : 0;
}

/* Format 2: ascending by number of the prefix, rest of the name, value. */
static int compare_legacy(const void *a, const void *b, void *values)
{
	const struct erofs_value *x = (struct erofs_value *)values + *(const uint32_t *)a;
	const struct erofs_value *y = (struct erofs_value *)values + *(const uint32_t *)b;
	int r;

	if (x->key->index != y->key->index)
		return x->key->index < y->key->index ? -1 : 1;
	r = strcmp(x->key->name + x->key->prefix_len, y->key->name + y->key->prefix_len);
	return r ? r : image_bytes_compare(x->value, x->len, y->value, y->len);
}

/* Order the shared values and give each its place. */
static int place_shared(struct erofs_writer *w)
{
	uint64_t offset = 0;

	for (uint32_t i = 0; i < w->n_values; i++)
		w->n_shared += w->values[i].count > 1;
	w->shared = malloc((w->n_shared + (size_t)1) * sizeof(*w->shared));
	if (!w->shared)
		return -ENOMEM;
	for (uint32_t i = 0, n = 0; i < w->n_values; i++)
		if (w->values[i].count > 1)
			w->shared[n++] = i;
	qsort_r(w->shared, w->n_shared, sizeof(*w->shared),
		w->version == 2 ? compare_legacy : compare_shared, w->values);
	for (uint32_t i = 0; i < w->n_shared; i++) {
		struct erofs_value *v = &w->values[w->shared[i]];

		v->offset = (uint32_t)offset;
		offset += erofs_xattr_entry_size(v->key, v->len);
		if (offset > UINT32_MAX / 2)
			return -E2BIG;
	}
	w->shared_bytes = (uint32_t)offset;
	return 0;
}

int erofs_share(struct erofs_writer *w, struct err *e)
{
	int r = make_tables(w);

	for (uint32_t i = 0; i < w->n_inodes && r == 0; i++) {
		struct image_node *n = w->inodes[i].node;

		/* The other writer of format 2 has its own order, which is there already. */
		if (w->version != 2)
			image_node_sort_xattrs(n);
		for (unsigned x = 0; x < n->n_xattrs; x++)
			count_value(w, &n->xattrs[x]);
	}
	if (r == 0)
		r = place_shared(w);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "collect extended attributes");
	return 0;
}

void erofs_share_done(struct erofs_writer *w)
{
	free(w->values);
	free(w->value_table);
	free(w->shared);
}

bool erofs_xattr_is_reference(const struct erofs_writer *w, const struct image_xattr *x,
			      unsigned refs)
{
	return refs < REFERENCES_MAX && w->values[x->shared].count > 1;
}

uint32_t erofs_xattr_entry_size(const struct image_key *key, uint32_t value_len)
{
	return align32(EROFS_XATTR_ENTRY + key->len - (uint32_t)key->prefix_len + value_len, 4);
}
