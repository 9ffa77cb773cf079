/* Everything of "process": user, capabilities, limits, environment, program. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"
#include "plan/build.h"

#define DEFAULT_PATH  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_UMASK 0022

/* The value of @name in the process's environment, or NULL. */
static const char *env_get(const struct spec_process *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t n = 0; n < p->env.n; n++)
		if (strncmp(p->env.items[n], name, len) == 0 && p->env.items[n][len] == '=')
			return p->env.items[n] + len + 1;
	return NULL;
}

void plan_console(struct builder *b, bool bind)
{
	const struct spec_process *p = b->process;

	plan_add_CONSOLE(&b->block, "process.terminal",
			 (struct plan_console){
				 .directory = block_string(&b->block, "dev/pts"),
				 .ptmx = block_string(&b->block, "ptmx"),
				 .console = bind ? block_string(&b->block, "dev/console") : 0,
				 .height = p->console_height,
				 .width = p->console_width,
				 .uid = p->user.uid,
				 .gid = p->user.gid,
			 });
}

/* --- capabilities ---------------------------------------------------------------------------- */

/* The mask of @list. What the kernel or the caller does not have cannot be given: a warning, as
 * config.md asks for ("process.capabilities"). */
static uint64_t capability_mask(struct builder *b, const struct str_list *list, const char *set)
{
	uint64_t available = b->facts->capabilities, mask = 0;

	if (b->new_user_ns || b->joined_user_ns)
		available = ~0ULL;
	for (size_t n = 0; n < list->n; n++) {
		int cap = capability_from_name(list->items[n]);
		const char *why = NULL;

		if (cap < 0)
			why = "unknown capability";
		else if ((unsigned)cap > b->facts->last_cap)
			why = "the kernel does not have";
		else if (!(available & (1ULL << cap)))
			why = "the caller does not have";
		if (why)
			plan_warn(b,
				  plan_origin(b, "process.capabilities.%s[%u]", set, (unsigned)n),
				  "%s \"%s\": ignored", why, list->items[n]);
		else
			mask |= 1ULL << cap;
	}
	return mask;
}

struct capability_sets {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

static struct capability_sets capabilities(struct builder *b)
{
	const struct spec_capabilities *c = &b->process->capabilities;
	struct capability_sets s = {
		.bounding = capability_mask(b, &c->bounding, "bounding"),
		.effective = capability_mask(b, &c->effective, "effective"),
		.permitted = capability_mask(b, &c->permitted, "permitted"),
		.inheritable = capability_mask(b, &c->inheritable, "inheritable"),
		.ambient = capability_mask(b, &c->ambient, "ambient"),
	};
	uint64_t lost = s.effective & ~s.permitted;

	/* The kernel's own rules (capabilities(7)): a set that breaks them cannot be installed. */
	if (lost != 0) {
		plan_warn(b, "process.capabilities.effective",
			  "capabilities that are not permitted: ignored");
		s.effective &= s.permitted;
	}
	if (s.inheritable & ~s.bounding) {
		plan_warn(b, "process.capabilities.inheritable",
			  "capabilities that are not in the bounding set: ignored");
		s.inheritable &= s.bounding;
	}
	if (s.ambient & ~(s.permitted & s.inheritable)) {
		plan_warn(b, "process.capabilities.ambient",
			  "capabilities that are not both permitted and inheritable: ignored");
		s.ambient &= s.permitted & s.inheritable;
	}
	return s;
}

/* --- user ------------------------------------------------------------------------------------ */

static int plan_user(struct builder *b)
{
	const struct spec_user *u = &b->process->user;
	struct plan_user o = {
		.uid = u->uid,
		.gid = u->gid,
		.set_groups = b->setgroups && !b->keep_groups ? PLAN_GROUPS_SET : PLAN_GROUPS_LEAVE,
		.umask = u->has_umask ? u->umask : DEFAULT_UMASK,
		.same = !b->new_user_ns && !b->joined_user_ns && b->facts->euid == u->uid &&
			b->facts->egid == u->gid,
	};

	if (!b->setgroups && u->n_additional_gids > 0) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "an unprivileged user namespace with one id cannot set groups");
		(void)err_hint(b->e, "give the user subordinate ids (/etc/subuid, /etc/subgid)");
		return err_where(b->e, "process.user.additionalGids");
	}
	if (b->keep_groups && u->n_additional_gids > 0)
		plan_warn(b, "process.user.additionalGids",
			  "ignored: run.oci.keep_original_groups keeps the caller's");
	if (b->joined_user_ns && u->n_additional_gids == 0 && !b->keep_groups)
		o.set_groups = PLAN_GROUPS_IF_ALLOWED;
	if (!b->keep_groups)
		o.groups = block_array(&b->block, u->additional_gids, u->n_additional_gids,
				       sizeof(uint32_t));
	plan_add_USER(&b->block, "process.user", o);
	return 0;
}

/* --- program --------------------------------------------------------------------------------- */

static size_t count_colons(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == ':';
	return n;
}

