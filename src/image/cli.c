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

int cli_fail(struct cli *c, const struct err *e)
{
	progress_end(&c->progress);
	return tool_fail(&c->tool, e);
}

void cli_warn(struct cli *c, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	progress_end(&c->progress);
	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	tool_warn(&c->tool, text);
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

int cli_print_json(struct cli *c, struct json_writer *w)
{
	return tool_print_json(&c->tool, w);
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

/* --- the options of all commands -------------------------------------------------------------- */

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
		return tool_take_log_format(&c->tool, optarg);
	case CLI_STORE:
		c->store = optarg;
		return 1;
	case 'h':
		tool_print_help(&c->tool);
		exit(0);
	default:
		return 0;
	}
}
