/* Building the process of an exec. Pure but for reading the file of --process. */
#include "container/process.h"

#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"

#define PROCESS_MAX (16 << 20)

static int read_process(struct runtime *rt, const char *path, struct spec_process *ret,
			struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_file_at(rt->arena, AT_FDCWD, path, PROCESS_MAX, &text, &len);

	if (r < 0)
		return err_sys(e, ERR_IO, r, "open \"%s\"", path);
	r = spec_process_parse(rt->arena, text, len, ret, e);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

/* @more behind @list; a variable of the environment replaces one of the same name. */
static int extend_env(struct arena *a, struct str_list *list, const struct str_list *more)
{
	const char **items = arena_newn(a, const char *, list->n + more->n + 1);
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	for (size_t n = 0; n < list->n + more->n; n++) {
		const char *entry = n < list->n ? list->items[n] : more->items[n - list->n];
		size_t name = strcspn(entry, "="), k;

		for (k = 0; k < count; k++)
			if (strcspn(items[k], "=") == name && strncmp(items[k], entry, name) == 0)
				break;
		items[k] = entry;
		count = MAX(count, k + 1);
	}
	*list = (struct str_list){items, count};
	return 0;
}

static bool contains(const struct str_list *l, const char *s)
{
	for (size_t n = 0; n < l->n; n++)
		if (str_eq(l->items[n], s))
			return true;
	return false;
}

static int extend_set(struct arena *a, struct str_list *list, const struct str_list *more)
{
	const char **items = arena_newn(a, const char *, list->n + more->n + 1);
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	for (size_t n = 0; n < list->n; n++)
		items[count++] = list->items[n];
	for (size_t n = 0; n < more->n; n++)
		if (!contains(list, more->items[n]))
			items[count++] = more->items[n];
	*list = (struct str_list){items, count};
	return 0;
}

/* Added to what the process may have; never to the inheritable set, and so not to the ambient one,
 * through which they would reach every program that it executes (CVE-2022-27650, CVE-2022-29162).
 */
static int add_capabilities(struct arena *a, const struct str_list *caps, struct spec_process *p,
			    struct err *e)
{
	int r;

	for (size_t n = 0; n < caps->n; n++)
		if (capability_from_name(caps->items[n]) < 0)
			return err_set(e, ERR_USAGE, -EINVAL, "--cap: unknown capability \"%s\"",
				       caps->items[n]);
	p->has_capabilities = true;
	r = extend_set(a, &p->capabilities.bounding, caps);
	if (r == 0)
		r = extend_set(a, &p->capabilities.effective, caps);
	if (r == 0)
		r = extend_set(a, &p->capabilities.permitted, caps);
	return r < 0 ? err_set(e, ERR_INTERNAL, r, "out of memory") : 0;
}

static void apply_user(const struct exec_options *o, struct spec_user *u)
{
	if (o->has_user) {
		/* Another user has none of the groups of the container's. */
		u->uid = o->uid;
		u->gid = o->has_gid ? o->gid : 0;
		u->n_additional_gids = 0;
	}
	if (o->n_additional_gids > 0) {
		u->additional_gids = o->additional_gids;
		u->n_additional_gids = o->n_additional_gids;
	}
}

int process_apply_options(struct arena *a, const struct exec_options *o, struct spec_process *p,
			  struct err *e)
{
	int r;

	if (o->args.n == 0)
		return err_set(e, ERR_USAGE, -EINVAL, "no program given");
	p->args = o->args;
	p->terminal = false;
	p->has_console_size = false;
	p->console_height = p->console_width = 0;
	apply_user(o, &p->user);
	if (o->cwd[0] != '\0')
		p->cwd = o->cwd;
	if (o->apparmor[0] != '\0')
		p->apparmor_profile = o->apparmor;
	if (o->process_label[0] != '\0')
		p->selinux_label = o->process_label;
	if (o->has_no_new_privs)
		p->no_new_privileges = o->no_new_privs;
	r = extend_env(a, &p->env, &o->env);
	if (r < 0)
		return err_set(e, ERR_INTERNAL, r, "out of memory");
	return o->capabilities.n > 0 ? add_capabilities(a, &o->capabilities, p, e) : 0;
}

/* What a process of --process leaves open is as for the container's own. */
static void inherit(const struct spec_process *from, struct spec_process *p)
{
	if (!p->has_capabilities) {
		p->has_capabilities = from->has_capabilities;
		p->capabilities = from->capabilities;
	}
	if (p->apparmor_profile[0] == '\0')
		p->apparmor_profile = from->apparmor_profile;
	if (p->selinux_label[0] == '\0')
		p->selinux_label = from->selinux_label;
	if (!p->has_scheduler) {
		p->has_scheduler = from->has_scheduler;
		p->scheduler = from->scheduler;
	}
	if (!p->has_io_priority) {
		p->has_io_priority = from->has_io_priority;
		p->io_priority = from->io_priority;
	}
	if (!p->has_exec_cpu_affinity) {
		p->has_exec_cpu_affinity = from->has_exec_cpu_affinity;
		p->cpu_affinity_initial = from->cpu_affinity_initial;
		p->cpu_affinity_final = from->cpu_affinity_final;
	}
}

/* The process of --process, or the container's with what the options change. */
int process_build(struct runtime *rt, const struct spec *spec, const struct exec_options *o,
		  struct spec_process *ret, struct err *e)
{
	int r;

	*ret = spec->process;
	if (o->process_file[0] != '\0')
		r = read_process(rt, o->process_file, ret, e);
	else
		r = process_apply_options(rt->arena, o, ret, e);
	if (r == 0 && o->process_file[0] != '\0')
		inherit(&spec->process, ret);
	if (r == 0 && o->has_tty)
		ret->terminal = o->tty;
	return r == 0 ? spec_process_check(ret, e) : r;
}
