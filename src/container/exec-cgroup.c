/* Choosing a cgroup for exec: by strings, of directories that exist. */
#include "container/exec-cgroup.h"

#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/proc.h"

#define MOUNT_PARENT "/sys/fs/cgroup/"
#define FILE_MAX     65536

/* No component of @path may lead up. */
static bool leads_up(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && str_starts(path, ".."))
			return true;
		path += n + (path[n] == '/');
	}
	return false;
}

/* Is @name one of the first @len characters of @names, "cpu,cpuacct"? */
static bool is_among(const char *names, size_t len, const char *name, size_t n)
{
	for (const char *p = names, *end = names + len; p < end; p++) {
		size_t k = strcspn(p, ",/:");

		if (k == n && strncmp(p, name, n) == 0)
			return true;
		p += k;
	}
	return false;
}

/* Hierarchies of version 1 are mounted below the same folder, named after their controllers. */
static bool has_controller(const char *dir, const char *name, size_t n)
{
	const char *names = dir + strlen(MOUNT_PARENT);

	return str_starts(dir, MOUNT_PARENT) && is_among(names, strcspn(names, "/"), name, n);
}

static int append(struct arena *a, const char **dir, const char *path, struct err *e)
{
	const char *joined;
	int r;

	path += strspn(path, "/");
	if (*path == '\0')
		return 0;
	joined = arena_format(a, "%s/%s", *dir, path);
	if (!joined)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = sys_faccessat(AT_FDCWD, joined, 0);
	if (r < 0) {
		(void)err_sys(e, ERR_CGROUP, r,
			      "exec: adding pid to the cgroup: open %s/cgroup.procs", joined);
		return err_hint(e, "--cgroup joins a cgroup that exists; it does not make one");
	}
	*dir = joined;
	return 0;
}

/* Every controller that @word names must have its hierarchy. */
static int check_controllers(const char *word, size_t len, const struct cgroup_ref *ref,
			     struct err *e)
{
	for (const char *p = word; p < word + len; p++) {
		size_t n = strcspn(p, ",:"), i = 0;

		while (i < ref->n_v1 && !has_controller(ref->v1_dirs[i], p, n))
			i++;
		if (i == ref->n_v1) {
			(void)err_set(e, ERR_USAGE, -EINVAL,
				      "exec: option --cgroup: unknown controller %.*s", (int)n, p);
			return err_hint(e, "names are for hierarchies of cgroup version 1 in which "
					   "the container has a cgroup");
		}
		p += n;
	}
	return 0;
}

static int select_one(struct arena *a, const char *word, struct cgroup_ref *ref, struct err *e)
{
	const char *colon = strchr(word, ':'), *path = colon ? colon + 1 : word;
	size_t len = colon ? (size_t)(colon - word) : 0;
	int r = 0;

	if (leads_up(path)) {
		(void)err_set(e, ERR_USAGE, -EINVAL,
			      "exec: option --cgroup: %s is not a sub cgroup path", path);
		return err_hint(e, "a path below the container's cgroup, without \"..\"");
	}
	if (colon)
		r = check_controllers(word, len, ref, e);
	if (r == 0 && !colon && ref->unified_dir[0] != '\0')
		r = append(a, &ref->unified_dir, path, e);
	for (size_t i = 0; r == 0 && i < ref->n_v1; i++) {
		const char *names = ref->v1_dirs[i] + strlen(MOUNT_PARENT);
		bool chosen = !colon;

		for (const char *p = names; colon && *p && *p != '/' && !chosen; p++) {
			size_t n = strcspn(p, ",/");

			chosen = is_among(word, len, p, n);
			p += n;
			if (*p != ',')
				break;
		}
		if (chosen)
			r = append(a, &ref->v1_dirs[i], path, e);
	}
	return r;
}

int exec_cgroup_select(struct arena *a, const struct str_list *words, struct cgroup_ref *ref,
		       struct err *e)
{
	int r = 0;

	if (words->n > 0 && ref->unified_dir[0] == '\0' && ref->n_v1 == 0)
		return err_set(e, ERR_CGROUP, -EOPNOTSUPP,
			       "exec: option --cgroup: the container has no cgroup of its own");
	for (size_t i = 0; i < words->n && r == 0; i++)
		r = select_one(a, words->items[i], ref, e);
	return r;
}

/* The path in the line "0::PATH". */
static char *unified_path(char *text)
{
	for (char *line = text; *line;) {
		char *end = line + strcspn(line, "\n");
		bool more = *end == '\n';

		*end = '\0';
		if (str_starts(line, "0::/"))
			return line + strlen("0::");
		line = end + more;
	}
	return NULL;
}

/* What follows the container's own part in @path: the longest start of it in which @dir ends. */
static const char *below(const char *dir, const char *path)
{
	size_t dir_len = strlen(dir);
	const char *found = NULL;

	for (size_t n = 1; n <= strlen(path) && n <= dir_len; n++) {
		if (path[n] != '/' && path[n] != '\0')
			continue;
		if (strncmp(dir + dir_len - n, path, n) == 0)
			found = path + n;
	}
	return found;
}

int exec_cgroup_of_init(struct arena *a, pid_t pid, struct cgroup_ref *ref, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char name[32], *text, *path;
	int proc_fd = proc_root(e), r;
	const char *sub;
	size_t len;

	if (proc_fd < 0)
		return proc_fd;
	(void)str_format(name, sizeof(name), "%d/cgroup", pid);
	fd = proc_open_at(proc_fd, name, O_RDONLY);
	r = fd < 0 ? fd : io_read_fd(a, fd, FILE_MAX, &text, &len);
	if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "find the cgroup of process %d", pid);
	path = unified_path(text);
	sub = path ? below(ref->unified_dir, path) : NULL;
	if (!sub)
		return err_set(e, ERR_CGROUP, -ENOENT,
			       "the container's first process has left the container's cgroup");
	return append(a, &ref->unified_dir, sub, e);
}
