/* The one call for everybody: understand, emit, verify. Pure, host side. */
#include "seccomp/compile/compile.h"

#include "seccomp/compile/emit.h"
#include "seccomp/compile/verify.h"

int seccomp_compile(struct arena *a, const struct spec_seccomp *spec,
		    const struct seccomp_options *options, struct seccomp_program *ret,
		    struct err *e)
{
	struct seccomp_program program = {0};
	struct seccomp_policy policy;
	int r = seccomp_policy_from_oci(a, spec, options, &policy, &program.warnings, e);

	if (r == 0)
		r = seccomp_emit(a, &policy, &program, e);
	if (r == 0)
		r = seccomp_verify(a, &policy, &program, SECCOMP_VERIFY_QUICK, e);
	if (r < 0)
		return err_where(e, "linux.seccomp");
	*ret = program;
	return 0;
}
