/* Helper programs. Runs in the host half; a child is always reaped before we return. */
#include "host/spawn.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int spawn_output(const char *program, const char *const *argv, unsigned seconds, int out_fd,
		 struct child_result *ret, struct err *e)
{
	_cleanup_close_ int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	const char *path = getenv("PATH");
	struct child c = {
		.path = program,
		.search = path && *path != '\0' ? path : DEFAULT_PATH,
		.argv = argv,
		.envp = environ,
		.cwd = "",
		.cwd_fd = -EBADF,
		.in_fd = null,
		.out_fd = out_fd,
		.err_fd = -EBADF,
		.timeout_ms = (int)seconds * 1000,
	};
	int r = null < 0 ? null : child_run(&c, ret);

	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, r, "%s did not end within %u seconds", program,
			       seconds);
	return r < 0 ? err_sys(e, ERR_EXEC_FAILED, r, "execute %s", program) : 0;
}

int spawn_wait(const char *program, const char *const *argv, unsigned seconds,
	       struct child_result *ret, struct err *e)
{
	return spawn_output(program, argv, seconds, -EBADF, ret, e);
}
