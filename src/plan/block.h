/* Writing the flat block of plan/plan.h. Failures (memory) are sticky: callers check once, in
 * block_finish(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"
#include "plan/plan.h"

struct block {
	struct arena *arena;
	char *data;
	size_t len, cap;
	struct plan_step *steps;
	size_t n_steps, cap_steps;
	bool no_names; /* of descriptors: plan_block.fd_directory */
	bool failed;
};

/* Start an empty block. */
void block_init(struct block *b, struct arena *a);

/* Copy @s in and return its offset; 0 for NULL and "". */
plan_str block_string(struct block *b, const char *s);

/* Copy an array in. */
struct plan_array block_array(struct block *b, const void *items, size_t n, size_t size);

/* An array of offsets of strings, as argv and envp want them: @spare zero entries and the end. */
struct plan_array block_strings(struct block *b, const struct str_list *l, unsigned spare);

/* Append a step: plan_add_MOUNT(b, "mounts[3]", operand). */
void block_step(struct block *b, enum plan_op op, const void *operand, size_t size,
		const char *origin);

#define X(op, operand, name, text)                                                                 \
	static inline void plan_add_##op(struct block *b, const char *origin,                      \
					 struct plan_##operand o)                                  \
	{                                                                                          \
		block_step(b, PLAN_##op, &o, sizeof(o), origin);                                   \
	}
PLAN_STEPS(X)
#undef X

/* Complete the block with the process image. Returns 0 and the block, owned by the arena, or
 * -errno. */
int block_finish(struct block *b, struct plan_array argv, struct plan_array envp, uint32_t n_slots,
		 const struct plan_block **ret, struct err *e) _must_check_;
