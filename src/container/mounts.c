/* mounts: what is mounted in a container that runs. A process of init's enters the container's
 * namespaces, does the steps of a plan as for a new container, and ends; what holds then is stored.
 */
#include "container/mounts.h"

#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/attach.h"
#include "container/live.h"
#include "container/load.h"
#include "host/facts.h"
#include "host/launch.h"

#define MOUNTS_MAX (1 << 20)

struct change {
	struct runtime *rt;
	bool remove;
	struct live live;
	struct spec spec;  /* the container's, with the mounts that it has now */
	struct spec asked; /* only its mounts */
	struct facts facts;
};

/* --- documents -------------------------------------------------------------------------------- */

/* @path without doubled and trailing slashes; NULL for one that goes up or stays where it is. */
static const char *normalize(struct arena *a, const char *path)
{
	char *copy = arena_alloc(a, strlen(path) + 2), *to = copy;

	while (copy && *path != '\0') {
		size_t n = strcspn(path, "/");

		if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return NULL;
		if (n > 0) {
			*to++ = '/';
			memcpy(to, path, n);
			to += n;
		}
		path += n + (path[n] == '/');
	}
	if (copy)
		*to = '\0';
	return copy;
}

int mounts_read(struct arena *a, const char *file, struct spec *ret, struct err *e)
{
	bool is_stdin = str_eq(file, "-");
	size_t len;
	char *text;
	int r;

	r = is_stdin ? io_read_fd(a, 0, MOUNTS_MAX, &text, &len)
		     : io_read_file_at(a, AT_FDCWD, file, MOUNTS_MAX, &text, &len);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "read \"%s\"", is_stdin ? "standard input" : file);
	r = spec_mounts_parse(a, text, len, ret, e);
	for (size_t n = 0; r == 0 && n < ret->n_mounts; n++) {
		struct spec_mount *m = &ret->mounts[n];
		const char *path = normalize(a, m->destination);

		if (!path || path[0] == '\0') {
			(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL,
				      "expected a path below \"/\" without \".\" and \"..\", got "
				      "\"%s\"",
				      m->destination);
			return err_where(e, "mounts[%zu].destination", n);
		}
		m->destination = path;
	}
	return r;
}

/* The configuration, with what its mounts have become. */
static int read_current(struct arena *a, const struct directory *d, struct spec *ret, struct err *e)
{
	struct spec changed;
	size_t len;
	char *text;
	int r = directory_read_config(a, d, &text, &len, e);

	if (r == 0)
		r = spec_parse(a, text, len, ret, e);
	if (r == 0)
		r = directory_read_mounts(a, d, &text, &len, e);
	if (r != 0)
		return MIN(r, 0);
	r = spec_mounts_parse(a, text, len, &changed, e);
	ret->mounts = changed.mounts;
	ret->n_mounts = changed.n_mounts;
	return r;
}

/* --- what holds ------------------------------------------------------------------------------- */

/* The last mount at @path, or SIZE_MAX. */
static size_t find(const struct change *c, const char *path)
{
	for (size_t n = c->spec.n_mounts; n-- > 0;) {
		const char *other = normalize(c->rt->arena, c->spec.mounts[n].destination);

		if (other && str_eq(other, path))
			return n;
	}
	return SIZE_MAX;
}

static void drop(struct change *c, const char *path)
{
	size_t n = find(c, path);

	if (n == SIZE_MAX)
		return;
	c->spec.n_mounts--;
	memmove(&c->spec.mounts[n], &c->spec.mounts[n + 1],
		(c->spec.n_mounts - n) * sizeof(c->spec.mounts[0]));
}

/* What masks and protects the container is no mount of its configuration. */
static int check_removable(const struct change *c, struct err *e)
{
	for (size_t n = 0; n < c->asked.n_mounts; n++) {
		const char *path = c->asked.mounts[n].destination;

		if (find(c, path) != SIZE_MAX)
			continue;
		(void)err_set(e, ERR_CONFIG_INVALID, -ENOENT,
			      "container \"%s\" has no mount at \"%s\"", c->live.state.id, path);
		(void)err_hint(e, "`coracle mounts list` shows those that it has");
		return err_where(e, "mounts[%zu].destination", n);
	}
	return 0;
}

static int store(const struct change *c, struct err *e)
{
	struct json_writer w;
	const char *text;
	size_t len;

	json_writer_init(&w, c->rt->arena, false);
	spec_mounts_write(&w, c->spec.mounts, c->spec.n_mounts);
	if (json_writer_finish(&w, &text, &len) < 0)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	return directory_write_mounts(&c->live.directory, text, len, e);
}

/* The first @done of what was asked, counted from the end for removing, has happened. */
static int record(struct change *c, size_t done, struct err *e)
{
	size_t n = c->spec.n_mounts, skipped = c->asked.n_mounts - done;
	struct spec_mount *all;

	if (c->remove) {
		for (size_t k = c->asked.n_mounts; k-- > skipped;)
			drop(c, c->asked.mounts[k].destination);
		return store(c, e);
	}
	all = arena_newn(c->rt->arena, struct spec_mount, n + done + 1);
	if (!all)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (n > 0)
		memcpy(all, c->spec.mounts, n * sizeof(*all));
	if (done > 0)
		memcpy(all + n, c->asked.mounts, done * sizeof(*all));
	c->spec.mounts = all;
	c->spec.n_mounts = n + done;
	return store(c, e);
}

