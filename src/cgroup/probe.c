/* Probing the arrangement of cgroups. Host half, in the host's namespaces, before there is a
 * container. */
#include "cgroup/probe.h"

#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define MOUNT_POINT         "/sys/fs/cgroup"
#define UNIFIED_MOUNT_POINT "/sys/fs/cgroup/unified"

/* Paths of cgroups are bounded by PATH_MAX, and there are about a dozen hierarchies. */
#define SELF_MAX      (64U << 10)
#define MOUNTINFO_MAX (16U << 20)

static long magic(const char *path)
{
	struct sys_statfs st;

	return sys_statfs(path, &st) < 0 ? 0 : st.f_type;
}

/* --- /proc/self/cgroup: lines of "ID:CONTROLLERS:PATH" ------------------------------------------
 */

/* The caller's cgroup as seen from the root of its cgroup namespace: one outside of it has ".." in
 * its path and cannot be named, one that was removed is marked. */
static const char *usable_path(char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path), n = strlen(deleted);

	if (path[0] != '/' || str_starts(path, "/.."))
		return "";
	if (len > n && str_eq(path + len - n, deleted))
		return "";
	return path;
}

static void parse_line(char *line, struct facts_cgroup *ret)
{
	char *controllers = strchr(line, ':'), *path;

	if (!controllers)
		return;
	*controllers++ = '\0';
	path = strchr(controllers, ':');
	/* "name=" hierarchies may hold a colon; the path begins at the first ":/". */
	while (path && path[1] != '/')
		path = strchr(path + 1, ':');
	if (!path)
		return;
	*path++ = '\0';
	if (controllers[0] == '\0')
		ret->unified_self_path = usable_path(path);
	else
		ret->v1[ret->n_v1++] = (struct cgroup_hierarchy){
			.controllers = controllers,
			.mount_point = "",
			.self_path = usable_path(path),
		};
}

int cgroup_parse_self(struct arena *a, char *text, struct facts_cgroup *ret)
{
	size_t lines = 1;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	ret->v1 = arena_newn(a, struct cgroup_hierarchy, lines);
	ret->n_v1 = 0;
	if (!ret->v1)
		return -ENOMEM;
	while (*text) {
		size_t len = strcspn(text, "\n");
		bool more = text[len] == '\n';

		text[len] = '\0';
		parse_line(text, ret);
		text += len + more;
	}
	return 0;
}

/* --- mountinfo: "ID PARENT DEV ROOT MOUNT_POINT OPTIONS… - TYPE SOURCE SUPER_OPTIONS" ------------
 */

struct word {
	const char *text;
	size_t len;
};

static struct word next_word(const char **p)
{
	struct word w = {*p + strspn(*p, " "), 0};

	w.len = strcspn(w.text, " \n");
	*p = w.text + w.len;
	return w;
}

static bool list_has(struct word list, const char *name, size_t len)
{
	for (size_t i = 0; i < list.len;) {
		size_t n = 0;

		while (i + n < list.len && list.text[i + n] != ',')
			n++;
		if (n == len && strncmp(list.text + i, name, len) == 0)
			return true;
		i += n + 1;
	}
	return false;
}

static bool list_has_all(struct word list, const char *names)
{
	while (*names) {
		size_t len = strcspn(names, ",");

		if (!list_has(list, names, len))
			return false;
		names += len + (names[len] == ',');
	}
	return true;
}

static bool is_octal(const char *p)
{
	return p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
	       p[3] >= '0' && p[3] <= '7';
}

/* Blanks and backslashes are written as octal numbers. */
static const char *unescape(struct arena *a, struct word w)
{
	char *out = arena_alloc(a, w.len + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < w.len; i++) {
		const char *p = w.text + i;

		if (w.len - i >= 4 && is_octal(p)) {
			out[n++] = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			i += 3;
		} else {
			out[n++] = *p;
		}
	}
	return out;
}

const char *cgroup_find_mount(struct arena *a, const char *mountinfo, const char *controllers)
{
	for (const char *p = mountinfo; *p; p += *p == '\n') {
		struct word w = {0}, point, type;

		for (int i = 0; i < 4; i++)
			w = next_word(&p);
		point = next_word(&p);
		/* Optional fields, of any number, end with a dash. */
		do
			w = next_word(&p);
		while (w.len > 0 && !(w.len == 1 && w.text[0] == '-'));
		type = next_word(&p);
		(void)next_word(&p);
		w = next_word(&p);
		if (type.len == 6 && strncmp(type.text, "cgroup", 6) == 0 &&
		    list_has_all(w, controllers))
			return unescape(a, point);
		p += strcspn(p, "\n");
	}
	return NULL;
}

