/* What systemd must know of a scope and can only be told when the scope is made, or by a file: the
 * OOM policy. It reads the file when it reloads, which is when it would bring the old one back.
 * Runs on the host's side. */
#include "host/systemd.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define FILE_NAME "50-coracle.conf"

/* The property as plan/cgroup-properties.c words it. */
#define OOM_POLICY "-string OOMPolicy "

#define DIR_MODE 0755

/* The folder for files about @unit, of systemd.unit(5)'s "runtime units"; "" where our user has
 * none. */
static int name_folder(const char *unit, bool user, char ret[static PATH_MAX])
{
	const char *runtime = user ? getenv("XDG_RUNTIME_DIR") : "/run";

	ret[0] = '\0';
	if (!runtime || runtime[0] != '/')
		return 0;
	if (str_format(ret, PATH_MAX, "%s/systemd/%s/%s.d", runtime, user ? "user" : "system",
		       unit) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* With the one above it: systemd makes that for root alone. */
static int make_folder(char *folder)
{
	char *last = strrchr(folder, '/');
	int r;

	*last = '\0';
	r = sys_mkdirat(AT_FDCWD, folder, DIR_MODE);
	*last = '/';
	if (r == 0 || r == -EEXIST)
		r = sys_mkdirat(AT_FDCWD, folder, DIR_MODE);
	return r == -EEXIST ? 0 : r;
}

int systemd_keep_oom_policy(const struct plan_cgroup *plan, struct err *e)
{
	char folder[PATH_MAX], text[128];
	const char *policy = NULL;
	int fd, r;

	for (size_t i = 0; i < plan->n_properties; i++) {
		if (str_starts(plan->properties[i], OOM_POLICY))
			policy = plan->properties[i] + strlen(OOM_POLICY);
	}
	if (!policy)
		return 0;
	r = name_folder(plan->unit, plan->user_manager, folder);
	if (r == 0 && folder[0] == '\0')
		return 0;
	if (r == 0)
		r = make_folder(folder);
	(void)str_format(text, sizeof(text), "[Scope]\nOOMPolicy=%s\n", policy);
	fd = r < 0 ? r : sys_openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	r = fd < 0 ? fd : io_write_atomic_at(fd, FILE_NAME, text, strlen(text), 0644);
	(void)fd_close(fd);
	return r < 0 ? err_sys(e, ERR_CGROUP, r, "write \"%s/" FILE_NAME "\"", folder) : 0;
}

void systemd_forget(const struct cgroup_ref *ref)
{
	const char *unit = strrchr(ref->unified_dir, '/');
	char folder[PATH_MAX], file[PATH_MAX];

	if (ref->manager != CGROUP_MANAGER_SYSTEMD || !unit ||
	    name_folder(unit + 1, ref->user_manager, folder) < 0 || folder[0] == '\0' ||
	    str_format(file, sizeof(file), "%s/" FILE_NAME, folder) >= sizeof(file))
		return;
	if (sys_unlinkat(AT_FDCWD, file, 0) == 0)
		(void)sys_unlinkat(AT_FDCWD, folder, AT_REMOVEDIR);
}
