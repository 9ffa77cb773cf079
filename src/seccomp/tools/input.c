/* Reading and telling apart what there is to read. A profile is JSON and begins with a brace; a
 * program has bytes that no text has, or is base64 as a whole; all else is a policy. */
#include "seccomp/tools/input.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/verify.h"
#include "seccomp/policy/engine.h"

#define FILE_MAX (16U << 20)

static int load_file(void *context, struct arena *a, const char *path, char **ret, size_t *ret_len)
{
	(void)context;
	return io_read_file_at(a, AT_FDCWD, path, FILE_MAX, ret, ret_len);
}

/* --- programs --------------------------------------------------------------------------------- */

static bool is_base64(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
		      (text[i] >= '0' && text[i] <= '9') || strchr("+/=", text[i])))
			return false;
	return len >= 8 && len % 4 == 0;
}

/* The annotation's whole line is taken, too. */
static int read_base64(struct cli *c, const char *text, struct input *in)
{
	struct err e = {0};

	in->kind = INPUT_PROGRAM;
	if (seccomp_raw_from_base64(c->arena, text, 0, &in->program, &e) == 0)
		return 0;
	(void)err_where(&e, "%.100s", in->name);
	return cli_fail(c, &e);
}

static int read_program(struct cli *c, const char *bytes, size_t len, struct input *in)
{
	size_t n = len / sizeof(struct sock_filter);
	struct sock_filter *insns;
	struct err e = {0};
	bool notify = false;
	int r;

	in->kind = INPUT_PROGRAM;
	if (len == 0 || len % sizeof(*insns) || n > BPF_MAXINSNS) {
		(void)err_set(&e, ERR_CONFIG_INVALID, -EINVAL,
			      "%zu bytes are no whole number of instructions from 1 to %d", len,
			      BPF_MAXINSNS);
		(void)err_where(&e, "%.100s", in->name);
		return cli_fail(c, &e);
	}
	insns = arena_newn(c->arena, struct sock_filter, n);
	r = insns ? 0 : err_sys(&e, ERR_INTERNAL, -ENOMEM, "read the program");
	if (r == 0) {
		memcpy(insns, bytes, len);
		r = seccomp_raw_check(c->arena, insns, n, &notify, &e);
	}
	if (r < 0) {
		(void)err_where(&e, "%.100s", in->name);
		return cli_fail(c, &e);
	}
	in->program = (struct seccomp_program){.insns = insns, .n = n, .notify = notify};
	return 0;
}

/* --- profiles --------------------------------------------------------------------------------- */

/* Keys that only engines' own profiles have. */
static bool is_engines(const char *text)
{
	static const char *const keys[] = {"\"archMap\"",      "\"includes\"", "\"excludes\"",
					   "\"defaultErrno\"", "\"errno\"",    "\"name\""};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strstr(text, keys[i]))
			return true;
	return false;
}

/* What the engine would make of its profile for a container with the capabilities of the options.
 */
static int parse_engines(struct cli *c, char *text, size_t len, struct input *in, struct err *e)
{
	struct spec_engine_profile *profile = arena_new(c->arena, struct spec_engine_profile);
	int r;

	if (!profile)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the profile");
	r = spec_engine_profile_parse(c->arena, text, len, profile, e);
	if (r == 0)
		r = policy_expand_engine(c->arena, profile, &c->options, &in->seccomp, e);
	return r;
}

/* linux.seccomp, or all of config.json. */
static int parse_config(struct cli *c, char *text, size_t len, struct input *in, struct err *e)
{
	bool whole = strstr(text, "\"linux\"") != NULL;
	struct spec *spec = arena_new(c->arena, struct spec);
	int r;

	if (!whole)
		text = arena_format(c->arena,
				    "{\"ociVersion\":\"1.0.0\",\"linux\":{\"seccomp\":%s}}", text);
	if (!spec || !text)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the profile");
	r = spec_parse(c->arena, text, whole ? len : strlen(text), spec, e);
	if (r == 0 && !spec->linux_.has_seccomp)
		r = err_set(e, ERR_CONFIG_INVALID, -EINVAL, "there is no linux.seccomp");
	if (r == 0)
		in->seccomp = spec->linux_.seccomp;
	return r;
}

