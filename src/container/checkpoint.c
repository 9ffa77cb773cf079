/* checkpoint: a running container into files, by CRIU. What belongs to the host and not to the
 * container is named by keys, under which restore hands it back: pipes and files of its first
 * descriptors, mounts, joined namespaces. Host half. */
#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/criu-mounts.h"
#include "container/criu.h"
#include "container/delete.h"
#include "container/hooks.h"
#include "container/live.h"
#include "host/mountinfo.h"
#include "host/proc.h"

#define KEY_SIZE 64

struct checkpoint {
	struct runtime *rt;
	const struct checkpoint_options *o;
	struct live live;
	struct spec spec;
	struct criu criu;
	int proc_fd; /* of proc_root() */
	char keys[STATE_PIPES][KEY_SIZE];
};

/* --- descriptors of the host's ---------------------------------------------------------------- */

/* The number behind @name in @text, a file of /proc/PID/fdinfo. */
static int field(const char *text, const char *name, uint64_t *ret)
{
	const char *at = strstr(text, name);
	char number[24];
	size_t len;

	if (!at)
		return -EBADMSG;
	at += strlen(name);
	at += strspn(at, " \t");
	len = strcspn(at, "\n");
	(void)str_format(number, sizeof(number), "%.*s", (int)len, at);
	return str_to_u64(number, ret);
}

static bool is_mounted_inside(const struct mount_row *rows, size_t n_rows, uint64_t id)
{
	for (size_t n = 0; n < n_rows; n++)
		if (rows[n].id == id)
			return true;
	return false;
}

/* The key of descriptor @n where it is a file on a mount that the container does not have, as the
 * host's /dev/null is: else "". What cannot be told is left to CRIU. */
static void find_file(struct checkpoint *c, unsigned n, const struct mount_row *rows, size_t n_rows)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t mount;
	struct sys_statx st;
	char path[48], *text;
	size_t len;

	(void)str_format(path, sizeof(path), "%d/fd/%u", c->live.state.pid, n);
	if (sys_statx(c->proc_fd, path, 0, SYS_STATX_BASIC, &st) < 0 ||
	    !(S_ISREG(st.stx_mode) || S_ISCHR(st.stx_mode)))
		return;
	(void)str_format(path, sizeof(path), "%d/fdinfo/%u", c->live.state.pid, n);
	fd = proc_open_at(c->proc_fd, path, O_RDONLY);
	if (fd < 0 || io_read_fd(c->rt->arena, fd, 4096, &text, &len) < 0 ||
	    field(text, "mnt_id:", &mount) < 0 || is_mounted_inside(rows, n_rows, mount))
		return;
	(void)str_format(c->keys[n], KEY_SIZE, "file[%llx:%llx]", (unsigned long long)mount,
			 (unsigned long long)st.stx_ino);
}

/* One file may be several descriptors. */
static bool is_first(const struct checkpoint *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (str_eq(c->keys[i], c->keys[n]))
			return false;
	return true;
}

/* Files must be named for CRIU to let go of them; pipes only for whoever restores. */
static int find_descriptors(struct checkpoint *c, struct err *e)
{
	const uint64_t *pipes = c->live.state.pipes;
	struct mount_row *rows;
	size_t n_rows;
	int r = mountinfo_read(c->rt->arena, c->proc_fd, c->live.state.pid, &rows, &n_rows, e);

	for (unsigned n = 0; n < STATE_PIPES && r == 0; n++) {
		if (pipes[n] != 0)
			(void)str_format(c->keys[n], KEY_SIZE, "pipe:[%llu]",
					 (unsigned long long)pipes[n]);
		else
			find_file(c, n, rows, n_rows);
		if (str_starts(c->keys[n], "file") && is_first(c, n))
			criu_say(&c->criu, "external", c->keys[n], NULL, -EBADF);
	}
	return r;
}

static int write_descriptors(struct checkpoint *c, struct err *e)
{
	struct json_writer w;
	const char *text;
	size_t len;
	int r;

	json_writer_init(&w, c->rt->arena, false);
	json_array_begin(&w);
	for (unsigned n = 0; n < STATE_PIPES; n++)
		json_string(&w, c->keys[n]);
	json_array_end(&w);
	r = json_writer_finish(&w, &text, &len);
	if (r == 0)
		r = io_write_atomic_at(c->criu.images_fd, CRIU_DESCRIPTORS, text, len, 0600);
	return r < 0 ? err_sys(e, ERR_CRIU, r, "write \"%s\"", CRIU_DESCRIPTORS) : 0;
}

/* --- namespaces and the cgroup ---------------------------------------------------------------- */