/* --- the change ------------------------------------------------------------------------------- */

static bool is_change(uint32_t op)
{
	return op == PLAN_MOUNT || op == PLAN_BIND || op == PLAN_UNMOUNT;
}

/* How many mounts were made or taken away before the step in which init is. */
static size_t count_done(const struct launch *l)
{
	const struct plan_block *k = l->plan->block;
	const struct plan_step *steps =
		(const struct plan_step *)(const void *)((const char *)k + k->steps.offset);
	uint32_t current = l->page ? l->page->step : 0;
	size_t done = 0;

	for (uint32_t n = 0; n + 1 < current && n < k->steps.n; n++)
		done += is_change(steps[n].op);
	return done;
}

/* Do it for @mounts; *@ret_done of them are done even if it fails. */
static int apply(struct change *c, const struct spec *mounts, bool remove, size_t *ret_done,
		 struct err *e)
{
	const struct plan_parameters parameters = {
		.purpose = PURPOSE_MOUNTS,
		.id = c->live.state.id,
		.bundle = c->live.state.bundle,
		.rootfs = c->live.state.rootfs,
		.target_namespaces = c->live.state.namespaces,
	};
	struct spec spec = c->spec;
	struct plan plan;
	struct launch l = LAUNCH_INIT;
	struct launch_request request = {
		.arena = c->rt->arena,
		.trace = c->rt->trace,
		.plan = &plan,
		.seal_mode = attach_seal_mode(c->rt->init_mode),
		.target_fd = c->live.pidfd,
		.listener_fd = -EBADF,
		.root_fd = -EBADF,
	};
	int r;

	*ret_done = 0;
	spec.mounts = mounts->mounts;
	spec.n_mounts = mounts->n_mounts;
	r = plan_build_mounts(c->rt->arena, &spec, &c->facts, &parameters, remove, &plan, e);
	if (r == 0)
		r = launch_start(&request, &l, e);
	if (r == 0) {
		r = launch_await_ready(&l, e);
		*ret_done = count_done(&l);
		if (r == 0)
			r = launch_reap(&l, e);
		else
			launch_kill(&l);
	}
	launch_close(&l);
	return r;
}

/* All or none: what was added before one failed is taken away again. What remains nevertheless is
 * written down. */
static int change(struct change *c, struct err *e)
{
	struct spec added = c->asked;
	struct err ignored = {0};
	size_t done, undone;
	int r = apply(c, &c->asked, c->remove, &done, e);

	if (r == 0)
		return record(c, done, e);
	if (!c->remove && done > 0) {
		added.n_mounts = done;
		(void)apply(c, &added, true, &undone, &ignored);
		done -= undone;
	}
	if (done > 0)
		(void)record(c, done, &ignored);
	return r;
}

/* Init keeps ordinary users from its namespaces as long as it is init. */
static int check_namespaces(const struct change *c, struct err *e)
{
	uint64_t own = c->live.state.namespaces;

	if (!(own & CLONE_NEWNS))
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "container \"%s\" has no mount namespace of its own",
			       c->live.state.id);
	if (c->live.status != CONTAINER_CREATED || !(own & CLONE_NEWUSER) || c->facts.admin)
		return 0;
	(void)err_set(e, ERR_CONTAINER_STATE, -EPERM,
		      "container \"%s\" is created, not started: only root may enter it",
		      c->live.state.id);
	return err_hint(e, "start it first, or put the mounts into config.json");
}

static int prepare(struct change *c, const char *file, struct err *e)
{
	int r = mounts_read(c->rt->arena, file, &c->asked, e);

	if (r == 0)
		r = read_current(c->rt->arena, &c->live.directory, &c->spec, e);
	if (r == 0 && c->remove)
		r = check_removable(c, e);
	if (r == 0)
		r = facts_probe(c->rt->arena, (struct facts_needs){0}, &c->facts, e);
	return r < 0 ? r : check_namespaces(c, e);
}

static int run(struct runtime *rt, const char *id, const char *file, bool remove, struct err *e)
{
	struct change c = {.rt = rt, .remove = remove, .live = LIVE_INIT};
	int r = live_open(rt, id, true, &c.live, e);

	if (r == 0 && c.live.pidfd < 0)
		r = live_not_running(&c.live, e);
	if (r == 0)
		r = prepare(&c, file, e);
	if (r == 0 && c.asked.n_mounts > 0)
		r = change(&c, e);
	live_close(&c.live);
	return r;
}

int container_mounts_add(struct runtime *rt, const char *id, const char *file, struct err *e)
{
	return run(rt, id, file, false, e);
}

int container_mounts_remove(struct runtime *rt, const char *id, const char *file, struct err *e)
{
	return run(rt, id, file, true, e);
}

int container_mounts(struct runtime *rt, const char *id, struct spec_mount **ret, size_t *ret_n,
		     struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	struct spec spec;
	int r = live_open(rt, id, false, &l, e);

	if (r == 0)
		r = read_current(rt->arena, &l.directory, &spec, e);
	if (r < 0)
		return r;
	*ret = spec.mounts;
	*ret_n = spec.n_mounts;
	return 0;
}
