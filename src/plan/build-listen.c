/* What a service manager gave to us, in the process's environment: sd_listen_fds(3), whose
 * descriptors themselves just stay open, and sd_notify(3). Only the process knows its own pid, so
 * init fills that in. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

static bool is_replaced(const struct plan_parameters *o, const char *entry)
{
	if (o->notify_folder && str_starts(entry, "NOTIFY_SOCKET="))
		return true;
	if (o->listen_fds == 0)
		return false;
	return str_starts(entry, "LISTEN_FDS=") || str_starts(entry, "LISTEN_PID=") ||
	       str_starts(entry, "LISTEN_FDNAMES=");
}

int plan_listen_env(struct builder *b, struct str_list *ret)
{
	const struct str_list *env = &b->process->env;
	const struct plan_parameters *o = b->options;
	const char **items;
	size_t n = 0;

	*ret = *env;
	if (o->listen_fds == 0 && !o->notify_folder)
		return 0;
	items = arena_newn(b->arena, const char *, env->n + 3);
	if (!items)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	for (size_t k = 0; k < env->n; k++)
		if (!is_replaced(o, env->items[k]))
			items[n++] = env->items[k];
	if (o->notify_folder)
		items[n++] = "NOTIFY_SOCKET=" PLAN_NOTIFY_FOLDER "/notify.sock";
	if (o->listen_fds > 0)
		items[n++] = arena_format(b->arena, "LISTEN_FDS=%u", o->listen_fds);
	if (o->listen_fds > 0 && o->listen_names[0] != '\0')
		items[n++] = arena_format(b->arena, "LISTEN_FDNAMES=%s", o->listen_names);
	for (size_t k = 0; k < n; k++)
		if (!items[k])
			return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	*ret = (struct str_list){items, n};
	return 0;
}

void plan_listen_pid(struct builder *b)
{
	if (b->options->listen_fds > 0)
		plan_add_LISTEN_PID(&b->block, "",
				    (struct plan_env_pid){
					    .env_slot = b->listen_slot,
					    .prefix = block_string(&b->block, "LISTEN_PID="),
				    });
}
