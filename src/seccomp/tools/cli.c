/* What the commands share: messages, options, output. */
#include "seccomp/tools/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "seccomp/policy/constants.h"

#define PROGRAM "coracle seccomp"

/* --- messages -------------------------------------------------------------------------------- */

static void print_log_json(const char *level, const char *code, const char *text, const char *hint,
			   const struct policy_place *place)
{
	struct json_writer w;
	const char *line;
	struct arena a;
	char when[40];
	time_t now = time(NULL);
	struct tm tm;
	size_t len;

	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "level", level);
	json_kv_string(&w, "msg", text);
	json_kv_string(&w, "time", when);
	if (code)
		json_kv_string(&w, "code", code);
	if (place) {
		json_kv_string(&w, "file", place->file->name);
		json_kv_u64(&w, "line", place->line);
		json_kv_u64(&w, "column", place->column);
	}
	if (hint[0])
		json_kv_string(&w, "hint", hint);
	json_object_end(&w);
	if (json_writer_finish(&w, &line, &len) == 0)
		(void)fwrite(line, 1, len, stderr);
	arena_done(&a);
}

int cli_fail(struct cli *c, const struct err *e)
{
	char text[600];

	err_message(e, text, sizeof(text));
	if (c->log_json)
		print_log_json("error", err_name(e->id), text, e->hint, NULL);
	else
		fprintf(stderr, PROGRAM ": %s\n", text);
	if (!c->log_json && e->hint[0] && isatty(STDERR_FILENO))
		fprintf(stderr, "  hint: %s\n", e->hint);
	return EXIT_FAILED;
}

int cli_usage(struct cli *c, const char *fmt, ...)
{
	struct err e = {0};
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&e, ERR_USAGE, -EINVAL, "%s: %s", c->command->name, text);
	(void)err_hint(&e, "try '" PROGRAM " %s --help'", c->command->name);
	return cli_fail(c, &e);
}

void cli_warn(struct cli *c, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->log_json)
		print_log_json("warning", NULL, text, "", NULL);
	else
		fprintf(stderr, PROGRAM ": warning: %s\n", text);
}

void cli_say(struct cli *c, const struct policy_log *log)
{
	static const char *const levels[] = {
		[POLICY_NOTE] = "info",
		[POLICY_WARNING] = "warning",
		[POLICY_ERROR] = "error",
	};

	for (const struct policy_message *m = log->first; m; m = m->next) {
		const char *text = c->log_json ? NULL : policy_message_text(c->arena, m);

		if (c->log_lines)
			fprintf(stderr, "%s:%u:%u: %s\n", m->place.file->name, m->place.line,
				m->place.column, m->text);
		else if (text)
			fputs(text, stderr);
		else
			print_log_json(levels[m->level],
				       m->level == POLICY_ERROR ? "config-invalid" : NULL, m->text,
				       m->hint, &m->place);
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
		c->log_json = str_eq(optarg, "json");
		c->log_lines = str_eq(optarg, "line"); /* for the runtime, which prints its own */
		return c->log_json || c->log_lines || str_eq(optarg, "text");
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
		cli_print_help(c);
		exit(0);
	default:
		return 0;
	}
}

void cli_print_help(const struct cli *c)
{
	const struct tool_command *k = c->command;

	printf("Usage: coracle seccomp %s [OPTION]...%s%s\n\n%c%s.\n\nOptions:\n%s%s"
	       "      --json            print the result as JSON\n"
	       "      --log-format F    messages as text (default) or json\n"
	       "  -h, --help            show this help\n",
	       k->name, k->arguments[0] ? " " : "", k->arguments, k->summary[0] - 'a' + 'A',
	       k->summary + 1, k->help,
	       k->reads_policies
		       ? "  -d, --define NAME     define a symbol for #ifdef; may be repeated\n"
			 "      --cap LIST        capabilities, for cap() and #ifdef CAP_…; \"all\"\n"
			 "      --kernel VERSION  the kernel, for `kernel >= …` (default: this one)\n"
			 "      --arch NAME       the machine's architecture (default: this one's)\n"
		       : "");
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
	struct err e = {0};
	const char *text;
	size_t len;
	int r = json_writer_finish(w, &text, &len);

	if (r == 0)
		return cli_write(c, NULL, text, len, true);
	(void)err_sys(&e, ERR_INTERNAL, r, "write the result");
	return cli_fail(c, &e);
}
