/* linux.resources by itself: what `update` reads, merges with what a container has, and stores.
 * Driven by the same tables as parsing, so that no key can be forgotten. Pure. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "oci/spec.h"
#include "oci/tables.h"

/* --- merging ----------------------------------------------------------------------------------
 */

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static bool flag_of(const struct field *f, const void *base)
{
	return !f->has_flag || *(const bool *)at(base, f->flag);
}

static const char *string_of(const void *base, size_t offset)
{
	const char *s = *(const char *const *)at(base, offset);

	return s ? s : "";
}

static size_t scalar_size(enum field_type type)
{
	if (type == FIELD_BOOL)
		return sizeof(bool);
	return type == FIELD_I64 || type == FIELD_U64 ? sizeof(uint64_t) : sizeof(uint32_t);
}

/* The keys that say which device, page size or interface an element is about. */
static bool is_identity(const char *name)
{
	return str_eq(name, "major") || str_eq(name, "minor") || str_eq(name, "pageSize") ||
	       str_eq(name, "name");
}

static bool same_element(const struct field *list, const void *a, const void *b)
{
	const struct table *t = list->sub;

	if (list->type == FIELD_OBJECT_MAP)
		return str_eq(string_of(a, t->key_offset), string_of(b, t->key_offset));
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];

		if (!is_identity(f->name))
			continue;
		if (f->type == FIELD_STRING
			    ? !str_eq(string_of(a, f->offset), string_of(b, f->offset))
			    : memcmp(at(a, f->offset), at(b, f->offset),
				     scalar_size((enum field_type)f->type)) != 0)
			return false;
	}
	return true;
}

static bool same_key(_unused_ const struct field *list, const void *a, const void *b)
{
	return str_eq(((const struct str_pair *)a)->key, ((const struct str_pair *)b)->key);
}

/* The elements of @more take the places of those that they are about, or come behind. */
static int merge_list(struct arena *a, const struct field *f, size_t size, char *base,
		      const char *more,
		      bool (*same)(const struct field *, const void *, const void *))
{
	size_t n = *(size_t *)(base + f->count), added = *(const size_t *)(more + f->count);
	const char *old = *(char **)(base + f->offset), *new = *(char *const *)(more + f->offset);
	char *items;

	if (added == 0)
		return 0;
	items = arena_array(a, n + added, size);
	if (!items)
		return -ENOMEM;
	if (n > 0)
		memcpy(items, old, n * size);
	for (size_t i = 0; i < added; i++) {
		size_t k = 0;

		while (k < n && !same(f, items + k * size, new + i *size))
			k++;
		memcpy(items + k * size, new + i *size, size);
		n += k == n;
	}
	*(char **)(base + f->offset) = items;
	*(size_t *)(base + f->count) = n;
	return 0;
}

/* Rules of devices are a whole: their order decides. */
static void replace_list(const struct field *f, char *base, const char *more)
{
	if (*(const size_t *)(more + f->count) == 0)
		return;
	*(char **)(base + f->offset) = *(char *const *)(more + f->offset);
	*(size_t *)(base + f->count) = *(const size_t *)(more + f->count);
}

static int merge_table(struct arena *a, const struct table *t, char *base, const char *more);

static int merge_field(struct arena *a, const struct field *f, char *base, const char *more)
{
	switch ((enum field_type)f->type) {
	case FIELD_STRING:
		if (string_of(more, f->offset)[0] != '\0')
			*(const char **)(base + f->offset) = string_of(more, f->offset);
		return 0;
	case FIELD_BOOL:
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_I32:
	case FIELD_U32:
	case FIELD_U16:
		memcpy(base + f->offset, more + f->offset, scalar_size((enum field_type)f->type));
		return 0;
	case FIELD_OBJECT:
		return merge_table(a, f->sub, base + f->offset, more + f->offset);
	case FIELD_OBJECTS:
		if (!str_eq(f->name, "devices"))
			return merge_list(a, f, f->sub->size, base, more, same_element);
		replace_list(f, base, more);
		return 0;
	case FIELD_OBJECT_MAP:
		return merge_list(a, f, f->sub->size, base, more, same_element);
	case FIELD_STRING_MAP:
		return merge_list(a, f, sizeof(struct str_pair), base, more, same_key);
	case FIELD_STRINGS:
	case FIELD_U32S:
		replace_list(f, base, more);
		return 0;
	}
	return -EINVAL;
}

static int merge_table(struct arena *a, const struct table *t, char *base, const char *more)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		int r;

		if (!flag_of(f, more))
			continue;
		r = merge_field(a, f, base, more);
		if (r < 0)
			return r;
		if (f->has_flag)
			*(bool *)(base + f->flag) = true;
	}
	return 0;
}

int spec_resources_merge(struct arena *a, struct spec_resources *base,
			 const struct spec_resources *more, struct err *e)
{
	if (merge_table(a, &table_resources, (char *)base, (const char *)more) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "merge resources");
	base->present = true;
	return 0;
}

void spec_resources_drop_zeros(struct spec_resources *r)
{
	struct spec_memory *m = &r->memory;
	struct spec_cpu *c = &r->cpu;

	m->has_limit &= m->limit != 0;
	m->has_reservation &= m->reservation != 0;
	m->has_swap &= m->swap != 0;
	m->has_kernel &= m->kernel != 0;
	m->has_kernel_tcp &= m->kernel_tcp != 0;
	c->has_shares &= c->shares != 0;
	c->has_quota &= c->quota != 0;
	c->has_period &= c->period != 0;
	c->has_realtime_runtime &= c->realtime_runtime != 0;
	c->has_realtime_period &= c->realtime_period != 0;
	r->block_io.has_weight &= r->block_io.weight != 0;
	r->block_io.has_leaf_weight &= r->block_io.leaf_weight != 0;
}

/* --- writing ----------------------------------------------------------------------------------
 */

void spec_resources_write(struct json_writer *w, const struct spec_resources *r)
{
	json_object_begin(w);
	table_write(w, &table_resources, r);
	json_object_end(w);
}
