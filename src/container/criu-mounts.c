/* External mounts. The name of one is its destination in config.json, which is the same when the
 * container comes back, also on another host; the kernel's paths may differ, where a destination
 * leads through links. */
#include "container/criu-mounts.h"

#include <errno.h>

#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/mountinfo.h"
#include "plan/mount-options.h"

static bool is_bind(const struct spec_mount *m)
{
	if (str_eq(m->type, "bind"))
		return true;
	for (size_t n = 0; n < m->options.n; n++) {
		const struct mount_option *o = mount_option_find(m->options.items[n]);

		if (o && o->kind == OPTION_BIND)
			return true;
	}
	return false;
}

/* Is @path below @folder, or the same? Returns what follows, "" or "/…", or NULL. */
static const char *below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	if (strncmp(path, folder, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path + len;
}

/* --- a container that runs -------------------------------------------------------------------- */

/* The id of the mount at @path in the container whose root is @root_fd, or 0. */
static uint64_t mount_at(int root_fd, const char *path)
{
	_cleanup_close_ int fd = path_open_in_root(root_fd, path, O_PATH, 0);
	struct sys_statx st;

	if (fd < 0 || sys_statx(fd, "", AT_EMPTY_PATH, SYS_STATX_MNT_ID, &st) < 0)
		return 0;
	return st.stx_mnt_id;
}

/* All mounts, and which of them config.json speaks of. */
struct view {
	struct mount_row *rows;
	size_t n;
	const struct spec_mount **made; /* by row */
};

/* Several entries at one place are one row: the last of them is what is seen. */
static void match(struct view *v, const struct spec *spec, int root_fd)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		uint64_t id = mount_at(root_fd, spec->mounts[i].destination);

		for (size_t n = 0; n < v->n && id != 0; n++)
			if (v->rows[n].id == id)
				v->made[n] = &spec->mounts[i];
	}
}

/* Is the whole of the row's file system to be seen here, or more of it than the row shows? Then it
 * is a file system of the container's own, or its root. */
static bool is_inside(const struct view *v, const struct mount_row *row)
{
	for (size_t n = 0; n < v->n; n++) {
		const struct mount_row *other = &v->rows[n];
		const char *rest = below(row->root, other->root);

		if (str_eq(other->device, row->device) &&
		    (str_eq(other->root, "/") || (rest && rest[0] != '\0')))
			return true;
	}
	return false;
}

/* The bind of config.json that brought the row with it, as a part of its source's tree. */
static size_t find_carrier(const struct view *v, size_t row)
{
	size_t found = v->n, longest = 0;

	for (size_t n = 0; n < v->n; n++) {
		size_t len = strlen(v->rows[n].point);

		if (n != row && v->made[n] && len > longest &&
		    below(v->rows[row].point, v->rows[n].point)) {
			found = n;
			longest = len;
		}
	}
	return found < v->n && is_bind(v->made[found]) ? found : v->n;
}

/* cgroup file systems are made anew by CRIU, rooted where the container's cgroup is. */
static bool is_cgroup(const struct mount_row *row)
{
	return str_eq(row->type, "cgroup") || str_eq(row->type, "cgroup2");
}

static int say_mount(struct criu *c, const struct view *v, size_t n, struct err *e)
{
	const struct mount_row *row = &v->rows[n];
	const char *name = NULL;
	size_t carrier;

	if (str_eq(row->point, "/") || is_cgroup(row))
		return 0;
	if (v->made[n] && is_bind(v->made[n])) {
		name = v->made[n]->destination;
	} else if (!v->made[n]) {
		carrier = find_carrier(v, n);
		if (carrier < v->n)
			name = arena_format(c->rt->arena, "%s%s", v->made[carrier]->destination,
					    below(row->point, v->rows[carrier].point));
		else if (!is_inside(v, row))
			name = row->point;
		else
			return 0;
		if (!name)
			return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	}
	if (name)
		criu_say(c, "external-mount", row->point, name, -EBADF);
	return 0;
}

