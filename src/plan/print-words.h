/* Values of a plan as words. Internal to print.c and print-words.c. */
#pragma once

#include "base/attr.h"
#include "base/path.h"
#include "plan/print.h"

/* Words with commas between them; what does not fit is cut off. */
struct words {
	char text[PATH_SIZE + 64];
	size_t n;
};

/* One more word, printed as by printf(3). */
void print_add_word(struct words *w, const char *fmt, ...) _printf_(2, 3);

/* CLONE_NEW* as names of namespaces. */
void print_words_clone(struct words *w, uint64_t flags);

/* Permissions, with the type of a device before them. */
void print_words_mode(struct words *w, uint32_t mode);

/* The field @f of the operand at @operand in @k; nothing where it has nothing to say. */
void print_words_field(struct words *w, const struct plan_block *k, const struct print_field *f,
		       const void *operand);

/* The string, or the array, at an offset in @k; "" for none. */
const char *print_string_at(const struct plan_block *k, plan_str s);
const void *print_array_at(const struct plan_block *k, struct plan_array a);
