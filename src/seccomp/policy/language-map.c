/* Rules to what they say of each number. All numbers of an architecture are cut where some rule's
 * answer may change; pieces of which all questions about the number have the same answers are one
 * class, for which the rules are gone through once. Pure, host side. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "base/str.h"
#include "seccomp/policy/cases.h"

#define CLASS_HASH_SIZE 1024

/* Of one list: more comparisons of each with each would take too long. */
#define IMPLIED_MAX 256

struct class
{
	struct class *next; /* of the same hash */
	const uint8_t *truth;
	const struct policy_case *cases;
	const struct policy_statement *otherwise;
};

struct mapper {
	struct arena *arena;
	const struct policy_rules *rules;
	const struct policy_options *options;
	struct policy_map *map;
	struct policy_log *log;
	const struct policy_node **nodes; /* that look at numbers, by index; some are NULL */
	/* Of the architecture at hand: */
	enum seccomp_arch arch;
	uint32_t first, last;
	uint32_t *cuts; /* where pieces begin */
	size_t n_cuts, size_cuts;
	struct class *classes[CLASS_HASH_SIZE];
	/* The calls by number. */
	struct numbered {
		uint32_t nr;
		uint16_t index;
	} calls[SYSCALL_COUNT];
	size_t n_calls;
};

/* --- numbers ---------------------------------------------------------------------------------- */

static int compare_numbered(const void *x, const void *y)
{
	const struct numbered *a = x, *b = y;

	return a->nr != b->nr ? (a->nr > b->nr) - (a->nr < b->nr) : a->index - b->index;
}

static int compare_cuts(const void *x, const void *y)
{
	const uint32_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static int cut(struct mapper *m, uint64_t at)
{
	if (at <= m->first || at > m->last)
		return 0;
	if (m->n_cuts == m->size_cuts) {
		size_t size = m->size_cuts ? 2 * m->size_cuts : 1024;
		uint32_t *cuts = arena_newn(m->arena, uint32_t, size);

		if (!cuts)
			return policy_no_memory(m->log);
		if (m->n_cuts)
			memcpy(cuts, m->cuts, m->n_cuts * sizeof(*cuts));
		m->cuts = cuts;
		m->size_cuts = size;
	}
	m->cuts[m->n_cuts++] = (uint32_t)at;
	return 0;
}

/* The number that a node compares with; -ENOENT where the architecture lacks the call. */
static int node_number(const struct mapper *m, const struct policy_node *n, uint32_t *ret)
{
	if (n->call >= 0)
		return syscall_number((unsigned)n->call, m->arch, ret);
	*ret = (uint32_t)n->value->number;
	return 0;
}

static int cut_for_node(struct mapper *m, const struct policy_node *n)
{
	uint32_t nr;
	int r = 0;

	if (n->kind == NODE_NUMBER) {
		if (node_number(m, n, &nr) < 0)
			return 0;
		r = cut(m, nr);
		return r < 0 ? r : cut(m, (uint64_t)nr + 1);
	}
	for (size_t i = 0; i < m->n_calls && r == 0; i++) {
		if (!policy_has_call(n->calls, m->calls[i].index))
			continue;
		r = cut(m, m->calls[i].nr);
		if (r == 0)
			r = cut(m, (uint64_t)m->calls[i].nr + 1);
	}
	return r;
}

/* Sorted, each once, the first number of the architecture among them. */
static int find_cuts(struct mapper *m)
{
	size_t n = 0;
	int r = 0;

	m->n_cuts = 0;
	for (uint32_t i = 0; i < m->rules->n_numbers && r == 0; i++) {
		if (m->nodes[i])
			r = cut_for_node(m, m->nodes[i]);
		/* Many sets of many calls: the same cuts over and over. */
		if (m->n_cuts > 65536) {
			qsort(m->cuts, m->n_cuts, sizeof(*m->cuts), compare_cuts);
			n = 0;
			for (size_t k = 0; k < m->n_cuts; k++)
				if (n == 0 || m->cuts[n - 1] != m->cuts[k])
					m->cuts[n++] = m->cuts[k];
			m->n_cuts = n;
		}
	}
	if (r < 0)
		return r;
	n = 0;
	if (m->n_cuts)
		qsort(m->cuts, m->n_cuts, sizeof(*m->cuts), compare_cuts);
	for (size_t k = 0; k < m->n_cuts; k++)
		if (n == 0 || m->cuts[n - 1] != m->cuts[k])
			m->cuts[n++] = m->cuts[k];
	m->n_cuts = n;
	return 0;
}

/* --- classes ---------------------------------------------------------------------------------- */

static bool node_holds(const struct mapper *m, const struct policy_node *n, uint32_t nr)
{
	const struct seccomp_cond c = {.op = n->op};
	struct seccomp_cond compared = c;
	size_t low = 0, high = m->n_calls;
	uint32_t number;

	if (n->kind == NODE_NUMBER) {
		if (node_number(m, n, &number) < 0)
			return n->op == SECCOMP_OP_NE;
		compared.value = number;
		return case_cond_holds(&compared, nr, 64);
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->calls[middle].nr < nr)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < m->n_calls && m->calls[low].nr == nr; low++)
		if (policy_has_call(n->calls, m->calls[low].index))
			return true;
	return false;
}

