/* Talking to coracle-criu. It knows libcriu; what there is to be said we know. */
#include "container/criu.h"

#include <errno.h>

#include "base/io.h"
#include "base/path.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/directory.h"
#include "host/companion.h"
#include "host/mountinfo.h"
#include "host/proc.h"

#define MESSAGE_MAX 16384
#define DIRECTORY   "checkpoint"
#define SELF_MAX    65536

/* Where people have CRIU's options for containers: ours, then those of the other runtimes. */
static const char *const config_files[] = {
	"/etc/criu/coracle.conf",
	"/etc/criu/crun.conf",
	"/etc/criu/runc.conf",
};

int criu_start(struct criu *c, struct runtime *rt, const char *verb, struct err *e)
{
	_cleanup_close_ int theirs = -EBADF;
	const char *const argv[] = {"coracle-criu", verb, NULL};
	int pair[2], r;

	c->rt = rt;
	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
	if (r < 0)
		return err_sys(e, ERR_CRIU, r, "talk to coracle-criu");
	c->fd = pair[0];
	theirs = pair[1];
	return companion_start("criu", argv, theirs, &c->process, e);
}

void criu_say(struct criu *c, const char *option, const char *first, const char *second, int fd)
{
	const char *const words[] = {option, first, second};
	char message[MESSAGE_MAX];
	size_t len = 0;
	ssize_t sent;

	for (size_t n = 0; n < ARRAY_SIZE(words) && words[n] && c->error == 0; n++) {
		size_t size = strlen(words[n]) + 1;

		if (size > sizeof(message) - len) {
			c->error = -ENAMETOOLONG;
			return;
		}
		memcpy(message + len, words[n], size);
		len += size;
	}
	if (c->error < 0)
		return;
	sent = socket_send(c->fd, message, len, &fd, fd >= 0);
	if (sent < 0)
		c->error = (int)sent;
}

void criu_flag(struct criu *c, const char *option, bool on)
{
	if (on)
		criu_say(c, option, NULL, NULL, -EBADF);
}

/* --- options of both verbs -------------------------------------------------------------------- */

static int open_directory(const char *path, bool make, struct err *e)
{
	int r = make ? sys_mkdirat(AT_FDCWD, path, 0700) : 0;

	if (r == 0 || r == -EEXIST)
		r = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return r < 0 ? err_sys(e, ERR_CRIU, r, "open \"%s\"", path) : r;
}

/* An empty annotation means that no file is wanted. */
static const char *config_file(const struct str_map *annotations)
{
	for (size_t n = 0; n < annotations->n; n++)
		if (str_eq(annotations->items[n].key, "org.criu.config"))
			return annotations->items[n].value;
	for (size_t n = 0; n < ARRAY_SIZE(config_files); n++)
		if (sys_faccessat(AT_FDCWD, config_files[n], 4 /* R_OK */) == 0)
			return config_files[n];
	return "";
}

/* Is cgroup2 all that this host has? */
static bool is_unified(struct arena *a, int proc_fd)
{
	_cleanup_close_ int fd = proc_open_at(proc_fd, "self/cgroup", O_RDONLY);
	char *text;
	size_t len;

	return fd >= 0 && io_read_fd(a, fd, SELF_MAX, &text, &len) == 0 &&
	       str_starts(text, "0::") && strchr(text, '\n') == text + len - 1;
}

/* Where CRIU has its mounts, and the host's cgroup2 among them: it need not mount that itself. */
static int say_place(struct criu *c, const char *id, int proc_fd, bool unified, struct err *e)
{
	const char *place = directory_path(c->rt, id, "");
	struct mount_row *rows;
	size_t n_rows;
	int r = mountinfo_read(c->rt->arena, proc_fd, 0, &rows, &n_rows, e);

	if (r < 0)
		return r;
	if (!place)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	criu_say(c, "place", place, NULL, -EBADF);
	for (size_t n = 0; n < n_rows && unified; n++) {
		if (!str_eq(rows[n].type, "cgroup2") || !str_eq(rows[n].root, "/"))
			continue;
		criu_say(c, "cgroup2", rows[n].point, NULL, -EBADF);
		break;
	}
	return 0;
}

/* CRIU takes all that is below a process's cgroup for a part of the container, in every hierarchy:
 * where it has none of its own, others' too. What it leaves alone is born where CRIU is, in the
 * container's. */
static const char *cgroups_mode(const struct criu_options *o, const struct cgroup_ref *ref,
				bool unified)
{
	bool own = ref->manager == CGROUP_MANAGER_SYSTEMD || ref->unified_dir[0] != '\0';

	if (o->manage_cgroups[0] != '\0')
		return o->manage_cgroups;
	return unified && own ? "soft" : "ignore";
}

