/* The agent's configuration. What is not understood is an error: a key with a slip in it might be
 * the one that forbids. */
#include "notify/settings.h"

#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "base/str.h"
#include "seccomp/compile/table.h"

#define STRINGS_MAX 64
#define DEADLINE_MS 5000
#define RATE        5000

static const char *const default_devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
					      "/dev/random", "/dev/urandom", "/dev/tty"};
static const char *const default_filesystems[] = {"tmpfs"};

/* What filesystems a profile may name; mount.c says what each may be given. */
static const char *const known_filesystems[] = {"tmpfs",  "proc",    "sysfs", "mqueue",
						"devpts", "overlay", "bind"};

static const struct {
	const char *name;
	int code;
} refusals[] = {
	{"ENOSYS", -ENOSYS}, {"EPERM", -EPERM},           {"EACCES", -EACCES},
	{"EINVAL", -EINVAL}, {"EOPNOTSUPP", -EOPNOTSUPP},
};

static const struct {
	const char *name, *calls;
} handlers[] = {
#define X(id, name, calls) [HANDLER_##id] = {name, calls},
	HANDLER_LIST(X)
#undef X
};

const char *handler_name(enum handler h)
{
	return handlers[h].name;
}

const char *handler_calls(enum handler h)
{
	return handlers[h].calls;
}

const char *config_refusal_name(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].code == code)
			return refusals[i].name;
	return "";
}

/* --- values ---------------------------------------------------------------------------------- */

/* One profile on its way; which of its numbers and words were there already. */
struct profile_reader {
	struct config *config;
	struct profile *profile;
	const char *unhandled;
	bool has_deadline, has_rate, has_record, has_handlers;
};

static int read_number(const struct json_value *v, uint32_t min, uint32_t max, bool *seen,
		       uint32_t *ret, struct err *e)
{
	uint64_t n = 0;

	if (*seen)
		return members_bad(e, v->line, "a key that is there twice");
	*seen = true;
	if (v->type != JSON_NUMBER || json_to_u64(v, &n) < 0 || n < min || n > max)
		return err_set(e, ERR_CONFIG_TYPE, -EINVAL,
			       "line %u: expected a number from %u to %u", v->line, min, max);
	*ret = (uint32_t)n;
	return 0;
}

static int add_handler(void *ctx, const char *key, struct json *j, struct json_value *v,
		       struct err *e)
{
	struct profile_reader *p = ctx;

	(void)key;
	(void)j;
	for (size_t i = 0; i < HANDLERS && v->type == JSON_STRING; i++) {
		if (str_eq(v->text, handlers[i].name)) {
			p->profile->handlers[i] = true;
			return 0;
		}
	}
	return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
		       "line %u: expected mknod, mount, chown, setid, xattr or sysinfo", v->line);
}

static int read_handlers(struct profile_reader *p, struct json *j, const struct json_value *v,
			 struct err *e)
{
	if (p->has_handlers)
		return members_bad(e, v->line, "a key that is there twice");
	p->has_handlers = true;
	return members_array(j, v, add_handler, p, e);
}

/* A list whose items must be absolute paths, or words of @words. */
static int read_list(struct profile_reader *p, struct json *j, const struct json_value *v,
		     struct strings *ret, bool (*is_known)(const char *), const char *expected,
		     struct err *e)
{
	int r = members_strings(j, v, p->config->arena, STRINGS_MAX, ret, e);
	char excerpt[JSON_EXCERPT_MAX];

	for (size_t i = 0; i < ret->n && r == 0; i++)
		if (!is_known(ret->items[i]))
			r = err_set(e, ERR_CONFIG_INVALID, -EINVAL, "line %u: \"%s\" is not %s",
				    v->line, json_excerpt(ret->items[i], excerpt), expected);
	return r;
}

static bool is_absolute(const char *word)
{
	return word[0] == '/';
}

static bool is_call(const char *word)
{
	return syscall_from_name(word) >= 0;
}

static bool is_filesystem(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_filesystems); i++)
		if (str_eq(known_filesystems[i], word))
			return true;
	return false;
}

static int read_unhandled(struct profile_reader *p, const struct json_value *v, struct err *e)
{
	int r = members_string(v, &p->unhandled, e);

	if (r < 0 || !p->unhandled)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (str_eq(p->unhandled, refusals[i].name)) {
			p->profile->unhandled = refusals[i].code;
			return 0;
		}
	}
	return members_bad(e, v->line, "expected ENOSYS, EPERM, EACCES, EINVAL or EOPNOTSUPP");
}

