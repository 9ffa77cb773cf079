/* Conditions. What is known when the policy is compiled (capabilities, symbols, the kernel) becomes
 * true or false here. Pure, host side. */
#include <errno.h>

#include "base/str.h"
#include "seccomp/policy/parse.h"

struct policy_node *parse_node(struct parser *p, enum policy_node_kind kind,
			       const struct policy_place *place)
{
	struct policy_node *n = arena_new(p->arena, struct policy_node);

	if (!n) {
		(void)policy_no_memory(p->log);
		return NULL;
	}
	n->kind = kind;
	n->place = *place;
	n->call = -1;
	if (kind == NODE_CALLS || kind == NODE_NUMBER)
		n->index = p->rules->n_numbers++;
	return n;
}

static int constant_node(struct parser *p, const struct policy_place *from, bool truth,
			 const struct policy_node **ret)
{
	struct policy_place place = parse_span(p, from);
	struct policy_node *n = parse_node(p, NODE_CONST, &place);

	if (!n)
		return -ENOMEM;
	n->truth = truth;
	*ret = n;
	return 0;
}

/* @left and @right joined; @left may be NULL. */
static int join(struct parser *p, enum policy_node_kind kind, const struct policy_node *left,
		const struct policy_node *right, const struct policy_node **ret)
{
	struct policy_place place;
	struct policy_node *n;

	if (!left) {
		*ret = right;
		return 0;
	}
	if (++p->n_joins > PARSE_JOINS_MAX)
		return parse_error(p, &right->place, "say it in several rules",
				   "the condition has more than %d parts", PARSE_JOINS_MAX);
	place = left->place.file == right->place.file ? parse_span(p, &left->place) : left->place;
	n = parse_node(p, kind, &place);
	if (!n)
		return -ENOMEM;
	n->left = left;
	n->right = right;
	*ret = n;
	return 0;
}

static int negate(struct parser *p, const struct policy_place *from, const struct policy_node *n,
		  const struct policy_node **ret)
{
	struct policy_place place = parse_span(p, from);
	struct policy_node *inverse = parse_node(p, NODE_NOT, &place);

	if (!inverse)
		return -ENOMEM;
	inverse->left = n;
	*ret = inverse;
	return 0;
}

/* --- comparisons ------------------------------------------------------------------------------ */

/* The operator that is looked at, or -ENOENT. */
static int operator_here(const struct parser *p)
{
	if (p->token.kind != TOKEN_SIGN)
		return -ENOENT;
	switch ((int)p->token.sign) {
	case SIGN_EQ:
		return SECCOMP_OP_EQ;
	case SIGN_NE:
		return SECCOMP_OP_NE;
	case SIGN_LT:
		return SECCOMP_OP_LT;
	case SIGN_LE:
		return SECCOMP_OP_LE;
	case SIGN_GT:
		return SECCOMP_OP_GT;
	case SIGN_GE:
		return SECCOMP_OP_GE;
	default:
		return -ENOENT;
	}
}

/* "in" or "not in": 1 for yes, *@ret_negated tells which; 0 if it is neither. */
static int parse_in(struct parser *p, bool *ret_negated)
{
	*ret_negated = parse_at_word(p, "not");
	if (!*ret_negated && !parse_at_word(p, "in"))
		return 0;
	if (*ret_negated) {
		int r = parse_next(p);

		if (r < 0)
			return r;
		if (!parse_at_word(p, "in"))
			return parse_unexpected(p, "\"in\"");
	}
	return parse_next(p) < 0 ? -EINVAL : 1;
}

/* --- $syscall --------------------------------------------------------------------------------- */

