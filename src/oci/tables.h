/* The shape of the tables that tie JSON keys to fields of struct spec. Shared by the tables, the
 * interpreter (parse.c) and the tests that prove the tables complete; nobody else needs it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum field_type {
	FIELD_STRING,     /* const char * */
	FIELD_BOOL,       /* bool */
	FIELD_I64,        /* int64_t */
	FIELD_U64,        /* uint64_t */
	FIELD_I32,        /* int32_t */
	FIELD_U32,        /* uint32_t */
	FIELD_U16,        /* uint32_t, and the value fits 16 bits */
	FIELD_OBJECT,     /* an embedded struct; its rows are sub's, from offset on */
	FIELD_OBJECTS,    /* an array of objects: pointer and count */
	FIELD_OBJECT_MAP, /* the same, from a map; the key goes to sub->key_offset */
	FIELD_STRINGS,    /* an array of strings: pointer and count */
	FIELD_U32S,       /* an array of numbers: pointer and count */
	FIELD_STRING_MAP, /* a map to strings: pointer to struct str_pair and count */
};

/* The name is inside the row, so that a position-independent program has nothing to relocate. */
struct field {
	char name[24];
	uint16_t offset; /* of the value, or of the pointer */
	uint16_t count;  /* of the size_t beside the pointer */
	uint16_t flag;   /* of the bool that tells presence, if has_flag */
	bool has_flag;
	uint8_t type; /* enum field_type */
	const struct table *sub;
};

struct table {
	const struct field *fields;
	uint16_t n_fields;   /* at most 64: duplicates are tracked in a word */
	uint16_t size;       /* of an element, for the tables of arrays and maps */
	uint16_t key_offset; /* of the const char * that takes a map's key */
};

extern const struct table table_spec;           /* struct spec */
extern const struct table table_mount;          /* struct spec_mount */
extern const struct table table_process;        /* struct spec_process */
extern const struct table table_resources;      /* struct spec_resources */
extern const struct table table_landlock;       /* struct spec_landlock */
extern const struct table table_engine_profile; /* struct spec_engine_profile */

/* The members of the object at @base, which @t describes, into @w, without its braces (write.c). */
void table_write(struct json_writer *w, const struct table *t, const void *base);
