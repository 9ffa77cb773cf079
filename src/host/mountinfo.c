/* Reading mountinfo. Runs on the host's side; the paths in it are the container's choice. */
#include "host/mountinfo.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/proc.h"

#define TEXT_MAX (64U << 20)

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Blanks, newlines and backslashes in a path come as "\040": turned back in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && is_octal(s[1]) && is_octal(s[2]) && is_octal(s[3])) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The next word at *@at, which ends there; NULL at the end of the line. */
static char *next_word(char **at)
{
	char *word = *at;

	if (*word == '\0')
		return NULL;
	*at += strcspn(word, " ");
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

/* "ID PARENT DEVICE ROOT POINT OPTIONS TAG… - TYPE SOURCE OPTIONS" */
static int read_row(char *line, struct mount_row *ret)
{
	char *words[6], *type;
	char *behind = strstr(line, " - ");

	if (!behind)
		return -EBADMSG;
	*behind = '\0';
	behind += 3;
	for (size_t n = 0; n < ARRAY_SIZE(words); n++) {
		words[n] = next_word(&line);
		if (!words[n])
			return -EBADMSG;
	}
	type = next_word(&behind);
	if (!type || str_to_u64(words[0], &ret->id) < 0)
		return -EBADMSG;
	unescape(words[3]);
	unescape(words[4]);
	ret->device = words[2];
	ret->root = words[3];
	ret->point = words[4];
	ret->type = type;
	return 0;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

int mountinfo_read(struct arena *a, int proc_fd, pid_t pid, struct mount_row **ret, size_t *ret_n,
		   struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct mount_row *rows = NULL;
	char path[48], *text = NULL, *end;
	size_t len, n = 0;
	int r;

	(void)str_format(path, sizeof(path), "%d/mountinfo", pid > 0 ? pid : sys_getpid());
	fd = r = proc_open_at(proc_fd, path, O_RDONLY);
	if (r >= 0)
		r = io_read_fd(a, fd, TEXT_MAX, &text, &len);
	if (r == 0) {
		rows = arena_newn(a, struct mount_row, count_lines(text) + 1);
		r = rows ? 0 : -ENOMEM;
	}
	for (; r == 0 && *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			break;
		*end = '\0';
		r = read_row(text, &rows[n++]);
	}
	if (r < 0)
		return err_sys(e, ERR_KERNEL, r, "read \"/proc/%s\"", path);
	*ret = rows;
	*ret_n = n;
	return 0;
}
