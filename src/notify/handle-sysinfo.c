/* sysinfo(2) with the memory that the container has, in the place of the machine's: what `free` and
 * programs that size themselves by it ask. Nothing is done with power but reading the limits. */
#include <linux/sysinfo.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define LINES_SIZE 8192

/* Where the hierarchies are, and what files say, which v1 has no word for beyond memory. */
static const struct layout {
	const char *line; /* of /proc/PID/cgroup: what comes before the path */
	const char *mounts[2];
	const char *limit, *used, *swap_limit, *swap_used;
} layouts[] = {
	{"0::",
	 {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"},
	 "memory.max",
	 "memory.current",
	 "memory.swap.max",
	 "memory.swap.current"},
	{":memory:",
	 {"/sys/fs/cgroup/memory", NULL},
	 "memory.limit_in_bytes",
	 "memory.usage_in_bytes",
	 NULL,
	 NULL},
};

/* The number in a file of the cgroup @dir; "max" is the largest. */
static bool read_number(const char *dir, const char *file, uint64_t *ret)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_SIZE], text[32];
	ssize_t n;

	if (!file || str_format(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return false;
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	n = fd < 0 ? fd : sys_read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*ret = str_starts(text, "max") ? UINT64_MAX : strtoull(text, NULL, 10);
	return true;
}

/* The smallest number in @file from the cgroup @dir, below @mount, up to the root. */
static bool read_limit(const char *mount, const char *dir, const char *file, uint64_t *ret)
{
	char path[PATH_SIZE];
	uint64_t number;
	bool any = false;

	(void)str_copy(path, sizeof(path), dir);
	*ret = UINT64_MAX;
	while (strlen(path) >= strlen(mount)) {
		char *slash = strrchr(path, '/');

		if (read_number(path, file, &number)) {
			*ret = MIN(*ret, number);
			any = true;
		}
		*slash = '\0';
	}
	return any;
}

/* The target's cgroup of the hierarchy: its directory. */
static bool find_directory(const char *lines, const struct layout *layout, const char *mount,
			   char dir[static PATH_SIZE])
{
	const char *at = strstr(lines, layout->line);
	size_t len;

	if (!at)
		return false;
	at += strlen(layout->line);
	len = strcspn(at, "\n");
	if (strstr(at, "/..") && strstr(at, "/..") < at + len) /* outside of what we see */
		return false;
	return str_format(dir, PATH_SIZE, "%s%.*s", mount, (int)(len > 1 ? len : 0), at) <
	       PATH_SIZE;
}

/* Of what the machine has and uses, in *@total and *@left, what the limit leaves. */
static void bound(uint64_t limit, uint64_t used, unsigned unit, __kernel_ulong_t *total,
		  __kernel_ulong_t *left)
{
	uint64_t has = (uint64_t)*total * unit;

	if (limit >= has)
		return;
	*total = (__kernel_ulong_t)(limit / unit);
	*left = (__kernel_ulong_t)MIN((uint64_t)*left, (limit - MIN(used, limit)) / unit);
}

/* Whether there is a limit that we can see. */
static bool apply(const char *lines, const struct layout *layout, const char *mount,
		  struct sysinfo *info)
{
	char dir[PATH_SIZE];
	uint64_t limit, used = 0;

	if (!mount || !find_directory(lines, layout, mount, dir) ||
	    !read_limit(mount, dir, layout->limit, &limit))
		return false;
	(void)read_number(dir, layout->used, &used);
	bound(limit, used, info->mem_unit, &info->totalram, &info->freeram);
	info->bufferram = MIN(info->bufferram, info->freeram);
	info->sharedram = MIN(info->sharedram, info->totalram);
	if (read_limit(mount, dir, layout->swap_limit, &limit)) {
		used = 0;
		(void)read_number(dir, layout->swap_used, &used);
		bound(limit, used, info->mem_unit, &info->totalswap, &info->freeswap);
	}
	return true;
}

void handle_sysinfo(struct ask *q)
{
	_cleanup_close_ int fd = sys_openat(q->target.dir_fd, "cgroup", O_RDONLY | O_CLOEXEC, 0);
	char lines[LINES_SIZE];
	struct sysinfo info;
	bool any = false;
	ssize_t n = fd < 0 ? fd : sys_read(fd, lines, sizeof(lines) - 1);

	if (n < 0 || (int)SYS1(sysinfo, &info) < 0 || info.mem_unit == 0) {
		answer_continue(q, "its cgroup cannot be found");
		return;
	}
	lines[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(layouts[i].mounts); k++)
			any |= apply(lines, &layouts[i], layouts[i].mounts[k], &info);
	if (!any) {
		answer_continue(q, "no limits of memory are to be seen");
		return;
	}
	n = target_write(&q->target, ask_u64(q, 0), &info, sizeof(info));
	answer_value(q, n, n == 0 ? "the container's memory" : "");
}