static int profile_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			  struct err *e)
{
	struct profile_reader *p = ctx;
	struct profile *to = p->profile;
	char excerpt[JSON_EXCERPT_MAX];

	if (str_eq(key, "handlers"))
		return read_handlers(p, j, v, e);
	if (str_eq(key, "devices"))
		return read_list(p, j, v, &to->devices, is_absolute, "an absolute path", e);
	if (str_eq(key, "filesystems"))
		return read_list(p, j, v, &to->filesystems, is_filesystem,
				 "a filesystem that can be helped with", e);
	if (str_eq(key, "audit"))
		return read_list(p, j, v, &to->audit, is_call, "a system call", e);
	if (str_eq(key, "plugins"))
		return read_list(p, j, v, &to->plugins, is_absolute, "an absolute path", e);
	if (str_eq(key, "unhandled"))
		return read_unhandled(p, v, e);
	if (str_eq(key, "deadlineMs"))
		return read_number(v, 10, 60000, &p->has_deadline, &to->deadline_ms, e);
	if (str_eq(key, "rate"))
		return read_number(v, 1, 1000000, &p->has_rate, &to->rate, e);
	if (str_eq(key, "record")) {
		if (p->has_record || (v->type != JSON_TRUE && v->type != JSON_FALSE))
			return members_bad(e, v->line, "expected true or false, once");
		p->has_record = true;
		to->record = v->type == JSON_TRUE;
		return 0;
	}
	return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "line %u: an unknown key \"%s\"", v->line,
		       json_excerpt(key, excerpt));
}

/* --- profiles -------------------------------------------------------------------------------- */

static const struct strings devices_unless_told = {(const char **)default_devices,
						   ARRAY_SIZE(default_devices), 0};
static const struct strings filesystems_unless_told = {(const char **)default_filesystems,
						       ARRAY_SIZE(default_filesystems), 0};

/* A new profile at the end of the list, with what holds unless told otherwise. */
static struct profile *add_profile(struct config *c, const char *name)
{
	struct profile *p;

	if (c->n_profiles == c->cap_profiles) {
		size_t cap = c->cap_profiles ? 2 * c->cap_profiles : 4;

		p = arena_newn(c->arena, struct profile, cap);
		if (!p)
			return NULL;
		if (c->n_profiles)
			memcpy(p, c->profiles, c->n_profiles * sizeof(*p));
		c->profiles = p;
		c->cap_profiles = cap;
	}
	p = &c->profiles[c->n_profiles++];
	*p = (struct profile){
		.name = name,
		.unhandled = -ENOSYS,
		.deadline_ms = DEADLINE_MS,
		.rate = RATE,
	};
	return p;
}

/* What the document did not say. */
static void complete(struct profile *p)
{
	if (p->devices.n == 0)
		p->devices = devices_unless_told;
	if (p->filesystems.n == 0)
		p->filesystems = filesystems_unless_told;
}

static int add_named_profile(void *ctx, const char *key, struct json *j, struct json_value *v,
			     struct err *e)
{
	struct config *c = ctx;
	struct profile_reader p = {.config = c};
	char excerpt[JSON_EXCERPT_MAX];
	int r;

	if (config_profile(c, key))
		return members_bad(e, v->line, "a profile that is there twice");
	p.profile = add_profile(c, key);
	if (!p.profile)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the configuration");
	r = members_object(j, v, profile_member, &p, e);
	if (r < 0)
		return err_wrap(e, "profiles.%s", json_excerpt(key, excerpt));
	complete(p.profile);
	return 0;
}

/* Without a word about it: what installing packages needs. */
static int add_default(struct config *c, struct err *e)
{
	struct profile *p = add_profile(c, "default");

	if (!p)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the configuration");
	p->handlers[HANDLER_MKNOD] = true;
	p->handlers[HANDLER_CHOWN] = true;
	p->handlers[HANDLER_SETID] = true;
	complete(p);
	return 0;
}

static int config_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e)
{
	struct config *c = ctx;
	const char **path = str_eq(key, "socket") ? &c->socket : &c->log;
	char excerpt[JSON_EXCERPT_MAX];
	int r;

	if (str_eq(key, "socket") || str_eq(key, "log")) {
		r = members_string(v, path, e);
		if (r == 0 && *path && !is_absolute(*path))
			r = members_bad(e, v->line, "expected an absolute path");
		return r;
	}
	if (str_eq(key, "profiles")) {
		if (c->n_profiles)
			return members_bad(e, v->line, "a key that is there twice");
		return members_object(j, v, add_named_profile, c, e);
	}
	return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "line %u: an unknown key \"%s\"", v->line,
		       json_excerpt(key, excerpt));
}

int config_parse(struct arena *a, char *text, size_t len, struct config *ret, struct err *e)
{
	struct config c = {.arena = a};
	int r = members_read(text, len, config_member, &c, e);

	if (r == 0 && c.n_profiles == 0)
		r = add_default(&c, e);
	if (r == 0)
		*ret = c;
	return r;
}

int config_load(struct arena *a, const char *path, struct config *ret, struct err *e)
{
	size_t len = 2;
	char *text = NULL;
	int r = 0;

	if (path)
		r = io_read_file_at(a, AT_FDCWD, path, CONFIG_MAX, &text, &len);
	else
		text = arena_strdup(a, "{}");
	if (r == 0 && !text)
		r = -ENOMEM;
	if (r < 0)
		return err_sys(e, ERR_IO, r, "read the configuration %s", path ? path : "");
	r = config_parse(a, text, len, ret, e);
	return r < 0 && path ? err_wrap(e, "%s", path) : r;
}

const struct profile *config_profile(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_profiles; i++)
		if (str_eq(c->profiles[i].name, name))
			return &c->profiles[i];
	return NULL;
}
