/* Hooks of the host half: prestart, createRuntime, poststart, poststop. Each gets the container's
 * state on stdin and starts in the bundle, as with the other runtimes. Host half, with the lock of
 * the container held; `state` takes none, so hooks may call it. */
#include "container/hooks.h"

#include <errno.h>
#include <unistd.h>

#include "base/child.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/load.h"

#define TIMEOUT_MAX 2000000 /* seconds; more is none, see plan/build-hooks.c */

static const char *const kind_names[] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

static const struct spec_hook_list *list_of(const struct spec *spec, enum hook_kind kind)
{
	const struct spec_hooks *h = &spec->hooks;

	switch (kind) {
	case HOOK_PRESTART:
		return &h->prestart;
	case HOOK_CREATE_RUNTIME:
		return &h->create_runtime;
	case HOOK_POSTSTART:
		return &h->poststart;
	case HOOK_POSTSTOP:
		break;
	}
	return &h->poststop;
}

/* --- the state document ----------------------------------------------------------------------- */

static int state_text(struct arena *a, const struct state *s, enum container_status status,
		      const char **ret, size_t *ret_len)
{
	struct json_writer w;

	json_writer_init(&w, a, false);
	state_write_oci(&w, s, status);
	return json_writer_finish(&w, ret, ret_len);
}

int hooks_make_state(struct arena *a, const struct state *s, enum container_status status,
		     struct err *e)
{
	const long seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	_cleanup_close_ int fd = sys_memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *text;
	size_t len;
	int r = fd;

	if (r >= 0)
		r = state_text(a, s, status, &text, &len);
	if (r == 0)
		r = io_write_all(fd, text, len);
	/* The same file serves all hooks of a kind, some of them inside. */
	if (r == 0)
		r = sys_fcntl(fd, F_ADD_SEALS, seals);
	if (r >= 0)
		r = (int)sys_lseek(fd, 0, SEEK_SET);
	return r < 0 ? err_sys(e, ERR_HOOK, r, "write the state for hooks") : TAKE_FD(fd);
}

/* --- running ---------------------------------------------------------------------------------- */

struct hook_run {
	struct runtime *rt;
	const struct state *state;
	const char *kind;
	int state_fd, out_fd, err_fd;
};

/* The file of an annotation, to which the output of hooks is appended. -EBADF if there is none. */
static int open_output(struct runtime *rt, const struct spec *spec, const struct state *s,
		       const char *annotation, struct err *e)
{
	const char *path = spec_annotation(spec, annotation);
	int fd;

	if (!path || path[0] == '\0')
		return -EBADF;
	if (path[0] != '/')
		path = arena_format(rt->arena, "%s/%s", s->bundle, path);
	fd = path ? sys_openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)
		  : -ENOMEM;
	if (fd >= 0)
		return fd;
	(void)err_sys(e, ERR_HOOK, fd, "open \"%s\"", path ? path : "");
	return err_where(e, "annotations[\"%s\"]", annotation);
}

/* A NULL-terminated copy of @l. */
static const char **pointers(struct arena *a, const struct str_list *l)
{
	const char **v = arena_newn(a, const char *, l->n + 1);

	if (v && l->n > 0)
		memcpy(v, l->items, l->n * sizeof(*v));
	return v;
}

static int describe(const struct hook_run *x, const struct spec_hook *h, size_t index,
		    const struct child_result *res, int r, struct err *e)
{
	const char *colon = res->output[0] != '\0' ? ": " : "";

	if (r == -ETIMEDOUT)
		(void)err_set(e, ERR_HOOK, r,
			      "error running %s hook #%u: \"%s\" did not end within %lld "
			      "seconds%s%s",
			      x->kind, (unsigned)index, h->path, (long long)h->timeout, colon,
			      res->output);
	else if (r < 0)
		(void)err_sys(e, ERR_HOOK, r, "error running %s hook #%u: execute \"%s\"", x->kind,
			      (unsigned)index, h->path);
	else
		(void)err_set(e, ERR_HOOK, -EIO,
			      "error running %s hook #%u: \"%s\": exit status %d%s%s", x->kind,
			      (unsigned)index, h->path, res->status, colon, res->output);
	return err_where(e, "hooks.%s[%u]", x->kind, (unsigned)index);
}

