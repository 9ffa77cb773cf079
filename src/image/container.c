/* Configurations of containers that run from an image. */
#include "image/container.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "image/lookup.h"
#include "image/oci-config.h"
#include "image/users.h"
#include "oci/template.h"

#define USERS_FILE_MAX  ((size_t)4 * 1024 * 1024)
#define DEFAULT_PATH    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ANNOTATIONS_MAX 8

struct making {
	struct repo *repo;
	const struct container_options *o;
	struct arena *arena;
	struct oci_config config;
	struct user user;
	const char **env;
	size_t n_env;
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_IMAGE, -ENOMEM, "make a configuration");
}

/* --- who ------------------------------------------------------------------------------------- */

static int find_user(struct making *m, const struct repo_record *rec, struct err *e)
{
	const char *who = m->o->user ? m->o->user : m->config.user, *passwd, *group;
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	int r = repo_load(m->repo, rec, &f, &t, e);

	if (r < 0)
		return r;
	r = lookup_text(m->repo, &t, "etc/passwd", USERS_FILE_MAX, m->arena, &passwd, e);
	if (r == 0)
		r = lookup_text(m->repo, &t, "etc/group", USERS_FILE_MAX, m->arena, &group, e);
	if (r == 0)
		r = users_find(who, passwd, group, &m->user, e);
	image_tree_done(&t);
	image_file_done(&f);
	return r;
}

/* --- what ------------------------------------------------------------------------------------ */

/* Lists, one behind the other, with a NULL behind them. */
static const char *const *join(struct arena *a, const char *first, const char *const *lists[2])
{
	const char **all;
	size_t n = 2;

	for (unsigned i = 0; i < 2; i++)
		for (size_t k = 0; lists[i] && lists[i][k]; k++)
			n++;
	all = arena_newn(a, const char *, n);
	if (!all)
		return NULL;
	n = 0;
	if (first)
		all[n++] = first;
	for (unsigned i = 0; i < 2; i++)
		for (size_t k = 0; lists[i] && lists[i][k]; k++)
			all[n++] = lists[i][k];
	return all;
}

/* A word on the command line replaces the image's command; --entrypoint both. */
static int make_args(struct making *m, const char *const **ret, struct err *e)
{
	const struct container_options *o = m->o;
	const char *const *lists[2] = {NULL, o->args[0] ? o->args : NULL};

	if (!o->entrypoint) {
		lists[0] = m->config.entrypoint.items;
		if (!o->args[0])
			lists[1] = m->config.cmd.items;
	}
	*ret = join(m->arena, o->entrypoint, lists);
	if (!*ret)
		return no_memory(e);
	if ((*ret)[0])
		return 0;
	(void)err_set(e, ERR_USAGE, -EINVAL, "the image does not say what to run");
	return err_hint(e, "name a program: run NAME PROGRAM");
}

/* --- in what --------------------------------------------------------------------------------- */

static void set_env(struct making *m, const char *word, bool replace)
{
	size_t len = strcspn(word, "=") + 1;

	for (size_t i = 0; i < m->n_env; i++) {
		if (strncmp(m->env[i], word, len) != 0)
			continue;
		if (replace)
			m->env[i] = word;
		return;
	}
	m->env[m->n_env++] = word;
}

static int make_env(struct making *m, struct err *e)
{
	const struct strings *own = &m->config.env;
	const char *home = arena_format(m->arena, "HOME=%s", m->user.home[0] ? m->user.home : "/");

	m->env = arena_newn(m->arena, const char *, own->n + m->o->n_env + 4);
	if (!m->env || !home)
		return no_memory(e);
	for (size_t i = 0; i < own->n; i++)
		if (strchr(own->items[i], '='))
			set_env(m, own->items[i], true);
	for (size_t i = 0; i < m->o->n_env; i++)
		set_env(m, m->o->env[i], true);
	set_env(m, DEFAULT_PATH, false);
	set_env(m, home, false);
	if (m->o->terminal)
		set_env(m, "TERM=xterm", false);
	return 0;
}

/* --- the configuration ----------------------------------------------------------------------- */

static int write_config(struct making *m, const char *const *args, const char **ret,
			size_t *ret_len, struct err *e)
{
	const struct container_options *o = m->o;
	const char *annotations[ANNOTATIONS_MAX][2] = {
		{"run.oci.coracle.image", o->image},
		{"run.oci.coracle.image_store", o->store},
		{"run.oci.coracle.image_verity", o->verity},
		{"run.oci.coracle.image_upper", o->upper ? o->upper : "discard"},
	};
	const char *const optional[][2] = {
		{"run.oci.coracle.image_digest", o->digest},
		{"run.oci.coracle.image_policy", o->policy},
	};
	struct template_container c = {
		.rootfs = o->store,
		.cwd = o->cwd             ? o->cwd
		       : m->config.cwd[0] ? m->config.cwd
					  : "/",
		.hostname = o->id,
		.args = args,
		.env = m->env,
		.uid = m->user.uid,
		.gid = m->user.gid,
		.groups = m->user.groups,
		.n_groups = m->user.n_groups,
		.volumes = o->read_only ? m->config.volumes.items : NULL,
		.annotations = annotations,
		.terminal = o->terminal,
		.writable = !o->read_only,
		.host_network = o->host_network,
		.nested = o->nested,
		.single_id = o->single_id,
	};
	struct template_options t = {.container = &c};
	struct json_writer w;
	size_t n = 4;

	for (size_t i = 0; i < ARRAY_SIZE(optional); i++) {
		if (!optional[i][1])
			continue;
		annotations[n][0] = optional[i][0];
		annotations[n++][1] = optional[i][1];
	}
	json_writer_init(&w, m->arena, true);
	template_write(&t, &w);
	return json_writer_finish(&w, ret, ret_len) < 0 ? no_memory(e) : 0;
}

int container_config(struct repo *r, const struct container_options *o, struct arena *a,
		     const char **ret, size_t *ret_len, struct err *e)
{
	struct making m = {.repo = r, .o = o, .arena = a};
	char digest[DIGEST_TEXT_MAX], *text;
	const char *const *args = NULL;
	struct repo_record rec;
	struct layout l;
	int code = repo_resolve(r, o->image, digest, e);

	if (code == 0)
		code = repo_get_record(r, digest, &rec, e);
	if (code == 0)
		code = repo_open_layout(r, &rec, &l, e);
	if (code < 0)
		return code;
	text = arena_strndup(a, l.config_text, (size_t)l.config.size);
	code = text ? oci_config_read(text, (size_t)l.config.size, a, &m.config, e) : no_memory(e);
	layout_close(&l);
	if (code == 0)
		code = find_user(&m, &rec, e);
	if (code == 0)
		code = make_args(&m, &args, e);
	if (code == 0)
		code = make_env(&m, e);
	return code < 0 ? code : write_config(&m, args, ret, ret_len, e);
}