static void plan_program_search(struct builder *b)
{
	const char *name = b->process->args.items[0], *path = env_get(b->process, "PATH");
	size_t max, n = 0;
	plan_str *list;

	if (!path)
		path = DEFAULT_PATH;
	max = strchr(name, '/') ? 1 : count_colons(path) + 1;
	list = arena_newn(b->arena, plan_str, max);
	if (!list) {
		b->block.failed = true;
		return;
	}
	if (strchr(name, '/')) {
		list[n++] = block_string(&b->block, name);
	} else {
		for (const char *p = path, *end; n < max; p = end + 1) {
			end = p + strcspn(p, ":");
			/* An empty element is the working directory (execvp(3)). */
			list[n++] = block_string(&b->block,
						 arena_format(b->arena, "%.*s%s%s", (int)(end - p),
							      p, end > p ? "/" : "./", name));
			if (*end == '\0')
				break;
		}
	}
	plan_add_PROGRAM(&b->block, "process.args[0]",
			 (struct plan_program){
				 .name = block_string(&b->block, name),
				 .candidates = block_array(&b->block, list, n, sizeof(*list)),
			 });
}

/* --- the sequence ---------------------------------------------------------------------------- */

static int plan_rlimits(struct builder *b)
{
	for (size_t n = 0; n < b->process->n_rlimits; n++) {
		const struct spec_rlimit *l = &b->process->rlimits[n];
		int resource = rlimit_from_name(l->type);

		if (resource < 0)
			return err_set(b->e, ERR_INTERNAL, -EINVAL, "unchecked rlimit");
		plan_add_RLIMIT(&b->block, plan_origin(b, "process.rlimits[%u]", (unsigned)n),
				(struct plan_rlimit){.resource = (uint32_t)resource,
						     .soft = l->soft,
						     .hard = l->hard});
	}
	return 0;
}

static void plan_cwd_step(struct builder *b, bool retry)
{
	/* PIVOT and CHROOT leave us there. An exec has proof to give that it is inside. */
	if (b->options->purpose != PURPOSE_EXEC && str_eq(b->process->cwd, "/"))
		return;
	plan_add_CWD(&b->block, "process.cwd",
		     (struct plan_cwd){
			     .path = block_string(&b->block, b->process->cwd),
			     .create = !retry && b->options->purpose != PURPOSE_EXEC,
			     .retry = retry,
		     });
}

static void plan_home_step(struct builder *b, uint32_t env_slot)
{
	plan_add_HOME(&b->block, "",
		      (struct plan_home){
			      .passwd = block_string(&b->block, "etc/passwd"),
			      .uid = b->process->user.uid,
			      .env_slot = env_slot,
			      .prefix = block_string(&b->block, "HOME="),
			      .fallback = block_string(&b->block, "HOME=/"),
		      });
}

int plan_process(struct builder *b, struct plan_array *ret_argv, struct plan_array *ret_envp)
{
	const struct spec_process *p = b->process;
	bool needs_home = !env_get(p, "HOME");
	struct capability_sets caps = {0};
	struct str_list env;
	int r = plan_listen_env(b, &env);

	if (r < 0)
		return r;
	*ret_argv = block_strings(&b->block, &p->args, 0);
	b->listen_slot = (uint32_t)env.n + needs_home;
	*ret_envp = block_strings(&b->block, &env, needs_home + (b->options->listen_fds > 0));
	if (p->has_capabilities)
		caps = capabilities(b);
	if (needs_home)
		plan_home_step(b, (uint32_t)env.n);
	plan_cwd_step(b, false);
	r = plan_rlimits(b);
	if (r < 0)
		return r;
	/* Dropping from the bounding set needs a capability that the next steps may take away. */
	plan_add_BOUNDING(
		&b->block, "process.capabilities.bounding",
		(struct plan_bounding){.keep = caps.bounding, .last_cap = b->facts->last_cap});
	r = plan_user(b);
	if (r < 0)
		return r;
	plan_add_CAPABILITIES(&b->block, "process.capabilities",
			      (struct plan_capabilities){
				      .effective = caps.effective,
				      .permitted = caps.permitted,
				      .inheritable = caps.inheritable,
				      .ambient = caps.ambient,
				      .until_exec = plan_seccomp_capability(b),
			      });
	plan_cwd_step(b, true);
	if (p->no_new_privileges)
		plan_add_NO_NEW_PRIVS(&b->block, "process.noNewPrivileges", (struct plan_none){0});
	plan_program_search(b);
	return 0;
}

int plan_process_end(struct builder *b)
{
	plan_slot listener = PLAN_NO_SLOT;
	int r = plan_machine(b);

	if (r < 0)
		return r;
	plan_labels(b);
	plan_listen_pid(b);
	plan_add_SESSION(&b->block, "process.terminal",
			 (struct plan_session){.terminal = b->process->terminal});
	plan_add_SIGNALS(&b->block, "",
			 (struct plan_signals){.ignored = b->facts->ignored_signals});
	if (b->options->purpose == PURPOSE_CREATE)
		listener = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_LISTENER});
	b->plan->keep_fds = b->options->preserve_fds + b->options->listen_fds;
	plan_add_DESCRIPTORS(&b->block, "",
			     (struct plan_descriptors){.keep = b->plan->keep_fds,
						       .listener = listener,
						       .output = b->hook_output,
						       .errors = b->hook_errors});
	plan_add_READY(&b->block, "", (struct plan_none){0});
	if (b->options->purpose == PURPOSE_CREATE)
		plan_add_START(&b->block, "",
			       (struct plan_start){.slot = listener,
						   .page = b->plan->filter.program.n > 0});
	if (b->options->purpose != PURPOSE_EXEC) {
		r = plan_start_hooks(b);
		if (r < 0)
			return r;
	}
	r = plan_landlock(b);
	if (r < 0)
		return r;
	plan_seccomp_load(b);
	plan_add_EXEC(&b->block, "process.args", (struct plan_none){0});
	return 0;
}