/* "close@x86_64": the number that this call has there, on whatever architecture it is compared. */
static int foreign_number(struct parser *p, const struct policy_token *t, uint64_t *ret)
{
	const char *at = memchr(t->text, '@', t->len);
	struct policy_token call = *t, arch = *t;
	enum seccomp_arch on;
	unsigned index;
	uint32_t nr;
	int r;

	call.len = (size_t)(at - t->text);
	arch.text = at + 1;
	arch.len = t->len - call.len - 1;
	r = parse_call_name(p, &call, &index);
	if (r == 0)
		r = parse_arch_name(p, &arch, &on);
	if (r < 0)
		return r;
	if (syscall_number(index, on, &nr) < 0)
		return parse_error(p, &t->place, NULL, "%.*s has no system call %.*s",
				   (int)arch.len, arch.text, (int)call.len, call.text);
	*ret = nr;
	return 0;
}

static int number_node(struct parser *p, const struct policy_place *place, uint8_t op,
		       uint64_t number, int call, const struct policy_node **ret)
{
	struct policy_value *v = arena_new(p->arena, struct policy_value);
	struct policy_node *n = parse_node(p, NODE_NUMBER, place);

	if (!v || !n)
		return policy_no_memory(p->log);
	*v = (struct policy_value){.kind = VALUE_NUMBER, .number = number, .place = *place};
	n->value = v;
	n->op = op;
	n->call = call;
	*ret = n;
	return 0;
}

static int parse_raw_number(struct parser *p, uint64_t *ret)
{
	if (p->token.number > UINT32_MAX)
		return parse_error(p, &p->token.place, NULL,
				   "numbers of system calls have 32 bits");
	*ret = p->token.number;
	return parse_next(p);
}

/* KERNEL(5.3): the calls that this kernel has. */
static int parse_kernel_set(struct parser *p, struct policy_calls *calls)
{
	uint16_t version = 0;
	int r = parse_next(p);

	if (r == 0)
		r = parse_sign(p, SIGN_OPEN, "\"(\"");
	if (r == 0)
		r = parse_version(p, &version);
	if (r == 0)
		r = parse_sign(p, SIGN_CLOSE, "\")\"");
	for (unsigned i = 0; i < SYSCALL_COUNT && r == 0; i++)
		if (syscall_introduced(i) <= version)
			policy_add_call(calls, i);
	return r;
}

/* One member of a set of calls: names go into @names, numbers become conditions of their own. */
static int parse_call_member(struct parser *p, struct policy_calls *names,
			     const struct policy_node **others)
{
	const struct policy_token t = p->token;
	const struct policy_calls *calls;
	const struct policy_node *n;
	uint64_t number;
	int r;

	if (parse_at_word(p, "KERNEL"))
		return parse_kernel_set(p, names);
	if (t.kind == TOKEN_NUMBER) {
		r = parse_raw_number(p, &number);
	} else if (t.kind == TOKEN_CALL && memchr(t.text, '@', t.len)) {
		r = foreign_number(p, &t, &number);
		if (r == 0)
			r = parse_next(p);
	} else if (t.kind == TOKEN_CALL || t.kind == TOKEN_SET) {
		r = parse_call_set(p, &calls);
		for (size_t i = 0; i < ARRAY_SIZE(names->bits) && r == 0; i++)
			names->bits[i] |= calls->bits[i];
		return r;
	} else {
		return parse_unexpected(p, "@call, @@set or a number");
	}
	if (r == 0)
		r = number_node(p, &t.place, SECCOMP_OP_EQ, number, -1, &n);
	return r == 0 ? join(p, NODE_OR, *others, n, others) : r;
}

/* What follows "in": a set in parentheses, or one member. */
static int parse_calls(struct parser *p, const struct policy_place *from,
		       const struct policy_node **ret)
{
	struct policy_calls *names = arena_new(p->arena, struct policy_calls);
	const struct policy_node *others = NULL;
	bool many = parse_at_sign(p, SIGN_OPEN), any = false;
	struct policy_place place;
	struct policy_node *n;
	int r;

	if (!names)
		return policy_no_memory(p->log);
	r = many ? parse_next(p) : 0;
	if (r == 0)
		r = parse_call_member(p, names, &others);
	while (r == 0 && many && parse_at_sign(p, SIGN_COMMA)) {
		r = parse_next(p);
		if (r == 0 && parse_at_sign(p, SIGN_CLOSE))
			break;
		if (r == 0)
			r = parse_call_member(p, names, &others);
	}
	if (r == 0 && many)
		r = parse_sign(p, SIGN_CLOSE, "\",\" or \")\"");
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(names->bits); i++)
		any |= names->bits[i] != 0;
	if (!any && others) {
		*ret = others;
		return 0;
	}
	place = parse_span(p, from);
	n = parse_node(p, NODE_CALLS, &place);
	if (!n)
		return -ENOMEM;
	n->calls = names;
	return join(p, NODE_OR, others, n, ret);
}

