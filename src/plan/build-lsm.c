/* Labels of security modules for the container's process and its keyring. A label on a kernel
 * without the module is an error: a process without the confinement that was asked for is worse
 * than none. */
#include "base/str.h"
#include "plan/build.h"

#define LSM_ID_SELINUX     101
#define LSM_ID_APPARMOR    104
#define LSM_ATTR_EXEC      101
#define LSM_ATTR_KEYCREATE 103

static bool has_label(const struct builder *b)
{
	return b->process->apparmor_profile[0] != '\0' || b->process->selinux_label[0] != '\0';
}

void plan_procfs(struct builder *b)
{
	if (has_label(b))
		plan_add_PROCFS(&b->block, "",
				(struct plan_path){block_string(&b->block, "/proc")});
}

static void add_selinux(struct builder *b, uint32_t attribute, const char *path)
{
	plan_add_LSM(&b->block, "process.selinuxLabel",
		     (struct plan_lsm){
			     .module = LSM_ID_SELINUX,
			     .attribute = attribute,
			     .name = block_string(&b->block, "SELinux"),
			     .value = block_string(&b->block, b->process->selinux_label),
			     .path = block_string(&b->block, path),
		     });
}

void plan_keyring_label(struct builder *b)
{
	/* Or the process could not use its own keyring. The kernel forgets it at the exec. */
	if (b->process->selinux_label[0] != '\0')
		add_selinux(b, LSM_ATTR_KEYCREATE, "self/attr/keycreate");
}

void plan_labels(struct builder *b)
{
	const struct spec_process *p = b->process;

	if (p->selinux_label[0] != '\0')
		add_selinux(b, LSM_ATTR_EXEC, "self/attr/exec");
	if (p->apparmor_profile[0] == '\0')
		return;
	/* With no_new_privs only a label that adds to what confines us already may be entered. */
	plan_add_LSM(
		&b->block, "process.apparmorProfile",
		(struct plan_lsm){
			.module = LSM_ID_APPARMOR,
			.attribute = LSM_ATTR_EXEC,
			.name = block_string(&b->block, "AppArmor"),
			.value = block_string(&b->block,
					      arena_format(b->arena, "%s %s",
							   p->no_new_privileges ? "stack" : "exec",
							   p->apparmor_profile)),
			.path = block_string(&b->block, "self/attr/apparmor/exec"),
		});
}
