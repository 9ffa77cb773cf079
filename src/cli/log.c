/* Printing errors: for people on standard error, for engines in a file or as JSON. Runs in the
 * command-line half only. Everything is composed in memory of its own and written by one write(2),
 * so that lines of several processes do not mix and an exhausted arena still reports. */
#include "cli/log.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/time.h"
#include "cli/log-service.h"

#define MESSAGE_SIZE (sizeof(((struct err *)0)->where) + sizeof(((struct err *)0)->text) + 128)

static struct {
	enum log_level level;
	bool json;
	int fd; /* of the file; 0 for none: descriptor 0 is never free for it */
} state;

int log_open(const char *target, bool json, enum log_level level, struct err *e)
{
	const char *path = target;
	int fd;

	state.level = level;
	state.json = json;
	if (str_starts(target, "journald:") || str_starts(target, "syslog:"))
		return log_service_open(target, e);
	if (str_starts(target, "file:"))
		path += strlen("file:");
	if (*path == '\0')
		return 0;
	fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open log file %s", path);
	state.fd = fd;
	return 0;
}

bool log_is_json(void)
{
	return state.json;
}

size_t log_append_clean(char *buf, size_t size, size_t len, const char *s)
{
	static const char hex[] = "0123456789abcdef";

	for (; *s && len + 5 < size; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != 0x7f) {
			buf[len++] = *s;
		} else if (c == '\n' || c == '\t') {
			buf[len++] = '\\';
			buf[len++] = c == '\n' ? 'n' : 't';
		} else {
			buf[len++] = '\\';
			buf[len++] = 'x';
			buf[len++] = hex[c >> 4];
			buf[len++] = hex[c & 15];
		}
	}
	buf[len] = '\0';
	return len;
}

static bool is_terminal(int fd)
{
	char termios[256]; /* larger than the kernel's structure anywhere */

	return sys_ioctl(fd, TCGETS, termios) == 0;
}

/* Nobody can be told that telling failed. */
static void write_line(int fd, const char *line, size_t n)
{
	int r = io_write_all(fd, line, n);

	(void)r;
}

static void write_text(int fd, const struct err *e, const char *prefix)
{
	char message[MESSAGE_SIZE], line[2 * MESSAGE_SIZE + 2 * sizeof(e->hint)];
	size_t n;

	err_message(e, message, sizeof(message));
	/* What the message may fill leaves room for the hint. */
	n = log_append_clean(line, 2 * MESSAGE_SIZE, 0, prefix);
	n = log_append_clean(line, 2 * MESSAGE_SIZE, n, message);
	line[n++] = '\n';
	if (e->hint[0] != '\0' && is_terminal(fd)) {
		n = log_append_clean(line, sizeof(line) - 1, n, "  hint: ");
		n = log_append_clean(line, sizeof(line) - 1, n, e->hint);
		line[n++] = '\n';
	}
	write_line(fd, line, n);
}

/* The words and keys are logrus's, which engines read. */
static void write_json(int fd, const struct err *e, const char *level, const char *time)
{
	static char buffer[4096]; /* after an arena that ran out, this still works */
	char message[MESSAGE_SIZE];
	struct json_writer w;
	struct arena arena;
	const char *text;
	size_t len;

	arena_init(&arena, buffer, sizeof(buffer));
	json_writer_init(&w, &arena, false);
	err_message(e, message, sizeof(message));
	json_object_begin(&w);
	json_kv_string(&w, "level", level);
	json_kv_string(&w, "msg", message);
	json_kv_string(&w, "time", time);
	json_kv_string(&w, "code", err_name(e->id));
	if (e->where[0] != '\0')
		json_kv_string(&w, "where", e->where);
	if (e->hint[0] != '\0')
		json_kv_string(&w, "hint", e->hint);
	json_object_end(&w);
	if (json_writer_finish(&w, &text, &len) == 0)
		write_line(fd, text, len);
	arena_done(&arena);
}

static void log_line(const struct err *e, const char *level)
{
	char time[TIME_UTC_SIZE] = "", prefix[64];
	struct timespec now = {0};

	if (state.fd > 0 || state.json) {
		(void)sys_clock_gettime(CLOCK_REALTIME, &now);
		(void)time_format_utc(&now, time);
	}
	if (state.fd > 0 && state.json) {
		write_json(state.fd, e, level, time);
	} else if (state.fd > 0) {
		(void)str_format(prefix, sizeof(prefix), "%s %s: ", time, level);
		write_text(state.fd, e, prefix);
	}

	log_service_send(e, level);

	/* conmon reads standard error even when there is a log. */
	if (state.json && state.fd == 0) {
		write_json(2, e, level, time);
		return;
	}
	write_text(2, e, str_eq(level, "error") ? "coracle: " : "coracle: warning: ");
}

void log_error(const struct err *e)
{
	log_line(e, "error");
}

void log_warning(const struct err *e)
{
	if (state.level >= LOG_WARNING)
		log_line(e, "warning");
}
