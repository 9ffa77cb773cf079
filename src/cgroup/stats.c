/* The numbers of a container's cgroup, of v2 and of v1 files alike. Host half.
 *
 * A file is looked for in all of the container's directories: its name tells the hierarchy. What is
 * missing is 0, since which files there are depends on controllers, configuration and version. */
#include "cgroup/stats.h"

#include <errno.h>
#include <limits.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

#define FILE_MAX (1U << 20)

#define NS_PER_US 1000

struct reader {
	struct arena *arena;
	const struct cgroup *cgroup;
};

/* --- files ------------------------------------------------------------------------------------ */

/* Open @file wherever the container has it. */
static int open_any(const struct cgroup *c, const char *file, int flags)
{
	int fd = -ENOENT;

	if (c->unified_fd >= 0)
		fd = sys_openat(c->unified_fd, file, flags | O_CLOEXEC, 0);
	for (size_t i = 0; fd == -ENOENT && i < c->ref.n_v1; i++) {
		char path[PATH_MAX];

		if (str_format(path, sizeof(path), "%s/%s", c->ref.v1_dirs[i], file) < sizeof(path))
			fd = sys_openat(AT_FDCWD, path, flags | O_CLOEXEC, 0);
	}
	return fd;
}

/* The text of @file, "" if there is none. */
static char *read_text(struct reader *r, const char *file)
{
	_cleanup_close_ int fd = open_any(r->cgroup, file, O_RDONLY);
	static char nothing[1];
	char *text;
	size_t len;

	if (fd < 0 || io_read_fd(r->arena, fd, FILE_MAX, &text, &len) < 0) {
		nothing[0] = '\0';
		return nothing;
	}
	return text;
}

/* The line at *@p, cut off; *@p is the next one. NULL at the end. */
static char *next_line(char **p)
{
	char *line = *p;
	size_t n = strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*p = line + n + (line[n] == '\n');
	line[n] = '\0';
	return line;
}

/* The word at *@p, cut off at a blank. */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " ");
	size_t n = strcspn(word, " ");

	*p = word + n + (word[n] == ' ');
	word[n] = '\0';
	return word;
}

static uint64_t to_number(const char *text)
{
	uint64_t v;

	if (str_eq(text, "max"))
		return CGROUP_NO_LIMIT;
	return str_to_u64(text, &v) < 0 ? 0 : v;
}

/* The number in the first of two files that is there: that of v2, or that of v1. */
static uint64_t read_number(struct reader *r, const char *v2, const char *v1)
{
	char *text = read_text(r, v2), *line = next_line(&text);

	if (!line && v1) {
		text = read_text(r, v1);
		line = next_line(&text);
	}
	return line ? to_number(line) : 0;
}

/* Lines of "NAME NUMBER". */
static int read_named(struct reader *r, const char *file, struct cgroup_named **ret, size_t *ret_n)
{
	char *text = read_text(r, file), *line;
	size_t n = 0, cap = 1;

	for (const char *p = text; *p; p++)
		cap += *p == '\n';
	*ret = arena_newn(r->arena, struct cgroup_named, cap);
	if (!*ret)
		return -ENOMEM;
	while ((line = next_line(&text))) {
		(*ret)[n].name = next_word(&line);
		(*ret)[n].value = to_number(line);
		n++;
	}
	*ret_n = n;
	return 0;
}

static uint64_t find_named(const struct cgroup_named *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(list[i].name, name))
			return list[i].value;
	}
	return 0;
}

/* --- controllers ------------------------------------------------------------------------------ */

/* v2 counts time in every cgroup, with or without a controller; both have their quota's numbers in
 * files of one name. */
