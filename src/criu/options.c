/* The options, one row each. A descriptor that CRIU inherits keeps its number: libcriu executes
 * criu as our child. */
#include "criu/options.h"

#include <errno.h>
#include <linux/limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <criu/criu.h>

#include "base/attr.h"
#include "base/fd.h"
#include "base/sys.h"

#define LOG_LEVEL CRIU_LOG_DEBUG /* what people want to see when it fails, and send upstream */

static criu_opts *options;
static char place[PATH_MAX]; /* a file system of our own, where CRIU finds what it wants mounted */
static int work_dir = -EBADF;
static const char *log_file = "dump.log";

int options_work_dir(void)
{
	return work_dir;
}

const char *options_log_file(void)
{
	return log_file;
}

/* Let the mounts at @path be peers of nobody outside, and have peers all the same: where the
 * checkpoint has a slave of the host's, CRIU makes one of the mount that is its source here, which
 * it cannot of a private one. When our namespace goes, what remains is a slave of the host's. */
static int detach_peers(const char *path)
{
	int r = sys_mount(NULL, path, NULL, MS_REC | MS_SLAVE, NULL);

	return r < 0 ? r : sys_mount(NULL, path, NULL, MS_REC | MS_SHARED, NULL);
}

criu_opts *options_make(bool restores)
{
	if (criu_local_init_opts(&options) < 0)
		return NULL;
	if (restores)
		log_file = "restore.log";
	criu_local_set_log_level(options, LOG_LEVEL);
	/* The root filesystem is a slave of the host's mounts, which CRIU does not see. */
	criu_local_set_ext_masters(options, true);
	criu_local_set_ext_sharing(options, true);
	return criu_local_set_log_file(options, log_file) < 0 ? NULL : options;
}

/* --- options with a descriptor ---------------------------------------------------------------- */

/* CRIU is a child of ours, and finds it by its number. */
static int keep_open(int fd)
{
	return fd < 0 ? -EBADMSG : sys_fcntl(fd, F_SETFD, 0);
}

/* By its path: a descriptor of the caller's would lie in the caller's mount namespace, where CRIU
 * could not mount. Returns the descriptor or -errno. */
static int open_directory(const struct criu_message *m)
{
	return sys_openat(AT_FDCWD, m->words[1], O_RDONLY | O_DIRECTORY, 0);
}

static int set_images_dir(const struct criu_message *m)
{
	int fd = open_directory(m);

	criu_local_set_images_dir_fd(options, fd);
	return MIN(fd, 0);
}

static int set_work_dir(const struct criu_message *m)
{
	work_dir = open_directory(m);
	criu_local_set_work_dir_fd(options, work_dir);
	return MIN(work_dir, 0);
}

/* CRIU's own standard input is what a restored shell finds as its terminal. */
static int set_stdin(const struct criu_message *m)
{
	int r = m->fd < 0 ? -EBADMSG : sys_dup3(m->fd, 0, 0);

	return r < 0 ? r : 0;
}

static int inherit(const struct criu_message *m)
{
	int r = keep_open(m->fd);

	return r < 0 ? r : criu_local_add_inherit_fd(options, m->fd, m->words[1]);
}

/* Leave the caller's mounts alone, and cover the directory that is named, which exists and in which
 * nothing is needed any more, with a file system that goes with us. */
static int set_place(const struct criu_message *m)
{
	int r = snprintf(place, sizeof(place), "%s", m->words[1]) < PATH_MAX ? 0 : -ENAMETOOLONG;

	if (r == 0)
		r = sys_unshare(CLONE_NEWNS);
	if (r == 0)
		r = detach_peers("/");
	return r < 0 ? r : sys_mount("coracle-criu", place, "tmpfs", MS_NOSUID | MS_NODEV, NULL);
}

/* Make the directory @name in our place. Returns 0, with its path in @path, or -errno. */
static int make_place(const char *name, char path[static PATH_MAX])
{
	if (place[0] == '\0' || snprintf(path, PATH_MAX, "%s/%s", place, name) >= PATH_MAX)
		return -EINVAL;
	return sys_mkdirat(AT_FDCWD, path, 0700);
}

/* CRIU would mount cgroup2 anew to look at it, without options: and so take from the host's mount,
 * which is the same, those that it has, as nsdelegate. */
static int set_cgroup2(const struct criu_message *m)
{
	char path[PATH_MAX];
	int r = make_place("unified", path);

	if (r == 0)
		r = sys_mount(m->words[1], path, NULL, MS_BIND, NULL);
	return r < 0 ? r : criu_local_add_cg_yard(options, place);
}

