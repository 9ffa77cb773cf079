/* The policy language. What compiles must be proven, must say what its rules say, by a walk through
 * them that knows nothing of the program, and must survive being made a profile. What begins with a
 * brace is an engine's profile, and what that means must be a policy. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"
#include "seccomp/policy/check.h"
#include "seccomp/policy/engine.h"
#include "seccomp/policy/from-oci.h"
#include "seccomp/policy/language.h"
#include "seccomp/policy/to-oci.h"
#include "tests/fuzz/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An include of anything gives this, so that files within files are tried, too. */
static int load(void *context, struct arena *a, const char *path, char **ret, size_t *ret_len)
{
	(void)context;
	*ret = arena_strdup(a, "$syscall == @read => LOG();\n");
	*ret_len = *ret ? strlen(*ret) : 0;
	if (strchr(path, 'x'))
		return -2;
	return *ret ? 0 : -12;
}

static void say_all(struct arena *a, const struct policy_log *log)
{
	for (const struct policy_message *m = log->first; m; m = m->next)
		if (!m->text[0] || !policy_message_text(a, m))
			abort();
}

/* The program and the rules, about some calls. */
static void compare(const struct policy_map *map, const struct seccomp_program *p)
{
	static const uint64_t values[] = {0, 1, 2, 0xffffffff, 0x100000001, UINT64_MAX};

	for (size_t i = 0; i < map->n_archs; i++) {
		const struct policy_arch *arch = &map->archs[i];
		const struct seccomp_arch_info *info = seccomp_arch_info(arch->arch);

		for (size_t k = 0; k < arch->n; k++) {
			const uint64_t v = values[k % 6], args[6] = {v, v, v, v, v, v};
			struct sim_data d = sim_data(info->audit, arch->ranges[k].first, args,
						     info->big_endian);
			unsigned steps = 0;
			bool ok;

			if (sim_run(p->insns, p->n, &d, &steps, &ok) !=
				    policy_decide(map, arch->arch, arch->ranges[k].first, args)
					    ->action ||
			    !ok)
				abort();
		}
	}
}

static void fuzz_one(struct arena *a, const char *text, size_t size, enum seccomp_arch native)
{
	const struct policy_options options = {
		.native = native, .kernel = 6 << 8, .capabilities = 1ULL << 21, .load = load};
	struct policy_log log = {.arena = a}, again = {.arena = a};
	struct policy_findings findings = {.arena = a};
	struct seccomp_program program = {0};
	struct seccomp_policy policy;
	struct policy_rules rules;
	struct policy_map map;
	struct err e = {0};
	const char *json;
	size_t len;
	int r = policy_parse(a, "input", text, size, &options, &rules, &log);

	if (r == 0)
		r = policy_map_rules(a, &rules, &options, &map, &log);
	if ((r < 0) != (log.n_errors > 0))
		abort();
	say_all(a, &log);
	if (r < 0 || policy_to_seccomp(a, &map, &policy) < 0)
		return;
	r = seccomp_emit(a, &policy, &program, &e);
	proven(r, &e);
	if (r < 0)
		return;
	if (seccomp_verify(a, &policy, &program, SECCOMP_VERIFY_QUICK, NULL, &e) < 0)
		abort();
	compare(&map, &program);
	policy_check_rules(&map, &findings);
	policy_check_verdicts(&policy, &findings);
	if (size < 200)
		(void)policy_to_oci(a, &map, &json, &len, &again);
	say_all(a, &again);
}

static void fuzz_engine(struct arena *a, char *text, size_t size, enum seccomp_arch native)
{
	const struct policy_options options = {
		.native = native, .kernel = 6 << 8, .capabilities = 1ULL << 21};
	const struct seccomp_options compiler = {.native = native};
	struct spec_engine_profile profile;
	const struct seccomp_warning *warnings;
	struct policy_log log = {.arena = a};
	struct seccomp_policy policy;
	struct spec_seccomp seccomp;
	struct policy_rules rules;
	struct policy_map map;
	struct err e = {0};
	const char *words;
	int r = spec_engine_profile_parse(a, text, size, &profile, &e);

	if (r == 0)
		r = policy_expand_engine(a, &profile, &options, &seccomp, &e);
	if (r == 0)
		r = seccomp_policy_from_oci(a, &seccomp, &compiler, &policy, &warnings, &e);
	if (r < 0) {
		if (e.code != r || e.id == ERR_NONE || !e.text[0])
			abort();
		return;
	}
	if (policy_from_oci(a, &seccomp, &policy, &words) < 0 ||
	    policy_parse(a, "words", words, strlen(words), &options, &rules, &log) < 0 ||
	    policy_map_rules(a, &rules, &options, &map, &log) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum seccomp_arch natives[] = {SECCOMP_ARCH_X86_64, SECCOMP_ARCH_AARCH64,
						    SECCOMP_ARCH_S390X, SECCOMP_ARCH_MIPS};
	struct arena a;
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size); /* exact, but for the NUL in the place of the first byte */
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	arena_init(&a, NULL, 0);
	if (text[0] == '{')
		fuzz_engine(&a, text, size - 1, natives[data[0] % 4]);
	else
		fuzz_one(&a, text, size - 1, natives[data[0] % 4]);
	arena_done(&a);
	free(text);
	return 0;
}
