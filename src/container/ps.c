/* The table of ps(1), cut down to a container's processes: for people who know its options. */
#include <errno.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/container.h"
#include "host/spawn.h"

#define PS_SECONDS 10
#define OUTPUT_MAX (16 << 20)

/* What ps prints for @words: "ps", and its arguments. */
static int run_ps(struct arena *a, const struct str_list *words, char **ret, struct err *e)
{
	_cleanup_close_ int fd = sys_memfd_create("coracle-ps", MFD_CLOEXEC);
	const char **argv = arena_newn(a, const char *, words->n + 2);
	struct child_result result;
	size_t len;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_INTERNAL, fd, "make a file for the output of ps");
	if (!argv)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	argv[0] = "ps";
	for (size_t i = 0; i < words->n; i++)
		argv[i + 1] = words->items[i];
	r = spawn_output("ps", argv, PS_SECONDS, fd, &result, e);
	if (r < 0)
		return err_hint(e, "without arguments no ps(1) is needed");
	if (result.status != 0)
		return err_set(e, ERR_USAGE, -EINVAL, "ps: exit status %d: %s", result.status,
			       result.output);
	if (sys_lseek(fd, 0, 0) < 0)
		return err_set(e, ERR_INTERNAL, -EIO, "read the output of ps");
	r = io_read_fd(a, fd, OUTPUT_MAX, ret, &len);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "read the output of ps") : 0;
}

/* The word number @n of @line, counted from 0; its length in *@ret_len, which is 0 if there is
 * none.
 */
static const char *word_at(const char *line, size_t n, size_t *ret_len)
{
	for (;; n--) {
		line += strspn(line, " \t");
		*ret_len = strcspn(line, " \t\n");
		if (n == 0 || *ret_len == 0)
			return line;
		line += *ret_len;
	}
}

/* Which word of the header says PID. Returns its number, or -ENOENT. */
static int find_column(const char *header)
{
	size_t len = 1;

	for (int n = 0; len > 0; n++) {
		const char *word = word_at(header, (size_t)n, &len);

		if (len == 3 && strncmp(word, "PID", 3) == 0)
			return n;
	}
	return -ENOENT;
}

static bool is_listed(const char *line, size_t column, const pid_t *pids, size_t n_pids)
{
	char digits[12];
	uint32_t pid;
	size_t len;
	const char *word = word_at(line, column, &len);

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, word, len);
	digits[len] = '\0';
	if (str_to_u32(digits, INT32_MAX, &pid) < 0)
		return false;
	for (size_t i = 0; i < n_pids; i++)
		if (pids[i] == (pid_t)pid)
			return true;
	return false;
}

int container_ps(struct runtime *rt, const char *id, const struct str_list *words, const char **ret,
		 struct err *e)
{
	size_t n_pids, kept = 0;
	pid_t *pids;
	char *text, *line;
	int column, r = container_pids(rt, id, &pids, &n_pids, e);

	if (r == 0)
		r = run_ps(rt->arena, words, &text, e);
	if (r < 0)
		return r;
	column = find_column(text);
	if (column < 0) {
		(void)err_set(e, ERR_USAGE, column, "the output of ps has no column PID");
		return err_hint(e, "choose another format: ps -o pid,args");
	}
	for (line = text; *line;) {
		size_t len = strcspn(line, "\n");

		len += line[len] == '\n';
		if (line == text || is_listed(line, (size_t)column, pids, n_pids)) {
			memmove(text + kept, line, len);
			kept += len;
		}
		line += len;
	}
	text[kept] = '\0';
	*ret = text;
	return 0;
}
