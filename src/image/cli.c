/* What the commands share: messages, options, words. */
#include "image/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

/* --- messages -------------------------------------------------------------------------------- */

static void print_log_json(const char *level, const struct err *e, const char *text)
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
	if (e)
		json_kv_string(&w, "code", err_name(e->id));
	if (e && e->hint[0])
		json_kv_string(&w, "hint", e->hint);
	json_object_end(&w);
	if (json_writer_finish(&w, &line, &len) == 0)
		(void)fwrite(line, 1, len, stderr);
	arena_done(&a);
}

int cli_fail(struct cli *c, const struct err *e)
{
	char text[600];

	progress_end(&c->progress);
	err_message(e, text, sizeof(text));
	if (c->log_json)
		print_log_json("error", e, text);
	else
		fprintf(stderr, "%s: %s\n", c->program, text);
	if (!c->log_json && e->hint[0] && isatty(STDERR_FILENO))
		fprintf(stderr, "  hint: %s\n", e->hint);
	return 1;
}

void cli_warn(struct cli *c, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	progress_end(&c->progress);
	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->log_json)
		print_log_json("warning", NULL, text);
	else
		fprintf(stderr, "%s: warning: %s\n", c->program, text);
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
	(void)err_hint(&e, "try '%s %s --help'", c->program, c->command->name);
	return cli_fail(c, &e);
}

int cli_print_json(struct cli *c, struct json_writer *w)
{
	struct err e = {0};
	const char *text;
	size_t len;
	int r = json_writer_finish(w, &text, &len);

	if (r == 0)
		r = io_write_all(STDOUT_FILENO, text, len);
	if (r < 0) {
		(void)err_sys(&e, ERR_IO, r, "write the result");
		return cli_fail(c, &e);
	}
	return 0;
}

/* --- words ----------------------------------------------------------------------------------- */

bool cli_parse_verity(const char *word, enum verity_want *ret)
{
	if (str_eq(word, "require") || str_eq(word, "on"))
		*ret = VERITY_REQUIRE;
	else if (str_eq(word, "try"))
		*ret = VERITY_TRY;
	else if (str_eq(word, "off"))
		*ret = VERITY_OFF;
	else
		return false;
	return true;
}

bool cli_parse_xattrs(const char *word, enum scan_xattrs *ret)
{
	static const char *const words[] = {
		[SCAN_XATTRS_ALL] = "all",
		[SCAN_XATTRS_USER] = "user",
		[SCAN_XATTRS_OCI] = "oci",
		[SCAN_XATTRS_NONE] = "none",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!str_eq(word, words[i]))
			continue;
		*ret = (enum scan_xattrs)i;
		return true;
	}
	return false;
}

bool cli_parse_digest(const char *text, enum image_hash *ret_hash, uint8_t *ret_digest)
{
	bool is_512 = str_starts(text, "sha512:"), is_named = is_512 || str_starts(text, "sha256:");
	enum image_hash hash;
	size_t len;

	if (is_named)
		text += 7;
	len = strlen(text);
	if (!is_named)
		is_512 = len == 128;
	hash = is_512 ? IMAGE_SHA512 : IMAGE_SHA256;
	if (len != 2 * verity_digest_size(hash) || image_unhex(text, len / 2, ret_digest) < 0)
		return false;
	*ret_hash = hash;
	return true;
}

/* --- help and the options of all commands ---------------------------------------------------- */

void cli_print_help(const struct cli *c)
{
	const struct image_command *k = c->command;

	printf("Usage: coracle image %s [OPTION]...%s%s\n\n%c%s.\n\nOptions:\n%s"
	       "      --json            print the result as JSON\n"
	       "  -q, --quiet           show no progress\n"
	       "      --log-format F    messages as text (default) or json\n"
	       "  -h, --help            show this help\n",
	       k->name, k->arguments[0] ? " " : "", k->arguments, k->summary[0] - 'a' + 'A',
	       k->summary + 1, k->help);
}

int cli_option(struct cli *c, int opt)
{
	switch (opt) {
	case CLI_JSON:
		c->json = true;
		return 1;
	case 'q':
		c->quiet = true;
		return 1;
	case CLI_LOG_FORMAT:
		c->log_json = str_eq(optarg, "json");
		return c->log_json || str_eq(optarg, "text");
	case CLI_STORE:
		c->store = optarg;
		return 1;
	case 'h':
		cli_print_help(c);
		exit(0);
	default:
		return 0;
	}
}
