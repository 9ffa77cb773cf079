/* The state of containers: where it lives, and what is left of those that are gone. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/state.h"

#define STATE_MAX ((size_t)1 << 20)

/* --- runtime-directory -------------------------------------------------------------------------
 */

static void cure_runtime_directory(const struct doctor *d, struct finding *f)
{
	if (d->has_systemd) {
		finding_cure(d, f, CURE_ROOT, "loginctl enable-linger %s", d->user);
		f->afterwards = arena_format(
			d->arena, "then log in again, or: export XDG_RUNTIME_DIR=/run/user/%u",
			d->uid);
	} else {
		finding_cure(d, f, CURE_ROOT, "install -d -m 700 -o %u -g %u /run/user/%u", d->uid,
			     d->gid, d->uid);
		f->afterwards =
			arena_format(d->arena, "then: export XDG_RUNTIME_DIR=/run/user/%u", d->uid);
	}
}

/* The runtime directory is @path; what is wrong with it, or NULL. */
static const char *examine_directory(const struct doctor *d, const char *path)
{
	_cleanup_close_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return "cannot be opened";
	if (d->uid != 0 && st.st_uid != d->uid)
		return "belongs to somebody else";
	if (d->uid != 0 && (st.st_mode & 022))
		return "may be written by others";
	if (sys_faccessat(AT_FDCWD, path, W_OK | X_OK) < 0)
		return "cannot be written";
	return NULL;
}

void check_runtime_directory(const struct doctor *d, struct finding *f)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *path = d->purposes & FOR_ROOT ? "/run" : xdg, *problem;
	struct sys_statfs st;

	if (!path || *path != '/') {
		finding_set(f, VERDICT_WARN,
			    "XDG_RUNTIME_DIR is not set: %s is used, which others can "
			    "keep from us, and which may outlive a reboot",
			    d->root);
		cure_runtime_directory(d, f);
		return;
	}
	problem = examine_directory(d, path);
	if (problem) {
		finding_set(f, VERDICT_FAIL, "%s %s", path, problem);
		cure_runtime_directory(d, f);
	} else if (sys_statfs(path, &st) == 0 && st.f_type != TMPFS_MAGIC_) {
		finding_set(f, VERDICT_OK, "%s, though not in memory: state may outlive a reboot",
			    path);
	} else {
		finding_set(f, VERDICT_OK, "%s", path);
	}
}

/* --- stale-state -------------------------------------------------------------------------------
 */

struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

void state_each(int dir, void (*fn)(void *arg, int dir, const char *name), void *arg)
{
	_Alignas(struct entry) char buf[8192];
	ssize_t n;

	while ((n = sys_getdents64(dir, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);

			if (e->name[0] != '.')
				fn(arg, dir, e->name);
			at += e->length;
		}
	}
}

/* What is left of a container. */
enum leftover {
	LEFT_NOTHING, /* it lives, or is being made */
	LEFT_ENDED,   /* its process has ended, and nobody deleted it */
	LEFT_WRECK,   /* killed while it was made: there is no document */
	LEFT_DAMAGED, /* a document that cannot be read, and nobody at work on it */
};

int64_t state_read_pid(char *text, size_t len, const char *name)
{
	struct json_value v;
	struct json j;
	struct err e;
	int64_t pid = -EBADMSG;
	char *key;
	int r;

	json_init(&j, text, len);
	if (json_read(&j, &v, &e) < 0 || v.type != JSON_OBJECT)
		return -EBADMSG;
	for (bool first = true; (r = json_next_key(&j, first, &key, &e)) > 0; first = false) {
		bool ours = str_eq(key, name);

		if (json_read(&j, &v, &e) < 0 || (ours && json_to_i64(&v, &pid) < 0) ||
		    json_skip(&j, &v, &e) < 0)
			return -EBADMSG;
	}
	return r < 0 ? -EBADMSG : pid;
}

bool state_has_ended(const struct doctor *d, int64_t pid)
{
	const char *stat = arena_format(d->arena, "/proc/%d/stat", (int)pid);
	const char *text = stat ? doctor_read(d, stat) : "";
	const char *state = strrchr(text, ')');

	if (sys_kill((pid_t)pid, 0) == -ESRCH)
		return true;
	return state && (str_starts(state, ") Z") || str_starts(state, ") X"));
}

static enum leftover examine_container(const struct doctor *d, int dir)
{
	char *text;
	size_t len;
	int64_t pid;
	int r;

	/* Whoever makes or removes it holds the lock; ours goes with the descriptor. */
	if (sys_flock(dir, LOCK_EX | LOCK_NB) == -EAGAIN)
		return LEFT_NOTHING;
	r = io_read_file_at(d->arena, dir, "state.json", STATE_MAX, &text, &len);
	if (r < 0)
		return r == -ENOENT ? LEFT_WRECK : LEFT_DAMAGED;
	pid = state_read_pid(text, len, "pid");
	if (pid < 0)
		return LEFT_DAMAGED;
	return pid == 0 || state_has_ended(d, pid) ? LEFT_ENDED : LEFT_NOTHING;
}

struct listing {
	const struct doctor *d;
	struct finding *f;
	unsigned n, ended, damaged;
};

static void count_container(void *arg, int root, const char *id)
{
	struct listing *l = arg;
	const struct doctor *d = l->d;
	struct finding *f = l->f;
	_cleanup_close_ int dir =
		sys_openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	enum cure_shell shell = d->uid == 0 ? CURE_ROOT : CURE_USER;
	enum leftover left = dir < 0 ? LEFT_NOTHING : examine_container(d, dir);

	l->n += dir >= 0;
	l->ended += left == LEFT_ENDED || left == LEFT_WRECK;
	l->damaged += left == LEFT_DAMAGED;
	if (left == LEFT_DAMAGED) /* delete does not guess what it ran */
		finding_cure(d, f, shell, "rm -r %s/%s", d->root, id);
	else if (left != LEFT_NOTHING)
		finding_cure(d, f, shell, "coracle --root %s delete --force %s", d->root, id);
}

void check_stale_state(const struct doctor *d, struct finding *f)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct listing l = {.d = d, .f = f};
	char words[24];

	if (fd == -ENOENT) {
		finding_set(f, VERDICT_OK, "no containers: %s is not there yet", d->root);
		return;
	}
	if (fd < 0) {
		finding_set(f, VERDICT_SKIP, "%s: %s", d->root, errno_words(fd, words));
		return;
	}
	state_each(fd, count_container, &l);
	if (l.damaged > 0)
		finding_set(f, VERDICT_FAIL,
			    "%u of %u containers in %s cannot be read any more, %u have ended",
			    l.damaged, l.n, d->root, l.ended);
	else if (l.ended > 0)
		finding_set(f, VERDICT_WARN,
			    "%u of %u containers in %s have ended, and nobody deleted them",
			    l.ended, l.n, d->root);
	else
		finding_set(f, VERDICT_OK, "%u containers, none of them left over", l.n);
	if (l.damaged > 0)
		f->afterwards =
			"if the damaged one still runs, its cgroup (coracle/ID) has its processes";
	else if (l.ended > CURES_MAX)
		f->afterwards = "and the same for the others: `coracle list` shows them";
}