/* Those that the container has joined and CRIU can leave alone: "net[4026531840]:extRootNetNS". */
static void say_namespaces(struct checkpoint *c)
{
	static const char *const files[NS_MAX] = {[NS_NETWORK] = "net", [NS_PID] = "pid"};
	char path[48], link[64], key[96];
	ssize_t len;

	for (enum ns_type t = 0; t < NS_MAX; t++) {
		const struct spec_namespace *ns = spec_namespace_find(&c->spec, t);

		if (!files[t] || !ns || ns->path[0] == '\0')
			continue;
		(void)str_format(path, sizeof(path), "%d/ns/%s", c->live.state.pid, files[t]);
		len = sys_readlinkat(c->proc_fd, path, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		/* "net:[4026531840]" */
		(void)str_format(key, sizeof(key), "%s%s:%s", files[t], link + strcspn(link, "["),
				 criu_external_namespace(t));
		criu_say(&c->criu, "external", key, NULL, -EBADF);
	}
}

/* CRIU stops all of a cgroup at once, so that none forks meanwhile. */
static void say_cgroup(struct checkpoint *c)
{
	const struct cgroup_ref *ref = &c->live.state.cgroup;

	if (ref->unified_dir[0] != '\0') {
		criu_say(&c->criu, "freeze-cgroup", ref->unified_dir, NULL, -EBADF);
		return;
	}
	/* With v1 alone the freezer comes first. */
	if (ref->n_v1 > 0 && strstr(ref->v1_dirs[0], "/freezer/"))
		criu_say(&c->criu, "freeze-cgroup", ref->v1_dirs[0], NULL, -EBADF);
}

/* --- the verb --------------------------------------------------------------------------------- */

static int refuse(const struct checkpoint *c, struct err *e)
{
	const struct live *l = &c->live;

	if (l->status == CONTAINER_STOPPED)
		return live_not_running(l, e);
	if (l->status != CONTAINER_RUNNING && l->status != CONTAINER_PAUSED)
		return err_set(e, ERR_CONTAINER_STATE, -EINVAL,
			       "cannot checkpoint container \"%s\" in the %s state", l->state.id,
			       container_status_name(l->status));
	if (!(l->state.namespaces & CLONE_NEWNS) || l->state.root.namespace_inode != 0)
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "checkpoint: the container has no mount namespace of its own");
	if (c->o->parent_path[0] == '/')
		return err_set(e, ERR_USAGE, -EINVAL,
			       "--parent-path is relative to the directory of the checkpoint");
	if (c->o->status_fd[0] != '\0')
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "--status-fd: libcriu has no such option");
	return 0;
}

/* "ADDRESS:PORT"; an address of IPv6 has colons of its own. */
static int say_page_server(struct criu *c, const char *server, struct err *e)
{
	const char *colon = strrchr(server, ':');
	char address[256];
	uint32_t port;

	if (server[0] == '\0')
		return 0;
	if (!colon || (size_t)(colon - server) >= sizeof(address) ||
	    str_to_u32(colon + 1, UINT16_MAX, &port) < 0)
		return err_set(e, ERR_USAGE, -EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT",
			       server);
	(void)str_format(address, sizeof(address), "%.*s", (int)(colon - server), server);
	criu_say(c, "page-server", address, colon + 1, -EBADF);
	return 0;
}

/* Without its directory CRIU ends before it has a log to tell why. */
static int say_parent(struct checkpoint *c, struct err *e)
{
	const char *path = c->o->parent_path;
	_cleanup_close_ int fd = -EBADF;

	if (path[0] == '\0')
		return 0;
	fd = sys_openat(c->criu.images_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_USAGE, fd, "--parent-path: open \"%s\"", path);
	criu_say(&c->criu, "parent-images", path, NULL, -EBADF);
	return 0;
}

static int say_options(struct checkpoint *c, struct err *e)
{
	const struct checkpoint_options *o = c->o;
	char number[16];
	int r = criu_say_common(&c->criu, &o->criu, true, &c->live.state, e);

	if (r < 0)
		return r;
	(void)str_format(number, sizeof(number), "%d", c->live.state.pid);
	criu_say(&c->criu, "pid", number, NULL, -EBADF);
	criu_flag(&c->criu, "orphan-pts-master", c->spec.process.terminal);
	criu_flag(&c->criu, "leave-running", o->leave_running);
	criu_flag(&c->criu, "tcp-skip-in-flight", o->tcp_skip_in_flight);
	criu_flag(&c->criu, "link-remap", o->link_remap);
	/* Without it the next dump would not know what has changed. */
	criu_flag(&c->criu, "track-mem", o->pre_dump);
	r = say_parent(c, e);
	return r < 0 ? r : say_page_server(&c->criu, o->page_server, e);
}

static int dump(struct checkpoint *c, struct err *e)
{
	int r = criu_start(&c->criu, c->rt, c->o->pre_dump ? "pre-dump" : "dump", e);

	if (r == 0)
		r = say_options(c, e);
	if (r == 0)
		r = find_descriptors(c, e);
	/* Memory alone is dumped before. */
	if (r == 0 && !c->o->pre_dump)
		r = write_descriptors(c, e);
	if (r < 0)
		return r;
	say_namespaces(c);
	say_cgroup(c);
	r = criu_say_mounts(&c->criu, &c->spec, c->proc_fd, c->live.state.pid, e);
	if (r == 0)
		r = criu_go(&c->criu, NULL, e);
	return r;
}

static int work(struct checkpoint *c, const char *id, struct err *e)
{
	int r = live_open(c->rt, id, true, &c->live, e);

	if (r == 0)
		r = refuse(c, e);
	if (r == 0)
		r = hooks_load(c->rt, &c->live.directory, &c->spec, e);
	if (r == 0)
		c->proc_fd = r = proc_root(e);
	if (r < 0)
		return r;
	r = dump(c, e);
	criu_end(&c->criu);
	if (r < 0)
		return criu_explain(&c->o->criu, "dump.log", e);
	return c->o->leave_running || c->o->pre_dump ? 0 : delete_live(c->rt, &c->live, e);
}

int container_checkpoint(struct runtime *rt, const char *id, const struct checkpoint_options *o,
			 struct err *e)
{
	struct checkpoint c = {
		.rt = rt, .o = o, .live = LIVE_INIT, .criu = CRIU_INIT, .proc_fd = -EBADF};
	int r = work(&c, id, e);

	live_close(&c.live);
	return r;
}
