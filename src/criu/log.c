/* CRIU's log: lines of "(00.012345) 42: Error (criu/files.c:12): what it was". */
#include "criu/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/sys.h"

#define ERROR     "Error ("
#define LINE_SIZE 4096

/* CRIU tries to raise its own limit, and goes on where it may not. */
static bool is_harmless(const char *text)
{
	return strncmp(text, "rlimit:", 7) == 0;
}

/* What stands behind the place in CRIU's sources; NULL for other lines. */
static const char *find_error(char *line)
{
	char *at = strstr(line, ERROR), *text = at ? strstr(at, "): ") : NULL;

	line[strcspn(line, "\n")] = '\0';
	return text && text[3] != '\0' ? text + 3 : NULL;
}

int log_first_error(int dir_fd, const char *name, char *buf, size_t size)
{
	int fd = sys_openat(dir_fd, name, O_RDONLY | O_CLOEXEC, 0);
	FILE *log = fd < 0 ? NULL : fdopen(fd, "r");
	char line[LINE_SIZE];
	bool found = false;

	if (!log) {
		(void)fd_close(fd);
		return -ENOENT;
	}
	while (!found && fgets(line, sizeof(line), log)) {
		const char *text = find_error(line);

		if (!text || is_harmless(text))
			continue;
		(void)snprintf(buf, size, "%s", text);
		found = true;
	}
	(void)fclose(log);
	return found ? 0 : -ENOENT;
}