static int read_cpu(struct reader *r, struct cgroup_stats *s)
{
	struct cgroup v1 = *r->cgroup;
	struct reader only_v1 = {r->arena, &v1};
	struct cgroup_named *list;
	size_t n;

	if (read_named(r, "cpu.stat", &list, &n) < 0)
		return -ENOMEM;
	s->cpu_total = find_named(list, n, "usage_usec") * NS_PER_US;
	s->cpu_user = find_named(list, n, "user_usec") * NS_PER_US;
	s->cpu_kernel = find_named(list, n, "system_usec") * NS_PER_US;
	s->periods = find_named(list, n, "nr_periods");
	s->throttled_periods = find_named(list, n, "nr_throttled");
	s->throttled_time_ns = find_named(list, n, "throttled_usec") * NS_PER_US;
	v1.unified_fd = -EBADF;
	if (s->periods > 0 || v1.ref.n_v1 == 0)
		return 0;
	if (read_named(&only_v1, "cpu.stat", &list, &n) < 0)
		return -ENOMEM;
	s->periods = find_named(list, n, "nr_periods");
	s->throttled_periods = find_named(list, n, "nr_throttled");
	s->throttled_time_ns = find_named(list, n, "throttled_time");
	return 0;
}

static const char *read_list(struct reader *r, const char *v2, const char *v1)
{
	char *text = read_text(r, v2), *line = next_line(&text);

	if (!line) {
		text = read_text(r, v1);
		line = next_line(&text);
	}
	return line ? line : "";
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a == CGROUP_NO_LIMIT || b == CGROUP_NO_LIMIT ? CGROUP_NO_LIMIT : a + b;
}

static void read_usage_v1(struct reader *r, const char *prefix, struct cgroup_usage *ret)
{
	static const char *const names[] = {"usage_in_bytes", "limit_in_bytes",
					    "max_usage_in_bytes", "failcnt"};
	uint64_t *fields[] = {&ret->usage, &ret->limit, &ret->max, &ret->failcnt};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char file[64];

		(void)str_format(file, sizeof(file), "%s.%s", prefix, names[i]);
		*fields[i] = read_number(r, file, NULL);
	}
}

static int read_memory(struct reader *r, struct cgroup_stats *s)
{
	int q = read_named(r, "memory.stat", &s->memory_raw, &s->n_memory_raw);

	if (q < 0)
		return q;
	s->cache = find_named(s->memory_raw, s->n_memory_raw, "file");
	s->memory.usage = read_number(r, "memory.current", NULL);
	if (s->memory.usage == 0) {
		s->cache = find_named(s->memory_raw, s->n_memory_raw, "cache");
		read_usage_v1(r, "memory", &s->memory);
		read_usage_v1(r, "memory.memsw", &s->swap);
		read_usage_v1(r, "memory.kmem", &s->kernel);
		read_usage_v1(r, "memory.kmem.tcp", &s->kernel_tcp);
		return 0;
	}
	s->memory.limit = read_number(r, "memory.max", NULL);
	s->memory.max = read_number(r, "memory.peak", NULL);
	/* As v1 counts, and as the specification limits: both together. */
	s->swap.usage = sum(s->memory.usage, read_number(r, "memory.swap.current", NULL));
	s->swap.limit = sum(s->memory.limit, read_number(r, "memory.swap.max", NULL));
	return 0;
}

static int read_pids(struct reader *r, struct cgroup_stats *s)
{
	pid_t *pids;
	size_t n;
	int q;

	s->pids = read_number(r, "pids.current", NULL);
	s->pids_limit = read_number(r, "pids.max", NULL);
	if (s->pids_limit == CGROUP_NO_LIMIT)
		s->pids_limit = 0;
	if (s->pids > 0)
		return 0;
	q = cgroup_dir_pids(r->arena,
			    r->cgroup->unified_fd >= 0 ? r->cgroup->unified_fd : r->cgroup->v1_fd,
			    &pids, &n);
	s->pids = q < 0 ? 0 : n;
	return q;
}

/* --- disks ------------------------------------------------------------------------------------ */

