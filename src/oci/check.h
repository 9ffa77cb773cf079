/* What the files of spec_check() share. */
#pragma once

#include "base/json.h"
#include "oci/spec.h"

/* A rule is broken; the caller adds the path with err_where(). */
#define invalid(e, ...) err_set((e), ERR_CONFIG_INVALID, -EINVAL, __VA_ARGS__)

/* The same, with `, got "VALUE"` behind the words. Returns -EINVAL. */
int check_invalid_value(struct err *e, const char *words, const char *value);

/* The @n mappings of one kind, @where is their path. Returns 0 or -EINVAL. */
int check_id_mappings(const struct spec_id_mappings *m, const char *where, struct err *e);

/* Is @s one of the NULL-terminated @names? */
bool check_known(const char *s, const char *const *names);

/* The part of spec_check() about "linux". */
int check_linux(const struct spec *spec, struct err *e);
