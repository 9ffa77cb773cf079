/* coracle seccomp diff: what one filter allows and another does not. */
#include "seccomp/tools/command.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "seccomp/policy/differ.h"
#include "seccomp/tools/describe.h"
#include "seccomp/tools/input.h"

enum {
	OPTION_ALL = CLI_OWN
};

static const struct option long_options[] = {
	{"all", no_argument, NULL, OPTION_ALL}, CLI_POLICY_OPTIONS, CLI_LONG_OPTIONS};

/* Differences that are told; more are counted. */
#define TOLD_MAX 2000

enum kind {
	WEAKER,   /* B lets more happen */
	STRICTER, /* B lets less happen */
	OTHER,    /* another error, another way to ask somebody */
	KINDS
};

struct found {
	struct cli *c;
	struct policy_difference *told;
	size_t n, counts[KINDS];
};

static enum kind kind_of(const struct policy_difference *d)
{
	unsigned a = policy_action_rank(d->a), b = policy_action_rank(d->b);

	return b > a ? WEAKER : b < a ? STRICTER : OTHER;
}

/* The same but for the arguments is told once. */
static void tell(void *context, const struct policy_difference *d)
{
	struct found *f = context;

	for (size_t i = 0; i < f->n; i++) {
		const struct policy_difference *k = &f->told[i];

		if (k->a == d->a && k->b == d->b && k->arch_first == d->arch_first &&
		    k->arch_last == d->arch_last && k->nr_first == d->nr_first &&
		    k->nr_last == d->nr_last)
			return;
	}
	f->counts[kind_of(d)]++;
	if (f->n < TOLD_MAX)
		f->told[f->n++] = *d;
}

/* --- results ---------------------------------------------------------------------------------- */

/* The architecture that a number of the kernel's @audit belongs to, or -1. */
static int find_arch(uint32_t audit, uint32_t nr)
{
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++) {
		if (seccomp_arch_info(i)->audit != audit)
			continue;
		if (i == SECCOMP_ARCH_X86_64 && nr & SECCOMP_X32_BIT)
			return SECCOMP_ARCH_X32;
		return i;
	}
	return -1;
}

static uint64_t argument(const struct policy_difference *d, int arch, unsigned i)
{
	bool big = arch >= 0 && seccomp_arch_info(arch)->big_endian;
	uint64_t first = d->words[4 + 2 * i], second = d->words[5 + 2 * i];

	return big ? first << 32 | second : second << 32 | first;
}

/* Which calls, in words. */
static void describe_calls(const struct policy_difference *d, int arch,
			   char buf[static DESCRIBE_MAX])
{
	char name[DESCRIBE_MAX], arch_name[POLICY_ARCH_MAX];

	if (d->arch_first != d->arch_last)
		(void)str_copy(buf, DESCRIBE_MAX, "calls of other architectures");
	else if (arch < 0)
		(void)str_format(buf, DESCRIBE_MAX, "calls of architecture 0x%x", d->arch_first);
	else if (d->nr_first == d->nr_last)
		(void)str_format(buf, DESCRIBE_MAX, "%s on %s",
				 describe_call((enum seccomp_arch)arch, d->nr_first, name),
				 policy_arch_name((enum seccomp_arch)arch, arch_name));
	else
		(void)str_format(buf, DESCRIBE_MAX, "calls %u to %u on %s", d->nr_first, d->nr_last,
				 policy_arch_name((enum seccomp_arch)arch, arch_name));
}

static void print(const struct policy_difference *d)
{
	static const char *const kinds[] = {
		[WEAKER] = "weaker", [STRICTER] = "stricter", [OTHER] = "other"};
	int arch = find_arch(d->arch_first, d->nr_first);
	char calls[DESCRIBE_MAX], name[DESCRIBE_MAX], a[POLICY_ACTION_MAX], b[POLICY_ACTION_MAX];

	describe_calls(d, arch, calls);
	printf("%s: %s: %s, then %s\n", kinds[kind_of(d)], calls, policy_action_text(d->a, a),
	       policy_action_text(d->b, b));
	if (arch < 0 || d->arch_first != d->arch_last)
		return;
	printf("    for example %s(", describe_call((enum seccomp_arch)arch, d->words[0], name));
	for (unsigned i = 0; i < 6; i++)
		printf("%s0x%llx", i ? ", " : "", (unsigned long long)argument(d, arch, i));
	printf(")\n");
}