int criu_say_mounts(struct criu *c, const struct spec *spec, int proc_fd, pid_t pid, struct err *e)
{
	_cleanup_close_ int root_fd = -EBADF;
	struct view v = {0};
	char path[32];
	int r = mountinfo_read(c->rt->arena, proc_fd, pid, &v.rows, &v.n, e);

	if (r < 0)
		return r;
	(void)str_format(path, sizeof(path), "%d/root", pid);
	root_fd = sys_openat(proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (root_fd < 0)
		return err_sys(e, ERR_CRIU, root_fd, "open the root of process %d", pid);
	v.made = arena_newn(c->rt->arena, const struct spec_mount *, v.n + 1);
	if (!v.made)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	match(&v, spec, root_fd);
	for (size_t n = 0; n < v.n && r == 0; n++)
		r = say_mount(c, &v, n, e);
	return r;
}

/* --- a container to be restored --------------------------------------------------------------- */

/* The path of what is open as @fd, as the kernel has it now. */
static int real_path(int fd, char ret[static PATH_SIZE])
{
	char link[32];
	ssize_t len;

	(void)str_format(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = sys_readlinkat(AT_FDCWD, link, ret, PATH_SIZE - 1);
	if (len < 0)
		return (int)len;
	ret[len] = '\0';
	return 0;
}

static const char *absolute(struct criu *c, const char *bundle, const char *path)
{
	return path[0] == '/' ? path : arena_format(c->rt->arena, "%s/%s", bundle, path);
}

/* The source of @m, and of what is mounted below it, which came with it. */
static int say_source(struct criu *c, const struct spec_mount *m, const char *bundle,
		      const struct mount_row *rows, size_t n_rows, struct err *e)
{
	const char *source = absolute(c, bundle, m->source);
	_cleanup_close_ int fd = -EBADF;
	char real[PATH_SIZE];
	int r = -ENOMEM;

	if (source)
		fd = r = sys_openat(AT_FDCWD, source, O_PATH | O_CLOEXEC, 0);
	if (r >= 0)
		r = real_path(fd, real);
	if (r < 0)
		return err_sys(e, ERR_MOUNT, r, "open \"%s\"", source ? source : m->source);
	criu_say(c, "external-mount", m->destination, real, -EBADF);
	for (size_t n = 0; n < n_rows; n++) {
		const char *rest = below(rows[n].point, real);
		const char *name = NULL;

		if (!rest || rest[0] == '\0')
			continue;
		name = arena_format(c->rt->arena, "%s%s", m->destination, rest);
		if (name)
			criu_say(c, "external-mount", name, rows[n].point, -EBADF);
	}
	return 0;
}

/* What a user namespace has from the host, each under its own path; and null devices, as runc's
 * checkpoints name masked files. */
static void say_devices(struct criu *c, const struct spec *spec)
{
	static const char *const always[] = {"/dev/null", "/dev/zero",   "/dev/full",
					     "/dev/tty",  "/dev/random", "/dev/urandom"};

	for (size_t n = 0; n < ARRAY_SIZE(always); n++)
		criu_say(c, "external-mount", always[n], always[n], -EBADF);
	for (size_t n = 0; n < spec->linux_.n_devices; n++)
		criu_say(c, "external-mount", spec->linux_.devices[n].path,
			 spec->linux_.devices[n].path, -EBADF);
	for (size_t n = 0; n < spec->linux_.masked_paths.n; n++)
		criu_say(c, "external-mount", spec->linux_.masked_paths.items[n], "/dev/null",
			 -EBADF);
}

int criu_say_sources(struct criu *c, const struct spec *spec, const char *bundle, int proc_fd,
		     struct err *e)
{
	struct mount_row *rows;
	size_t n_rows;
	int r = mountinfo_read(c->rt->arena, proc_fd, 0, &rows, &n_rows, e);

	for (size_t n = 0; n < spec->n_mounts && r == 0; n++) {
		if (!is_bind(&spec->mounts[n]))
			continue;
		r = say_source(c, &spec->mounts[n], bundle, rows, n_rows, e);
		if (r < 0)
			(void)err_where(e, "mounts[%u] (%s)", (unsigned)n,
					spec->mounts[n].destination);
	}
	if (r == 0)
		say_devices(c, spec);
	return r;
}

/* Something of another mount's lies there when CRIU mounts it. */
static bool is_in_other(const struct spec *spec, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *rest = below(spec->mounts[n].destination, spec->mounts[i].destination);

		if (rest && rest[0] != '\0')
			return true;
	}
	return false;
}

static int make_target(const struct spec_mount *m, const char *bundle, int root_fd)
{
	_cleanup_close_ int bundle_fd = -EBADF, fd = -EBADF;
	struct sys_statx st = {.stx_mode = S_IFDIR};
	int r = 0;

	if (is_bind(m)) {
		bundle_fd = r = sys_openat(AT_FDCWD, bundle, O_PATH | O_CLOEXEC, 0);
		if (r >= 0)
			r = sys_statx(bundle_fd, m->source, 0, SYS_STATX_BASIC, &st);
	}
	if (r >= 0)
		fd = r = S_ISDIR(st.stx_mode)
				 ? path_make_dir_in_root(root_fd, m->destination, 0755)
				 : path_make_file_in_root(root_fd, m->destination, 0755);
	return MIN(r, 0);
}

int criu_make_targets(const struct spec *spec, const char *bundle, int root_fd, struct err *e)
{
	for (size_t n = 0; n < spec->n_mounts; n++) {
		const struct spec_mount *m = &spec->mounts[n];
		int r = is_in_other(spec, n) ? 0 : make_target(m, bundle, root_fd);

		if (r < 0) {
			(void)err_sys(e, ERR_MOUNT, r, "make the target of the mount");
			return err_where(e, "mounts[%u] (%s)", (unsigned)n, m->destination);
		}
	}
	return 0;
}
