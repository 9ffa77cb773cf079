/* HOME from the container's user database, when the configuration does not set it. The file is the
 * image's: read in bounded pieces, only as far as needed, never trusted to be well-formed. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#define PASSWD_MAX  (1 << 20) /* a larger file is not searched to its end */
#define HOME_LENGTH 1024

/* Field @n of a passwd line, which ends at @end. */
static const char *field(const char *line, const char *end, unsigned n, size_t *ret_len)
{
	const char *p = line, *stop;

	for (; n > 0; n--) {
		while (p < end && *p != ':')
			p++;
		if (p == end)
			return NULL;
		p++;
	}
	for (stop = p; stop < end && *stop != ':';)
		stop++;
	*ret_len = (size_t)(stop - p);
	return p;
}

static bool line_matches(const char *line, const char *end, uint32_t uid)
{
	size_t len;
	const char *p = field(line, end, 2, &len);
	char number[12];
	uint32_t v;

	if (!p || len >= sizeof(number))
		return false;
	memcpy(number, p, len);
	number[len] = '\0';
	return str_to_u32(number, UINT32_MAX, &v) == 0 && v == uid;
}

/* The home directory of @uid if @line is its line; false goes on searching. */
static bool take_home(const char *line, const char *end, uint32_t uid, char *home)
{
	size_t len = 0;
	const char *p;

	if (!line_matches(line, end, uid))
		return false;
	p = field(line, end, 5, &len);
	if (!p || len == 0 || len >= HOME_LENGTH || *p != '/')
		return false;
	memcpy(home, p, len);
	home[len] = '\0';
	return true;
}

/* Search @fd for @uid; true with the home directory in @home (HOME_LENGTH bytes). */
static bool search(int fd, uint32_t uid, char *home)
{
	static char buf[8192];
	size_t have = 0, total = 0;
	ssize_t n;

	do {
		char *line = buf, *end;

		n = sys_read(fd, buf + have, sizeof(buf) - have);
		if (n < 0)
			return false;
		have += (size_t)n;
		total += (size_t)n;
		while ((end = memchr(line, '\n', (size_t)(buf + have - line)))) {
			if (take_home(line, end, uid, home))
				return true;
			line = end + 1;
		}
		/* The last line may lack its newline. */
		if (n == 0)
			return take_home(line, buf + have, uid, home);
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		/* A line longer than the buffer is no line of a user database. */
	} while (have < sizeof(buf) && total < PASSWD_MAX);
	return false;
}

/* Only to open a device can do something, so it is looked at first. O_NONBLOCK: neither a fifo that
 * came there meanwhile holds us. */
static int open_regular(const struct init *i, const char *path)
{
	static const int flags[] = {O_PATH, O_RDONLY | O_NONBLOCK};
	struct stat st;
	int fd = -EBADF;

	for (size_t n = 0; n < ARRAY_SIZE(flags); n++) {
		fd = fd_close(fd);
		fd = path_open_in_root(i->root_fd, path, flags[n], 0);
		if (fd < 0 || sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			return fd_close(fd);
	}
	return fd;
}

int step_LISTEN_PID(struct init *i, const struct plan_env_pid *o, struct err *e)
{
	static char text[32];
	uint64_t *env = (uint64_t *)(uintptr_t)init_array(i, i->block->envp, sizeof(uint64_t));

	(void)e;
	(void)str_format(text, sizeof(text), "%s%d", init_string(i, o->prefix), sys_getpid());
	if (o->env_slot < i->block->envp.n)
		env[o->env_slot] = (uint64_t)(uintptr_t)text;
	return 0;
}

int step_HOME(struct init *i, const struct plan_home *o, struct err *e)
{
	static char text[HOME_LENGTH + 8];
	size_t n = str_copy(text, 8, init_string(i, o->prefix));
	uint64_t *env = (uint64_t *)(uintptr_t)init_array(i, i->block->envp, sizeof(uint64_t));
	const char *found = init_string(i, o->fallback);
	_cleanup_close_ int fd = -EBADF;

	(void)e;
	fd = open_regular(i, init_string(i, o->passwd));
	if (fd >= 0 && search(fd, o->uid, text + n))
		found = text;
	if (o->env_slot < i->block->envp.n)
		env[o->env_slot] = (uint64_t)(uintptr_t)found;
	return 0;
}
