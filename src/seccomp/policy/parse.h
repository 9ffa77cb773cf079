/* What the parts of the parser share. Pure, host side. */
#pragma once

#include "seccomp/policy/arguments.h"
#include "seccomp/policy/constants.h"
#include "seccomp/policy/language.h"
#include "seccomp/policy/lex.h"

/* Parentheses, !, and files within each other; open #ifdefs. */
#define PARSE_DEPTH_MAX  100
#define PARSE_FILES_MAX  16
#define PARSE_IFDEFS_MAX 32
#define PARSE_TOTAL_MAX  (4U << 20) /* bytes of all files */
#define PARSE_RULES_MAX  20000
#define PARSE_JOINS_MAX  8192 /* of && and || in one condition, members of sets included */

/* A set or a constant of the policy's own. */
struct parse_name {
	struct parse_name *next;
	const char *name;
	const struct policy_calls *calls; /* of a set */
	const struct policy_value *value; /* of a constant */
};

struct parser {
	struct arena *arena;
	const struct policy_options *options;
	struct policy_rules *rules;
	struct policy_log *log;
	struct policy_lexer lexer;
	struct policy_token token; /* the one that is looked at */
	uint32_t end;              /* where the one before it ended, in its file */
	struct parse_name *names;
	/* Open #ifdefs: was there a branch that counts, does this one count, was there an #else. */
	struct {
		struct policy_place place;
		bool taken, active, has_else;
	} ifdefs[PARSE_IFDEFS_MAX];
	unsigned n_ifdefs, base_ifdefs; /* of this file: from base on */
	unsigned depth, n_files, n_joins;
	size_t total;
	const struct policy_node *on; /* of the `on` block that is open, or NULL */
	int call;                     /* of call(…) around, or -1 */
	bool broken;                  /* no token behind this one makes sense */
};

/* Say that the token is not what was expected. Returns -EINVAL. */
int parse_unexpected(struct parser *p, const char *expected);
int parse_error(struct parser *p, const struct policy_place *place, const char *hint,
		const char *fmt, ...) _printf_(4, 5);

/* Go on to the next token that counts. Returns 0 or -EINVAL. */
int parse_next(struct parser *p) _must_check_;

bool parse_at_sign(const struct parser *p, enum policy_sign sign);
bool parse_at_word(const struct parser *p, const char *word);

/* Go on behind a sign that must be here. */
int parse_sign(struct parser *p, enum policy_sign sign, const char *expected) _must_check_;

/* From @from up to the token before the one that is looked at. */
struct policy_place parse_span(const struct parser *p, const struct policy_place *from);

/* parse-value.c */
int parse_value(struct parser *p, const struct policy_value **ret) _must_check_;
int parse_term(struct parser *p, const struct policy_value **ret) _must_check_;
bool parse_is_defined(const struct parser *p, const char *name, size_t len);
int parse_version(struct parser *p, uint16_t *ret) _must_check_;

/* parse-calls.c */
int parse_call_set(struct parser *p, const struct policy_calls **ret) _must_check_;
int parse_call_name(struct parser *p, const struct policy_token *t, unsigned *ret) _must_check_;
int parse_arch_name(struct parser *p, const struct policy_token *t, enum seccomp_arch *ret)
	_must_check_;

/* parse-condition.c */
int parse_condition(struct parser *p, const struct policy_node **ret) _must_check_;
struct policy_node *parse_node(struct parser *p, enum policy_node_kind kind,
			       const struct policy_place *place) _must_check_;

/* The candidate that @name, misspelt, may have meant; @best is that so far. Call for each one. */
struct parse_guess {
	const char *best;
	unsigned distance;
};
void parse_guess(struct parse_guess *g, const char *name, size_t len, const char *candidate);
