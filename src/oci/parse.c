/* The interpreter of the tables: JSON text in, struct spec out. Pure apart from the arena; runs on
 * the host side only. */
#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "oci/spec.h"
#include "oci/tables.h"

struct parser {
	struct json json;
	struct arena *arena;
	struct err *err;
};

/* Where we are, as a chain on the stack; made into words only for an error. */
struct path {
	const struct path *up;
	const char *key; /* NULL: an index */
	size_t index;
	bool in_map; /* the key is the user's, and quoted */
};

/* --- errors ---------------------------------------------------------------------------------- */

static size_t path_format(const struct path *path, char *buf, size_t size)
{
	char excerpt[JSON_EXCERPT_MAX];
	size_t n;

	if (!path)
		return 0;
	n = path_format(path->up, buf, size);
	if (n >= size)
		return n;
	if (!path->key)
		n += str_format(buf + n, size - n, "[%zu]", path->index);
	else if (path->in_map)
		n += str_format(buf + n, size - n, "[\"%s\"]", json_excerpt(path->key, excerpt));
	else
		n += str_format(buf + n, size - n, "%s%s", n ? "." : "", path->key);
	return n;
}

/* Add the path to an error that has none yet. */
static int fail_at(struct parser *p, const struct path *path)
{
	char where[sizeof(p->err->where)] = "";

	(void)path_format(path, where, sizeof(where));
	return err_where(p->err, "%s", where);
}

static int fail_memory(struct parser *p)
{
	return err_sys(p->err, ERR_INTERNAL, -ENOMEM, "read the configuration");
}

static const char *number_excerpt(const struct json_value *v, char excerpt[static JSON_EXCERPT_MAX])
{
	(void)str_format(excerpt, JSON_EXCERPT_MAX, "%.*s%s", (int)MIN(v->len, (size_t)37), v->text,
			 v->len > 37 ? "..." : "");
	return excerpt;
}

static int fail_type(struct parser *p, const struct path *path, const struct json_value *v,
		     const char *wanted)
{
	const char *open = "", *close = "", *got = "";
	char excerpt[JSON_EXCERPT_MAX];

	switch (v->type) {
	case JSON_STRING:
		open = "a string \"";
		got = json_excerpt(v->text, excerpt);
		close = "\"";
		break;
	case JSON_NUMBER:
		open = "the number ";
		got = number_excerpt(v, excerpt);
		break;
	case JSON_TRUE:
		got = "true";
		break;
	case JSON_FALSE:
		got = "false";
		break;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		got = json_type_words(v->type);
		break;
	}

	(void)err_set(p->err, ERR_CONFIG_TYPE, -EINVAL, "line %u: expected %s, got %s%s%s", v->line,
		      wanted, open, got, close);
	return fail_at(p, path);
}

static int fail_range(struct parser *p, const struct path *path, const struct json_value *v,
		      bool is_signed, unsigned bits)
{
	char excerpt[JSON_EXCERPT_MAX];

	if (v->text[0] == '-' && !is_signed)
		(void)err_set(p->err, ERR_CONFIG_TYPE, -EINVAL,
			      "line %u: out of range: %s is negative", v->line,
			      number_excerpt(v, excerpt));
	else
		(void)err_set(p->err, ERR_CONFIG_TYPE, -EINVAL,
			      "line %u: out of range: %s does not fit in %u bits", v->line,
			      number_excerpt(v, excerpt), bits);
	return fail_at(p, path);
}

static int fail_duplicate(struct parser *p, const struct path *path, unsigned line)
{
	(void)err_set(p->err, ERR_CONFIG_TYPE, -EINVAL, "line %u: the key occurs twice", line);
	return fail_at(p, path);
}

/* --- scalars --------------------------------------------------------------------------------- */

static int parse_signed(struct parser *p, const struct json_value *v, const struct path *path,
			unsigned bits, int64_t *ret)
{
	int64_t n;
	int r = json_to_i64(v, &n);

	if (r == -EINVAL)
		return fail_type(p, path, v, "an integer");
	if (r < 0 || (bits == 32 && (n < INT32_MIN || n > INT32_MAX)))
		return fail_range(p, path, v, true, bits);
	*ret = n;
	return 0;
}

