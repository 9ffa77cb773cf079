/* Reading what a runtime says about the process behind a listener. */
#include "notify/state.h"

#include <errno.h>
#include <stdint.h>

#include "base/members.h"
#include "base/str.h"

#define FDS_MAX 64

struct reader {
	struct arena *arena;
	struct container_state state;
	struct strings fds;
};

static int read_pid(const struct json_value *v, pid_t *ret, struct err *e)
{
	uint64_t n = 0;

	if (*ret != 0)
		return members_bad(e, v->line, "a key that is there twice");
	if (v->type != JSON_NUMBER || json_to_u64(v, &n) < 0 || n == 0 || n > INT32_MAX)
		return members_bad(e, v->line, "expected the number of a process");
	*ret = (pid_t)n;
	return 0;
}

static int inner_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			struct err *e)
{
	struct container_state *s = ctx;

	if (str_eq(key, "id"))
		return members_string(v, &s->id, e);
	if (str_eq(key, "status"))
		return members_string(v, &s->status, e);
	if (str_eq(key, "bundle"))
		return members_string(v, &s->bundle, e);
	if (str_eq(key, "pid"))
		return read_pid(v, &s->init_pid, e);
	return json_skip(j, v, e);
}

static int outer_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			struct err *e)
{
	struct reader *r = ctx;

	if (str_eq(key, "metadata"))
		return members_string(v, &r->state.metadata, e);
	if (str_eq(key, "pid"))
		return read_pid(v, &r->state.pid, e);
	if (str_eq(key, "fds"))
		return members_strings(j, v, r->arena, FDS_MAX, &r->fds, e);
	if (str_eq(key, "state")) {
		if (r->state.id)
			return members_bad(e, v->line, "a key that is there twice");
		return members_object(j, v, inner_member, &r->state, e);
	}
	return json_skip(j, v, e);
}

int container_state_parse(struct arena *a, char *text, size_t len, struct container_state *ret,
			  struct err *e)
{
	struct reader reader = {.arena = a};
	struct container_state *s = &reader.state;
	int r = members_read(text, len, outer_member, &reader, e);

	if (r < 0)
		return r;
	if (!s->id || s->pid == 0)
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "no container, or no process");
	if (reader.fds.n == 0 || !str_eq(reader.fds.items[0], "seccompFd"))
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
			       "the first descriptor is no listener");
	if (s->init_pid == 0)
		s->init_pid = s->pid;
	s->metadata = s->metadata ? s->metadata : "";
	s->bundle = s->bundle ? s->bundle : "";
	s->status = s->status ? s->status : "";
	*ret = *s;
	return 0;
}
