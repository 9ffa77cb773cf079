/* The processes of a cgroup and those below it. Host half, in the host's namespaces. */
#include <errno.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

/* A machine has at most 4 million pids of 7 digits. */
#define PROCS_MAX (32U << 20)

/* Directories still to be looked at, by path from the top. */
struct todo {
	struct todo *next;
	char path[];
};

struct walk {
	struct arena *arena;
	int top;
	struct todo *todo;
	pid_t *pids;
	size_t n, cap;
};

static int add_todo(struct walk *w, const char *above, const char *name)
{
	size_t size = strlen(above) + strlen(name) + 2;
	struct todo *t = arena_alloc(w->arena, sizeof(*t) + size);

	if (!t)
		return -ENOMEM;
	(void)str_format(t->path, size, "%s%s%s", above, above[0] ? "/" : "", name);
	t->next = w->todo;
	w->todo = t;
	return 0;
}

static int add_pid(struct walk *w, pid_t pid)
{
	/* 0 stands for a process that our pid namespace does not know. Never to be signalled:
	 * kill(0) means our own process group. */
	if (pid <= 0)
		return 0;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		pid_t *grown = arena_newn(w->arena, pid_t, cap);

		if (!grown)
			return -ENOMEM;
		if (w->n > 0)
			memcpy(grown, w->pids, w->n * sizeof(*grown));
		w->pids = grown;
		w->cap = cap;
	}
	w->pids[w->n++] = pid;
	return 0;
}

static int add_procs(struct walk *w, int fd)
{
	char *text;
	size_t len;
	int r = io_read_file_at(w->arena, fd, "cgroup.procs", PROCS_MAX, &text, &len);

	/* A threaded cgroup has no list of its own: its processes are listed further up. */
	if (r == -EOPNOTSUPP || r == -ENODEV || r == -ENOENT)
		return 0;
	while (r == 0 && *text) {
		size_t digits = strcspn(text, "\n");
		bool more = text[digits] == '\n';
		uint32_t pid;

		text[digits] = '\0';
		r = str_to_u32(text, INT32_MAX, &pid);
		if (r == 0)
			r = add_pid(w, (pid_t)pid);
		text += digits + more;
	}
	return r;
}

static int add_children(struct walk *w, int fd, const char *path)
{
	_Alignas(struct cgroup_dirent) char buf[2048];

	for (;;) {
		ssize_t n = sys_getdents64(fd, buf, sizeof(buf));

		if (n <= 0)
			return n == -ENOENT ? 0 : (int)n;
		for (char *p = buf; p < buf + n;) {
			const struct cgroup_dirent *d = (const void *)p;
			int r = 0;

			p += d->reclen;
			if (cgroup_dirent_is_child(d))
				r = add_todo(w, path, d->name);
			if (r < 0)
				return r;
		}
	}
}

int cgroup_dir_pids(struct arena *a, int fd, pid_t **ret, size_t *ret_n)
{
	struct walk w = {.arena = a, .top = fd};
	int r = add_todo(&w, "", "");

	while (r == 0 && w.todo) {
		const struct todo *t = w.todo;
		_cleanup_close_ int at = sys_openat(fd, t->path[0] ? t->path : ".",
						    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

		w.todo = t->next;
		if (at == -ENOENT)
			continue;
		if (at < 0)
			return at;
		r = add_procs(&w, at);
		if (r == 0)
			r = add_children(&w, at, t->path);
	}
	if (r < 0)
		return r;
	*ret = w.pids;
	*ret_n = w.n;
	return 0;
}

int cgroup_dir_signal(int fd, int signal)
{
	struct arena a;
	pid_t *pids;
	size_t n;
	int r;

	arena_init(&a, NULL, 0);
	r = cgroup_dir_pids(&a, fd, &pids, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = sys_kill(pids[i], signal);
		if (r == -ESRCH)
			r = 0;
	}
	arena_done(&a);
	return r;
}