static int parse_unsigned(struct parser *p, const struct json_value *v, const struct path *path,
			  unsigned bits, uint64_t *ret)
{
	uint64_t n;
	int r = json_to_u64(v, &n);

	if (r == -EINVAL)
		return fail_type(p, path, v, "an integer");
	if (r < 0 || (bits < 64 && n >> bits))
		return fail_range(p, path, v, false, bits);
	*ret = n;
	return 0;
}

static int parse_string(struct parser *p, const struct json_value *v, const struct path *path,
			const char **ret)
{
	if (v->type != JSON_STRING)
		return fail_type(p, path, v, "a string");
	*ret = v->text;
	return 0;
}

static int parse_scalar(struct parser *p, const struct field *f, const struct json_value *v,
			void *to, const struct path *path)
{
	uint64_t u;
	int64_t i;
	int r;

	switch ((enum field_type)f->type) {
	case FIELD_STRING:
		return parse_string(p, v, path, to);
	case FIELD_BOOL:
		if (v->type != JSON_TRUE && v->type != JSON_FALSE)
			return fail_type(p, path, v, "true or false");
		*(bool *)to = v->type == JSON_TRUE;
		return 0;
	case FIELD_I64:
		return parse_signed(p, v, path, 64, to);
	case FIELD_U64:
		return parse_unsigned(p, v, path, 64, to);
	case FIELD_I32:
		r = parse_signed(p, v, path, 32, &i);
		if (r == 0)
			*(int32_t *)to = (int32_t)i;
		return r;
	case FIELD_U32:
	case FIELD_U16:
		r = parse_unsigned(p, v, path, f->type == FIELD_U16 ? 16 : 32, &u);
		if (r == 0)
			*(uint32_t *)to = (uint32_t)u;
		return r;
	case FIELD_OBJECT:
	case FIELD_OBJECTS:
	case FIELD_OBJECT_MAP:
	case FIELD_STRINGS:
	case FIELD_U32S:
	case FIELD_STRING_MAP:
		break;
	}
	return err_set(p->err, ERR_INTERNAL, -EINVAL, "a table row of unknown type");
}

/* --- lists ----------------------------------------------------------------------------------- */

struct list {
	char *items;
	size_t n, cap, size; /* size of one element */
};

/* Room for one more element, zeroed; NULL when memory is exhausted. */
static void *list_add(struct parser *p, struct list *l)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		char *items = arena_array(p->arena, cap, l->size);

		if (!items)
			return NULL;
		if (l->n)
			memcpy(items, l->items, l->n * l->size);
		l->items = items;
		l->cap = cap;
	}
	return l->items + l->n++ * l->size;
}

static void list_store(const struct list *l, const struct field *f, char *base)
{
	*(void **)(base + f->offset) = l->items;
	*(size_t *)(base + f->count) = l->n;
}

/* The keys of one map, to find duplicates: open addressing, at most half full. */
struct key_set {
	const char **slots;
	size_t n, cap;
};

/* The slot of @key, or the free one where it belongs. */
static const char **key_set_slot(const struct key_set *set, const char *key)
{
	uint32_t hash = 2166136261U; /* FNV-1a */
	size_t i;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	for (i = hash & (set->cap - 1); set->slots[i]; i = (i + 1) & (set->cap - 1))
		if (str_eq(set->slots[i], key))
			break;
	return &set->slots[i];
}

/* Returns 1 if the key is new, 0 if it is there already, or -ENOMEM. */
static int key_set_add(struct parser *p, struct key_set *set, const char *key)
{
	const char **slot;

	if (set->n * 2 >= set->cap) {
		struct key_set bigger = {.n = set->n, .cap = set->cap ? set->cap * 4 : 16};

		bigger.slots = arena_newn(p->arena, const char *, bigger.cap);
		if (!bigger.slots)
			return -ENOMEM;
		for (size_t i = 0; i < set->cap; i++)
			if (set->slots[i])
				*key_set_slot(&bigger, set->slots[i]) = set->slots[i];
		*set = bigger;
	}

	slot = key_set_slot(set, key);
	if (*slot)
		return 0;
	*slot = key;
	set->n++;
	return 1;
}

/* --- arrays, maps, objects ------------------------------------------------------------------- */

static int parse_object(struct parser *p, const struct table *table, char *base,
			const struct path *path);

/* Every string of a struct is "" until its key is found. */
static void strings_init(const struct table *table, char *base)
{
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct field *f = &table->fields[i];

		if (f->type == FIELD_STRING)
			*(const char **)(base + f->offset) = "";
		else if (f->type == FIELD_OBJECT)
			strings_init(f->sub, base + f->offset);
	}
}

