/* Writing what the tables describe: JSON that parse.c reads back. Keys that are absent, empty lists
 * and empty strings are left out. Pure. */
#include "base/str.h"
#include "oci/spec.h"
#include "oci/tables.h"

static const char *string_of(const void *base, size_t offset)
{
	const char *s = *(const char *const *)(const void *)((const char *)base + offset);

	return s ? s : "";
}

static bool is_present(const struct field *f, const void *base)
{
	return !f->has_flag || *(const bool *)((const char *)base + f->flag);
}

static void write_object(struct json_writer *w, const struct table *t, const void *base)
{
	json_object_begin(w);
	table_write(w, t, base);
	json_object_end(w);
}

/* One element of an array, or a key of a map with its value. */
static void write_element(struct json_writer *w, const struct field *f, const void *items, size_t i)
{
	const struct str_pair *pairs = items;
	const char *object;

	if (f->type == FIELD_STRINGS) {
		json_string(w, ((const char *const *)items)[i]);
	} else if (f->type == FIELD_U32S) {
		json_u64(w, ((const uint32_t *)items)[i]);
	} else if (f->type == FIELD_STRING_MAP) {
		json_kv_string(w, pairs[i].key, pairs[i].value);
	} else {
		object = (const char *)items + i * f->sub->size;
		if (f->type == FIELD_OBJECT_MAP)
			json_key(w, string_of(object, f->sub->key_offset));
		write_object(w, f->sub, object);
	}
}

static void write_list(struct json_writer *w, const struct field *f, const char *base)
{
	size_t n = *(const size_t *)(base + f->count);
	const char *items = *(char *const *)(base + f->offset);
	bool is_map = f->type == FIELD_OBJECT_MAP || f->type == FIELD_STRING_MAP;

	if (n == 0)
		return;
	json_key(w, f->name);
	if (is_map)
		json_object_begin(w);
	else
		json_array_begin(w);
	for (size_t i = 0; i < n; i++)
		write_element(w, f, items, i);
	if (is_map)
		json_object_end(w);
	else
		json_array_end(w);
}

static void write_field(struct json_writer *w, const struct field *f, const char *base)
{
	const void *value = base + f->offset;

	switch ((enum field_type)f->type) {
	case FIELD_STRING:
		if (string_of(base, f->offset)[0] != '\0')
			json_kv_string(w, f->name, string_of(base, f->offset));
		break;
	case FIELD_BOOL:
		json_kv_bool(w, f->name, *(const bool *)value);
		break;
	case FIELD_I64:
		json_kv_i64(w, f->name, *(const int64_t *)value);
		break;
	case FIELD_U64:
		json_kv_u64(w, f->name, *(const uint64_t *)value);
		break;
	case FIELD_I32:
		json_kv_i64(w, f->name, *(const int32_t *)value);
		break;
	case FIELD_U32:
	case FIELD_U16:
		json_kv_u64(w, f->name, *(const uint32_t *)value);
		break;
	case FIELD_OBJECT:
		json_key(w, f->name);
		write_object(w, f->sub, base + f->offset);
		break;
	case FIELD_OBJECTS:
	case FIELD_OBJECT_MAP:
	case FIELD_STRING_MAP:
	case FIELD_STRINGS:
	case FIELD_U32S:
		write_list(w, f, base);
		break;
	}
}

void table_write(struct json_writer *w, const struct table *t, const void *base)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		if (is_present(&t->fields[i], base))
			write_field(w, &t->fields[i], base);
	}
}

void spec_mounts_write(struct json_writer *w, const struct spec_mount *mounts, size_t n)
{
	json_array_begin(w);
	for (size_t i = 0; i < n; i++)
		write_object(w, &table_mount, &mounts[i]);
	json_array_end(w);
}