static int read_profile(struct cli *c, char *text, size_t len, struct input *in)
{
	struct seccomp_options options = {.native = c->options.native};
	const struct seccomp_warning *warnings = NULL;
	bool engines = !strstr(text, "\"linux\"") && is_engines(text);
	struct err e = {0};
	int r = engines ? parse_engines(c, text, len, in, &e) : parse_config(c, text, len, in, &e);

	in->kind = INPUT_PROFILE;
	if (r == 0)
		r = seccomp_policy_from_oci(c->arena, &in->seccomp, &options, &in->policy,
					    &warnings, &e);
	if (r < 0) {
		if (engines)
			(void)err_hint(&e, "rules are counted without those that do not apply");
		(void)err_wrap(&e, "%.100s", in->name);
		return cli_fail(c, &e);
	}
	/* Of engines' profiles, which have rules for every version and machine, names that this one
	 * lacks are no surprise, and places in what is left of them help nobody. */
	for (const struct seccomp_warning *w = warnings; w && !engines; w = w->next)
		cli_warn(c, "%s: linux.seccomp.syscalls[%zu].names[%zu]: %s", in->name, w->syscall,
			 w->name, w->text);
	return input_compile(c, in);
}

/* --- policies --------------------------------------------------------------------------------- */

static int read_policy(struct cli *c, const char *text, size_t len, struct input *in)
{
	int r;

	in->kind = INPUT_POLICY;
	in->log.arena = c->arena;
	c->options.load = load_file;
	r = policy_parse(c->arena, in->name, text, len, &c->options, &in->rules, &in->log);
	if (r == 0)
		r = policy_map_rules(c->arena, &in->rules, &c->options, &in->map, &in->log);
	if (r == 0)
		r = policy_to_seccomp(c->arena, &in->map, &in->policy);
	if (r == -ENOMEM) {
		struct err e = {0};

		(void)err_sys(&e, ERR_INTERNAL, r, "read the policy");
		return cli_fail(c, &e);
	}
	if (r < 0) {
		cli_say(c, &in->log);
		return EXIT_FAILED;
	}
	return input_compile(c, in);
}

int input_compile(struct cli *c, struct input *in)
{
	struct err e = {0};
	bool complete = true;
	int r = seccomp_emit(c->arena, &in->policy, &in->program, &e);

	if (r == 0)
		r = seccomp_verify(c->arena, &in->policy, &in->program, SECCOMP_VERIFY_EXHAUSTED,
				   &complete, &e);
	if (r < 0) {
		(void)err_wrap(&e, "%.100s", in->name);
		return cli_fail(c, &e);
	}
	if (!complete)
		cli_warn(c,
			 "%s: the rules look at too much for the whole of the proof; the program "
			 "was tried at the edges of their conditions",
			 in->name);
	return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool is_text(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < 0x20 && !strchr("\t\n\r", bytes[i]))
			return false;
	return memchr(bytes, '\0', len) == NULL;
}

int input_read(struct cli *c, const char *path, struct input *ret)
{
	bool is_stdin = str_eq(path, "-");
	size_t len = 0, at = 0, end;
	struct err e = {0};
	char *text = NULL;
	int r;

	*ret = (struct input){.name = is_stdin ? "standard input" : path};
	r = is_stdin ? io_read_fd(c->arena, STDIN_FILENO, FILE_MAX, &text, &len)
		     : io_read_file_at(c->arena, AT_FDCWD, path, FILE_MAX, &text, &len);
	if (r < 0) {
		(void)err_sys(&e, ERR_IO, r, "read %s", ret->name);
		return cli_fail(c, &e);
	}
	if (!is_text(text, len))
		return read_program(c, text, len, ret);
	end = len;
	while (at < end && strchr(" \t\r\n", text[at]))
		at++;
	while (end > at && strchr(" \t\r\n", text[end - 1]))
		end--;
	if (text[at] == '{')
		return read_profile(c, text, len, ret);
	if (str_starts(text + at, SECCOMP_ANNOTATION_BPF "="))
		at += strlen(SECCOMP_ANNOTATION_BPF "=");
	if (end > at && is_base64(text + at, end - at)) {
		text[end] = '\0';
		return read_base64(c, text + at, ret);
	}
	return read_policy(c, text, len, ret);
}
