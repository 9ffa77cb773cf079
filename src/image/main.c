/* coracle-image: sealed images. Runs on the host's side, never near a container's processes. One
 * program under several names: `coracle image COMMAND`, and those of composefs's tools. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "image/command.h"

#include "config.h"

const struct image_command image_commands[] = {
	{"build", "SOURCE [IMAGE]", "make an image of a directory or a dump",
	 "  -d, --dump            SOURCE is a dump file, - for standard input\n"
	 "  -o, --objects DIR     copy files into the object store DIR\n"
	 "      --format N        0, 1 (default) or 2\n"
	 "      --hash NAME       sha256 (default) or sha512\n"
	 "      --epoch           all modification times are 0\n"
	 "      --xattrs WHICH    all (default), user, oci or none\n"
	 "      --no-devices      leave out devices\n"
	 "      --hardlinks       keep names of one file together\n"
	 "      --verity MODE     for objects: require, try (default) or off\n"
	 "      --seal            enable fs-verity for the image, or fail\n"
	 "      --print-digest    print the image's digest\n"
	 "  -j, --threads N       read files with N threads\n",
	 command_build},
	{"info", "IMAGE...", "show what is in an image",
	 "  -l, --list            list the files\n"
	 "      --list-objects    list the objects\n"
	 "      --missing         list the objects that --objects DIR does not have\n"
	 "  -o, --objects DIR     the object store\n"
	 "      --hash NAME       for the digest: sha256 (default) or sha512\n",
	 command_info},
	{"dump", "SOURCE", "write an image, or a directory, as a dump",
	 "      --filter NAME     only this entry of the root; may be repeated\n", command_dump},
	{"diff", "A B", "compare two images, dumps or directories",
	 "      --no-mtime        do not compare modification times\n", command_diff},
	{"check", "IMAGE", "prove that an image, its objects or its mount are sound",
	 "  -o, --objects DIR     measure each object\n"
	 "      --digest DIGEST   the image must have this digest\n"
	 "      --verity MODE     require: the kernel must have measured; default: try\n"
	 "      --read            read objects that are sealed, too\n"
	 "  -m, --mounted DIR     compare with this mount, and read all of it\n",
	 command_check},
	{"mount", "IMAGE DIR", "mount an image",
	 "  -o, --objects DIR     an object store; may be repeated\n"
	 "      --digest DIGEST   the image must have this digest\n"
	 "      --verity MODE     require, try (default) or off\n"
	 "      --upper DIR       make it writable; needs --work\n"
	 "      --work DIR        for --upper, on the same filesystem\n"
	 "      --idmap FILE      a user namespace (/proc/PID/ns/user) to map ids with\n"
	 "      --read-write      do not mount read-only (with --upper)\n"
	 "      --rootless DIR    without privileges, by way of stub files in DIR\n"
	 "      --no-check        mount images that our writer would write differently\n"
	 "      --explain         say how it was mounted\n",
	 command_mount},
	{"umount", "DIR", "undo a mount", "  -l, --lazy            even if it is busy\n",
	 command_umount},
	{NULL, NULL, NULL, NULL, NULL},
};

/* --- messages ------------------------------------------------------------------------------------
 */

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

int cli_usage(struct cli *c, const char *command, const char *fmt, ...)
{
	struct err e = {0};
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&e, ERR_USAGE, -EINVAL, "%s: %s", command, text);
	(void)err_hint(&e, "try '%s %s --help'", c->program, command);
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

/* --- words ---------------------------------------------------------------------------------------
 */

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
	enum image_hash hash = 0;
	size_t len;

	if (str_starts(text, "sha256:"))
		hash = IMAGE_SHA256;
	else if (str_starts(text, "sha512:"))
		hash = IMAGE_SHA512;
	if (hash)
		text += 7;
	len = strlen(text);
	if (!hash)
		hash = len == 128 ? IMAGE_SHA512 : IMAGE_SHA256;
	if (len != 2 * verity_digest_size(hash) || image_unhex(text, len / 2, ret_digest) < 0)
		return false;
	*ret_hash = hash;
	return true;
}

/* --- help and dispatch ---------------------------------------------------------------------------
 */

static const struct image_command *find_command(const char *name)
{
	for (const struct image_command *k = image_commands; k->name; k++)
		if (str_eq(k->name, name))
			return k;
	return NULL;
}

static void print_help(const char *command)
{
	const struct image_command *k = command ? find_command(command) : NULL;

	if (k) {
		printf("Usage: coracle image %s [OPTION]... %s\n\n%c%s.\n\nOptions:\n%s"
		       "      --json            print the result as JSON\n"
		       "  -q, --quiet           show no progress\n"
		       "      --log-format F    messages as text (default) or json\n"
		       "  -h, --help            show this help\n",
		       k->name, k->arguments, k->summary[0] - 'a' + 'A', k->summary + 1, k->help);
		return;
	}
	printf("Usage: coracle image COMMAND [OPTION]... ARGUMENT...\n\n"
	       "Sealed images: one digest stands for every byte of a file system.\n\nCommands:\n");
	for (k = image_commands; k->name; k++)
		printf("  %-8s %s\n", k->name, k->summary);
	printf("\n'coracle image COMMAND --help' shows the options of a command.\n");
}

int cli_option(struct cli *c, const char *command, int opt)
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
	case 'h':
		print_help(command);
		exit(0);
	default:
		return 0;
	}
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1
			   : argc > 0                        ? argv[0]
							     : "";
	struct cli c = {.program = "coracle image"};
	const struct image_command *k;

	if (str_eq(name, "mkcomposefs"))
		return compat_mkcomposefs(argc, argv);
	if (str_eq(name, "composefs-info"))
		return compat_composefs_info(argc, argv);
	if (str_eq(name, "mount.composefs"))
		return compat_mount_composefs(argc, argv);
	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
	    str_eq(argv[1], "help")) {
		print_help(argc > 2 ? argv[2] : NULL);
		return argc < 2;
	}
	if (str_eq(argv[1], "--version")) {
		printf("coracle-image %s\n", CORACLE_VERSION);
		return 0;
	}
	k = find_command(argv[1]);
	if (!k) {
		struct err e = {0};

		(void)err_set(&e, ERR_USAGE, -EINVAL, "unknown command '%s'", argv[1]);
		(void)err_hint(&e, "try 'coracle image --help'");
		return cli_fail(&c, &e);
	}
	return k->run(&c, argc - 1, argv + 1);
}