/* $syscall < 300, $syscall > @openat. */
static int parse_call_order(struct parser *p, const struct policy_place *from, uint8_t op,
			    const struct policy_node **ret)
{
	const struct policy_token t = p->token;
	struct policy_place place;
	uint64_t number = 0;
	unsigned call = 0;
	int r;

	if (t.kind == TOKEN_NUMBER) {
		r = parse_raw_number(p, &number);
	} else if (t.kind == TOKEN_CALL) {
		bool foreign = memchr(t.text, '@', t.len) != NULL;

		r = foreign ? foreign_number(p, &t, &number) : parse_call_name(p, &t, &call);
		if (r == 0)
			r = parse_next(p);
	} else {
		return parse_unexpected(p, "@call or a number");
	}
	if (r < 0)
		return r;
	place = parse_span(p, from);
	return number_node(p, &place, op, number,
			   t.kind == TOKEN_CALL && !memchr(t.text, '@', t.len) ? (int)call : -1,
			   ret);
}

static int parse_syscall(struct parser *p, const struct policy_node **ret)
{
	const struct policy_place from = p->token.place;
	int r = parse_next(p), op;
	bool negated;

	if (r == 0)
		r = parse_in(p, &negated);
	if (r < 0)
		return r;
	if (r == 0) {
		op = operator_here(p);
		if (op < 0)
			return parse_unexpected(p, "a comparison, \"in\" or \"not in\"");
		r = parse_next(p);
		if (r == 0 && op != SECCOMP_OP_EQ && op != SECCOMP_OP_NE)
			return parse_call_order(p, &from, (uint8_t)op, ret);
		if (r == 0 && parse_at_sign(p, SIGN_OPEN))
			return parse_unexpected(p, "one call; `in (…)` compares with several");
		negated = op == SECCOMP_OP_NE;
	}
	r = r < 0 ? r : parse_calls(p, &from, ret);
	return r == 0 && negated ? negate(p, &from, *ret, ret) : r;
}

/* --- $arch ------------------------------------------------------------------------------------ */

static int parse_arch_member(struct parser *p, uint32_t *archs)
{
	enum seccomp_arch arch;
	int r;

	if (p->token.kind != TOKEN_CALL)
		return parse_unexpected(p, "@architecture");
	r = parse_arch_name(p, &p->token, &arch);
	if (r < 0)
		return r;
	*archs |= 1U << arch;
	return parse_next(p);
}

static int parse_arch(struct parser *p, const struct policy_node **ret)
{
	const struct policy_place from = p->token.place;
	int r = parse_next(p), op = -ENOENT;
	struct policy_place place;
	struct policy_node *n;
	uint32_t archs = 0;
	bool negated, many;

	if (r == 0)
		r = parse_in(p, &negated);
	if (r < 0)
		return r;
	if (r == 0) {
		op = operator_here(p);
		if (op != SECCOMP_OP_EQ && op != SECCOMP_OP_NE)
			return parse_unexpected(p, "\"==\", \"!=\", \"in\" or \"not in\"");
		negated = op == SECCOMP_OP_NE;
		r = parse_next(p);
	}
	many = r >= 0 && op < 0 && parse_at_sign(p, SIGN_OPEN);
	if (many)
		r = parse_next(p);
	if (r >= 0)
		r = parse_arch_member(p, &archs);
	while (r == 0 && many && parse_at_sign(p, SIGN_COMMA)) {
		r = parse_next(p);
		if (r == 0)
			r = parse_arch_member(p, &archs);
	}
	if (r == 0 && many)
		r = parse_sign(p, SIGN_CLOSE, "\",\" or \")\"");
	if (r < 0)
		return r;
	p->rules->tests_archs |= archs;
	place = parse_span(p, &from);
	n = parse_node(p, NODE_ARCH, &place);
	if (!n)
		return -ENOMEM;
	n->archs = archs;
	*ret = n;
	return negated ? negate(p, &from, n, ret) : 0;
}

