/* coracle seccomp explain: what happens to a call, and which rule says so. */
#include "seccomp/tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "seccomp/policy/arguments.h"
#include "seccomp/policy/cases.h"
#include "seccomp/policy/constants.h"
#include "seccomp/tools/describe.h"
#include "seccomp/tools/input.h"
#include "seccomp/tools/machine.h"

static const struct option long_options[] = {CLI_POLICY_OPTIONS, CLI_LONG_OPTIONS};

/* The arguments that are known. */
struct known {
	uint64_t args[6];
	bool has[6];
};

struct question {
	struct cli *c;
	enum seccomp_arch arch;
	uint32_t nr;
	struct known known;
	struct json_writer w;
};

/* --- the command line ------------------------------------------------------------------------- */

/* A number, a constant, or several with | between. */
static int parse_value(const char *text, enum seccomp_arch arch, uint64_t *ret)
{
	uint64_t value = 0;

	while (*text) {
		size_t len = strcspn(text, "|");
		const struct policy_constant *k = policy_constant_find(text, len);
		char *end;
		int64_t constant;

		if (k && policy_constant_value(k, arch, &constant) == 0) {
			value |= (uint64_t)constant;
		} else {
			errno = 0;
			value |= text[0] == '-' ? (uint64_t)strtoll(text, &end, 0)
						: strtoull(text, &end, 0);
			if (end != text + len || len == 0 || errno)
				return -EINVAL;
		}
		text += len + (text[len] == '|');
	}
	*ret = value;
	return 0;
}

/* VALUE for the next argument, or NAME=VALUE; "_" for one that is not known. */
static int take_argument(struct question *q, const char *word, unsigned *next)
{
	const char *equals = strchr(word, '=');
	int call = describe_find_call(q->arch, q->nr);
	struct policy_argument argument;
	uint8_t index;

	if (!equals) {
		index = (uint8_t)(*next)++;
	} else if (str_starts(word, "arg") && equals == word + 4 && word[3] >= '0' &&
		   word[3] <= '5') {
		index = (uint8_t)(word[3] - '0');
	} else if (call < 0 ||
		   policy_argument_find((unsigned)call, word, (size_t)(equals - word), &argument) <
			   0 ||
		   policy_argument_place((unsigned)call, &argument, q->arch, &index) < 0) {
		return -ENOENT;
	}
	if (index > 5)
		return -E2BIG;
	if (str_eq(equals ? equals + 1 : word, "_"))
		return 0;
	q->known.has[index] = true;
	return parse_value(equals ? equals + 1 : word, q->arch, &q->known.args[index]);
}

