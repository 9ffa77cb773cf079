/* state and list. Both look without locks: hooks call them while create holds one. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/exit.h"
#include "container/live.h"

static void fill(const struct live *l, struct container_info *ret)
{
	int status;

	*ret = (struct container_info){
		.id = l->state.id,
		.bundle = l->state.bundle,
		.rootfs = l->state.rootfs,
		.created = l->state.created,
		.oci_version = l->state.oci_version,
		.status = l->status,
		.pid = l->status == CONTAINER_STOPPED ? 0 : l->state.pid,
		.owner = l->state.owner,
		.annotations = l->state.annotations,
	};
	if (l->status == CONTAINER_STOPPED &&
	    exit_learn(&l->directory, &l->state, -EBADF, &status) == 0) {
		ret->has_exit_status = true;
		ret->exit_status = (uint32_t)status;
	}
}

int container_info(struct runtime *rt, const char *id, struct container_info *ret, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r = live_open(rt, id, false, &l, e);

	if (r == 0)
		fill(&l, ret);
	return r;
}

struct list {
	struct container_info *items;
	size_t n, cap;
};

static struct container_info *append(struct arena *a, struct list *l)
{
	if (l->n == l->cap) {
		size_t cap = MAX(l->cap * 2, (size_t)64);
		struct container_info *items = arena_newn(a, struct container_info, cap);

		if (!items)
			return NULL;
		if (l->n > 0)
			memcpy(items, l->items, l->n * sizeof(*items));
		l->items = items;
		l->cap = cap;
	}
	return &l->items[l->n++];
}

static int add(struct runtime *rt, int root_fd, struct list *list, const char *name, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	char *id = arena_strdup(rt->arena, name);
	struct container_info *slot;
	struct err problem;

	if (!id)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (directory_check_id(id, &problem) < 0)
		return 0;
	if (live_look(rt, root_fd, id, &l, &problem) < 0) {
		/* One that is being deleted at this moment is no problem at all. */
		if (problem.id != ERR_CONTAINER_MISSING && rt->warn)
			rt->warn(&problem);
		return 0;
	}
	slot = append(rt->arena, list);
	if (!slot)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	fill(&l, slot);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct container_info *)a)->id,
		      ((const struct container_info *)b)->id);
}

int container_list(struct runtime *rt, struct container_info **ret, size_t *ret_n, struct err *e)
{
	_cleanup_close_ int root_fd = directory_open_root(rt, false, e);
	_Alignas(8) char buf[8192];
	struct list list = {0};
	ssize_t n = 0;
	int r = 0;

	if (root_fd < 0 && root_fd != -ENOENT)
		return root_fd;
	while (root_fd >= 0 && r == 0 && (n = sys_getdents64(root_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n && r == 0;) {
			/* struct linux_dirent64: ino, off (8 bytes each), reclen, type, name. */
			uint16_t length;

			memcpy(&length, buf + at + 16, sizeof(length));
			if (buf[at + 19] != '.')
				r = add(rt, root_fd, &list, buf + at + 19, e);
			at += length;
		}
	}
	if (r == 0 && n < 0)
		r = err_sys(e, ERR_STATE_DIR, (int)n, "read \"%s\"", rt->root);
	if (r < 0)
		return r;
	if (list.n > 1)
		qsort(list.items, list.n, sizeof(*list.items), by_id);
	*ret = list.items;
	*ret_n = list.n;
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