/* --- arguments -------------------------------------------------------------------------------- */

/* What @model compares, with @value. */
static int compare_node(struct parser *p, const struct policy_node *model, uint8_t op,
			const struct policy_value *value, const struct policy_node **ret)
{
	struct policy_place place = parse_span(p, &model->place);
	struct policy_node *n = parse_node(p, NODE_ARG, &place);

	if (!n)
		return -ENOMEM;
	*n = *model;
	n->place = place;
	n->op = op;
	n->value = value;
	*ret = n;
	return 0;
}

static int parse_value_set(struct parser *p, const struct policy_node *model,
			   const struct policy_node **ret)
{
	const struct policy_node *any = NULL, *one;
	const struct policy_value *v;
	int r = parse_sign(p, SIGN_OPEN, "\"(\"");

	do {
		if (r == 0 && any)
			r = parse_next(p);
		if (r == 0)
			r = parse_value(p, &v);
		if (r == 0)
			r = compare_node(p, model, SECCOMP_OP_EQ, v, &one);
		if (r == 0)
			r = join(p, NODE_OR, any, one, &any);
	} while (r == 0 && parse_at_sign(p, SIGN_COMMA));
	*ret = any;
	return r == 0 ? parse_sign(p, SIGN_CLOSE, "\",\" or \")\"") : r;
}

/* What follows the name of an argument. */
static int parse_comparison(struct parser *p, struct policy_node *model,
			    const struct policy_node **ret)
{
	const struct policy_place from = model->place;
	const struct policy_value *v;
	bool negated;
	int r = 0, op;

	if (parse_at_sign(p, SIGN_MASK)) {
		r = parse_next(p);
		if (r == 0)
			r = parse_value(p, &model->mask);
	}
	if (r == 0)
		r = parse_in(p, &negated);
	if (r < 0)
		return r;
	if (r == 1) {
		r = parse_value_set(p, model, ret);
		return r == 0 && negated ? negate(p, &from, *ret, ret) : r;
	}
	op = operator_here(p);
	if (op >= 0) {
		r = parse_next(p);
		if (r == 0)
			r = parse_value(p, &v);
		return r == 0 ? compare_node(p, model, (uint8_t)op, v, ret) : r;
	}
	if (!model->mask)
		return parse_unexpected(p, "a comparison, \"&\", \"in\" or \"not in\"");
	/* Some bit of the mask. */
	v = arena_new(p->arena, struct policy_value);
	if (!v)
		return policy_no_memory(p->log);
	((struct policy_value *)v)->place = model->place;
	return compare_node(p, model, SECCOMP_OP_NE, v, ret);
}

static int parse_numbered_argument(struct parser *p, const struct policy_node **ret)
{
	struct policy_node *model = parse_node(p, NODE_ARG, &p->token.place);
	int r;

	if (!model)
		return -ENOMEM;
	model->argument = (uint8_t)(p->token.text[3] - '0');
	model->width = POLICY_WIDTH_WORD;
	r = parse_next(p);
	return r == 0 ? parse_comparison(p, model, ret) : r;
}

static int parse_variable(struct parser *p, const struct policy_node **ret)
{
	const struct policy_token *t = &p->token;

	if (policy_token_is(t, "syscall"))
		return parse_syscall(p, ret);
	if (policy_token_is(t, "arch"))
		return parse_arch(p, ret);
	if (t->len == 4 && memcmp(t->text, "arg", 3) == 0 && t->text[3] >= '0' && t->text[3] <= '5')
		return parse_numbered_argument(p, ret);
	return parse_error(p, &t->place, "there are $syscall, $arch, and $arg0 to $arg5",
			   "no variable is called \"$%.*s\"", (int)MIN(t->len, 40U), t->text);
}

