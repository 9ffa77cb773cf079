/* Files, directives and statements. After an error the parser goes on behind the next semicolon, to
 * say as much as possible at once; what it makes counts only if it said nothing. Pure, host side.
 */
#include "seccomp/policy/parse.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>

#include "base/str.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

#define ERRNO_MAX_KERNEL 4095 /* the kernel takes what is above for this */
#define PATH_LEN_MAX     4096

/* --- tokens that count ------------------------------------------------------------------------ */

int parse_error(struct parser *p, const struct policy_place *place, const char *hint,
		const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)str_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	return policy_say(p->log, POLICY_ERROR, place, hint, "%s", text);
}

int parse_unexpected(struct parser *p, const char *expected)
{
	if (p->token.kind == TOKEN_END)
		return parse_error(p, &p->token.place, NULL, "expected %s, and the file ends",
				   expected);
	return parse_error(p, &p->token.place, NULL, "expected %s", expected);
}

bool parse_at_sign(const struct parser *p, enum policy_sign sign)
{
	return p->token.kind == TOKEN_SIGN && p->token.sign == sign;
}

bool parse_at_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && policy_token_is(&p->token, word);
}

static bool is_active(const struct parser *p)
{
	for (unsigned i = p->base_ifdefs; i < p->n_ifdefs; i++)
		if (!p->ifdefs[i].active)
			return false;
	return true;
}

/* #ifdef NAME and #ifndef NAME; @t is the directive. */
static int open_ifdef(struct parser *p, const struct policy_token *t)
{
	struct policy_token name;
	bool truth;
	int r = policy_next_token(&p->lexer, p->log, &name);

	if (r < 0)
		return r;
	if (name.kind != TOKEN_WORD)
		return parse_error(p, &name.place, NULL, "expected a symbol after #%.*s",
				   (int)t->len, t->text);
	if (p->n_ifdefs == PARSE_IFDEFS_MAX)
		return parse_error(p, &t->place, NULL, "too many conditions within each other");
	truth = parse_is_defined(p, name.text, name.len) == policy_token_is(t, "ifdef");
	p->ifdefs[p->n_ifdefs].place = t->place;
	p->ifdefs[p->n_ifdefs].taken = truth;
	p->ifdefs[p->n_ifdefs].has_else = false;
	p->ifdefs[p->n_ifdefs++].active = truth;
	return 0;
}

static int directive(struct parser *p, const struct policy_token *t)
{
	unsigned last = p->n_ifdefs - 1;

	if (policy_token_is(t, "ifdef") || policy_token_is(t, "ifndef"))
		return open_ifdef(p, t);
	if (!policy_token_is(t, "else") && !policy_token_is(t, "endif"))
		return parse_error(p, &t->place, "there are #ifdef, #ifndef, #else and #endif",
				   "no directive is called \"#%.*s\"", (int)MIN(t->len, 40U),
				   t->text);
	if (p->n_ifdefs == p->base_ifdefs)
		return parse_error(p, &t->place, NULL, "there is no #ifdef that this belongs to");
	if (policy_token_is(t, "endif")) {
		p->n_ifdefs--;
		return 0;
	}
	if (p->ifdefs[last].has_else)
		return parse_error(p, &t->place, NULL, "a second #else");
	p->ifdefs[last].has_else = true;
	p->ifdefs[last].active = !p->ifdefs[last].taken;
	return 0;
}

int parse_next(struct parser *p)
{
	p->end = p->token.place.start + p->token.place.len;
	for (;;) {
		struct policy_token t;
		int r = policy_next_token(&p->lexer, p->log, &t);

		if (r == 0 && t.kind == TOKEN_DIRECTIVE)
			r = directive(p, &t);
		else if (r == 0 && (is_active(p) || t.kind == TOKEN_END)) {
			p->token = t;
			return 0;
		}
		if (r < 0) {
			/* Something was there, and is skipped: it is not the end. */
			if (t.kind == TOKEN_END && p->lexer.at < p->lexer.file->len)
				t.kind = TOKEN_WORD;
			p->token = t;
			return r;
		}
	}
}

int parse_sign(struct parser *p, enum policy_sign sign, const char *expected)
{
	return parse_at_sign(p, sign) ? parse_next(p) : parse_unexpected(p, expected);
}

