/* See resctrl.h. A group is a directory: the kernel fills it with files, and takes the processes of
 * one that is removed back into the default group. Names come from config.json, proven to be one
 * component, or are the container's id. */
#include "host/resctrl.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#include <stdlib.h>

#define MOUNT_POINT "/sys/fs/resctrl" /* where the kernel makes the place for it */
#define MAGIC       0x7655821
#define SCHEMA_MAX  65536
#define STATUS_MAX  512
#define MONITORS    "mon_groups"
#define ORIGIN      "linux.intelRdt"

/* --- the file system ------------------------------------------------------------------------- */

#ifdef CORACLE_FAULT
/* No machine for tests has it: a folder of theirs takes its place, where we do the kernel's part.
 */
static const char *mount_point(void)
{
	const char *fake = getenv("CORACLE_RESCTRL");

	return fake ? fake : MOUNT_POINT;
}

static bool is_mounted(void)
{
	return getenv("CORACLE_RESCTRL") != NULL;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd < 0 ? fd : io_write_all(fd, text, strlen(text));
}

static int make_group(const char *dir)
{
	char monitors[512];
	int r = sys_mkdirat(AT_FDCWD, dir, 0755);

	(void)str_format(monitors, sizeof(monitors), "%s/" MONITORS, dir);
	return r < 0 ? r : sys_mkdirat(AT_FDCWD, monitors, 0755);
}

static int remove_group(const char *dir)
{
	static const char *const files[] = {"schemata", "tasks", MONITORS};
	char path[512];

	for (size_t n = 0; n < ARRAY_SIZE(files); n++) {
		(void)str_format(path, sizeof(path), "%s/%s", dir, files[n]);
		(void)sys_unlinkat(AT_FDCWD, path, n == 2 ? AT_REMOVEDIR : 0);
	}
	return sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
}
#else
static const char *mount_point(void)
{
	return MOUNT_POINT;
}

static bool is_mounted(void)
{
	struct sys_statfs fs;

	return sys_statfs(MOUNT_POINT, &fs) == 0 && fs.f_type == MAGIC;
}

static int write_file(const char *path, const char *text)
{
	return io_write_value_at(AT_FDCWD, path, text);
}

static int make_group(const char *dir)
{
	return sys_mkdirat(AT_FDCWD, dir, 0755);
}

static int remove_group(const char *dir)
{
	return sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
}
#endif

static const char *group_dir(struct arena *a, const struct plan_resctrl *p)
{
	return p->group[0] == '\0' ? mount_point()
				   : arena_format(a, "%s/%s", mount_point(), p->group);
}

static const char *monitor_dir(struct arena *a, const struct plan *p)
{
	const char *group = group_dir(a, &p->resctrl);

	return group ? arena_format(a, "%s/" MONITORS "/%s", group, p->id) : NULL;
}

static bool exists(const char *dir)
{
	struct sys_statx stx;

	return sys_statx(AT_FDCWD, dir, 0, SYS_STATX_BASIC, &stx) == 0;
}

/* --- what a group may use -------------------------------------------------------------------- */

/* The kernel tells in a file why it refused: one line, or "ok". */
static int refused(struct arena *a, int r, const char *dir, struct err *e)
{
	char *why = NULL;
	size_t len;

	if (io_read_file_at(a, AT_FDCWD, arena_format(a, "%s/info/last_cmd_status", mount_point()),
			    STATUS_MAX, &why, &len) < 0)
		why = NULL;
	if (why)
		why[strcspn(why, "\n")] = '\0';
	(void)err_sys(e, ERR_RESCTRL, r, "write \"%s/schemata\"%s%s%s", dir, why ? " (" : "",
		      why ? why : "", why ? ")" : "");
	return err_where(e, ORIGIN);
}

/* A number as it is written, without what the kernel pads it with. */
static const char *skip_padding(const char *p)
{
	while (*p == ' ' || *p == '0')
		p++;
	return p;
}

static size_t word(const char *p)
{
	return strcspn(p, ";=:\n");
}

/* The value of cache or node @domain in a line's part behind the colon; NULL if there is none. */
static const char *find_domain(const char *p, const char *domain)
{
	for (;;) {
		const char *name = skip_padding(p);

		if (word(name) == word(domain) && memcmp(name, domain, word(name)) == 0)
			return name[word(name)] == '=' ? name + word(name) + 1 : NULL;
		p += strcspn(p, ";\n");
		if (*p++ != ';')
			return NULL;
	}
}

/* Does the line @have say for each domain of @want what that says? */
static bool line_holds(const char *have, const char *want)
{
	have += strcspn(have, ":");
	want += strcspn(want, ":");
	while (*want == ':' || *want == ';') {
		const char *name = skip_padding(want + 1), *value, *found;

		if (name[word(name)] != '=' || *have != ':')
			return false;
		value = skip_padding(name + word(name) + 1);
		found = find_domain(have + 1, name);
		if (!found)
			return false;
		found = skip_padding(found);
		if (word(found) != word(value) || memcmp(found, value, word(value)) != 0)
			return false;
		want = value + word(value);
	}
	return *want == '\n' || *want == '\0';
}

/* The line of @text about the same resource as @want. */
static const char *find_line(const char *text, const char *want)
{
	for (const char *p = text; *p != '\0'; p += *p == '\n') {
		const char *name = p + strspn(p, " ");

		if (word(name) == word(want) && memcmp(name, want, word(name)) == 0)
			return name;
		p += strcspn(p, "\n");
	}
	return NULL;
}

