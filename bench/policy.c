/* policy — prints the device policy of the default configuration as rows of struct bpf_insn, for
 * the floor. Runs while building. */
#include <linux/bpf.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"
#include "plan/cgroup.h"

int main(void)
{
	/* As in oci/template.c; test_floor.py would tell if it were not. */
	static const struct spec_device_rule deny = {.type = "", .access = "rwm"};
	struct bpf_insn *p;
	struct arena a;
	struct err e;
	size_t n;

	arena_init(&a, NULL, 0);
	if (plan_device_program(&a, &deny, 1, true, &p, &n, &e) < 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		(void)printf("{0x%02x, %u, %u, %d, %d},\n", p[i].code, p[i].dst_reg, p[i].src_reg,
			     p[i].off, p[i].imm);
	arena_done(&a);
	return 0;
}