/* --- the arrangement ---------------------------------------------------------------------------
 */

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_INTERNAL, -ENOMEM, "look at the host's cgroups");
}

static int read_self(struct arena *a, struct facts_cgroup *ret, struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_file_at(a, AT_FDCWD, "/proc/self/cgroup", SELF_MAX, &text, &len);

	if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "read \"/proc/self/cgroup\"");
	return cgroup_parse_self(a, text, ret) < 0 ? no_memory(e) : 0;
}

/* Nearly every host has them at /sys/fs/cgroup/CONTROLLERS; mountinfo is read for the others. */
static int locate_v1(struct arena *a, struct facts_cgroup *f, struct err *e)
{
	char *mountinfo = NULL;
	size_t kept = 0, len;

	for (size_t i = 0; i < f->n_v1; i++) {
		struct cgroup_hierarchy h = f->v1[i];
		const char *dir = h.controllers;

		if (str_starts(dir, "name="))
			dir += strlen("name=");
		h.mount_point = arena_format(a, MOUNT_POINT "/%s", dir);
		if (!h.mount_point)
			return no_memory(e);
		if (magic(h.mount_point) != CGROUP_SUPER_MAGIC_) {
			if (!mountinfo) {
				int r = io_read_file_at(a, AT_FDCWD, "/proc/self/mountinfo",
							MOUNTINFO_MAX, &mountinfo, &len);

				if (r < 0)
					return err_sys(e, ERR_CGROUP, r,
						       "read \"/proc/self/mountinfo\"");
			}
			h.mount_point = cgroup_find_mount(a, mountinfo, h.controllers);
		}
		if (h.mount_point)
			f->v1[kept++] = h;
	}
	f->n_v1 = kept;
	return 0;
}

static int probe_self(struct arena *a, struct facts_cgroup *f, struct err *e)
{
	const char *dir, *procs;

	if (f->unified_mount_point[0] == '\0' || f->unified_self_path[0] == '\0')
		return 0;
	dir = arena_format(a, "%s%s", f->unified_mount_point, f->unified_self_path);
	procs = arena_format(a, "%s/../cgroup.procs", dir);
	if (!dir || !procs)
		return no_memory(e);
	f->self_writable = sys_faccessat(AT_FDCWD, dir, W_OK) == 0;
	/* A caller at the root of the hierarchy has nothing beside it. */
	if (str_eq(f->unified_self_path, "/"))
		return 0;
	f->parent_writable = sys_faccessat(AT_FDCWD, procs, W_OK) == 0;
	procs = arena_format(a, "%s/..", dir);
	if (!procs)
		return no_memory(e);
	f->parent_writable = f->parent_writable && sys_faccessat(AT_FDCWD, procs, W_OK) == 0;
	return 0;
}

int cgroup_probe(struct arena *a, bool need_self, bool need_v1, struct facts_cgroup *ret,
		 struct err *e)
{
	struct facts_cgroup f = {.unified_mount_point = "", .unified_self_path = ""};
	long m = magic(MOUNT_POINT);
	int r = 0;

	if (m == CGROUP2_SUPER_MAGIC_) {
		f.arrangement = CGROUP_UNIFIED;
		f.unified_mount_point = MOUNT_POINT;
		if (need_self)
			if (f.arrangement == CGROUP_V1 || need_self || need_v1)
				r = read_self(a, &f, e);
		f.n_v1 = 0;
	} else if (m == TMPFS_MAGIC_) {
		f.arrangement = CGROUP_V1;
		if (magic(UNIFIED_MOUNT_POINT) == CGROUP2_SUPER_MAGIC_) {
			f.arrangement = CGROUP_HYBRID;
			f.unified_mount_point = UNIFIED_MOUNT_POINT;
		}
		if (f.arrangement == CGROUP_V1 || need_self || need_v1)
			r = read_self(a, &f, e);
		if (r == 0)
			r = locate_v1(a, &f, e);
		if (r == 0 && f.arrangement == CGROUP_V1 && f.n_v1 == 0)
			f.arrangement = CGROUP_NONE;
	}
	if (r == 0 && need_self)
		r = probe_self(a, &f, e);
	if (r == 0)
		*ret = f;
	return r;
}
