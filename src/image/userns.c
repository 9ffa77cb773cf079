/* Entering a user namespace. Its maps are written by a child that stays outside. */
#include "image/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"

#define FILE_MAX   ((size_t)1024 * 1024)
#define TIMEOUT_MS 10000

struct range {
	char first[16], count[16]; /* "" if there is none */
};

uint64_t userns_ids(void)
{
	uint64_t ids = 0;
	struct arena a;
	char *text, *end;
	size_t len;

	arena_init(&a, NULL, 0);
	if (io_read_file_at(&a, AT_FDCWD, "/proc/self/gid_map", FILE_MAX, &text, &len) < 0)
		text = NULL;
	/* Lines of three numbers: inside, outside, how many. */
	while (text && *text) {
		(void)strtoull(text, &end, 10);
		(void)strtoull(end, &end, 10);
		ids += strtoull(end, &end, 10);
		text = *end == '\n' ? end + 1 : NULL;
	}
	arena_done(&a);
	return ids;
}

/* A field of a line, up to @end; false if it is no number. */
static bool take_number(const char *text, size_t len, char ret[static 16])
{
	uint64_t n;

	(void)str_format(ret, 16, "%.*s", (int)len, text);
	return len < 16 && str_to_u64(ret, &n) == 0 && n > 0;
}

/* The first range of @name (or @uid) in @file. */
static void find_range(const char *file, const char *name, const char *uid, struct range *ret)
{
	struct arena a;
	char *text;
	size_t len;

	*ret = (struct range){0};
	arena_init(&a, NULL, 0);
	if (io_read_file_at(&a, AT_FDCWD, file, FILE_MAX, &text, &len) < 0)
		text = NULL;
	for (char *line = text; line && *line && !ret->count[0];) {
		size_t who = strcspn(line, ":\n"), first, count;
		const char *at = line + who + 1;
		bool ours =
			line[who] == ':' && ((strlen(name) == who && !memcmp(line, name, who)) ||
					     (strlen(uid) == who && !memcmp(line, uid, who)));

		line += strcspn(line, "\n");
		line += *line == '\n';
		first = ours ? strcspn(at, ":\n") : 0;
		if (!ours || at[first] != ':')
			continue;
		count = strcspn(at + first + 1, "\n");
		if (!take_number(at, first, ret->first) ||
		    !take_number(at + first + 1, count, ret->count))
			ret->count[0] = '\0';
	}
	arena_done(&a);
}

/* Have @program map the ids of process @pid. */
static int run_mapper(const char *program, const char *pid, const char *own,
		      const struct range *range)
{
	_cleanup_close_ int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	const char *argv[] = {program, pid, "0", own, "1", "1", range->first, range->count, NULL};
	const char *path = getenv("PATH");
	struct child_result result;
	struct child c = {
		.path = program,
		.search = path ? path : "/usr/bin:/bin",
		.argv = argv,
		.envp = environ,
		.cwd = "",
		.cwd_fd = -EBADF,
		.in_fd = null,
		.out_fd = null,
		.err_fd = -EBADF,
		.timeout_ms = TIMEOUT_MS,
	};
	int r = null < 0 ? null : child_run(&c, &result);

	return r < 0 ? r : result.status == 0 ? 0 : -EPERM;
}

/* A map of one id, which needs nobody's help. */
static int map_one(pid_t pid, const char *map, const char *own)
{
	char path[40], line[32];

	(void)str_format(path, sizeof(path), "/proc/%d/%s", (int)pid, map);
	(void)str_format(line, sizeof(line), "0 %s 1\n", own);
	return io_write_value_at(AT_FDCWD, path, line);
}

/* In the child: map the ids of our parent. */
static int map_parent(pid_t pid, const char *uid, const char *gid)
{
	const struct passwd *pw = getpwuid(getuid());
	struct range uids, gids;
	char text[16], path[40];
	int r;

	(void)str_format(text, sizeof(text), "%d", (int)pid);
	find_range("/etc/subuid", pw ? pw->pw_name : "", uid, &uids);
	find_range("/etc/subgid", pw ? pw->pw_name : "", uid, &gids);
	if (uids.count[0] && gids.count[0] && run_mapper("newuidmap", text, uid, &uids) == 0)
		return run_mapper("newgidmap", text, gid, &gids);
	(void)str_format(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	r = map_one(pid, "uid_map", uid);
	if (r == 0)
		r = io_write_value_at(AT_FDCWD, path, "deny");
	return r < 0 ? r : map_one(pid, "gid_map", gid);
}

/* Wait for the word in the pipe, then map. */
static int run_child(int pipe_fd, pid_t parent, const char *uid, const char *gid)
{
	char byte;

	return sys_read(pipe_fd, &byte, 1) == 1 ? map_parent(parent, uid, gid) : -EPIPE;
}

int userns_enter(struct err *e)
{
	char uid[16], gid[16];
	int pair[2], status = 0, r;
	pid_t us = sys_getpid(), child;

	(void)str_format(uid, sizeof(uid), "%u", (unsigned)geteuid());
	(void)str_format(gid, sizeof(gid), "%u", (unsigned)getegid());
	r = sys_pipe2(pair, O_CLOEXEC);
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "make a user namespace");
	child = fork();
	if (child == 0) {
		(void)fd_close(pair[1]);
		_exit(run_child(pair[0], us, uid, gid) < 0);
	}
	(void)fd_close(pair[0]);
	r = child < 0 ? -errno : sys_unshare(CLONE_NEWUSER | CLONE_NEWNS);
	if (r == 0)
		r = io_write_all(pair[1], "", 1);
	(void)fd_close(pair[1]);
	if (child > 0 && waitpid(child, &status, 0) < 0)
		status = 1;
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "make a user namespace");
	if (status != 0)
		return err_set(e, ERR_IDMAP, -EPERM,
			       "the ids of a user namespace cannot be mapped");
	/* Where groups may not be set, those that we have stay. */
	(void)setgroups(0, NULL);
	r = sys_setresgid(0, 0, 0);
	if (r == 0)
		r = sys_setresuid(0, 0, 0);
	return r < 0 ? err_sys(e, ERR_IDMAP, r, "become root of a user namespace") : 0;
}