/* NAME, NUMBER; with @ARCH behind it or not. */
static int take_call(struct question *q, const char *word, const struct cli *c)
{
	const char *at = strchr(word, '@');
	size_t len = at ? (size_t)(at - word) : strlen(word);
	int arch = (int)c->options.native, call;
	char name[64], *end;
	unsigned long nr;

	if (at)
		arch = policy_arch_find(at + 1, strlen(at + 1));
	if (arch < 0 || len >= sizeof(name))
		return -ENOENT;
	q->arch = (enum seccomp_arch)arch;
	(void)str_format(name, sizeof(name), "%.*s", (int)len, word);
	call = syscall_from_name(name);
	if (call >= 0)
		return syscall_number((unsigned)call, q->arch, &q->nr);
	errno = 0;
	nr = strtoul(name, &end, 0);
	if (len == 0 || *end || errno || nr > UINT32_MAX)
		return -ENOENT;
	q->nr = (uint32_t)nr;
	return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The rule's own words, on one line, cut. */
static const char *words_of(struct arena *a, const struct policy_statement *s)
{
	const struct policy_place *p = &s->place;
	size_t len = MIN(p->len, p->file->len - p->start), n = 0;
	char *text = arena_alloc(a, len + 8);

	for (size_t i = 0; i < len && text; i++) {
		char c = p->file->text[p->start + i];
		bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

		if (n > 100) {
			memcpy(text + n, " …", sizeof(" …"));
			return text;
		}
		if (!blank || (n && text[n - 1] != ' '))
			text[n++] = blank ? ' ' : c;
	}
	return text ? text : "";
}

/* One answer: under which condition ("" for none), what, and by which rule (NULL for none). */
static void answer(struct question *q, const char *condition, seccomp_action action,
		   const struct policy_statement *by, const char *more)
{
	char buf[POLICY_ACTION_MAX], place[300] = "";

	(void)policy_action_text(action, buf);
	if (by)
		(void)str_format(place, sizeof(place), "%s:%u", by->place.file->name,
				 by->place.line);
	if (q->c->json) {
		json_object_begin(&q->w);
		if (condition[0])
			json_kv_string(&q->w, "if", condition);
		json_kv_string(&q->w, "action", buf);
		if (by) {
			json_kv_string(&q->w, "file", by->place.file->name);
			json_kv_u64(&q->w, "line", by->place.line);
			json_kv_string(&q->w, "rule", words_of(q->c->arena, by));
		} else if (more[0]) {
			json_kv_string(&q->w, "why", more);
		}
		json_object_end(&q->w);
		return;
	}
	printf("%s%s%s%s\n", condition[0] ? "  if " : "  ", condition, condition[0] ? ": " : "",
	       buf);
	if (by)
		printf("      %s: %s\n", place, words_of(q->c->arena, by));
	else if (more[0])
		printf("      %s\n", more);
}

enum truth {
	NO,
	YES,
	MAYBE
};

static enum truth holds(const struct question *q, const struct seccomp_cond *conds, uint32_t n)
{
	unsigned bits = seccomp_arch_info(q->arch)->bits;
	enum truth all = YES;

	for (uint32_t i = 0; i < n; i++) {
		if (!q->known.has[conds[i].arg])
			all = MAYBE;
		else if (!case_cond_holds(&conds[i], q->known.args[conds[i].arg], bits))
			return NO;
	}
	return all;
}

/* The comparisons that are open. */
static const char *open_conditions(const struct question *q, const struct seccomp_cond *conds,
				   uint32_t n)
{
	struct seccomp_cond open[CONDS_MAX];
	uint32_t n_open = 0;
	const char *text;

	for (uint32_t i = 0; i < n && n_open < CONDS_MAX; i++)
		if (!q->known.has[conds[i].arg])
			open[n_open++] = conds[i];
	text = describe_conds(q->c->arena, open, n_open);
	return text ? text : "?";
}

static void explain_policy(struct question *q, const struct input *in)
{
	const struct policy_range *range = policy_find_range(&in->map, q->arch, q->nr);
	bool any = false;

	if (!range) {
		answer(q, "", in->map.foreign, in->map.foreign_by,
		       "the policy does not name this architecture");
		return;
	}
	for (const struct policy_case *k = range->cases; k; k = k->next) {
		enum truth t = holds(q, k->conds, k->n_conds);

		if (t == NO)
			continue;
		answer(q,
		       t == YES ? (any ? "none of these" : "")
				: open_conditions(q, k->conds, k->n_conds),
		       k->statement->action, k->statement, "");
		if (t == YES)
			return;
		any = true;
	}
	answer(q, any ? "none of these" : "", range->otherwise->action, range->otherwise, "");
}

static void explain_profile(struct question *q, const struct input *in)
{
	const struct seccomp_policy *p = &in->policy;
	const struct seccomp_abi *abi = NULL;
	bool any = false;

	for (size_t i = 0; i < p->n_abis; i++)
		if (p->abis[i].arch == q->arch)
			abi = &p->abis[i];
	if (!abi) {
		answer(q, "", p->bad_arch_action, NULL,
		       "the profile does not name this architecture");
		return;
	}
	for (size_t i = 0; i < abi->n_entries; i++) {
		const struct seccomp_entry *entry = &abi->entries[i];

		if (q->nr < entry->nr || q->nr > entry->last)
			continue;
		for (const struct seccomp_rule *r = entry->rules; r; r = r->next) {
			enum truth t = holds(q, r->conds, r->n_conds);

			if (t == NO)
				continue;
			answer(q,
			       t == YES ? (any ? "none of these" : "")
					: open_conditions(q, r->conds, r->n_conds),
			       r->action, NULL, "a rule with args");
			if (t == YES)
				return;
			any = true;
		}
		answer(q, any ? "none of these" : "", entry->action, NULL,
		       entry->rules ? "defaultAction" : "a rule of the profile");
		return;
	}
	if (abi->has_last && q->nr > abi->last)
		answer(q, "", p->unknown_action, NULL,
		       "the number is above all that the profile names");
	else
		answer(q, "", p->default_action, NULL, "defaultAction");
}

static int explain_program(struct question *q, const struct input *in)
{
	struct machine_data d = {.nr = q->nr,
				 .arch = seccomp_arch_info(q->arch)->audit,
				 .big_endian = seccomp_arch_info(q->arch)->big_endian};
	uint32_t verdict;

	memcpy(d.args, q->known.args, sizeof(d.args));
	if (machine_run(in->program.insns, in->program.n, &d, &verdict) < 0)
		return cli_usage(q->c, "the program of %s does what a filter must not", in->name);
	answer(q, "", verdict, NULL, "by the program; arguments that are not given are 0");
	return 0;
}

static int explain(struct question *q, const struct input *in)
{
	char arch[POLICY_ARCH_MAX], call[DESCRIBE_MAX];
	int status = 0;

	(void)policy_arch_name(q->arch, arch);
	(void)describe_call(q->arch, q->nr, call);
	if (q->c->json) {
		json_writer_init(&q->w, q->c->arena, true);
		json_object_begin(&q->w);
		json_kv_string(&q->w, "call", call);
		json_kv_u64(&q->w, "number", q->nr);
		json_kv_string(&q->w, "arch", arch);
		json_key(&q->w, "answers");
		json_array_begin(&q->w);
	} else {
		printf("%s on %s (%u):\n", call, arch, q->nr);
	}
	if (in->kind == INPUT_POLICY)
		explain_policy(q, in);
	else if (in->kind == INPUT_PROFILE)
		explain_profile(q, in);
	else
		status = explain_program(q, in);
	if (!q->c->json || status)
		return status;
	json_array_end(&q->w);
	json_object_end(&q->w);
	return cli_print_json(q->c, &q->w);
}

int command_explain(struct cli *c, int argc, char **argv)
{
	struct question q = {.c = c};
	unsigned next = 0;
	struct input in;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "+" CLI_SHORT, long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc - optind < 2)
		return cli_usage(c, "expected FILE and CALL");
	if (take_call(&q, argv[optind + 1], c) < 0)
		return cli_usage(c, "no system call is called '%s'", argv[optind + 1]);
	for (int i = optind + 2; i < argc; i++)
		if (take_argument(&q, argv[i], &next) < 0)
			return cli_usage(c, "bad argument: '%s'", argv[i]);
	status = input_read(c, argv[optind], &in);
	return status ? status : explain(&q, &in);
}
