/* Finding and becoming the programs beside the runtime. Runs on the host's side, in coracle's own
 * process, before it has done anything else. */
#include "host/companion.h"

#include <errno.h>
#include <linux/limits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "config.h"

/* The directory of our own executable into @buf; false if it cannot be told. */
static bool own_directory(char buf[static PATH_MAX])
{
	ssize_t len = sys_readlinkat(AT_FDCWD, "/proc/self/exe", buf, PATH_MAX - 1);

	while (len > 0 && buf[len - 1] != '/')
		len--;
	if (len <= 0)
		return false;
	buf[len > 1 ? len - 1 : 1] = '\0';
	return true;
}

/* Execute @dir/@below/coracle-@verb. Returns -ENOENT without touching *@e if it is not there. */
static int try_directory(const char *dir, const char *below, const char *verb, char *const argv[],
			 struct err *e)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (str_format(path, sizeof(path), "%s%scoracle-%s", dir, below, verb) >= sizeof(path))
		return -ENOENT;
	fd = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	r = fd < 0 ? fd : sys_execveat(AT_FDCWD, path, argv, environ, 0);
	/* It is there, so what is missing is its interpreter. */
	if (r == -ENOENT)
		return err_set(e, ERR_COMPANION, -ELIBACC, "%s: its dynamic loader is missing",
			       path);
	return err_sys(e, ERR_COMPANION, r, "execute %s", path);
}

static int not_installed(const char *verb, struct err *e)
{
	(void)err_set(e, ERR_COMPANION, -ENOENT, "coracle-%s is not installed", verb);
	return err_hint(e, "it belongs into %s; builds leave it out where its library is missing",
			CORACLE_LIBEXECDIR);
}

int companion_exec(const char *verb, char *const argv[], struct err *e)
{
	char own[PATH_MAX];
	int r = -ENOENT;

	if (own_directory(own)) {
		r = try_directory(own, "/", verb, argv, e);
		if (r == -ENOENT)
			r = try_directory(own, "/" CORACLE_LIBEXEC_FROM_BIN "/", verb, argv, e);
	}
	if (r == -ENOENT)
		r = try_directory(CORACLE_LIBEXECDIR, "/", verb, argv, e);
	if (r != -ENOENT)
		return r;
	return not_installed(verb, e);
}

static int find(const char *verb, char ret[static PATH_MAX], struct err *e)
{
	char own[PATH_MAX] = "";
	const char *const places[][2] = {
		{own, "/"},
		{own, "/" CORACLE_LIBEXEC_FROM_BIN "/"},
		{CORACLE_LIBEXECDIR, "/"},
	};

	(void)own_directory(own);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i][0][0] != '\0' &&
		    str_format(ret, PATH_MAX, "%s%scoracle-%s", places[i][0], places[i][1], verb) <
			    PATH_MAX &&
		    sys_faccessat(AT_FDCWD, ret, 1 /* X_OK */) == 0)
			return 0;
	}
	return not_installed(verb, e);
}

bool companion_is_installed(const char *verb)
{
	char path[PATH_MAX];
	struct err ignored;

	return find(verb, path, &ignored) == 0;
}

/* @path is room for what is found. */
static int describe(const char *verb, const char *const argv[], int in_fd, int out_fd,
		    char path[static PATH_MAX], struct child *ret, struct err *e)
{
	*ret = (struct child){
		.path = path,
		.argv = argv,
		.envp = environ,
		.cwd = "",
		.cwd_fd = -EBADF,
		.in_fd = in_fd,
		.out_fd = out_fd,
		.err_fd = -EBADF,
		.dies_with_us = true,
	};
	return find(verb, path, e);
}

int companion_run(const char *verb, const char *const argv[], int in_fd, int out_fd, int timeout_ms,
		  struct child_result *ret, struct err *e)
{
	char path[PATH_MAX];
	struct child c;
	int r = describe(verb, argv, in_fd, out_fd, path, &c, e);

	if (r < 0)
		return r;
	c.timeout_ms = timeout_ms;
	r = child_run(&c, ret);
	return r < 0 ? err_sys(e, ERR_COMPANION, r, "execute %s", path) : 0;
}

int companion_start(const char *verb, const char *const argv[], int in_fd,
		    struct child_process *ret, struct err *e)
{
	char path[PATH_MAX];
	struct child c;
	int r = describe(verb, argv, in_fd, -EBADF, path, &c, e);

	if (r < 0)
		return r;
	r = child_start(&c, ret);
	return r < 0 ? err_sys(e, ERR_COMPANION, r, "execute %s", path) : 0;
}
