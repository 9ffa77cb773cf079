/* Giving the container's cgroup to its own root: the files that the kernel names for that and the
 * directory, so that it may divide what it has and raise none of it (cgroups(7), "Delegation").
 * Host half, in the host's namespaces, before the container runs. v2 alone: v1 cannot be delegated.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"

#define LIST_FILE "/sys/kernel/cgroup/delegate"
#define LIST_MAX  (64U << 10)

static int give(const struct cgroup *c, const char *file, uid_t uid, struct err *e)
{
	int r = sys_fchownat(c->unified_fd, file, uid, (gid_t)-1, file[0] ? 0 : AT_EMPTY_PATH);

	/* The kernel lists what any cgroup may have. */
	if (r == 0 || (r == -ENOENT && file[0] != '\0'))
		return 0;
	return err_sys(e, ERR_CGROUP, r, "give \"%s/%s\" to user %u", c->ref.unified_dir, file,
		       uid);
}

int cgroup_delegate(struct arena *a, const struct cgroup *c, const struct plan_cgroup *plan,
		    struct err *e)
{
	/* As the specification has it for kernels before 4.15. */
	static const char always[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
	char *list = NULL;
	size_t len;
	int r;

	if (!plan->delegated || c->unified_fd < 0)
		return 0;
	r = io_read_file_at(a, AT_FDCWD, LIST_FILE, LIST_MAX, &list, &len);
	if (r == -ENOENT)
		list = arena_strdup(a, always);
	else if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "read \"" LIST_FILE "\"");
	if (!list)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read \"" LIST_FILE "\"");
	r = give(c, "", plan->owner, e);
	while (r == 0 && *list) {
		char *line = list;

		list += strcspn(list, "\n");
		if (*list)
			*list++ = '\0';
		/* Names, never paths. */
		if (line[0] != '\0' && !strchr(line, '/'))
			r = give(c, line, plan->owner, e);
	}
	return r;
}
