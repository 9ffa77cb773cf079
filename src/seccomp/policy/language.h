/* The policy language: text to rules, rules to what a filter is made of. Pure, host side;
 * everything lives in the caller's arena. coracle-seccomp(5) describes the language. */
#pragma once

#include "seccomp/compile/policy.h"
#include "seccomp/policy/source.h"

/* Numbers of calls, by their index in the table. */
struct policy_calls {
	uint64_t bits[(SYSCALL_COUNT + 63) / 64];
};

/* A value as it was written: constants may have others on other architectures. */
enum policy_value_kind {
	VALUE_NUMBER,
	VALUE_CONSTANT,
	VALUE_OR,
	VALUE_AND,
	VALUE_SHIFT,
	VALUE_INVERT,
	VALUE_MINUS,
};

struct policy_value {
	enum policy_value_kind kind;
	uint64_t number;
	const struct policy_constant *constant;
	const struct policy_value *left, *right;
	struct policy_place place;
};

/* A condition. */
enum policy_node_kind {
	NODE_CONST,  /* truth */
	NODE_NOT,    /* left */
	NODE_AND,    /* left, right */
	NODE_OR,     /* left, right */
	NODE_ARCH,   /* archs: one of these */
	NODE_CALLS,  /* calls: one of these, by name */
	NODE_NUMBER, /* op, value: the number itself, as in struct seccomp_data */
	NODE_ARG,    /* argument, mask, op, value */
};

struct policy_node {
	enum policy_node_kind kind;
	struct policy_place place;
	const struct policy_node *left, *right;
	bool truth;
	uint32_t archs; /* bits by enum seccomp_arch */
	const struct policy_calls *calls;
	uint8_t op;                       /* enum seccomp_op, none of the masked ones */
	const struct policy_value *value; /* of NODE_ARG and NODE_NUMBER */
	const struct policy_value *mask;  /* NULL for none */
	/* Which argument: by place, or of a call by name. */
	int call; /* index in the table, or -1 for $argN */
	uint8_t argument;
	uint8_t width;  /* enum policy_width */
	uint32_t index; /* among the nodes that look at numbers: NODE_CALLS and NODE_NUMBER */
};

struct policy_statement {
	struct policy_statement *next;
	const struct policy_node *condition;
	seccomp_action action;
	const char *helper; /* of NOTIFY(…): who is to answer; NULL where that is not said */
	struct policy_place place; /* the whole rule, up to its action */
	uint32_t number;           /* from 0 on */
};

/* A parsed policy. */
struct policy_rules {
	struct policy_statement *first, *last;
	size_t n;
	uint32_t archs;       /* bits; 0 where the policy does not say */
	uint32_t tests_archs; /* those that a condition names */
	uint32_t flags;       /* SECCOMP_FILTER_FLAG_*, without those that follow */
	uint32_t n_numbers;   /* of nodes with an index */
};

/* What the outcome depends on besides the text. */
struct policy_options {
	enum seccomp_arch native;
	uint64_t capabilities; /* bits: for cap(…) and #ifdef CAP_… */
	uint16_t kernel;       /* major << 8 | minor, for `kernel >= …`; UINT16_MAX: newest */
	const char *const *defined; /* symbols for #ifdef and defined(…) */
	size_t n_defined;
	/* The text of a file that is included, in @a; @path is as written, or below the folder of
	 * the file that includes it. Returns -errno. NULL where nothing can be included. */
	int (*load)(void *context, struct arena *a, const char *path, char **ret, size_t *ret_len);
	void *context;
};

/* Parse the @len bytes at @text, which a NUL follows and which must outlive the result. Returns 0;
 * or -EINVAL with errors in @log; or -ENOMEM. */
int policy_parse(struct arena *a, const char *name, const char *text, size_t len,
		 const struct policy_options *options, struct policy_rules *ret,
		 struct policy_log *log) _must_check_;

/* --- what the rules say of each number ----------------------------------------------------------
 */

/* One alternative of a rule's condition: all of its comparisons together. */
struct policy_case {
	const struct policy_case *next;
	const struct policy_statement *statement;
	const struct seccomp_cond *conds; /* arguments do not descend */
	uint32_t n_conds;
};

/* Numbers of which the rules say the same. */
struct policy_range {
	uint32_t first, last;
	const struct policy_case *cases;          /* the first that holds decides */
	const struct policy_statement *otherwise; /* where none does */
};

struct policy_arch {
	enum seccomp_arch arch;
	const struct policy_range *ranges; /* all numbers of the architecture, ascending */
	size_t n;
};

struct policy_map {
	struct policy_arch *archs; /* native first */
	size_t n_archs;
	seccomp_action foreign;                    /* of architectures that are not in here */
	const struct policy_statement *foreign_by; /* NULL: ours */
	bool *used; /* by number of statement: it decides something */
	const struct policy_rules *rules;
};

/* Find out what @rules say on the architectures that the native kernel knows. Returns 0; or -EINVAL
 * with errors in @log; or -ENOMEM. */
int policy_map_rules(struct arena *a, const struct policy_rules *rules,
		     const struct policy_options *options, struct policy_map *ret,
		     struct policy_log *log) _must_check_;

/* The same as a value for the emitter; it shares what it can with @map. Returns 0 or -ENOMEM. */
int policy_to_seccomp(struct arena *a, const struct policy_map *map, struct seccomp_policy *ret)
	_must_check_;

/* Which rule decides about a call with these arguments. @arch is one of the map's. */
const struct policy_statement *policy_decide(const struct policy_map *map, enum seccomp_arch arch,
					     uint32_t nr, const uint64_t args[static 6]);

/* The range that @nr of @arch is in; NULL where the map lacks the architecture. */
const struct policy_range *policy_find_range(const struct policy_map *map, enum seccomp_arch arch,
					     uint32_t nr);

/* An action as the language writes it, in @buf: "ERRNO(EPERM)". Returns @buf. */
#define POLICY_ACTION_MAX 32
const char *policy_action_text(seccomp_action action, char buf[static POLICY_ACTION_MAX]);

/* The architecture of that name, "x86_64", or -ENOENT. */
int policy_arch_find(const char *name, size_t len);

/* Its name, in @buf. Returns @buf. */
#define POLICY_ARCH_MAX 24
const char *policy_arch_name(enum seccomp_arch arch, char buf[static POLICY_ARCH_MAX]);

static inline bool policy_has_call(const struct policy_calls *c, unsigned index)
{
	return c->bits[index / 64] >> index % 64 & 1;
}

static inline void policy_add_call(struct policy_calls *c, unsigned index)
{
	c->bits[index / 64] |= 1ULL << index % 64;
}