/* CRIU wants the root filesystem on a mount point. */
static int set_root(const struct criu_message *m)
{
	char path[PATH_MAX];
	int r = m->fd < 0 ? -EBADMSG : make_place("root", path);

	if (r == 0)
		r = sys_move_mount(m->fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
	if (r == 0)
		r = detach_peers(path);
	return r < 0 ? r : criu_local_set_root(options, path);
}

/* --- options with words ----------------------------------------------------------------------- */

static int set_pid(const struct criu_message *m)
{
	criu_local_set_pid(options, (int)strtol(m->words[1], NULL, 10));
	return 0;
}

static int set_manage_cgroups(const struct criu_message *m)
{
	static const struct {
		const char *name;
		enum criu_cg_mode mode;
	} modes[] = {
		{"ignore", CRIU_CG_MODE_IGNORE}, {"none", CRIU_CG_MODE_NONE},
		{"props", CRIU_CG_MODE_PROPS},   {"soft", CRIU_CG_MODE_SOFT},
		{"full", CRIU_CG_MODE_FULL},     {"strict", CRIU_CG_MODE_STRICT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(modes[i].name, m->words[1]) != 0)
			continue;
		criu_local_set_manage_cgroups(options, true);
		criu_local_set_manage_cgroups_mode(options, modes[i].mode);
		return 0;
	}
	return -EINVAL;
}

static int add_cgroup_root(const struct criu_message *m)
{
	/* No controller: all hierarchies, or the one of v2. */
	return criu_local_add_cg_root(options, m->words[1][0] != '\0' ? m->words[1] : NULL,
				      m->words[2]);
}

static int set_network_lock(const struct criu_message *m)
{
	static const char *const methods[] = {"iptables", "nftables", "skip"};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		/* The enumeration of Debian 12's header ends before "skip". */
		if (strcmp(methods[i], m->words[1]) == 0)
			return criu_local_set_network_lock(options,
							   (enum criu_network_lock_method)(i + 1));
	return -EINVAL;
}

static int set_page_server(const struct criu_message *m)
{
	return criu_local_set_page_server_address_port(options, m->words[1],
						       (int)strtol(m->words[2], NULL, 10));
}

static int set_empty_ns(const struct criu_message *m)
{
#ifdef HAVE_CRIU_LOCAL_SET_EMPTY_NS
	if (strcmp(m->words[1], "network") != 0)
		return -EINVAL;
	criu_local_set_empty_ns(options, CLONE_NEWNET);
	return 0;
#else
	(void)m;
	return -EOPNOTSUPP;
#endif
}

/* An older libcriu cannot say it; criu itself takes it from its environment. */
static int set_config(const struct criu_message *m)
{
#ifdef HAVE_CRIU_LOCAL_SET_CONFIG_FILE
	return criu_local_set_config_file(options, m->words[1]);
#else
	return setenv("CRIU_CONFIG_FILE", m->words[1], 1) < 0 ? -ENOMEM : 0;
#endif
}

static int add_external_mount(const struct criu_message *m)
{
	return criu_local_add_ext_mount(options, m->words[1], m->words[2]);
}

static int join_namespace(const struct criu_message *m)
{
	return criu_local_join_ns_add(options, m->words[1], m->words[2], NULL);
}

/* --- the table -------------------------------------------------------------------------------- */

/* One of the three functions. */
static const struct row {
	const char *name;
	size_t n_words; /* behind the name */
	int (*take)(const struct criu_message *m);
	int (*set)(criu_opts *opts, const char *value);
	void (*turn_on)(criu_opts *opts, bool on);
} rows[] = {
	{"images-dir", 1, set_images_dir, NULL, NULL},
	{"work-dir", 1, set_work_dir, NULL, NULL},
	{"stdin", 0, set_stdin, NULL, NULL},
	{"inherit", 1, inherit, NULL, NULL},
	{"place", 1, set_place, NULL, NULL},
	{"cgroup2", 1, set_cgroup2, NULL, NULL},
	{"root", 0, set_root, NULL, NULL},
	{"pid", 1, set_pid, NULL, NULL},
	{"manage-cgroups", 1, set_manage_cgroups, NULL, NULL},
	{"cgroup-root", 2, add_cgroup_root, NULL, NULL},
	{"network-lock", 1, set_network_lock, NULL, NULL},
	{"page-server", 2, set_page_server, NULL, NULL},
	{"empty-ns", 1, set_empty_ns, NULL, NULL},
	{"config", 1, set_config, NULL, NULL},
	{"external-mount", 2, add_external_mount, NULL, NULL},
	{"join-namespace", 2, join_namespace, NULL, NULL},
	{"external", 1, NULL, criu_local_add_external, NULL},
	{"freeze-cgroup", 1, NULL, criu_local_set_freeze_cgroup, NULL},
	{"parent-images", 1, NULL, criu_local_set_parent_images, NULL},
	{"lsm-profile", 1, NULL, criu_local_set_lsm_profile, NULL},
	{"lsm-mount-context", 1, NULL, criu_local_set_lsm_mount_context, NULL},
	{"leave-running", 0, NULL, NULL, criu_local_set_leave_running},
	{"track-mem", 0, NULL, NULL, criu_local_set_track_mem},
	{"auto-dedup", 0, NULL, NULL, criu_local_set_auto_dedup},
	{"tcp-established", 0, NULL, NULL, criu_local_set_tcp_established},
	{"tcp-close", 0, NULL, NULL, criu_local_set_tcp_close},
	{"tcp-skip-in-flight", 0, NULL, NULL, criu_local_set_tcp_skip_in_flight},
	{"ext-unix-sk", 0, NULL, NULL, criu_local_set_ext_unix_sk},
	{"shell-job", 0, NULL, NULL, criu_local_set_shell_job},
	{"file-locks", 0, NULL, NULL, criu_local_set_file_locks},
	{"link-remap", 0, NULL, NULL, criu_local_set_link_remap},
	{"orphan-pts-master", 0, NULL, NULL, criu_local_set_orphan_pts_master},
};

int options_take(const struct criu_message *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (strcmp(row->name, m->words[0]) != 0)
			continue;
		if (m->n != row->n_words + 1)
			return -EBADMSG;
		if (row->take)
			return row->take(m);
		if (row->set)
			return row->set(options, m->words[1]);
		row->turn_on(options, true);
		return 0;
	}
	return -EBADMSG;
}