struct policy_place parse_span(const struct parser *p, const struct policy_place *from)
{
	struct policy_place place = *from;

	if (p->end > place.start && p->end <= place.file->len)
		place.len = p->end - place.start;
	return place;
}

/* --- actions ---------------------------------------------------------------------------------- */

static const struct {
	const char name[16];
	seccomp_action action;
	uint16_t data_max; /* 0: takes none */
	bool needs_data, is_errno;
} actions[] = {
	{"ALLOW", SECCOMP_RET_ALLOW, 0, false, false},
	{"LOG", SECCOMP_RET_LOG, 0, false, false},
	{"NOTIFY", SECCOMP_RET_USER_NOTIF, 0, false, false},
	{"KILL", SECCOMP_RET_KILL_PROCESS, 0, false, false},
	{"KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, 0, false, false},
	{"KILL_THREAD", SECCOMP_RET_KILL_THREAD, 0, false, false},
	{"TRAP", SECCOMP_RET_TRAP, 0xffff, false, false},
	{"TRACE", SECCOMP_RET_TRACE, 0xffff, true, true},
	{"ERRNO", SECCOMP_RET_ERRNO, ERRNO_MAX_KERNEL, true, true},
};

/* What is in the parentheses of ERRNO(…), TRACE(…), TRAP(…). */
static int parse_data(struct parser *p, unsigned row, seccomp_action *ret)
{
	const struct policy_token t = p->token;
	int number = -ENOENT;

	if (t.kind == TOKEN_NUMBER && t.number <= actions[row].data_max)
		number = (int)t.number;
	else if (t.kind == TOKEN_NUMBER)
		return parse_error(p, &t.place, NULL, "%s takes numbers up to %u",
				   actions[row].name, actions[row].data_max);
	else if (t.kind == TOKEN_WORD && actions[row].is_errno)
		number = policy_errno_find(t.text, t.len);
	else
		return parse_unexpected(p, "a number");
	if (number < 0)
		return parse_error(p, &t.place, NULL, "no error is called \"%.*s\"",
				   (int)MIN(t.len, 40U), t.text);
	*ret |= (uint32_t)number;
	return parse_next(p);
}

/* What is in the parentheses of NOTIFY(…): a word for the agent, which knows its handlers. */
static int parse_helper(struct parser *p, const char **ret)
{
	if (p->token.kind != TOKEN_WORD)
		return parse_unexpected(p, "the name of one of the agent's handlers, or \"audit\"");
	*ret = arena_strndup(p->arena, p->token.text, p->token.len);
	return *ret ? parse_next(p) : policy_no_memory(p->log);
}

static int parse_action(struct parser *p, seccomp_action *ret, const char **ret_helper)
{
	const struct policy_place from = p->token.place;
	unsigned row = 0;
	int r;

	while (row < ARRAY_SIZE(actions) && !parse_at_word(p, actions[row].name))
		row++;
	if (row == ARRAY_SIZE(actions))
		return parse_unexpected(p, "an action: ALLOW(), ERRNO(…), KILL(), LOG(), NOTIFY(), "
					   "TRACE(…) or TRAP()");
	*ret = actions[row].action;
	r = parse_next(p);
	if (r < 0)
		return r;
	if (!parse_at_sign(p, SIGN_OPEN)) {
		if (actions[row].needs_data)
			return parse_error(p, &from, NULL, "%s needs an error: %s(EPERM)",
					   actions[row].name, actions[row].name);
		return 0;
	}
	r = parse_next(p);
	if (r == 0 && parse_at_sign(p, SIGN_CLOSE)) {
		if (actions[row].needs_data)
			return parse_error(p, &from, NULL, "%s needs an error: %s(EPERM)",
					   actions[row].name, actions[row].name);
		return parse_next(p);
	}
	if (r == 0 && actions[row].action == SECCOMP_RET_USER_NOTIF)
		r = parse_helper(p, ret_helper);
	else if (r == 0 && actions[row].data_max == 0)
		return parse_error(p, &p->token.place, NULL, "%s takes nothing", actions[row].name);
	else if (r == 0)
		r = parse_data(p, row, ret);
	return r == 0 ? parse_sign(p, SIGN_CLOSE, "\")\"") : r;
}

/* --- rules ------------------------------------------------------------------------------------ */

static int add_rule(struct parser *p, const struct policy_node *condition,
		    const struct policy_place *from)
{
	struct policy_statement *s = arena_new(p->arena, struct policy_statement);
	int r;

	if (!s)
		return policy_no_memory(p->log);
	r = parse_sign(p, SIGN_THEN, condition ? "\"&&\", \"||\" or \"=>\"" : "\"=>\"");
	if (r == 0)
		r = parse_action(p, &s->action, &s->helper);
	if (r < 0)
		return r;
	s->place = parse_span(p, from);
	if (p->rules->n >= PARSE_RULES_MAX)
		return parse_error(p, from, NULL, "more than %d rules", PARSE_RULES_MAX);
	if (p->on) {
		struct policy_node *both = condition ? parse_node(p, NODE_AND, from) : NULL;

		if (condition && !both)
			return -ENOMEM;
		if (both) {
			both->left = p->on;
			both->right = condition;
		}
		condition = both ? both : p->on;
	}
	s->condition = condition;
	if (!condition) {
		struct policy_node *always = parse_node(p, NODE_CONST, from);

		if (!always)
			return -ENOMEM;
		always->truth = true;
		s->condition = always;
	}
	s->number = (uint32_t)p->rules->n++;
	if (p->rules->last)
		p->rules->last->next = s;
	else
		p->rules->first = s;
	p->rules->last = s;
	return parse_sign(p, SIGN_SEMICOLON, "\";\"");
}

static int parse_rule(struct parser *p)
{
	const struct policy_place from = p->token.place;
	const struct policy_node *condition = NULL;
	int r = 0;

	p->n_joins = 0;
	if (parse_at_word(p, "default"))
		r = parse_next(p);
	else if (!parse_at_sign(p, SIGN_THEN))
		r = parse_condition(p, &condition);
	return r == 0 ? add_rule(p, condition, &from) : r;
}

/* --- declarations ----------------------------------------------------------------------------- */

static int parse_arch_list(struct parser *p, uint32_t *archs)
{
	enum seccomp_arch arch;
	int r = parse_next(p);

	for (;;) {
		if (r == 0 && p->token.kind != TOKEN_WORD)
			return parse_unexpected(p, "the name of an architecture");
		if (r == 0)
			r = parse_arch_name(p, &p->token, &arch);
		if (r == 0) {
			*archs |= 1U << arch;
			r = parse_next(p);
		}
		if (r < 0 || !parse_at_sign(p, SIGN_COMMA))
			return r;
		r = parse_next(p);
	}
}

static int parse_flags(struct parser *p)
{
	static const struct {
		const char name[24];
		uint32_t flag;
	} flags[] = {
		{"LOG", SECCOMP_FILTER_FLAG_LOG},
		{"SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	};
	int r = parse_next(p);

	for (;;) {
		size_t i = 0;

		while (r == 0 && i < ARRAY_SIZE(flags) && !parse_at_word(p, flags[i].name))
			i++;
		if (r == 0 && i == ARRAY_SIZE(flags))
			return parse_unexpected(p, "LOG, SPEC_ALLOW or WAIT_KILLABLE_RECV");
		if (r == 0) {
			p->rules->flags |= flags[i].flag;
			r = parse_next(p);
		}
		if (r < 0 || !parse_at_sign(p, SIGN_COMMA))
			return r < 0 ? r : parse_sign(p, SIGN_SEMICOLON, "\",\" or \";\"");
		r = parse_next(p);
	}
}

/* let NAME = value; let @@NAME = set; */
static int parse_let(struct parser *p)
{
	struct parse_name *n = arena_new(p->arena, struct parse_name);
	struct policy_token t;
	int r = parse_next(p);
	bool is_set;

	if (!n)
		return policy_no_memory(p->log);
	t = p->token;
	is_set = t.kind == TOKEN_SET;
	if (r == 0 && !is_set && t.kind != TOKEN_WORD)
		return parse_unexpected(p, "NAME or @@NAME");
	if (r < 0)
		return r;
	for (const struct parse_name *k = p->names; k; k = k->next)
		if (!k->calls == !is_set && policy_token_is(&t, k->name))
			return parse_error(p, &t.place, NULL, "\"%s\" has a meaning already",
					   k->name);
	if (!is_set && policy_constant_find(t.text, t.len))
		return parse_error(p, &t.place, NULL, "\"%.*s\" has a meaning already", (int)t.len,
				   t.text);
	n->name = arena_strndup(p->arena, t.text, t.len);
	if (!n->name)
		return policy_no_memory(p->log);
	r = parse_next(p);
	if (r == 0)
		r = parse_sign(p, SIGN_ASSIGN, "\"=\"");
	if (r == 0)
		r = is_set ? parse_call_set(p, &n->calls) : parse_value(p, &n->value);
	if (r < 0)
		return r;
	n->next = p->names;
	p->names = n;
	return parse_sign(p, SIGN_SEMICOLON, "\";\"");
}

/* --- files and blocks ------------------------------------------------------------------------- */

static int parse_items(struct parser *p, bool in_block);

/* on x86_64, x32 { … } */
static int parse_on(struct parser *p)
{
	const struct policy_place from = p->token.place;
	struct policy_node *n;
	uint32_t archs = 0;
	int r;

	if (p->on)
		return parse_error(p, &from, NULL, "a block for architectures within another");
	r = parse_arch_list(p, &archs);
	if (r == 0)
		r = parse_sign(p, SIGN_OPEN_BLOCK, "\",\" or \"{\"");
	if (r < 0)
		return r;
	p->rules->tests_archs |= archs;
	n = parse_node(p, NODE_ARCH, &from);
	if (!n)
		return -ENOMEM;
	n->archs = archs;
	p->on = n;
	r = parse_items(p, true);
	p->on = NULL;
	return r == 0 ? parse_sign(p, SIGN_CLOSE_BLOCK, "\"}\"") : r;
}

/* @name as it is written, or below the folder of the file that says it. */
static int resolve(struct parser *p, const struct policy_token *t, const char **ret)
{
	const char *slash = strrchr(p->lexer.file->name, '/');
	bool own = slash && !(t->len && t->text[0] == '/');

	*ret = arena_format(p->arena, "%.*s%.*s", own ? (int)(slash - p->lexer.file->name) + 1 : 0,
			    p->lexer.file->name, (int)t->len, t->text);
	return *ret ? 0 : policy_no_memory(p->log);
}

/* Read a file that @t names. */
static int load(struct parser *p, const struct policy_token *t, struct policy_file **ret)
{
	struct policy_file *file = arena_new(p->arena, struct policy_file);
	char words[24], *text;
	int r;

	if (!file)
		return policy_no_memory(p->log);
	if (t->len == 0 || t->len > PATH_LEN_MAX || memchr(t->text, '\0', t->len))
		return parse_error(p, &t->place, NULL, "this is no path");
	r = resolve(p, t, &file->name);
	if (r < 0)
		return r;
	file->from = p->lexer.file;
	file->depth = p->lexer.file->depth + 1;
	for (const struct policy_file *f = p->lexer.file; f; f = f->from)
		if (str_eq(f->name, file->name))
			return parse_error(p, &t->place, NULL, "the file includes itself");
	if (file->depth > PARSE_FILES_MAX || ++p->n_files > 1000)
		return parse_error(p, &t->place, NULL, "too many files include each other");
	if (!p->options->load)
		return parse_error(p, &t->place, NULL, "no files can be included here");
	r = p->options->load(p->options->context, p->arena, file->name, &text, &file->len);
	if (r < 0)
		return parse_error(p, &t->place, NULL, "read \"%.200s\": %s", file->name,
				   errno_words(r, words));
	p->total += file->len;
	if (p->total > PARSE_TOTAL_MAX)
		return parse_error(p, &t->place, NULL, "the policy has more than %u bytes",
				   PARSE_TOTAL_MAX);
	file->text = text;
	*ret = file;
	return 0;
}

static int parse_file(struct parser *p, const struct policy_file *file)
{
	unsigned base = p->base_ifdefs;
	int r;

	policy_lexer_init(&p->lexer, file);
	p->base_ifdefs = p->n_ifdefs;
	p->token = (struct policy_token){.place = {.file = file}};
	r = parse_next(p);
	if (r < 0)
		p->broken = true;
	r = parse_items(p, false);
	if (p->n_ifdefs > p->base_ifdefs) {
		r = parse_error(p, &p->ifdefs[p->base_ifdefs].place, NULL,
				"there is no #endif for this");
		p->n_ifdefs = p->base_ifdefs;
	}
	p->base_ifdefs = base;
	return r;
}

/* include "FILE"; */
static int parse_include(struct parser *p)
{
	struct policy_file *file = NULL;
	struct policy_lexer lexer;
	struct policy_token name, token;
	uint32_t end;
	int r = parse_next(p);

	name = p->token;
	if (r == 0 && name.kind != TOKEN_STRING)
		return parse_unexpected(p, "the path of a file in double quotes");
	if (r == 0)
		r = parse_next(p);
	if (r == 0)
		r = load(p, &name, &file);
	if (r == 0)
		r = parse_sign(p, SIGN_SEMICOLON, "\";\"");
	if (r < 0)
		return r;
	lexer = p->lexer;
	token = p->token;
	end = p->end;
	r = parse_file(p, file);
	p->lexer = lexer;
	p->token = token;
	p->end = end;
	return r == -ENOMEM ? r : 0;
}

static int parse_item(struct parser *p)
{
	int r;

	if (parse_at_word(p, "include"))
		return parse_include(p);
	if (parse_at_word(p, "let"))
		return parse_let(p);
	if (parse_at_word(p, "on"))
		return parse_on(p);
	if (parse_at_word(p, "flags") && !p->on)
		return parse_flags(p);
	if (!parse_at_word(p, "arch") || p->on)
		return parse_rule(p);
	r = parse_arch_list(p, &p->rules->archs);
	return r == 0 ? parse_sign(p, SIGN_SEMICOLON, "\",\" or \";\"") : r;
}

/* Go on behind the end of the statement that is wrong. */
static void recover(struct parser *p, bool in_block)
{
	p->call = -1;
	p->depth = 0;
	for (;;) {
		bool ended = parse_at_sign(p, SIGN_SEMICOLON);

		if (p->token.kind == TOKEN_END) {
			p->broken = false;
			return;
		}
		if (!p->broken && in_block && parse_at_sign(p, SIGN_CLOSE_BLOCK))
			return;
		/* More errors of the lexer are said; the token stays what it was then. */
		p->token.kind = TOKEN_WORD;
		p->broken = parse_next(p) < 0;
		if (ended && !p->broken)
			return;
	}
}

static int parse_items(struct parser *p, bool in_block)
{
	while (p->broken || p->token.kind != TOKEN_END) {
		int r = p->broken ? -EINVAL : 0;

		if (r == 0 && in_block && parse_at_sign(p, SIGN_CLOSE_BLOCK))
			return 0;
		if (r == 0)
			r = parse_item(p);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			recover(p, in_block);
		if (p->log->n_errors > POLICY_ERRORS_MAX)
			return -EINVAL;
	}
	return 0;
}

/* Something must be said about everything. */
static bool has_default(const struct policy_rules *rules)
{
	for (const struct policy_statement *s = rules->first; s; s = s->next)
		if (s->condition->kind == NODE_CONST && s->condition->truth)
			return true;
	return false;
}

int policy_parse(struct arena *a, const char *name, const char *text, size_t len,
		 const struct policy_options *options, struct policy_rules *ret,
		 struct policy_log *log)
{
	const struct policy_file first = {.name = name, .text = text, .len = len};
	struct policy_file *file = arena_new(a, struct policy_file);
	struct parser p = {
		.arena = a, .options = options, .rules = ret, .log = log, .total = len, .call = -1};

	if (!file)
		return policy_no_memory(log);
	*file = first;
	*ret = (struct policy_rules){0};
	if (len > PARSE_TOTAL_MAX) {
		const struct policy_place start = {.file = file, .line = 1, .column = 1, .len = 1};

		return parse_error(&p, &start, NULL, "the policy has more than %u bytes",
				   PARSE_TOTAL_MAX);
	}
	(void)parse_file(&p, file);
	if (!log->n_errors && !log->no_memory && !has_default(ret))
		(void)parse_error(&p, &p.token.place, "end with, for example, `=> ERRNO(ENOSYS);`",
				  "no rule decides about what is left");
	if (log->no_memory)
		return -ENOMEM;
	return log->n_errors ? -EINVAL : 0;
}
