/* list: what is to be told about all containers. Without locks, as `state`.
 *
 * Most of the time goes to the kernel, which makes the text of /proc/PID/stat and cgroup.events for
 * each. A thread for each processor asks for its share of many; each has memory of its own. */
#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/info.h"
#include "host/proc.h"

/* Beginning a thread takes as long as looking at a few containers. */
#define SHARE_MIN   64
#define WORKERS_MAX 16

struct list {
	struct container_info *items;
	size_t n;
};

/* Told when all have been looked at: one at a time, in the order of the names. */
struct problem {
	struct err e;
	struct problem *next;
};

/* --- one share of the names ------------------------------------------------------------------- */

struct worker {
	struct runtime rt;  /* with nobody to warn */
	struct arena arena; /* of one that works beside us */
	int root_fd;
	const char *const *names;
	size_t n_names;
	struct list list; /* room for all names */
	struct problem *problems, **last_problem;
	pthread_t thread;
	bool has_thread;
};

/* What is not remembered, for want of memory, is not told. */
static void remember(struct worker *w, const struct err *e)
{
	struct problem *p = arena_new(w->rt.arena, struct problem);

	if (!p)
		return;
	p->e = *e;
	*w->last_problem = p;
	w->last_problem = &p->next;
}

static void look_at(struct worker *w, const char *id)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	struct err problem;

	if (live_look(&w->rt, w->root_fd, id, &l, &problem) == 0)
		info_fill(&l, &w->list.items[w->list.n++]);
	/* One that is being deleted at this moment is no problem at all. */
	else if (problem.id != ERR_CONTAINER_MISSING)
		remember(w, &problem);
}

static void *work(void *data)
{
	struct worker *w = data;

	for (size_t n = 0; n < w->n_names; n++)
		look_at(w, w->names[n]);
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

static size_t count_workers(size_t n_names)
{
	long processors = n_names < 2 * SHARE_MIN ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = processors < 1 ? 1 : (size_t)processors;

	return MAX(MIN(MIN(n, n_names / SHARE_MIN), (size_t)WORKERS_MAX), (size_t)1);
}

/* Look at all of @names, for each of which @items has room. The *@ret_n that were found are put
 * together again; their texts belong to @rt. Returns 0 or -errno. */
static int share(struct runtime *rt, int root_fd, const struct str_list *names,
		 struct container_info *items, size_t *ret_n, struct err *e)
{
	static struct worker workers[WORKERS_MAX];
	size_t n_workers = count_workers(names->n), n = 0;
	/* It is opened once: before there are several who might. */
	int proc_fd = n_workers > 1 ? proc_root(e) : 0;

	if (proc_fd < 0)
		return proc_fd;
	for (size_t k = 0; k < n_workers; k++) {
		struct worker *w = &workers[k];
		size_t from = names->n * k / n_workers, to = names->n * (k + 1) / n_workers;
		bool is_ours = k + 1 == n_workers;

		*w = (struct worker){
			.rt = *rt,
			.root_fd = root_fd,
			.names = names->items + from,
			.n_names = to - from,
			.list.items = items + from,
		};
		w->rt.arena = is_ours ? rt->arena : &w->arena;
		w->rt.warn = NULL;
		w->last_problem = &w->problems;
		/* Without a thread it is done here too. */
		w->has_thread = !is_ours && pthread_create(&w->thread, NULL, work, w) == 0;
		if (!w->has_thread)
			(void)work(w);
	}
	for (size_t k = 0; k < n_workers; k++) {
		struct worker *w = &workers[k];

		if (w->has_thread)
			(void)pthread_join(w->thread, NULL);
		for (const struct problem *p = w->problems; p && rt->warn; p = p->next)
			rt->warn(&p->e);
		arena_adopt(rt->arena, &w->arena);
		memmove(items + n, w->list.items, w->list.n * sizeof(*items));
		n += w->list.n;
	}
	*ret_n = n;
	return 0;
}

/* --- their names ------------------------------------------------------------------------------ */

struct names {
	const char **items;
	size_t n, cap;
};

static int append(struct arena *a, struct names *l, const char *name)
{
	const char *copy = arena_strdup(a, name);

	if (copy && l->n == l->cap) {
		size_t cap = MAX(l->cap * 2, (size_t)64);
		const char **items = arena_newn(a, const char *, cap);

		if (!items)
			return -ENOMEM;
		if (l->n > 0)
			memcpy(items, l->items, l->n * sizeof(*items));
		l->items = items;
		l->cap = cap;
	}
	if (!copy)
		return -ENOMEM;
	l->items[l->n++] = copy;
	return 0;
}

static int read_names(struct runtime *rt, int root_fd, struct names *ret, struct err *e)
{
	_Alignas(8) char buf[8192];
	struct err ignored;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = sys_getdents64(root_fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return err_sys(e, ERR_STATE_DIR, (int)n, "read \"%s\"", rt->root);
		for (ssize_t at = 0; at < n && r == 0;) {
			/* struct linux_dirent64: ino, off (8 bytes each), reclen, type, name. */
			const char *name = buf + at + 19;
			uint16_t length;

			memcpy(&length, buf + at + 16, sizeof(length));
			if (name[0] != '.' && directory_check_id(name, &ignored) == 0)
				r = append(rt->arena, ret, name);
			at += length;
		}
	}
	return r < 0 ? err_set(e, ERR_INTERNAL, r, "out of memory") : 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct container_info *)a)->id,
		      ((const struct container_info *)b)->id);
}

int container_list(struct runtime *rt, struct container_info **ret, size_t *ret_n, struct err *e)
{
	_cleanup_close_ int root_fd = directory_open_root(rt, false, e);
	struct container_info *items;
	struct names names = {0};
	int r = root_fd < 0 ? root_fd : read_names(rt, root_fd, &names, e);

	*ret = NULL;
	*ret_n = 0;
	if (root_fd == -ENOENT || (r == 0 && names.n == 0))
		return 0;
	if (r < 0)
		return r;
	items = arena_newn(rt->arena, struct container_info, names.n);
	if (!items)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = share(rt, root_fd, &(struct str_list){names.items, names.n}, items, ret_n, e);
	if (r < 0)
		return r;
	qsort(items, *ret_n, sizeof(*items), by_id);
	*ret = items;
	return 0;
}

int container_match(struct runtime *rt, const char *pattern, struct str_list *ret, struct err *e)
{
	struct container_info *infos;
	struct str_list list = {0};
	char words[128];
	regex_t regex;
	size_t n = 0;
	int r = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		(void)regerror(r, &regex, words, sizeof(words));
		return err_set(e, ERR_USAGE, -EINVAL, "\"%s\" is not a regular expression: %s",
			       pattern, words);
	}
	r = container_list(rt, &infos, &n, e);
	if (r == 0) {
		list.items = arena_newn(rt->arena, const char *, n + 1);
		if (!list.items)
			r = err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (regexec(&regex, infos[i].id, 0, NULL, 0) == 0)
			list.items[list.n++] = infos[i].id;
	regfree(&regex);
	if (r == 0)
		*ret = list;
	return r;
}