static void write_json(struct json_writer *w, const struct policy_difference *d)
{
	static const char *const kinds[] = {
		[WEAKER] = "weaker", [STRICTER] = "stricter", [OTHER] = "other"};
	int arch = find_arch(d->arch_first, d->nr_first);
	char buf[POLICY_ACTION_MAX], name[DESCRIBE_MAX];

	json_object_begin(w);
	json_kv_string(w, "kind", kinds[kind_of(d)]);
	if (arch >= 0 && d->arch_first == d->arch_last) {
		char arch_name[POLICY_ARCH_MAX];

		json_kv_string(w, "arch", policy_arch_name((enum seccomp_arch)arch, arch_name));
		json_kv_string(w, "call",
			       describe_call((enum seccomp_arch)arch, d->words[0], name));
	}
	json_kv_u64(w, "first", d->nr_first);
	json_kv_u64(w, "last", d->nr_last);
	json_kv_string(w, "a", policy_action_text(d->a, buf));
	json_kv_string(w, "b", policy_action_text(d->b, buf));
	json_key(w, "witness");
	json_object_begin(w);
	json_kv_u64(w, "arch", d->words[1]);
	json_kv_u64(w, "nr", d->words[0]);
	json_key(w, "args");
	json_array_begin(w);
	for (unsigned i = 0; i < 6; i++)
		json_u64(w, argument(d, arch, i));
	json_array_end(w);
	json_object_end(w);
	json_object_end(w);
}

static int print_json(struct cli *c, const struct found *f, bool all, bool complete)
{
	struct json_writer w;

	json_writer_init(&w, c->arena, true);
	json_object_begin(&w);
	json_kv_bool(&w, "complete", complete);
	json_kv_u64(&w, "weaker", f->counts[WEAKER]);
	json_kv_u64(&w, "stricter", f->counts[STRICTER]);
	json_kv_u64(&w, "other", f->counts[OTHER]);
	json_key(&w, "differences");
	json_array_begin(&w);
	for (size_t i = 0; i < f->n; i++)
		if (all || kind_of(&f->told[i]) == WEAKER)
			write_json(&w, &f->told[i]);
	json_array_end(&w);
	json_object_end(&w);
	return cli_print_json(c, &w);
}

static int print_text(const struct found *f, bool all)
{
	for (size_t i = 0; i < f->n; i++)
		if (all || kind_of(&f->told[i]) == WEAKER)
			print(&f->told[i]);
	if (f->n == 0)
		printf("no difference\n");
	else
		printf("%zu weaker, %zu stricter, %zu other\n", f->counts[WEAKER],
		       f->counts[STRICTER], f->counts[OTHER]);
	return 0;
}

int command_diff(struct cli *c, int argc, char **argv)
{
	struct found f = {.c = c};
	bool all = false, complete;
	struct err e = {0};
	struct input a, b;
	int opt, status;

	while ((opt = getopt_long(argc, argv, CLI_SHORT, long_options, NULL)) != -1) {
		if (opt == OPTION_ALL)
			all = true;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 2)
		return cli_usage(c, "expected A and B");
	status = input_read(c, argv[optind], &a);
	if (status == 0)
		status = input_read(c, argv[optind + 1], &b);
	if (status)
		return status;
	f.told = arena_newn(c->arena, struct policy_difference, TOLD_MAX);
	if (!f.told) {
		(void)err_sys(&e, ERR_INTERNAL, -ENOMEM, "compare the filters");
		return cli_fail(c, &e);
	}
	if (policy_differ(c->arena, &a.program, &b.program, tell, &f, &complete, &e) < 0)
		return cli_fail(c, &e);
	status = c->json ? print_json(c, &f, all, complete) : print_text(&f, all);
	if (status || f.counts[WEAKER])
		return status ? status : EXIT_FOUND;
	if (complete)
		return 0;
	(void)err_set(
		&e, ERR_UNSUPPORTED, -E2BIG,
		"the filters look at too much to compare all of it; nothing weaker was found");
	return cli_fail(c, &e);
}