static bool parse_device(char *word, struct cgroup_io *ret)
{
	char *colon = strchr(word, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return str_to_u32(word, UINT32_MAX, &ret->major) == 0 &&
	       str_to_u32(colon + 1, UINT32_MAX, &ret->minor) == 0;
}

static void add_io(struct cgroup_io_list *l, struct cgroup_io device, const char *op,
		   uint64_t value)
{
	device.op = op;
	device.value = value;
	l->items[l->n++] = device;
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6". */
static void parse_io_v2(char *line, struct cgroup_stats *s)
{
	static const struct {
		const char *key, *op;
		bool bytes;
	} keys[] = {
		{"rbytes", "Read", true}, {"wbytes", "Write", true}, {"dbytes", "Discard", true},
		{"rios", "Read", false},  {"wios", "Write", false},  {"dios", "Discard", false},
	};
	struct cgroup_io device;

	if (!parse_device(next_word(&line), &device))
		return;
	while (*line) {
		char *word = next_word(&line), *equals = strchr(word, '=');

		if (!equals)
			continue;
		*equals = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			if (str_eq(keys[i].key, word))
				add_io(keys[i].bytes ? &s->bytes : &s->operations, device,
				       keys[i].op, to_number(equals + 1));
		}
	}
}

/* "8:0 Read 1", and "Total 3" at the end. */
static void parse_io_v1(struct reader *r, const char *file, struct cgroup_io_list *l, size_t cap)
{
	char *text = read_text(r, file), *line;

	while ((line = next_line(&text)) && l->n < cap) {
		struct cgroup_io device;
		const char *op;

		if (!parse_device(next_word(&line), &device))
			continue;
		op = next_word(&line);
		add_io(l, device, op, to_number(line));
	}
}

static int read_io(struct reader *r, struct cgroup_stats *s)
{
	static const char bytes[] = "blkio.throttle.io_service_bytes_recursive";
	static const char operations[] = "blkio.throttle.io_serviced_recursive";
	char *text = read_text(r, "io.stat"), *line;
	size_t cap = 64;

	for (const char *p = text; *p; p++)
		cap += *p == '=';
	s->bytes.items = arena_newn(r->arena, struct cgroup_io, cap);
	s->operations.items = arena_newn(r->arena, struct cgroup_io, cap);
	if (!s->bytes.items || !s->operations.items)
		return -ENOMEM;
	while ((line = next_line(&text)))
		parse_io_v2(line, s);
	if (s->bytes.n > 0)
		return 0;
	parse_io_v1(r, bytes, &s->bytes, cap);
	parse_io_v1(r, operations, &s->operations, cap);
	return 0;
}

/* --- huge pages ------------------------------------------------------------------------------- */

/* 64KB, 2MB, 1GB: as the kernel writes a size of @kib in names of files. */
static const char *page_size(struct arena *a, uint64_t kib)
{
	static const char units[] = "KMG";
	size_t unit = 0;

	while (kib >= 1024 && kib % 1024 == 0 && unit < 2) {
		kib /= 1024;
		unit++;
	}
	return arena_format(a, "%llu%cB", (unsigned long long)kib, units[unit]);
}

static void read_one_hugetlb(struct reader *r, const char *size, struct cgroup_stats *s)
{
	static const char *const names[][2] = {{"current", "usage_in_bytes"},
					       {"peak", "max_usage_in_bytes"},
					       {"events", "failcnt"}};
	struct cgroup_hugetlb *h = &s->hugetlb[s->n_hugetlb];
	uint64_t *fields[] = {&h->usage, &h->max, &h->failcnt};
	char file[64];
	int fd;

	(void)str_format(file, sizeof(file), "hugetlb.%s.current", size);
	fd = open_any(r->cgroup, file, O_RDONLY);
	if (fd == -ENOENT) {
		(void)str_format(file, sizeof(file), "hugetlb.%s.usage_in_bytes", size);
		fd = open_any(r->cgroup, file, O_RDONLY);
	}
	if (fd < 0)
		return;
	(void)sys_close(fd);
	*h = (struct cgroup_hugetlb){.size = size};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char v1[64];

		(void)str_format(file, sizeof(file), "hugetlb.%s.%s", size, names[i][0]);
		(void)str_format(v1, sizeof(v1), "hugetlb.%s.%s", size, names[i][1]);
		/* The events file is "max N". */
		*fields[i] = i == 2 ? 0 : read_number(r, file, v1);
		if (i == 2) {
			char *text = read_text(r, file);

			*fields[i] = str_starts(text, "max ") ? to_number(next_line(&text) + 4)
							      : read_number(r, v1, NULL);
		}
	}
	s->n_hugetlb++;
}