/* Add the alternatives of a rule behind those that are there, but for those that can never count.
 * Returns how many were added, or -errno. */
static int add_cases(struct mapper *m, const struct policy_statement *s,
		     const struct case_list *from, struct case_list *to)
{
	struct policy_case *next;
	int added = 0;

	for (struct policy_case *k = from->first; k; k = next) {
		const struct policy_case *before = to->n < IMPLIED_MAX ? to->first : NULL;

		next = (struct policy_case *)k->next;
		while (before && !case_implies(k, before))
			before = before->next;
		if (before)
			continue;
		if (++to->n > CASES_MAX)
			return policy_say(m->log, POLICY_ERROR, &s->place, NULL,
					  "more than %d alternatives for one system call",
					  CASES_MAX);
		k->statement = s;
		k->next = NULL;
		if (to->last)
			to->last->next = k;
		else
			to->first = k;
		to->last = k;
		added++;
	}
	return added;
}

/* Go through the rules. */
static int fill_class(struct mapper *m, struct class *class)
{
	const struct case_context c = {
		.arena = m->arena, .arch = m->arch, .truth = class->truth, .log = m->log};
	struct case_list all = {0};

	for (const struct policy_statement *s = m->rules->first; s; s = s->next) {
		struct case_list list;
		int r = case_expand(&c, s->condition, false, &list);

		if (r < 0)
			return r;
		if (case_is_always(&list)) {
			class->otherwise = s;
			m->map->used[s->number] = true;
			break;
		}
		r = add_cases(m, s, &list, &all);
		if (r < 0)
			return r;
		if (r > 0)
			m->map->used[s->number] = true;
	}
	class->cases = all.first;
	return 0;
}

static int find_class(struct mapper *m, uint32_t nr, uint8_t *truth, const struct class **ret)
{
	uint32_t hash = 0x811c9dc5, n = m->rules->n_numbers;
	struct class *class;
	uint8_t *copy;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		truth[i] = m->nodes[i] && node_holds(m, m->nodes[i], nr);
		hash = (hash ^ truth[i]) * 0x01000193;
	}
	for (class = m->classes[hash % CLASS_HASH_SIZE]; class; class = class->next) {
		if (n && memcmp(class->truth, truth, n) != 0)
			continue;
		*ret = class;
		return 0;
	}
	class = arena_new(m->arena, struct class);
	copy = arena_alloc(m->arena, n + 1UL);
	if (!class || !copy)
		return policy_no_memory(m->log);
	if (n)
		memcpy(copy, truth, n);
	class->truth = copy;
	r = fill_class(m, class);
	if (r < 0)
		return r;
	class->next = m->classes[hash % CLASS_HASH_SIZE];
	m->classes[hash % CLASS_HASH_SIZE] = class;
	*ret = class;
	return 0;
}

/* --- architectures ---------------------------------------------------------------------------- */

static void list_calls(struct mapper *m)
{
	m->n_calls = 0;
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		uint32_t nr;

		if (syscall_number(i, m->arch, &nr) == 0)
			m->calls[m->n_calls++] = (struct numbered){nr, (uint16_t)i};
	}
	qsort(m->calls, m->n_calls, sizeof(*m->calls), compare_numbered);
}

static int map_arch(struct mapper *m, struct policy_arch *ret)
{
	uint8_t *truth = arena_alloc(m->arena, m->rules->n_numbers + 1UL);
	struct policy_range *ranges;
	const struct class *before = NULL;
	int r;

	m->arch = ret->arch;
	m->first = m->arch == SECCOMP_ARCH_X32 ? SECCOMP_X32_BIT : 0;
	m->last = m->arch == SECCOMP_ARCH_X86_64 ? SECCOMP_X32_BIT - 1 : UINT32_MAX;
	memset(m->classes, 0, sizeof(m->classes));
	list_calls(m);
	r = find_cuts(m);
	if (r < 0)
		return r;
	ranges = arena_newn(m->arena, struct policy_range, m->n_cuts + 1);
	if (!ranges || !truth)
		return policy_no_memory(m->log);
	ret->ranges = ranges;
	for (size_t i = 0; i <= m->n_cuts; i++) {
		uint32_t first = i ? m->cuts[i - 1] : m->first;
		uint32_t last = i < m->n_cuts ? m->cuts[i] - 1 : m->last;
		const struct class *class = NULL;

		r = find_class(m, first, truth, &class);
		if (r < 0)
			return r;
		if (before && class->cases == before->cases &&
		    class->otherwise == before->otherwise) {
			ranges[ret->n - 1].last = last;
			continue;
		}
		ranges[ret->n++] = (struct policy_range){
			.first = first,
			.last = last,
			.cases = class->cases,
			.otherwise = class->otherwise,
		};
		before = class;
	}
	return 0;
}

