/* The block writer. Pure; runs in the host half. */
#include "plan/block.h"

#include <errno.h>

#include "base/str.h"

#define ALIGNMENT 8

static size_t round_up(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static char *grow(struct block *b, size_t size)
{
	size_t need = b->len + size;

	if (b->failed)
		return NULL;
	if (need > b->cap) {
		size_t cap = MAX(b->cap * 2, MAX(need, (size_t)8192));
		char *data = arena_alloc(b->arena, cap);

		if (!data || cap > UINT32_MAX / 2) {
			b->failed = true;
			return NULL;
		}
		if (b->len > 0)
			memcpy(data, b->data, b->len);
		b->data = data;
		b->cap = cap;
	}
	b->len = need;
	return b->data + need - size;
}

static uint32_t put(struct block *b, const void *bytes, size_t size)
{
	size_t rounded = round_up(size);
	char *p = grow(b, rounded);

	if (!p)
		return 0;
	if (size > 0)
		memcpy(p, bytes, size);
	return (uint32_t)(p - b->data);
}

void block_init(struct block *b, struct arena *a)
{
	*b = (struct block){.arena = a};
	(void)grow(b, round_up(sizeof(struct plan_block)));
}

plan_str block_string(struct block *b, const char *s)
{
	return s && *s ? put(b, s, strlen(s) + 1) : 0;
}

struct plan_array block_array(struct block *b, const void *items, size_t n, size_t size)
{
	if (n == 0)
		return (struct plan_array){0};
	return (struct plan_array){.offset = put(b, items, n * size), .n = (uint32_t)n};
}

struct plan_array block_strings(struct block *b, const struct str_list *l, unsigned spare)
{
	size_t n = l->n + spare + 1;
	uint64_t *offsets = arena_newn(b->arena, uint64_t, n);

	if (!offsets) {
		b->failed = true;
		return (struct plan_array){0};
	}
	for (size_t i = 0; i < l->n; i++) {
		/* An empty argument is a string, not the end of the list. */
		const char *s = l->items[i];

		offsets[i] = *s ? block_string(b, s) : put(b, "", 1);
	}
	return block_array(b, offsets, n, sizeof(*offsets));
}

void block_step(struct block *b, enum plan_op op, const void *operand, size_t size,
		const char *origin)
{
	if (b->n_steps == b->cap_steps) {
		size_t cap = MAX(b->cap_steps * 2, (size_t)64);
		struct plan_step *steps = arena_newn(b->arena, struct plan_step, cap);

		if (!steps) {
			b->failed = true;
			return;
		}
		if (b->n_steps > 0)
			memcpy(steps, b->steps, b->n_steps * sizeof(*steps));
		b->steps = steps;
		b->cap_steps = cap;
	}
	b->steps[b->n_steps++] = (struct plan_step){
		.op = op,
		.operand = put(b, operand, size),
		.origin = block_string(b, origin),
	};
}

int block_finish(struct block *b, struct plan_array argv, struct plan_array envp, uint32_t n_slots,
		 const struct plan_block **ret, struct err *e)
{
	plan_str fd_directory = b->no_names ? 0 : block_string(b, "/proc/self/fd/");
	struct plan_array steps = block_array(b, b->steps, b->n_steps, sizeof(*b->steps));
	struct plan_block *header;

	/* The last byte is a NUL, so that no string runs over the end. */
	if (!grow(b, ALIGNMENT))
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory for the plan");
	header = (struct plan_block *)(void *)b->data;
	*header = (struct plan_block){
		.magic = PLAN_MAGIC,
		.version = PLAN_VERSION,
		.size = (uint32_t)b->len,
		.n_slots = n_slots,
		.steps = steps,
		.fd_directory = fd_directory,
		.argv = argv,
		.envp = envp,
	};
	*ret = header;
	return 0;
}
