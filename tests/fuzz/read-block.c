/* The reader is init's own file, with another end: where init ends its process, we return. The
 * steps are replaced by one that reads every field of its operand. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"

_noreturn_ static void reader_exit(int status);

#define sys_exit(status) reader_exit(status)
#define main             init_main
int init_main(int argc, char **argv);
#include "../../src/init/main.c"
#undef main

#include "plan/print.h"
#include "read-block.h"

static jmp_buf refused;

static void reader_exit(int status)
{
	longjmp(refused, status ? status : 1);
}

/* Every byte of a string is looked at: it has to end inside the block. */
static void read_string(const struct init *i, plan_str s)
{
	if (strlen(init_string(i, s)) >= i->block->size)
		abort();
}

static void read_bytes(const void *p, size_t size)
{
	for (size_t n = 0; n < size; n++)
		(void)*((const volatile unsigned char *)p + n);
}

static void read_strings(const struct init *i, struct plan_array a)
{
	const plan_str *s = init_array(i, a, sizeof(*s));

	for (uint32_t n = 0; n < a.n; n++)
		read_string(i, s[n]);
}

static void read_options(const struct init *i, struct plan_array a)
{
	const struct plan_option *o = init_array(i, a, sizeof(*o));

	read_bytes(o, a.n * sizeof(*o));
}

static void read_rules(const struct init *i, struct plan_array a)
{
	const struct plan_landlock_rule *r = init_array(i, a, sizeof(*r));

	read_bytes(r, a.n * sizeof(*r));
	for (uint32_t n = 0; n < a.n; n++)
		read_string(i, r[n].path);
}

static void read_field(struct init *i, const struct print_field *f, const void *operand)
{
	const void *at = (const char *)operand + f->offset;
	struct plan_array a;
	plan_str s;

	switch (f->kind) {
	case PRINT_STRING:
		memcpy(&s, at, sizeof(s));
		read_string(i, s);
		return;
	case PRINT_SLOT:
		memcpy(&s, at, sizeof(s));
		(void)init_slot(i, (plan_slot)s);
		return;
	case PRINT_STRINGS:
		memcpy(&a, at, sizeof(a));
		read_strings(i, a);
		return;
	case PRINT_BITS:
	case PRINT_POINTERS:
		memcpy(&a, at, sizeof(a));
		read_bytes(init_array(i, a, sizeof(uint64_t)), a.n * sizeof(uint64_t));
		if (f->kind == PRINT_POINTERS)
			init_relocate(i, a);
		return;
	case PRINT_U32S:
		memcpy(&a, at, sizeof(a));
		read_bytes(init_array(i, a, sizeof(uint32_t)), a.n * sizeof(uint32_t));
		return;
	case PRINT_OPTIONS:
		memcpy(&a, at, sizeof(a));
		read_options(i, a);
		return;
	case PRINT_DEVICES:
		memcpy(&a, at, sizeof(a));
		read_bytes(init_array(i, a, sizeof(struct plan_device)),
			   a.n * sizeof(struct plan_device));
		return;
	case PRINT_LINKS:
		memcpy(&a, at, sizeof(a));
		read_bytes(init_array(i, a, sizeof(struct plan_symlink)),
			   a.n * sizeof(struct plan_symlink));
		return;
	case PRINT_RULES:
		memcpy(&a, at, sizeof(a));
		read_rules(i, a);
		return;
	case PRINT_U32:
	case PRINT_U64:
	case PRINT_HEX:
	case PRINT_MODE:
	case PRINT_BOOL:
	case PRINT_GROUPS:
	case PRINT_CLONE_FLAGS:
	case PRINT_MS_FLAGS:
	case PRINT_ATTR:
	case PRINT_TARGET:
	case PRINT_CAPS:
	case PRINT_RESOURCE:
	case PRINT_LIMIT:
	case PRINT_SIGNALS:
	case PRINT_FILTER_FLAGS:
	default:
		return; /* in the operand itself, which is inside */
	}
}

static int read_operand(struct init *i, enum plan_op op, const void *operand, size_t size)
{
	read_bytes(operand, size);
	for (const struct print_field *f = print_fields(op); f->name; f++)
		read_field(i, f, operand);
	return 0;
}

#define X(op, operand, name, text)                                                                 \
	int step_##op(struct init *i, const struct plan_##operand *o, struct err *e)               \
	{                                                                                          \
		(void)e;                                                                           \
		return read_operand(i, PLAN_##op, o, sizeof(*o));                                  \
	}
PLAN_STEPS(X)
#undef X

int sync_receive_setup(struct init *i, struct err *e)
{
	(void)i;
	(void)e;
	abort();
}

void sync_send_failure(struct init *i, const struct err *e)
{
	(void)i;
	(void)e;
	abort();
}

bool read_block(const struct plan_block *block, size_t size)
{
	static struct plan_page page;
	static struct init i;
	struct plan_block *copy = malloc(size); /* exact, and ours to change */
	struct err e = {0};
	bool taken = false;

	if (!copy)
		abort();
	memcpy(copy, block, size);
	memset(&i, 0, sizeof(i));
	i.block = copy;
	i.page = &page;
	i.n_slots = copy->n_slots < PLAN_SLOTS_MAX ? copy->n_slots : PLAN_SLOTS_MAX;
	i.n_own_slots = PLAN_OWN_SLOTS_MAX;
	if (setjmp(refused) == 0) {
		/* As main() does. */
		init_relocate(&i, copy->argv);
		init_relocate(&i, copy->envp);
		taken = walk(&i, &e) == 0;
	}
	free(copy);
	return taken;
}