static int read_hugetlb(struct reader *r, struct cgroup_stats *s)
{
	static const char folder[] = "/sys/kernel/mm/hugepages";
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	_Alignas(struct cgroup_dirent) char buf[2048];
	ssize_t n = fd < 0 ? 0 : sys_getdents64(fd, buf, sizeof(buf));

	s->hugetlb = arena_newn(r->arena, struct cgroup_hugetlb, sizeof(buf) / 24);
	if (!s->hugetlb)
		return -ENOMEM;
	/* "hugepages-2048kB": so few that one read has them all. */
	for (char *p = buf; p < buf + n;) {
		const struct cgroup_dirent *d = (const void *)p;
		char number[24];
		uint64_t kib;

		p += d->reclen;
		if (!str_starts(d->name, "hugepages-"))
			continue;
		(void)str_format(number, sizeof(number), "%.*s", (int)strcspn(d->name + 10, "k"),
				 d->name + 10);
		if (str_to_u64(number, &kib) == 0 && page_size(r->arena, kib))
			read_one_hugetlb(r, page_size(r->arena, kib), s);
	}
	return 0;
}

int cgroup_stats_read(struct arena *a, const struct cgroup *c, struct cgroup_stats *ret,
		      struct err *e)
{
	struct reader r = {a, c};
	int (*const parts[])(struct reader *, struct cgroup_stats *) = {
		read_cpu, read_memory, read_pids, read_io, read_hugetlb,
	};
	int q = 0;

	*ret = (struct cgroup_stats){.cpus = "", .mems = ""};
	for (size_t i = 0; q == 0 && i < ARRAY_SIZE(parts); i++)
		q = parts[i](&r, ret);
	if (q < 0)
		return err_sys(e, ERR_CGROUP, q, "read the statistics of the container");
	ret->cpus = read_list(&r, "cpuset.cpus.effective", "cpuset.effective_cpus");
	ret->mems = read_list(&r, "cpuset.mems.effective", "cpuset.effective_mems");
	return 0;
}

/* --- out of memory ----------------------------------------------------------------------------
 */

/* v1 tells by an eventfd, which is bound to the file of the controller's state. */
static int watch_v1(const struct cgroup *c)
{
	_cleanup_close_ int control = open_any(c, "memory.oom_control", O_RDONLY);
	_cleanup_close_ int event_control = open_any(c, "cgroup.event_control", O_WRONLY);
	_cleanup_close_ int fd = -EBADF;
	char text[32];
	ssize_t n;

	if (control < 0 || event_control < 0)
		return -ENODEV;
	fd = sys_eventfd(0);
	if (fd < 0)
		return fd;
	(void)str_format(text, sizeof(text), "%d %d", fd, control);
	n = sys_write(event_control, text, strlen(text));
	return n < 0 ? (int)n : TAKE_FD(fd);
}

int cgroup_oom_watch(const struct cgroup *c, short *ret_events)
{
	int fd = open_any(c, "memory.events", O_RDONLY);

	*ret_events = fd >= 0 ? POLLPRI : POLLIN;
	return fd == -ENOENT ? watch_v1(c) : fd;
}

int cgroup_oom_read(const struct cgroup *c, int watch, struct cgroup_oom *ret)
{
	char rest[512];

	/* Of memory.events the kernel remembers what was read; an eventfd is emptied. */
	if (sys_pread(watch, rest, sizeof(rest), 0) == -ESPIPE)
		(void)sys_read(watch, rest, sizeof(rest));
	return cgroup_oom_peek(c, ret);
}

int cgroup_oom_peek(const struct cgroup *c, struct cgroup_oom *ret)
{
	struct reader r;
	struct arena a;
	struct cgroup_named *list;
	size_t n = 0;
	int q;

	arena_init(&a, NULL, 0);
	r = (struct reader){&a, c};
	q = read_named(&r, "memory.events", &list, &n);
	if (q == 0 && n == 0)
		q = read_named(&r, "memory.oom_control", &list, &n);
	if (q == 0)
		*ret = (struct cgroup_oom){find_named(list, n, "oom_kill"),
					   find_named(list, n, "oom_group_kill")};
	arena_done(&a);
	return q;
}