static int compare(struct arena *a, const char *dir, const char *wanted, struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_file_at(a, AT_FDCWD, arena_format(a, "%s/schemata", dir), SCHEMA_MAX, &text,
				&len);

	if (r < 0) {
		(void)err_sys(e, ERR_RESCTRL, r, "read \"%s/schemata\"", dir);
		return err_where(e, ORIGIN);
	}
	for (const char *p = wanted; *p != '\0'; p += strcspn(p, "\n") + 1) {
		const char *have = find_line(text, p);

		if (have && line_holds(have, p))
			continue;
		(void)err_set(e, ERR_RESCTRL, -EEXIST,
			      "the group \"%s\" exists, and does not have \"%.*s\"", dir,
			      (int)strcspn(p, "\n"), p);
		return err_where(e, ORIGIN);
	}
	return 0;
}

/* --- making and removing --------------------------------------------------------------------- */

int resctrl_resolve(struct arena *a, const struct plan *p, struct resctrl_ref *ret, struct err *e)
{
	const struct plan_resctrl *o = &p->resctrl;
	struct resctrl_ref ref = {.group = "", .monitor = ""};
	const char *group;

	*ret = ref;
	if (!o->wanted)
		return 0;
	if (!is_mounted()) {
		(void)err_set(e, ERR_RESCTRL, -ENODEV,
			      "no resctrl file system is mounted on " MOUNT_POINT);
		(void)err_hint(e, "it needs a processor that can divide its caches, and `mount -t "
				  "resctrl resctrl " MOUNT_POINT "`");
		return err_where(e, ORIGIN);
	}
	group = group_dir(a, o);
	if (!group)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (!exists(group)) {
		if (!o->may_make) {
			(void)err_set(e, ERR_RESCTRL, -ENOENT, "there is no group \"%s\"", group);
			return err_where(e, ORIGIN ".closID");
		}
		/* One with a name stays, for others. */
		if (o->own)
			ref.group = group;
	}
	if (o->monitoring) {
		ref.monitor = monitor_dir(a, p);
		if (!ref.monitor)
			return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
		if (exists(ref.monitor)) {
			(void)err_set(e, ERR_RESCTRL, -EEXIST, "the group \"%s\" exists",
				      ref.monitor);
			return err_where(e, ORIGIN ".enableMonitoring");
		}
	}
	*ret = ref;
	return 0;
}

static int make_dir(const char *dir, const char *where, struct err *e)
{
	int r = make_group(dir);

	if (r < 0) {
		(void)err_sys(e, ERR_RESCTRL, r, "make the group \"%s\"", dir);
		if (r == -ENOSPC)
			(void)err_hint(e, "the processor has no more of them");
		return err_where(e, "%s", where);
	}
	return 0;
}

int resctrl_make(struct arena *a, const struct plan *p, const struct resctrl_ref *ref,
		 struct err *e)
{
	const struct plan_resctrl *o = &p->resctrl;
	const char *group = o->wanted ? group_dir(a, o) : NULL;
	int r = 0;

	if (!o->wanted)
		return 0;
	if (exists(group)) {
		r = compare(a, group, o->schemata, e);
	} else {
		r = make_dir(group, ORIGIN, e);
		if (r == 0 && o->schemata[0] != '\0') {
			r = write_file(arena_format(a, "%s/schemata", group), o->schemata);
			r = r < 0 ? refused(a, r, group, e) : 0;
			/* A name of the configuration's, without what belongs to it, is worse. */
			if (r < 0 && !o->own)
				(void)remove_group(group);
		}
	}
	if (r == 0 && ref->monitor[0] != '\0')
		r = make_dir(ref->monitor, ORIGIN ".enableMonitoring", e);
	return r;
}

static int enter(struct arena *a, const char *dir, pid_t pid, struct err *e)
{
	const char *path = arena_format(a, "%s/tasks", dir), *text = arena_format(a, "%d\n", pid);
	int r = path && text ? write_file(path, text) : -ENOMEM;

	if (r < 0) {
		(void)err_sys(e, ERR_RESCTRL, r, "put the process into the group \"%s\"", dir);
		return err_where(e, ORIGIN);
	}
	return 0;
}

int resctrl_enter(struct arena *a, const struct plan *p, pid_t pid, struct err *e)
{
	const struct plan_resctrl *o = &p->resctrl;
	int r;

	if (!o->wanted)
		return 0;
	r = enter(a, group_dir(a, o), pid, e);
	/* A monitoring group takes only processes of the group that it is in. */
	if (r == 0 && o->monitoring)
		r = enter(a, monitor_dir(a, p), pid, e);
	return r;
}

int resctrl_update(struct arena *a, const struct plan_resctrl *p, const struct resctrl_ref *ref,
		   struct err *e)
{
	const char *group = group_dir(a, p);
	const char *file = group ? arena_format(a, "%s/schemata", group) : NULL;
	int r = 0;

	if (!file)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (ref->group[0] != '\0' && !exists(group))
		r = make_dir(group, ORIGIN, e);
	if (r < 0)
		return r;
	r = write_file(file, p->schemata);
	return r < 0 ? refused(a, r, group, e) : 0;
}

int resctrl_enter_own(struct arena *a, const struct resctrl_ref *ref, pid_t pid, struct err *e)
{
	int r = ref->group[0] != '\0' ? enter(a, ref->group, pid, e) : 0;

	return r == -ESRCH ? 0 : r;
}

int resctrl_remove(const struct resctrl_ref *ref, struct err *e)
{
	const char *const dirs[] = {ref->monitor, ref->group};

	for (size_t n = 0; n < ARRAY_SIZE(dirs); n++) {
		int r = dirs[n] && dirs[n][0] != '\0' ? remove_group(dirs[n]) : 0;

		if (r < 0 && r != -ENOENT)
			return err_sys(e, ERR_RESCTRL, r, "remove the group \"%s\"", dirs[n]);
	}
	return 0;
}
