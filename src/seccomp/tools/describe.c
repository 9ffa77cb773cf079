/* Text for people, which the language understands as well. Pure, host side. */
#include "seccomp/tools/describe.h"

#include <errno.h>

#include "base/str.h"

int describe_find_call(enum seccomp_arch arch, uint32_t nr)
{
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		uint32_t number;

		if (syscall_number(i, arch, &number) == 0 && number == nr)
			return (int)i;
	}
	return -ENOENT;
}

const char *describe_call(enum seccomp_arch arch, uint32_t nr, char buf[static DESCRIBE_MAX])
{
	int call = describe_find_call(arch, nr);

	if (call >= 0)
		(void)str_copy(buf, DESCRIBE_MAX, syscall_name((unsigned)call));
	else
		(void)str_format(buf, DESCRIBE_MAX, "call %u", nr);
	return buf;
}

/* Small numbers in decimal, the others as people know masks. */
static size_t add_number(char *buf, size_t size, uint64_t v)
{
	if (v < 1000)
		return str_format(buf, size, "%llu", (unsigned long long)v);
	return str_format(buf, size, "0x%llx", (unsigned long long)v);
}

const char *describe_cond(const struct seccomp_cond *c, char buf[static DESCRIBE_MAX])
{
	static const char signs[][4] = {
		[SECCOMP_OP_NE] = "!=",        [SECCOMP_OP_LT] = "<",
		[SECCOMP_OP_LE] = "<=",        [SECCOMP_OP_EQ] = "==",
		[SECCOMP_OP_GE] = ">=",        [SECCOMP_OP_GT] = ">",
		[SECCOMP_OP_MASKED_EQ] = "==", [SECCOMP_OP_MASKED_NE] = "!=",
	};
	bool masked = c->op == SECCOMP_OP_MASKED_EQ || c->op == SECCOMP_OP_MASKED_NE;
	size_t n = str_format(buf, DESCRIBE_MAX, "$arg%u%s", c->arg, masked ? " & " : "");

	if (masked)
		n += add_number(buf + n, DESCRIBE_MAX - n, c->mask);
	n += str_format(buf + n, DESCRIBE_MAX - n, " %s ", signs[c->op]);
	(void)add_number(buf + n, DESCRIBE_MAX - n, c->value);
	return buf;
}

const char *describe_conds(struct arena *a, const struct seccomp_cond *conds, uint32_t n)
{
	const char *text = "";

	for (uint32_t i = 0; i < n && text; i++) {
		char buf[DESCRIBE_MAX];

		text = arena_format(a, "%s%s%s", text, i ? " && " : "",
				    describe_cond(&conds[i], buf));
	}
	return text;
}
