/* The filter for system calls: the last step but the exec. What comes after it must not need a
 * system call: an error goes to the step page. */
#include "base/sys.h"
#include "init/init.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

int step_SECCOMP(struct init *i, const struct plan_seccomp *o, struct err *e)
{
	struct sock_fprog program = {
		.len = (unsigned short)o->program.n,
		.filter = (struct sock_filter *)(uintptr_t)init_array(i, o->program,
								      sizeof(struct sock_filter)),
	};
	int r = sys_seccomp(SECCOMP_SET_MODE_FILTER, o->flags, &program);

	if (r < 0)
		return err_sys(e, ERR_SECCOMP, r, "load the seccomp filter");
	i->filtered = true;
	return 0;
}