/* One element of an array or the value of one key of a map. */
static int parse_element(struct parser *p, const struct field *f, const struct json_value *v,
			 void *to, const struct path *path)
{
	static const struct field number = {.type = FIELD_U32};

	if (f->type == FIELD_STRINGS)
		return parse_string(p, v, path, to);
	if (f->type == FIELD_U32S)
		return parse_scalar(p, &number, v, to, path);
	if (f->type == FIELD_STRING_MAP)
		return parse_string(p, v, path, &((struct str_pair *)to)->value);

	if (v->type != JSON_OBJECT)
		return fail_type(p, path, v, "an object");
	strings_init(f->sub, to);
	return parse_object(p, f->sub, to, path);
}

static size_t element_size(const struct field *f)
{
	if (f->type == FIELD_STRINGS)
		return sizeof(const char *);
	if (f->type == FIELD_U32S)
		return sizeof(uint32_t);
	if (f->type == FIELD_STRING_MAP)
		return sizeof(struct str_pair);
	return f->sub->size;
}

static int parse_array(struct parser *p, const struct field *f, const struct json_value *array,
		       char *base, const struct path *path)
{
	struct list list = {.size = element_size(f)};
	struct path here = {.up = path};
	struct json_value v;

	if (array->type != JSON_ARRAY)
		return fail_type(p, path, array, "an array");

	for (bool first = true;; first = false) {
		void *item;
		int r;

		here.index = list.n;
		r = json_next_item(&p->json, first, p->err);
		if (r == 0)
			break;
		if (r > 0)
			r = json_read(&p->json, &v, p->err);
		if (r < 0)
			return fail_at(p, &here);

		item = list_add(p, &list);
		if (!item)
			return fail_memory(p);
		r = parse_element(p, f, &v, item, &here);
		if (r < 0)
			return r;
	}

	list_store(&list, f, base);
	return 0;
}

static int parse_map(struct parser *p, const struct field *f, const struct json_value *map,
		     char *base, const struct path *path)
{
	size_t key_offset = f->sub ? f->sub->key_offset : offsetof(struct str_pair, key);
	struct list list = {.size = element_size(f)};
	struct path here = {.up = path, .in_map = true};
	struct key_set keys = {0};
	struct json_value v;
	char *key, *item;

	if (map->type != JSON_OBJECT)
		return fail_type(p, path, map, "an object");

	for (bool first = true;; first = false) {
		int r = json_next_key(&p->json, first, &key, p->err);

		if (r == 0)
			break;
		if (r < 0)
			return fail_at(p, path);
		here.key = key;
		r = json_read(&p->json, &v, p->err);
		if (r < 0)
			return fail_at(p, &here);

		r = key_set_add(p, &keys, key);
		if (r < 0)
			return fail_memory(p);
		if (r == 0)
			return fail_duplicate(p, &here, v.line);

		item = list_add(p, &list);
		if (!item)
			return fail_memory(p);
		r = parse_element(p, f, &v, item, &here);
		if (r < 0)
			return r;
		*(const char **)(item + key_offset) = key;
	}

	list_store(&list, f, base);
	return 0;
}

static int parse_field(struct parser *p, const struct field *f, const struct json_value *v,
		       char *base, const struct path *path)
{
	switch ((enum field_type)f->type) {
	case FIELD_OBJECT:
		if (v->type != JSON_OBJECT)
			return fail_type(p, path, v, "an object");
		return parse_object(p, f->sub, base + f->offset, path);
	case FIELD_OBJECTS:
	case FIELD_STRINGS:
	case FIELD_U32S:
		return parse_array(p, f, v, base, path);
	case FIELD_OBJECT_MAP:
	case FIELD_STRING_MAP:
		return parse_map(p, f, v, base, path);
	case FIELD_STRING:
	case FIELD_BOOL:
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_I32:
	case FIELD_U32:
	case FIELD_U16:
		break;
	}
	return parse_scalar(p, f, v, base + f->offset, path);
}

/* The row of @key, searched from row @from on, or NULL. */
static const struct field *find_row(const struct table *table, const char *key, size_t from)
{
	for (size_t i = from; i < table->n_fields; i++)
		if (str_eq(table->fields[i].name, key))
			return &table->fields[i];
	for (size_t i = 0; i < from; i++)
		if (str_eq(table->fields[i].name, key))
			return &table->fields[i];
	return NULL;
}