/* What a condition says of an architecture that nobody named: yes, no, or it depends on more. */
enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_DEPENDS
};

static enum answer answer_for_foreign(const struct policy_node *n, bool *mentions)
{
	enum answer left, right;

	switch (n->kind) {
	case NODE_CONST:
		return n->truth ? ANSWER_YES : ANSWER_NO;
	case NODE_ARCH:
		*mentions = true;
		return ANSWER_NO;
	case NODE_NOT:
		left = answer_for_foreign(n->left, mentions);
		return left == ANSWER_DEPENDS ? left : left == ANSWER_NO ? ANSWER_YES : ANSWER_NO;
	case NODE_AND:
	case NODE_OR:
		break;
	case NODE_CALLS:
	case NODE_NUMBER:
	case NODE_ARG:
		return ANSWER_DEPENDS;
	}
	left = answer_for_foreign(n->left, mentions);
	right = answer_for_foreign(n->right, mentions);
	if (n->kind == NODE_AND) {
		if (left == ANSWER_NO || right == ANSWER_NO)
			return ANSWER_NO;
		return left == ANSWER_YES ? right : left;
	}
	if (left == ANSWER_YES || right == ANSWER_YES)
		return ANSWER_YES;
	return left == ANSWER_NO ? right : left;
}

/* The first rule that says "other architectures" decides about them. What says nothing of
 * architectures is about the calls of those that are named, and numbers mean other calls elsewhere.
 */
static void decide_foreign(struct mapper *m)
{
	m->map->foreign = SECCOMP_RET_KILL_PROCESS;
	for (const struct policy_statement *s = m->rules->first; s; s = s->next) {
		bool mentions = false;
		enum answer answer = answer_for_foreign(s->condition, &mentions);

		if (answer != ANSWER_YES || !mentions)
			continue;
		m->map->foreign = s->action;
		m->map->foreign_by = s;
		m->map->used[s->number] = true;
		return;
	}
}

static int choose_archs(struct mapper *m)
{
	enum seccomp_arch native = m->options->native;
	uint32_t archs = m->rules->archs;
	char buf[POLICY_ARCH_MAX];

	if (!archs)
		archs = m->rules->tests_archs | 1U << native;
	if (!(archs >> native & 1))
		return policy_say(m->log, POLICY_ERROR, &m->rules->first->place,
				  "name it by `arch`, or compile with --arch",
				  "the policy is not for %s", policy_arch_name(native, buf));
	m->map->archs = arena_newn(m->arena, struct policy_arch, SECCOMP_ARCH_MAX);
	if (!m->map->archs)
		return policy_no_memory(m->log);
	m->map->archs[m->map->n_archs++].arch = native;
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (i != (int)native && archs >> i & 1 &&
		    seccomp_arch_info(i)->family == seccomp_arch_info(native)->family)
			m->map->archs[m->map->n_archs++].arch = (enum seccomp_arch)i;
	return 0;
}

static void collect_nodes(struct mapper *m, const struct policy_node *n)
{
	/* Conditions lean to the left. */
	for (; n; n = n->left) {
		if (n->kind == NODE_CALLS || n->kind == NODE_NUMBER)
			m->nodes[n->index] = n;
		if (n->right)
			collect_nodes(m, n->right);
	}
}

int policy_map_rules(struct arena *a, const struct policy_rules *rules,
		     const struct policy_options *options, struct policy_map *ret,
		     struct policy_log *log)
{
	struct mapper *m = arena_new(a, struct mapper);
	int r;

	*ret = (struct policy_map){.rules = rules};
	if (!m)
		return policy_no_memory(log);
	*m = (struct mapper){
		.arena = a, .rules = rules, .options = options, .map = ret, .log = log};
	m->nodes = arena_newn(a, const struct policy_node *, rules->n_numbers + 1UL);
	ret->used = arena_newn(a, bool, rules->n + 1);
	if (!m->nodes || !ret->used)
		return policy_no_memory(log);
	for (const struct policy_statement *s = rules->first; s; s = s->next)
		collect_nodes(m, s->condition);
	r = choose_archs(m);
	for (size_t i = 0; i < ret->n_archs && r == 0; i++)
		r = map_arch(m, &ret->archs[i]);
	if (r == 0)
		decide_foreign(m);
	return r;
}