/* The arguments of a call, for a hint. */
static void list_arguments(unsigned call, char *buf, size_t size)
{
	struct policy_argument argument;
	const char *name;
	size_t len, n;

	n = str_format(buf, size, "%s has:", syscall_name(call));
	for (unsigned i = 0; i < 6 && n < size; i++)
		if (policy_argument_at(call, i, &name, &len, &argument) == 0)
			n += str_format(buf + n, size - n, "%s %.*s", i ? "," : "", (int)len, name);
}

/* An argument by name, inside of call(…). */
static int parse_named_argument(struct parser *p, const struct policy_node **ret)
{
	const struct policy_token t = p->token;
	struct policy_argument argument;
	struct policy_node *model;
	char hint[160];
	int r = policy_argument_find((unsigned)p->call, t.text, t.len, &argument);

	if (r == -ENODATA)
		return parse_error(p, &t.place, "write $arg0 to $arg5",
				   "the arguments of %s have no names here",
				   syscall_name((unsigned)p->call));
	if (r < 0) {
		list_arguments((unsigned)p->call, hint, sizeof(hint));
		return parse_error(p, &t.place, hint, "%s has no argument \"%.*s\"",
				   syscall_name((unsigned)p->call), (int)MIN(t.len, 40U), t.text);
	}
	model = parse_node(p, NODE_ARG, &t.place);
	if (!model)
		return -ENOMEM;
	model->call = p->call;
	model->argument = argument.index;
	model->width = (uint8_t)argument.width;
	r = parse_next(p);
	return r == 0 ? parse_comparison(p, model, ret) : r;
}

/* --- words ------------------------------------------------------------------------------------ */

/* call(), call(condition). */
static int parse_call(struct parser *p, const struct policy_node **ret)
{
	const struct policy_token t = p->token;
	struct policy_calls *calls = arena_new(p->arena, struct policy_calls);
	const struct policy_node *inner = NULL;
	struct policy_node *n;
	unsigned call = 0;
	int r = parse_next(p);

	if (!calls)
		return policy_no_memory(p->log);
	if (r == 0 && !parse_at_sign(p, SIGN_OPEN))
		return parse_error(p, &t.place, "`openat(…)` and `$syscall == @openat` name calls",
				   "expected a condition, got \"%.*s\"", (int)MIN(t.len, 40U),
				   t.text);
	if (r == 0)
		r = parse_call_name(p, &t, &call);
	if (r == 0)
		r = parse_next(p);
	if (r < 0)
		return r;
	policy_add_call(calls, call);
	if (!parse_at_sign(p, SIGN_CLOSE)) {
		p->call = (int)call;
		r = parse_condition(p, &inner);
		p->call = -1;
	}
	if (r == 0)
		r = parse_sign(p, SIGN_CLOSE, "\")\"");
	if (r < 0)
		return r;
	n = parse_node(p, NODE_CALLS, &t.place);
	if (!n)
		return -ENOMEM;
	n->calls = calls;
	*ret = n;
	return inner ? join(p, NODE_AND, n, inner, ret) : 0;
}

/* cap(CAP_SYS_ADMIN), defined(NAME). */
static int parse_given(struct parser *p, bool is_cap, const struct policy_node **ret)
{
	const struct policy_place from = p->token.place;
	struct policy_token t;
	int r = parse_next(p), capability = 0;
	bool truth;

	if (r == 0)
		r = parse_sign(p, SIGN_OPEN, "\"(\"");
	t = p->token;
	if (r == 0 && t.kind != TOKEN_WORD)
		r = parse_unexpected(p, is_cap ? "the name of a capability" : "a symbol");
	if (r == 0 && is_cap) {
		capability = policy_capability_find(t.text, t.len);
		if (capability < 0)
			return parse_error(p, &t.place, NULL, "no capability is called \"%.*s\"",
					   (int)MIN(t.len, 40U), t.text);
	}
	if (r == 0)
		r = parse_next(p);
	if (r == 0)
		r = parse_sign(p, SIGN_CLOSE, "\")\"");
	if (r < 0)
		return r;
	truth = is_cap ? p->options->capabilities >> capability & 1
		       : parse_is_defined(p, t.text, t.len);
	return constant_node(p, &from, truth, ret);
}

