/* What `coracle help` says about matters that are not commands. Short, and true without a manual;
 * the pages have the rest. Runs in the command-line half only. */
#include "cli/topics.h"

#include <errno.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/text.h"

#define CODE_COLUMN 22

static void add_errors(struct text *t)
{
	static const struct {
		const char *name, *meaning;
	} rows[] = {
#define X(id, name, text) {name, text},
		ERR_LIST(X)
#undef X
	};

	text_add(
		t,
		"An error is one line: where in config.json, what was tried, why it failed. On a\n"
		"terminal a hint follows. With --log-format json it is an object with a code:\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		text_add(t, "  %s", rows[i].name);
		text_pad(t, CODE_COLUMN);
		text_add(t, "%s\n", rows[i].meaning);
	}
	text_add(
		t,
		"\nExit status: 0, or 1 if anything failed. run and exec exit as the process did, with\n"
		"128 and the signal's number if one killed it; exec with 255 if it could not run it.\n"
		"doctor exits with 2 if something does not work.\n"
		"\ncoracle-errors(7) has examples.\n");
}

static void add_annotations(struct text *t)
{
	text_add(
		t,
		"Annotations in config.json that change what coracle does:\n\n"
		"  run.oci.hooks.stdout, .stderr            a file for what hooks write\n"
		"  run.oci.keep_original_groups             keep the caller's supplementary groups\n"
		"  run.oci.pidfd_receiver                   a socket to send the process's pidfd to\n"
		"  run.oci.mount_context_type               how linux.mountLabel is applied\n"
		"  run.oci.seccomp_bpf_data                 a compiled filter, in base64\n"
		"  run.oci.seccomp_fail_unknown_syscall     unknown names in profiles are errors\n"
		"  run.oci.seccomp.receiver                 the socket of a seccomp agent\n"
		"  run.oci.coracle.seccomp_policy           a policy in the place of linux.seccomp\n"
		"  run.oci.coracle.seccomp_store            a folder for compiled filters\n"
		"  run.oci.coracle.oom_group                all die together when memory runs out\n"
		"  run.oci.coracle.landlock                 what Landlock allows, a JSON document\n"
		"  run.oci.coracle.builtin_devices          \"0\": only the device rules that are written\n"
		"  run.oci.coracle.image                    the root filesystem is this image; with\n"
		"     .image_store, _verity, _digest, _policy, _upper\n"
		"  org.criu.config                          a file with options for CRIU\n"
		"  org.systemd.property.NAME                a property of the scope\n"
		"\nOthers of run.oci. are refused, all others are labels. coracle-config(5) has the rest.\n");
}

static void add_rootless(struct text *t)
{
	text_add(
		t,
		"Containers of ordinary users, from nothing:\n\n"
		"  coracle doctor                    what is missing, with the commands that cure it\n"
		"  coracle spec --rootless           a config.json with a user namespace\n"
		"  coracle run ID                    runs it\n"
		"\nIds of more than one user need ranges in /etc/subuid and /etc/subgid, and newuidmap.\n"
		"Limits need cgroup v2 and a cgroup of one's own: with systemd --cgroup-manager systemd,\n"
		"or systemd-run --user --scope -p Delegate=yes. To stay after a logout: loginctl\n"
		"enable-linger. docs/rootless.md goes through all of it.\n");
}

static void add_files(struct text *t)
{
	text_add(
		t,
		"  config.json                       the bundle's configuration: coracle-config(5)\n"
		"  /run/coracle/ID/state.json        what is known of a container: coracle-state(5)\n"
		"  $XDG_RUNTIME_DIR/coracle/ID       the same for ordinary users\n"
		"  /var/lib/coracle/images           root's images: coracle-image(1)\n"
		"  ~/.local/share/coracle/images     other users' images\n"
		"  /var/lib/coracle/subid.ledger     who had which subordinate ids: coracle-doctor(1)\n");
}

const struct topic topics[] = {
	{"annotations", add_annotations},
	{"errors", add_errors},
	{"files", add_files},
	{"rootless", add_rootless},
	{0},
};

const struct topic *topic_find(const char *name)
{
	for (const struct topic *t = topics; t->name; t++)
		if (str_eq(t->name, name))
			return t;
	return NULL;
}

int topic_print(struct arena *a, const struct topic *topic, struct err *e)
{
	const char *out;
	struct text t;

	text_init(&t, a);
	topic->add(&t);
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the help");
	return command_print(out, t.len, e);
}
