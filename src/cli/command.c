/* The list of commands, and what several of them share. Runs in the command-line half only. */
#include "cli/command.h"

#include <errno.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "cli/log.h"
#include "host/companion.h"

#define PASSWD_MAX ((size_t)1 << 22)

const struct command *const commands[] = {
	&command_create,
	&command_start,
	&command_run,
	&command_exec,
	&command_state,
	&command_list,
	&command_update,
	&command_mounts,
	&command_events,
	&command_ps,
	&command_kill,
	&command_wait,
	&command_delete,
	&command_pause,
	&command_resume,
	&command_checkpoint,
	&command_restore,
	&command_plan,
	&command_spec,
	&command_image,
	&command_doctor,
	&command_seccomp,
	&command_notify,
	&command_features,
	&command_version,
	&command_help,
	&command_completion,
	&command_internal_args,
	NULL,
};

int command_become(struct invocation *inv, const char *program, struct err *e)
{
	const char **argv = arena_newn(inv->rt.arena, const char *, inv->args.n + 3);
	size_t n = 0;

	if (!argv)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the command line");
	argv[n++] = program;
	for (size_t i = 0; i < inv->args.n; i++) {
		argv[n++] = inv->args.items[i];
		if (i == 0 && log_is_json())
			argv[n++] = "--log-format=json";
	}
	argv[n] = NULL;
	/* execve() takes what it does not change as if it might. */
	return companion_exec(program + strlen("coracle-"), (char *const *)(const void *)argv, e);
}

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (str_eq((*c)->name, name))
			return *c;
	return NULL;
}

/* What other programs call things that people look for here. */
static const struct {
	const char *word, *hint;
} elsewhere[] = {
	{"stop", "`coracle kill ID` asks it to end, `coracle kill ID KILL` ends it"},
	{"rm", "`coracle delete ID` removes what has ended, with --force what runs"},
	{"remove", "`coracle delete ID` removes what has ended, with --force what runs"},
	{"ls", "`coracle list` shows the containers, `coracle ps ID` the processes of one"},
	{"inspect", "`coracle state ID` prints what is known of a container"},
	{"status", "`coracle state ID` prints what is known of a container"},
	{"info", "`coracle features` prints what is supported, `coracle doctor` what works here"},
	{"stats", "`coracle events --stats ID` prints what a container uses"},
	{"top", "`coracle ps ID` lists the processes of a container"},
	{"logs", "output goes where that of `coracle run` or `create` went: nothing is kept"},
	{"unpause", "`coracle resume ID`"},
	{"init", "`coracle spec` writes a config.json to start from"},
	{"check", "`coracle doctor` tries what containers need"},
	{"pull", "`coracle image import` takes what engines save; nothing is fetched by network"},
};

int command_unknown(const char *word, struct err *e)
{
	const char *nearest = NULL;
	unsigned best = ARGS_FAR;

	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->hidden && args_is_nearer(word, (*c)->name, &best))
			nearest = (*c)->name;
	(void)err_set(e, ERR_USAGE, -EINVAL, "unknown command \"%s\"", word);
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (str_eq(elsewhere[i].word, word))
			return err_hint(e, "%s", elsewhere[i].hint);
	if (nearest)
		return err_hint(e, "did you mean %s?", nearest);
	return err_hint(e, "`coracle --help` lists commands and topics");
}

int command_check_args(const struct command *c, const struct str_list *args, struct err *e)
{
	size_t max = 0;
	bool any = false;

	for (; max < POSITIONAL_MAX && c->positionals[max].name; max++) {
		const struct positional *p = &c->positionals[max];

		any |= p->repeated;
		if (!p->optional && args->n <= max) {
			(void)err_set(e, ERR_USAGE, -EINVAL, "%s: missing argument %s", c->name,
				      p->name);
			return err_hint(e, "`coracle %s --help` shows what it takes", c->name);
		}
	}
	if (args->n > max && !any) {
		(void)err_set(e, ERR_USAGE, -EINVAL, "%s: too many arguments: \"%s\"", c->name,
			      args->items[max]);
		return err_hint(e, "`coracle %s --help` shows what it takes", c->name);
	}
	return 0;
}

int command_for_each(struct invocation *inv, const char *pattern,
		     int (*act)(struct invocation *inv, const char *id, struct err *e),
		     struct err *e)
{
	struct str_list ids = {0};
	struct err other;
	int r = container_match(&inv->rt, pattern, &ids, e);

	for (size_t i = 0; i < ids.n; i++) {
		int one = act(inv, ids.items[i], r < 0 ? &other : e);

		r = r < 0 ? r : one;
	}
	return r;
}

int command_print(const char *text, size_t len, struct err *e)
{
	int r = io_write_all(1, text, len);

	return r < 0 ? err_sys(e, ERR_IO, r, "write to standard output") : 0;
}

int command_print_json(struct json_writer *w, struct err *e)
{
	const char *text;
	size_t len;

	if (json_writer_finish(w, &text, &len) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the output");
	return command_print(text, len, e);
}

/* The line of @passwd whose third field is @digits; its name ends up NUL-terminated. */
static const char *find_user(char *passwd, const char *digits)
{
	size_t len = strlen(digits);

	while (*passwd) {
		char *end = passwd + strcspn(passwd, "\n");
		char *colon = memchr(passwd, ':', (size_t)(end - passwd));
		char *uid = colon ? memchr(colon + 1, ':', (size_t)(end - colon - 1)) : NULL;

		if (uid && colon > passwd && strncmp(uid + 1, digits, len) == 0 &&
		    uid[1 + len] == ':') {
			*colon = '\0';
			return passwd;
		}
		passwd = *end ? end + 1 : end;
	}
	return NULL;
}

const char *command_user_name(struct arena *a, uint32_t uid)
{
	const char *name = NULL;
	char digits[12], *passwd;
	size_t len;

	if (uid == 0)
		return "root";
	(void)str_format(digits, sizeof(digits), "%u", uid);
	if (io_read_file_at(a, AT_FDCWD, "/etc/passwd", PASSWD_MAX, &passwd, &len) == 0)
		name = find_user(passwd, digits);
	if (!name)
		name = arena_format(a, "#%u", uid);
	return name ? name : "";
}

void command_write_info(struct json_writer *w, struct arena *a, const struct container_info *info)
{
	json_kv_string(w, "ociVersion", info->oci_version);
	json_kv_string(w, "id", info->id);
	json_kv_i64(w, "pid", info->pid);
	json_kv_string(w, "status", container_status_name(info->status));
	if (info->has_exit_status)
		json_kv_u64(w, "exitStatus", info->exit_status);
	json_kv_string(w, "bundle", info->bundle);
	json_kv_string(w, "rootfs", info->rootfs);
	json_kv_string(w, "created", info->created);
	json_kv_string(w, "owner", command_user_name(a, info->owner));
	if (info->annotations.n == 0)
		return;
	json_key(w, "annotations");
	json_object_begin(w);
	for (size_t i = 0; i < info->annotations.n; i++)
		json_kv_string(w, info->annotations.items[i].key, info->annotations.items[i].value);
	json_object_end(w);
}