/* The keys of an object whose opening brace has been read, and whose strings are set to "". */
static int parse_object(struct parser *p, const struct table *table, char *base,
			const struct path *path)
{
	struct path here = {.up = path};
	struct json_value v;
	uint64_t seen = 0;
	size_t next = 0;
	char *key;

	for (bool first = true;; first = false) {
		const struct field *f;
		int r = json_next_key(&p->json, first, &key, p->err);

		if (r == 0)
			return 0;
		if (r < 0)
			return fail_at(p, path);

		here.key = key;
		r = json_read(&p->json, &v, p->err);
		if (r < 0)
			return fail_at(p, &here);

		f = find_row(table, key, next);
		if (!f) {
			r = json_skip(&p->json, &v, p->err);
			if (r < 0)
				return fail_at(p, &here);
			continue;
		}

		next = (size_t)(f - table->fields);
		if (seen >> next & 1)
			return fail_duplicate(p, &here, v.line);
		seen |= UINT64_C(1) << next;
		next++;

		/* Go's encoders write null for empty lists and maps: absent. */
		if (v.type == JSON_NULL)
			continue;
		r = parse_field(p, f, &v, base, &here);
		if (r < 0)
			return r;
		if (f->has_flag)
			*(bool *)(base + f->flag) = true;
	}
}

static int parse_document(struct arena *a, char *text, size_t len, const struct table *table,
			  char *base, const struct path *path, struct err *e)
{
	struct parser p = {.arena = a, .err = e};
	struct json_value v;
	int r;

	json_init(&p.json, text, len);
	r = json_read(&p.json, &v, e);
	if (r < 0)
		return r;
	if (v.type != JSON_OBJECT)
		return fail_type(&p, path, &v, "an object");

	strings_init(table, base);
	r = parse_object(&p, table, base, path);
	if (r < 0)
		return r;
	return json_finish(&p.json, e);
}

int spec_parse(struct arena *a, char *text, size_t len, struct spec *ret, struct err *e)
{
	*ret = (struct spec){0};
	return parse_document(a, text, len, &table_spec, (char *)ret, NULL, e);
}

int spec_process_parse(struct arena *a, char *text, size_t len, struct spec_process *ret,
		       struct err *e)
{
	static const struct path path = {.key = "process"};
	int r;

	*ret = (struct spec_process){0};
	r = parse_document(a, text, len, &table_process, (char *)ret, &path, e);
	if (r < 0)
		return r;
	ret->present = true;
	return 0;
}

int spec_landlock_parse(struct arena *a, char *text, size_t len, struct spec_landlock *ret,
			struct err *e)
{
	*ret = (struct spec_landlock){0};
	return parse_document(a, text, len, &table_landlock, (char *)ret, NULL, e);
}

int spec_engine_profile_parse(struct arena *a, char *text, size_t len,
			      struct spec_engine_profile *ret, struct err *e)
{
	*ret = (struct spec_engine_profile){0};
	return parse_document(a, text, len, &table_engine_profile, (char *)ret, NULL, e);
}

int spec_resources_parse(struct arena *a, char *text, size_t len, struct spec_resources *ret,
			 struct err *e)
{
	static const struct path linux_path = {.key = "linux"};
	static const struct path path = {.up = &linux_path, .key = "resources"};
	int r;

	*ret = (struct spec_resources){0};
	r = parse_document(a, text, len, &table_resources, (char *)ret, &path, e);
	if (r < 0)
		return r;
	ret->present = true;
	return 0;
}

int spec_mounts_parse(struct arena *a, char *text, size_t len, struct spec *ret, struct err *e)
{
	static const struct path path = {.key = "mounts"};
	struct parser p = {.arena = a, .err = e};
	struct json_value v;
	int r;

	*ret = (struct spec){0};
	strings_init(&table_spec, (char *)ret);
	json_init(&p.json, text, len);
	r = json_read(&p.json, &v, e);
	if (r < 0)
		return r;
	if (v.type == JSON_OBJECT)
		r = parse_object(&p, &table_spec, (char *)ret, NULL);
	else
		r = parse_field(&p, find_row(&table_spec, "mounts", 0), &v, (char *)ret, &path);
	if (r == 0)
		r = json_finish(&p.json, e);
	return r < 0 ? r : spec_mounts_check(ret, e);
}
