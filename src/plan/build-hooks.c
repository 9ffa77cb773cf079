/* The hooks that init runs: createContainer before the pivot, startContainer as the last thing
 * before the program. All others are the host half's (container/hooks.c), for which init waits. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/build.h"

/* For a createContainer hook that says nothing of its environment: init has none to pass on. */
#define DEFAULT_ENV "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A timeout of more than this many seconds (24 days) is none: ppoll's, in milliseconds, ends there.
 */
#define TIMEOUT_MAX 2000000

bool plan_hooks_see_rootfs(const struct builder *b)
{
	const struct spec_hooks *h = &b->spec->hooks;

	return h->prestart.n > 0 || h->create_runtime.n > 0 || h->create_container.n > 0;
}

static plan_slot output_slot(struct builder *b, const char *annotation)
{
	const char *path = spec_annotation(b->spec, annotation);

	if (!path || path[0] == '\0')
		return PLAN_NO_SLOT;
	if (path[0] != '/')
		path = arena_format(b->arena, "%s/%s", b->options->bundle, path);
	return plan_add_slot(b, (struct plan_slot_source){
					.kind = SLOT_APPEND,
					.path = path,
					.origin = plan_origin(b, "annotations[\"%s\"]", annotation),
				});
}

static void add_hook(struct builder *b, const struct spec_hook *h, unsigned index,
		     struct plan_hook o, const char *kind)
{
	const char *fallback[] = {h->path};
	const struct str_list args = {fallback, 1};

	o.kind = block_string(&b->block, kind);
	o.index = index;
	o.path = block_string(&b->block, h->path);
	o.argv = block_strings(&b->block, h->args.n > 0 ? &h->args : &args, 0);
	if (h->env.n > 0)
		o.envp = block_strings(&b->block, &h->env, 0);
	if (h->has_timeout && h->timeout <= TIMEOUT_MAX) {
		o.timeout = (uint32_t)h->timeout;
		b->plan->hook_seconds += o.timeout;
	} else {
		b->plan->hooks_unbounded = true;
	}
	o.output = b->hook_output;
	o.errors = b->hook_errors;
	plan_add_HOOK(&b->block, plan_origin(b, "hooks.%s[%u]", kind, index), o);
}

int plan_create_hooks(struct builder *b)
{
	const struct spec_hooks *h = &b->spec->hooks;
	const char *default_env[] = {DEFAULT_ENV};
	const struct str_list env = {default_env, 1};

	if (!plan_hooks_see_rootfs(b) && h->start_container.n == 0 && b->plan->n_net_devices == 0)
		return 0;
	if (h->create_container.n + h->start_container.n > 0) {
		b->hook_output = output_slot(b, "run.oci.hooks.stdout");
		b->hook_errors = output_slot(b, "run.oci.hooks.stderr");
	}
	b->plan->host_turn = true;
	plan_add_HOST_TURN(&b->block, "",
			   (struct plan_turn){.network = b->plan->n_net_devices > 0});
	for (size_t n = 0; n < h->create_container.n; n++) {
		const struct spec_hook *hook = &h->create_container.items[n];
		struct plan_hook o = {.state = PLAN_HOOK_CREATING, .in_rootfs = true};

		if (hook->env.n == 0)
			o.envp = block_strings(&b->block, &env, 0);
		add_hook(b, hook, (unsigned)n, o, "createContainer");
	}
	return 0;
}

int plan_start_hooks(struct builder *b)
{
	const struct spec_hook_list *l = &b->spec->hooks.start_container;

	for (size_t n = 0; n < l->n; n++)
		add_hook(b, &l->items[n], (unsigned)n,
			 (struct plan_hook){.state = PLAN_HOOK_CREATED}, "startContainer");
	return 0;
}
