/* Records of traces. Pure, host side. */
#include "seccomp/tools/record.h"

#include "base/str.h"
#include "seccomp/policy/arguments.h"
#include "seccomp/policy/text.h"
#include "seccomp/tools/describe.h"

#define LINE_WIDTH 100

/* Calls that are told by one of their arguments. */
static const struct {
	const char call[16], argument[12];
} telling[] = {
	{"socket", "family"},
	{"ioctl", "cmd"},
	{"prctl", "option"},
	{"fcntl", "cmd"},
	{"bpf", "cmd"},
	{"keyctl", "option"},
	{"personality", "personality"},
};

/* What a trace need not show: the kernel makes these calls happen, or they end a program. */
static const char *const always[] = {
	"exit", "exit_group", "restart_syscall", "rt_sigreturn", "sigreturn",
};

/* Where the clock needs no call, the C library makes none; elsewhere it does. */
static const char *const clocks[] = {
	"clock_getres", "clock_gettime", "clock_gettime64", "getcpu", "gettimeofday", "time",
};

struct record {
	bool arguments;
	uint64_t n_calls;
	bool seen[SECCOMP_ARCH_MAX][SYSCALL_COUNT];
	struct {
		uint64_t values[RECORD_VALUES_MAX];
		size_t n;
		bool too_many;
	} values[ARRAY_SIZE(telling)];
};

struct record *record_new(struct arena *a, bool arguments)
{
	struct record *r = arena_new(a, struct record);

	if (r)
		r->arguments = arguments;
	return r;
}

static void add_value(struct record *r, size_t row, uint64_t value)
{
	for (size_t i = 0; i < r->values[row].n; i++)
		if (r->values[row].values[i] == value)
			return;
	if (r->values[row].n == RECORD_VALUES_MAX)
		r->values[row].too_many = true;
	else
		r->values[row].values[r->values[row].n++] = value;
}

void record_call(struct record *r, uint32_t audit, uint32_t nr, const uint64_t args[6])
{
	r->n_calls++;
	for (int arch = 0; arch < SECCOMP_ARCH_MAX; arch++) {
		int call;

		if (seccomp_arch_info(arch)->audit != audit)
			continue;
		call = describe_find_call((enum seccomp_arch)arch, nr);
		if (call < 0)
			continue;
		r->seen[arch][call] = true;
		for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
			struct policy_argument k;

			if (str_eq(syscall_name((unsigned)call), telling[i].call) &&
			    policy_argument_find((unsigned)call, telling[i].argument,
						 strlen(telling[i].argument), &k) == 0)
				add_value(r, i, (uint32_t)args[k.index]);
		}
		return;
	}
}

/* --- the policy ------------------------------------------------------------------------------- */

static void add_name(struct policy_text *t, const char *name, bool first, const char *indent)
{
	policy_text_add(t, first ? "" : ",");
	if (t->column + strlen(name) + 4 > LINE_WIDTH)
		policy_text_add(t, "\n%s\t@%s", indent, name);
	else
		policy_text_add(t, first ? "@%s" : " @%s", name);
}

static void add_list(struct policy_text *t, const char *comment, const char *const *names, size_t n)
{
	policy_text_add(t, "\n// %s\n$syscall in (", comment);
	for (size_t i = 0; i < n; i++)
		add_name(t, names[i], i == 0, "");
	policy_text_add(t, ") => ALLOW();\n");
}

/* The row of a call that is told by an argument, or -1. */
static int row_of(const struct record *r, const char *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(telling) && r->arguments; i++)
		if (str_eq(telling[i].call, call) && !r->values[i].too_many)
			return (int)i;
	return -1;
}

static void add_arch(struct policy_text *t, const struct record *r, enum seccomp_arch arch,
		     const char *indent)
{
	bool first = true;

	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		int row = row_of(r, syscall_name(i));

		if (!r->seen[arch][i] || row >= 0)
			continue;
		if (first)
			policy_text_add(t, "%s$syscall in (", indent);
		add_name(t, syscall_name(i), first, indent);
		first = false;
	}
	policy_text_add(t, first ? "" : ") => ALLOW();\n");
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		int row = row_of(r, syscall_name(i));

		if (!r->seen[arch][i] || row < 0)
			continue;
		policy_text_add(t, "%s%s(%s in (", indent, telling[row].call,
				telling[row].argument);
		for (size_t k = 0; k < r->values[row].n; k++)
			policy_text_add(t, "%s%s0x%llx", k ? "," : "",
					k && t->column > LINE_WIDTH - 14 ? "\n\t"
					: k                              ? " "
									 : "",
					(unsigned long long)r->values[row].values[k]);
		policy_text_add(t, ")) => ALLOW();\n");
	}
}

static bool is_seen(const struct record *r, int arch)
{
	for (unsigned i = 0; i < SYSCALL_COUNT; i++)
		if (r->seen[arch][i])
			return true;
	return false;
}

const char *record_policy(struct arena *a, const struct record *r, const char *command,
			  const char *deny, enum seccomp_arch native)
{
	char name[POLICY_ARCH_MAX];
	struct policy_text t;

	policy_text_init(&t, a);
	policy_text_add(&t, "// From a trace of %llu calls: %.200s\n",
			(unsigned long long)r->n_calls, command);
	policy_text_add(&t, "arch %s", policy_arch_name(native, name));
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (i != (int)native && is_seen(r, i))
			policy_text_add(&t, ", %s", policy_arch_name((enum seccomp_arch)i, name));
	policy_text_add(&t, ";\n\n");
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++) {
		if (!is_seen(r, i))
			continue;
		policy_text_add(&t, "on %s {\n", policy_arch_name((enum seccomp_arch)i, name));
		add_arch(&t, r, (enum seccomp_arch)i, "\t");
		policy_text_add(&t, "}\n");
	}
	add_list(&t, "What a trace need not show.", always, ARRAY_SIZE(always));
	add_list(&t, "Calls only where the kernel does not tell the time without.", clocks,
		 ARRAY_SIZE(clocks));
	policy_text_add(&t, "\n$syscall not in @@known => ERRNO(ENOSYS);\n=> %s;\n", deny);
	return t.failed ? NULL : t.text;
}
