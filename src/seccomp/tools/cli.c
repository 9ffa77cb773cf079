/* What the commands share: messages, options, output. */
#include "seccomp/tools/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "seccomp/policy/constants.h"

/* --- messages -------------------------------------------------------------------------------- */

int cli_fail(struct cli *c, const struct err *e)
{
	return tool_fail(&c->tool, e);
}

int cli_usage(struct cli *c, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	return tool_usage(&c->tool, text);
}

void cli_warn(struct cli *c, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	tool_warn(&c->tool, text);
}

void cli_say(struct cli *c, const struct policy_log *log)
{
	static const char *const levels[] = {
		[POLICY_NOTE] = "info",
		[POLICY_WARNING] = "warning",
		[POLICY_ERROR] = "error",
	};

	for (const struct policy_message *m = log->first; m; m = m->next) {
		const struct tool_message message = {
			.level = levels[m->level],
			.code = m->level == POLICY_ERROR ? "config-invalid" : NULL,
			.text = m->text,
			.hint = m->hint,
			.file = m->place.file->name,
			.line = m->place.line,
			.column = m->place.column,
		};
		const char *text = c->tool.log_json ? NULL : policy_message_text(c->arena, m);

		if (c->log_lines)
			fprintf(stderr, "%s:%u:%u: %s\n", m->place.file->name, m->place.line,
				m->place.column, m->text);
		else if (text)
			fputs(text, stderr);
		else
			tool_print_message(&message);
	}
}

/* --- options --------------------------------------------------------------------------------- */

static bool take_symbol(struct cli *c, const char *symbol)
{
	const char **more = arena_newn(c->arena, const char *, c->options.n_defined + 1);

	if (!more)
		return false;
	for (size_t i = 0; i < c->options.n_defined; i++)
		more[i] = c->options.defined[i];
	more[c->options.n_defined++] = symbol;
	c->options.defined = more;
	return true;
}

/* CAP_A,CAP_B; "all". */
static bool take_capabilities(struct cli *c, const char *list)
{
	if (str_eq(list, "all")) {
		c->options.capabilities = UINT64_MAX;
		return true;
	}
	while (*list) {
		size_t len = strcspn(list, ",");
		int capability = policy_capability_find(list, len);

		if (capability < 0)
			return false;
		c->options.capabilities |= 1ULL << capability;
		list += len + (list[len] == ',');
	}
	return true;
}

static bool take_kernel(struct cli *c, const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10), minor = 0;

	if (*end == '.')
		minor = strtoul(end + 1, &end, 10);
	if (end == text || major > 255 || minor > 255)
		return false;
	c->options.kernel = (uint16_t)(major << 8 | minor);
	return true;
}

int cli_option(struct cli *c, int opt)
{
	int arch;

	switch (opt) {
	case CLI_JSON:
		c->json = true;
		return 1;
	case CLI_LOG_FORMAT:
		c->log_lines = str_eq(optarg, "line"); /* for the runtime, which prints its own */
		return c->log_lines || tool_take_log_format(&c->tool, optarg);
	case 'd':
		return take_symbol(c, optarg);
	case CLI_CAP:
		return take_capabilities(c, optarg);
	case CLI_KERNEL:
		return take_kernel(c, optarg);
	case CLI_ARCH:
		arch = policy_arch_find(optarg, strlen(optarg));
		if (arch < 0)
			arch = seccomp_arch_from_name(optarg);
		if (arch >= 0)
			c->options.native = (enum seccomp_arch)arch;
		return arch >= 0;
	case 'h':
		tool_print_help(&c->tool);
		exit(0);
	default:
		return 0;
	}
}

/* --- output ---------------------------------------------------------------------------------- */

int cli_write(struct cli *c, const char *path, const void *data, size_t len, bool is_text)
{
	_cleanup_close_ int opened = -EBADF;
	bool is_stdout = !path || str_eq(path, "-");
	struct err e = {0};
	int r;

	if (is_stdout && !is_text && isatty(STDOUT_FILENO)) {
		(void)err_set(&e, ERR_USAGE, -EINVAL, "a program is no text for a terminal");
		(void)err_hint(&e, "name a file with --output, or choose another --format");
		return cli_fail(c, &e);
	}
	if (!is_stdout) {
		opened = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (opened < 0) {
			(void)err_sys(&e, ERR_IO, opened, "open %s", path);
			return cli_fail(c, &e);
		}
	}
	r = io_write_all(is_stdout ? STDOUT_FILENO : opened, data, len);
	if (r == 0)
		return 0;
	(void)err_sys(&e, ERR_IO, r, "write the result");
	return cli_fail(c, &e);
}

int cli_print_json(struct cli *c, struct json_writer *w)
{
	return tool_print_json(&c->tool, w);
}