static int run_one(const struct hook_run *x, const struct spec_hook *h, size_t index, struct err *e)
{
	const char *own[] = {h->path, NULL};
	struct child_result result = {0};
	struct child c = {
		.path = h->path,
		.argv = h->args.n > 0 ? pointers(x->rt->arena, &h->args) : own,
		/* Without an environment of its own it has ours, as with crun and runc. */
		.envp = h->env.n > 0 ? (const void *)pointers(x->rt->arena, &h->env)
				     : (const void *)environ,
		.cwd = x->state->bundle,
		.cwd_fd = -EBADF,
		.in_fd = x->state_fd,
		.out_fd = x->out_fd,
		.err_fd = x->err_fd,
		.timeout_ms =
			h->has_timeout && h->timeout <= TIMEOUT_MAX ? (int)h->timeout * 1000 : -1,
	};
	int r = c.argv && c.envp ? 0 : -ENOMEM;

	if (r == 0)
		r = (int)sys_lseek(x->state_fd, 0, SEEK_SET);
	if (r == 0)
		r = child_run(&c, &result);
	return r < 0 || result.status != 0 ? describe(x, h, index, &result, r, e) : 0;
}

static int run_list(struct hook_run *x, const struct spec_hook_list *l, bool keep_going,
		    struct err *e)
{
	for (size_t n = 0; n < l->n; n++) {
		struct err problem = {0};
		int r = run_one(x, &l->items[n], n, &problem);

		if (r == 0)
			continue;
		if (!keep_going) {
			*e = problem;
			return r;
		}
		if (x->rt->warn)
			x->rt->warn(&problem);
	}
	return 0;
}

int hooks_run(struct runtime *rt, const struct spec *spec, const struct state *s,
	      enum hook_kind kind, enum container_status status, struct err *e)
{
	const struct spec_hook_list *l = list_of(spec, kind);
	_cleanup_close_ int state_fd = -EBADF, out_fd = -EBADF, err_fd = -EBADF;
	struct hook_run x = {.rt = rt, .state = s, .kind = kind_names[kind]};

	if (l->n == 0)
		return 0;
	out_fd = open_output(rt, spec, s, "run.oci.hooks.stdout", e);
	if (out_fd < 0 && out_fd != -EBADF)
		return out_fd;
	err_fd = open_output(rt, spec, s, "run.oci.hooks.stderr", e);
	if (err_fd < 0 && err_fd != -EBADF)
		return err_fd;
	state_fd = hooks_make_state(rt->arena, s, status, e);
	if (state_fd < 0)
		return state_fd;
	x.state_fd = state_fd;
	x.out_fd = out_fd;
	x.err_fd = err_fd;
	return run_list(&x, l, kind == HOOK_POSTSTOP, e);
}

/* --- for later commands ------------------------------------------------------------------------
 */

uint32_t hooks_for_later(const struct spec *spec)
{
	const struct spec_hooks *h = &spec->hooks;

	return (h->start_container.n > 0 ? STATE_HOOK_START_CONTAINER : 0U) |
	       (h->poststart.n > 0 ? STATE_HOOK_POSTSTART : 0U) |
	       (h->poststop.n > 0 ? STATE_HOOK_POSTSTOP : 0U);
}

unsigned hooks_start_seconds(const struct spec *spec, unsigned more)
{
	const struct spec_hook_list *l = &spec->hooks.start_container;

	for (size_t n = 0; n < l->n; n++) {
		if (!l->items[n].has_timeout || l->items[n].timeout > TIMEOUT_MAX)
			return 0;
		more += (unsigned)l->items[n].timeout;
	}
	return more;
}

int hooks_load(struct runtime *rt, const struct directory *d, struct spec *ret, struct err *e)
{
	size_t len;
	char *text;
	int r = directory_read_config(rt->arena, d, &text, &len, e);

	return r < 0 ? r : load_spec(rt, text, len, ret, e);
}
