/* What engines make of their profiles. Pure, host side. */
#include "seccomp/policy/engine.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/policy/constants.h"

/* The words for machines in "arches": mostly those of Go, some those of libseccomp. */
static const struct {
	enum seccomp_arch arch;
	const char word[16];
} machines[] = {
	{SECCOMP_ARCH_X86, "x86"},
	{SECCOMP_ARCH_X86_64, "amd64"},
	{SECCOMP_ARCH_X32, "x32"},
	{SECCOMP_ARCH_ARM, "arm"},
	{SECCOMP_ARCH_AARCH64, "arm64"},
	{SECCOMP_ARCH_LOONGARCH64, "loongarch64"},
	{SECCOMP_ARCH_LOONGARCH64, "loong64"},
	{SECCOMP_ARCH_MIPS, "mips"},
	{SECCOMP_ARCH_MIPS64, "mips64"},
	{SECCOMP_ARCH_MIPS64N32, "mips64n32"},
	{SECCOMP_ARCH_MIPSEL, "mipsel"},
	{SECCOMP_ARCH_MIPSEL64, "mipsel64"},
	{SECCOMP_ARCH_MIPSEL64N32, "mipsel64n32"},
	{SECCOMP_ARCH_PPC, "ppc"},
	{SECCOMP_ARCH_PPC64, "ppc64"},
	{SECCOMP_ARCH_PPC64LE, "ppc64le"},
	{SECCOMP_ARCH_RISCV64, "riscv64"},
	{SECCOMP_ARCH_S390, "s390"},
	{SECCOMP_ARCH_S390X, "s390x"},
};

static bool has_machine(const struct str_list *words, enum seccomp_arch native)
{
	for (size_t i = 0; i < words->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(machines); k++)
			if (machines[k].arch == native && str_eq(machines[k].word, words->items[i]))
				return true;
	return false;
}

/* Capabilities that nobody knows are those that no container has. */
static bool has_capability(const struct policy_options *options, const char *name)
{
	int capability = policy_capability_find(name, strlen(name));

	return capability >= 0 && options->capabilities >> capability & 1;
}

/* Whether the kernel is @version or newer; "" is any. */
static int is_kernel(const struct policy_options *options, const char *version, struct err *e)
{
	unsigned part[2] = {0};
	const char *at = version;

	for (unsigned i = 0; i < 2; i++) {
		const char *from = at;

		while (*at >= '0' && *at <= '9' && part[i] < 256)
			part[i] = part[i] * 10 + (unsigned)(*at++ - '0');
		if (at == from || part[i] > 255 || *at != (i ? '\0' : '.'))
			return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
				       "expected a version, as \"4.8\", got \"%.40s\"", version);
		at++;
	}
	return options->kernel >= (part[0] << 8 | part[1]);
}

/* 1: the rule is one of the container's, 0: it is left out. */
static int applies(const struct spec_engine_rule *rule, const struct policy_options *options,
		   struct err *e)
{
	const struct spec_engine_filter *in = &rule->includes, *out = &rule->excludes;
	int r = *out->min_kernel ? is_kernel(options, out->min_kernel, e) : 0;

	if (r < 0)
		return err_where(e, "excludes.minKernel");
	if (r || has_machine(&out->arches, options->native))
		return 0;
	for (size_t i = 0; i < out->caps.n; i++)
		if (has_capability(options, out->caps.items[i]))
			return 0;
	r = *in->min_kernel ? is_kernel(options, in->min_kernel, e) : 1;
	if (r < 0)
		return err_where(e, "includes.minKernel");
	if (in->arches.n && !has_machine(&in->arches, options->native))
		return 0;
	for (size_t i = 0; i < in->caps.n; i++)
		if (!has_capability(options, in->caps.items[i]))
			return 0;
	return r;
}

/* An error by its name, or by its number as a string, in the place of a number. */
static int take_error(const char *word, bool *has, uint32_t *ret, struct err *e)
{
	int number;

	if (*word == '\0')
		return 0;
	number = policy_errno_find(word, strlen(word));
	if (number < 0)
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "no error is called \"%.40s\"",
			       word);
	*has = true;
	*ret = (uint32_t)number;
	return 0;
}

/* One rule that applies. */
static int take_rule(const struct spec_engine_rule *from, struct spec_seccomp_syscall *to,
		     struct err *e)
{
	int r;

	*to = from->rule;
	if (*from->name && to->names.n) {
		(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL, "\"names\" as well");
		return err_where(e, "name");
	}
	if (*from->name)
		to->names = (struct str_list){&((struct spec_engine_rule *)from)->name, 1};
	r = take_error(from->error, &to->has_errno_ret, &to->errno_ret, e);
	return r < 0 ? err_where(e, "errno") : 0;
}

static int take_architectures(struct arena *a, const struct spec_engine_profile *p,
			      const struct policy_options *options, struct spec_seccomp *to,
			      struct err *e)
{
	const char *native = seccomp_arch_info(options->native)->name;

	if (p->n_archs && p->seccomp.architectures.n) {
		(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL, "\"architectures\" as well");
		return err_where(e, "archMap");
	}
	for (size_t i = 0; i < p->n_archs; i++) {
		const struct str_list *more = &p->archs[i].more;
		const char **names;

		if (!str_eq(p->archs[i].arch, native))
			continue;
		names = arena_newn(a, const char *, more->n + 1);
		if (!names)
			return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the profile");
		names[0] = native;
		if (more->n)
			memcpy(names + 1, more->items, more->n * sizeof(*names));
		to->architectures = (struct str_list){names, more->n + 1};
		break;
	}
	return 0;
}

/* What is wrong is in rule @i; the path so far is a key of it. */
static int fail_rule(struct err *e, size_t i)
{
	char key[32];

	(void)str_copy(key, sizeof(key), e->where);
	e->where[0] = '\0';
	return err_where(e, "syscalls[%zu].%s", i, key);
}

int policy_expand_engine(struct arena *a, const struct spec_engine_profile *profile,
			 const struct policy_options *options, struct spec_seccomp *ret,
			 struct err *e)
{
	struct spec_seccomp s = profile->seccomp;
	int r = take_error(profile->default_error, &s.has_default_errno_ret, &s.default_errno_ret,
			   e);

	if (r < 0)
		return err_where(e, "defaultErrno");
	r = take_architectures(a, profile, options, &s, e);
	if (r < 0)
		return r;
	s.syscalls = arena_newn(a, struct spec_seccomp_syscall, profile->n_rules + 1);
	if (!s.syscalls)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the profile");
	for (size_t i = 0; i < profile->n_rules; i++) {
		r = applies(&profile->rules[i], options, e);
		if (r == 1)
			r = take_rule(&profile->rules[i], &s.syscalls[s.n_syscalls++], e);
		if (r < 0)
			return fail_rule(e, i);
	}
	*ret = s;
	return 0;
}
