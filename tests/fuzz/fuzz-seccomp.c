/* The front ends of the seccomp compiler. The first byte says what the others are:
 *
 *   0  a configuration: whatever profile is in it, for several machines
 *   1  base64 of a foreign program
 *   2  a saved filter
 *
 * What compiles must have been verified, and failures must say what is wrong. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/compile/compile.h"
#include "seccomp/compile/saved.h"
#include "seccomp/compile/test-simulator.h"
#include "tests/fuzz/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_config(char *text, size_t size)
{
	struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64};
	struct seccomp_program prog = {0};
	struct err e = {0};
	struct spec spec;
	struct arena a;

	arena_init(&a, NULL, 0);
	if (spec_parse(&a, text, size, &spec, &e) == 0) {
		for (int native = 0; native < SECCOMP_ARCH_MAX; native += 5) {
			options.native = (enum seccomp_arch)native;
			e = (struct err){0};
			proven(seccomp_compile(&a, &spec.linux_.seccomp, &options, &prog, &e), &e);
		}
	}
	arena_done(&a);
}

static void fuzz_raw(const char *text)
{
	struct seccomp_program prog = {0};
	struct err e = {0};
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = seccomp_raw_from_base64(&a, text, 0, &prog, &e);
	proven(r, &e);
	if (r == 0) {
		const uint64_t args[6] = {1, 2, 3, 4, 5, 6};
		struct sim_data d = sim_data(0xc000003e, 1, args, false);
		unsigned steps = 0;
		bool ok;

		(void)sim_run(prog.insns, prog.n, &d, &steps, &ok);
	}
	arena_done(&a);
}

static void fuzz_saved(const char *bytes, size_t size)
{
	struct seccomp_saved saved;
	struct err e = {0};
	struct arena a;
	char *again;
	size_t len;
	int r;

	arena_init(&a, NULL, 0);
	r = seccomp_saved_parse(&a, bytes, size, &saved, &e);
	proven(r, &e);
	if (r == 0 && seccomp_saved_format(&a, &saved, &again, &len) == 0 &&
	    (len != size || memcmp(again, bytes, len) != 0))
		abort();
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size); /* exact, but for the NUL in the place of the first byte */
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 0)
		fuzz_config(text, size - 1);
	else if (data[0] % 3 == 1)
		fuzz_raw(text);
	else
		fuzz_saved(text, size - 1);
	free(text);
	return 0;
}
