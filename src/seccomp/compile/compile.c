/* The one call for everybody: understand, emit, verify. Pure, host side. */
#include "seccomp/compile/compile.h"

#include "seccomp/compile/stored.h"

int seccomp_compile(struct arena *a, const struct spec_seccomp *spec,
		    const struct seccomp_options *options, struct seccomp_program *ret,
		    struct err *e)
{
	const struct seccomp_warning *warnings;
	struct seccomp_program program = {0};
	struct seccomp_policy policy;
	int r = seccomp_policy_from_oci(a, spec, options, &policy, &warnings, e);

	if (r == 0 && options->store)
		r = seccomp_from_store(a, &policy, options->store, &program, e);
	else if (r == 0)
		r = seccomp_emit_proven(a, &policy, &program, NULL, e);
	if (r < 0)
		return err_where(e, "linux.seccomp");
	*ret = program;
	ret->warnings = warnings;
	return 0;
}
