/* Whole files in and out. Runs in the host half only, on files whose place is already decided: what
 * lies in a root filesystem is opened through path.h first. */
#include "base/io.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define FIRST_READ 4096

static ssize_t read_retry(int fd, void *buf, size_t n)
{
	ssize_t r;

	do
		r = sys_read(fd, buf, n);
	while (r == -EINTR);
	return r;
}

/* How much to read at first. Kernel files say 0 or one page, whatever they hold; pipes say 0. One
 * byte more than the size, so that the read that finds the end needs no larger buffer.
 * *@ret_size is where a file ends that says so, else 0. */
static size_t first_capacity(int fd, size_t max, size_t *ret_size)
{
	struct stat st;
	size_t cap = FIRST_READ;

	*ret_size = 0;
	if (sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return MIN(cap, max);
	if (st.st_size >= FIRST_READ)
		cap = (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : max;
	if (st.st_size != FIRST_READ && (uint64_t)st.st_size < max)
		*ret_size = (size_t)st.st_size;
	return MIN(cap, max);
}

/* One more read into @buf, which has grown first if it was full. Returns what read(2) does. */
static ssize_t read_more(struct arena *a, int fd, size_t max, char **buf, size_t *cap, size_t len)
{
	char extra;

	if (len == max)
		return read_retry(fd, &extra, 1) == 0 ? 0 : -EFBIG;
	if (len == *cap) {
		size_t more = *cap < max / 2 ? *cap * 2 : max;
		char *grown = arena_alloc(a, more + 1);

		if (!grown)
			return -ENOMEM;
		memcpy(grown, *buf, len);
		*buf = grown;
		*cap = more;
	}
	return read_retry(fd, *buf + len, *cap - len);
}

int io_read_fd(struct arena *a, int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t cap, size, len = 0;
	ssize_t n;
	char *buf;

	max = MIN(max, (size_t)INT32_MAX);
	cap = first_capacity(fd, max, &size);
	buf = arena_alloc(a, cap + 1);
	if (!buf)
		return -ENOMEM;
	while ((n = read_more(a, fd, max, &buf, &cap, len)) > 0) {
		len += (size_t)n;
		if (len == size)
			break;
	}
	if (n < 0)
		return (int)n;
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

int io_read_file_at(struct arena *a, int dirfd, const char *path, size_t max, char **ret,
		    size_t *ret_len)
{
	_cleanup_close_ int fd = sys_openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);

	if (fd < 0)
		return fd;
	return io_read_fd(a, fd, max, ret, ret_len);
}

int io_read_saved_at(struct arena *a, int dirfd, const char *path, size_t max, char **ret,
		     size_t *ret_len)
{
	_cleanup_close_ int fd = sys_openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	char first[FIRST_READ];
	ssize_t n = fd < 0 ? fd : read_retry(fd, first, MIN(sizeof(first), max));
	char *text;

	if (n < 0)
		return (int)n;
	if ((size_t)n == sizeof(first) || (size_t)n == max)
		return io_read_file_at(a, dirfd, path, max, ret, ret_len);
	text = arena_alloc(a, (size_t)n + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, first, (size_t)n);
	text[n] = '\0';
	*ret = text;
	*ret_len = (size_t)n;
	return 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = sys_write(fd, p, len);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_write_value_at(int dirfd, const char *path, const char *value)
{
	_cleanup_close_ int fd = sys_openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return fd;
	/* A second write would be a second value. */
	do
		n = sys_write(fd, value, len);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

int io_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = -EBADF;
	char temporary[256];
	int r;

	/* By pid: two commands may replace the same file at the same time, and what one that was
	 * killed left behind is in nobody's way but its successor's with that pid. */
	if (str_format(temporary, sizeof(temporary), ".%s.%d", name, (int)sys_getpid()) >=
	    sizeof(temporary))
		return -ENAMETOOLONG;
	for (int tries = 0;; tries++) {
		fd = sys_openat(dirfd, temporary,
				O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd != -EEXIST || tries > 0)
			break;
		(void)sys_unlinkat(dirfd, temporary, 0);
	}
	if (fd < 0)
		return fd;
	r = io_write_all(fd, data, len);
	if (r == 0)
		r = sys_renameat2(dirfd, temporary, dirfd, name, 0);
	if (r < 0)
		(void)sys_unlinkat(dirfd, temporary, 0);
	return r;
}
