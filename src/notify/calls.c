/* Who answers which call. */
#include "notify/calls.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "seccomp/compile/table.h"

void calls_each(const char *words, void (*fn)(void *ctx, const char *word), void *ctx)
{
	while (*words) {
		size_t n = strcspn(words, " ");
		char word[32];

		(void)str_format(word, sizeof(word), "%.*s", (int)n, words);
		fn(ctx, word);
		words += n + (words[n] == ' ');
	}
}

/* Some calls on their way into the table. */
struct adding {
	struct calls *calls;
	enum seccomp_arch arch;
	unsigned who;
};

static void add(void *ctx, const char *word)
{
	const struct adding *a = ctx;
	int index = syscall_from_name(word);
	uint32_t nr;

	/* Not every architecture has chown, which has fchownat. */
	if (index >= 0 && syscall_number((unsigned)index, a->arch, &nr) == 0 && nr < CALLS_MAX)
		a->calls->who[nr] = (uint8_t)a->who;
}

int calls_init(struct calls *c, const struct profile *p)
{
	int arch = seccomp_native_arch();
	struct adding a = {.calls = c};

	if (arch < 0)
		return arch;
	a.arch = (enum seccomp_arch)arch;
	c->arch = seccomp_arch_info(a.arch)->audit;
	memset(c->who, p->plugins.n ? CALL_PLUGIN : CALL_NOBODY, sizeof(c->who));
	a.who = CALL_AUDIT;
	for (size_t i = 0; i < p->audit.n; i++)
		add(&a, p->audit.items[i]);
	for (a.who = 0; a.who < HANDLERS; a.who++)
		if (p->handlers[a.who])
			calls_each(handler_calls((enum handler)a.who), add, &a);
	return 0;
}

unsigned calls_who(const struct calls *c, uint32_t arch, int nr)
{
	return arch == c->arch && nr >= 0 && nr < CALLS_MAX ? c->who[nr] : CALL_NOBODY;
}

const char *calls_name(const struct calls *c, uint32_t arch, int nr)
{
	int native = seccomp_native_arch();
	uint32_t n;

	if (arch == c->arch && native >= 0)
		for (unsigned i = 0; i < SYSCALL_COUNT; i++)
			if (syscall_number(i, (enum seccomp_arch)native, &n) == 0 && (int)n == nr)
				return syscall_name(i);
	return "?";
}

const char *calls_who_name(unsigned who)
{
	if (who < HANDLERS)
		return handler_name((enum handler)who);
	return who == CALL_AUDIT ? "audit" : who == CALL_PLUGIN ? "plugin" : "none";
}