/* kernel >= 5.10. */
static int parse_kernel(struct parser *p, const struct policy_node **ret)
{
	const struct policy_place from = p->token.place;
	uint16_t version = 0, kernel = p->options->kernel;
	int r = parse_next(p), op;

	op = r == 0 ? operator_here(p) : r;
	if (op < 0)
		return parse_unexpected(p, "a comparison with a version");
	r = parse_next(p);
	if (r == 0)
		r = parse_version(p, &version);
	if (r < 0)
		return r;
	return constant_node(p, &from,
			     op == SECCOMP_OP_EQ   ? kernel == version
			     : op == SECCOMP_OP_NE ? kernel != version
			     : op == SECCOMP_OP_LT ? kernel < version
			     : op == SECCOMP_OP_LE ? kernel <= version
			     : op == SECCOMP_OP_GT ? kernel > version
						   : kernel >= version,
			     ret);
}

static int parse_word(struct parser *p, const struct policy_node **ret)
{
	bool is_true = parse_at_word(p, "true");

	if (p->call >= 0)
		return parse_named_argument(p, ret);
	if (is_true || parse_at_word(p, "false")) {
		const struct policy_place from = p->token.place;
		int r = parse_next(p);

		return r == 0 ? constant_node(p, &from, is_true, ret) : r;
	}
	if (parse_at_word(p, "cap") || parse_at_word(p, "defined"))
		return parse_given(p, parse_at_word(p, "cap"), ret);
	if (parse_at_word(p, "kernel"))
		return parse_kernel(p, ret);
	return parse_call(p, ret);
}

/* --- && and || -------------------------------------------------------------------------------- */

static int parse_primary(struct parser *p, const struct policy_node **ret)
{
	const struct policy_place from = p->token.place;
	int r;

	if (p->token.kind == TOKEN_VARIABLE)
		return parse_variable(p, ret);
	if (p->token.kind == TOKEN_WORD)
		return parse_word(p, ret);
	if (++p->depth > PARSE_DEPTH_MAX)
		return parse_error(p, &from, NULL, "too deep in parentheses");
	if (parse_at_sign(p, SIGN_NOT)) {
		r = parse_next(p);
		if (r == 0)
			r = parse_primary(p, ret);
		if (r == 0)
			r = negate(p, &from, *ret, ret);
	} else if (parse_at_sign(p, SIGN_OPEN)) {
		r = parse_next(p);
		if (r == 0)
			r = parse_condition(p, ret);
		if (r == 0)
			r = parse_sign(p, SIGN_CLOSE, "\"&&\", \"||\" or \")\"");
	} else {
		r = parse_unexpected(p, "a condition");
	}
	p->depth--;
	return r;
}

/* @level 0 is what && joins, 1 what || joins: those bind less. */
static int parse_joined(struct parser *p, unsigned level, const struct policy_node **ret)
{
	static const struct {
		enum policy_sign sign;
		enum policy_node_kind kind;
	} joints[] = {{SIGN_AND, NODE_AND}, {SIGN_OR, NODE_OR}};
	const struct policy_node *left = NULL;
	int r = 0;

	do {
		const struct policy_node *right;

		if (left)
			r = parse_next(p);
		if (r == 0)
			r = level ? parse_joined(p, level - 1, &right) : parse_primary(p, &right);
		if (r == 0)
			r = join(p, joints[level].kind, left, right, &left);
	} while (r == 0 && parse_at_sign(p, joints[level].sign));
	*ret = left;
	return r;
}

int parse_condition(struct parser *p, const struct policy_node **ret)
{
	return parse_joined(p, 1, ret);
}