int criu_say_common(struct criu *c, const struct criu_options *o, bool make,
		    const struct state *state, struct err *e)
{
	const char *images = o->image_path[0] != '\0' ? o->image_path : DIRECTORY;
	const char *work = o->work_path[0] != '\0' ? o->work_path : images;
	const char *config = config_file(&state->annotations);
	_cleanup_close_ int work_fd = -EBADF;
	bool unified;
	int proc_fd, r;

	if (o->lazy_pages)
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "--lazy-pages: libcriu has no such option");
	c->images_fd = open_directory(images, make, e);
	if (c->images_fd < 0)
		return c->images_fd;
	/* Only to make it, and to say what is wrong with it. */
	work_fd = open_directory(work, true, e);
	if (work_fd < 0)
		return work_fd;
	/* First of all: what CRIU opens lies in its own mount namespace then. */
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	unified = is_unified(c->rt->arena, proc_fd);
	r = say_place(c, state->id, proc_fd, unified, e);
	if (r < 0)
		return r;
	criu_say(c, "images-dir", images, NULL, -EBADF);
	criu_say(c, "work-dir", work, NULL, -EBADF);
	if (config[0] != '\0')
		criu_say(c, "config", config, NULL, -EBADF);
	criu_flag(c, "tcp-established", o->tcp_established);
	criu_flag(c, "tcp-close", o->tcp_close);
	criu_flag(c, "ext-unix-sk", o->ext_unix_sk);
	criu_flag(c, "shell-job", o->shell_job);
	criu_flag(c, "file-locks", o->file_locks);
	criu_flag(c, "auto-dedup", o->auto_dedup);
	if (o->network_lock[0] != '\0')
		criu_say(c, "network-lock", o->network_lock, NULL, -EBADF);
	criu_say(c, "manage-cgroups", cgroups_mode(o, &state->cgroup, unified), NULL, -EBADF);
	for (size_t n = 0; n < o->empty_ns.n; n++)
		criu_say(c, "empty-ns", o->empty_ns.items[n], NULL, -EBADF);
	return 0;
}

const char *criu_external_namespace(enum ns_type type)
{
	return type == NS_NETWORK ? "extRootNetNS" : type == NS_PID ? "extRootPidNS" : NULL;
}

/* --- the conversation ------------------------------------------------------------------------- */

/* The words of a message, as many as there may be. */
struct answer {
	const char *words[3];
	int fd;
};

/* Returns 1, 0 at the end, or -errno. */
static int hear(struct criu *c, char m[static MESSAGE_MAX], struct answer *ret)
{
	struct iovec iov = {.iov_base = m, .iov_len = MESSAGE_MAX};
	size_t n = 0;
	ssize_t len;

	*ret = (struct answer){.words = {"", "", ""}};
	do
		len = socket_receive(c->fd, &iov, 1, 0, &ret->fd);
	while (len == -EINTR);
	if (len <= 0)
		return (int)len;
	if (m[len - 1] != '\0')
		return -EBADMSG;
	for (const char *p = m; p < m + len && n < ARRAY_SIZE(ret->words); p += strlen(p) + 1)
		ret->words[n++] = p;
	return 1;
}

/* CRIU waits for our word; without the right one it undoes all. */
static int take_turn(struct criu *c, const struct criu_turns *turns, const struct answer *a,
		     struct err *e)
{
	uint32_t pid;
	int r = str_to_u32(a->words[2], INT32_MAX, &pid);

	if (r < 0 || !turns)
		return err_set(e, ERR_INTERNAL, -EBADMSG, "coracle-criu sent \"%s\"", a->words[0]);
	r = turns->turn(turns->data, a->words[1], (pid_t)pid, e);
	if (r == 0)
		criu_say(c, "yes", NULL, NULL, -EBADF);
	return r;
}

/* Returns 1 to go on, 0 when all is done, or -errno. */
static int take_answer(struct criu *c, const struct criu_turns *turns, const struct answer *a,
		       struct err *e)
{
	int r;

	if (str_eq(a->words[0], "done"))
		return 0;
	if (str_eq(a->words[0], "failed"))
		return err_set(e, ERR_CRIU, -EIO, "%s", a->words[1]);
	if (str_eq(a->words[0], "console") && turns && a->fd >= 0)
		r = turns->console(turns->data, a->fd, e);
	else
		r = take_turn(c, turns, a, e);
	return r < 0 ? r : 1;
}

/* It ended without a word of its own. */
static int describe_end(struct criu *c, int code, struct err *e)
{
	struct child_result result = {0};

	c->fd = fd_close(c->fd);
	if (child_finish(&c->process, -1, &result) == 0 && result.output[0] != '\0')
		return err_set(e, ERR_CRIU, -EIO, "coracle-criu: %s", result.output);
	return err_sys(e, ERR_CRIU, code < 0 ? code : -EIO, "coracle-criu ended with status %d",
		       result.status);
}

int criu_go(struct criu *c, const struct criu_turns *turns, struct err *e)
{
	static char m[MESSAGE_MAX];
	struct answer a;
	int r;

	criu_say(c, "go", NULL, NULL, -EBADF);
	/* A companion that has ended may have said why. */
	if (c->error < 0 && c->error != -EPIPE)
		return err_sys(e, ERR_CRIU, c->error, "talk to coracle-criu");
	do {
		r = hear(c, m, &a);
		if (r <= 0)
			return describe_end(c, r, e);
		r = take_answer(c, turns, &a, e);
		(void)fd_close(a.fd);
	} while (r > 0);
	return r;
}

int criu_explain(const struct criu_options *o, const char *log, struct err *e)
{
	const char *images = o->image_path[0] != '\0' ? o->image_path : DIRECTORY;

	if (e->id != ERR_CRIU)
		return e->code;
	return err_hint(e, "CRIU's whole story is in %s/%s",
			o->work_path[0] != '\0' ? o->work_path : images, log);
}

void criu_end(struct criu *c)
{
	struct child_result ignored;

	/* It ends by itself when nobody talks to it any more, unless CRIU hangs. */
	c->fd = fd_close(c->fd);
	c->images_fd = fd_close(c->images_fd);
	if (c->process.pidfd >= 0)
		(void)child_finish(&c->process, 10000, &ignored);
}
