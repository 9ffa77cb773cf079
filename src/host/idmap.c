/* Id mappings. Runs in the host half, while the process in the new namespace waits. */
#include "host/idmap.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/proc.h"
#include "host/spawn.h"

#define LINE_SIZE 36  /* three numbers of ten digits, blanks, newline */
#define MAPS_MAX  340 /* lines of a map, user_namespaces(7) */

/* newuidmap answers in milliseconds unless its user database is on a dead network. */
#define HELPER_SECONDS 30

static int write_direct(int proc_fd, pid_t pid, const char *file, const struct spec_id_mappings *m,
			struct err *e)
{
	static char text[MAPS_MAX * LINE_SIZE];
	size_t len = 0;
	int r;

	for (size_t n = 0; n < m->n && len < sizeof(text); n++)
		len += str_format(text + len, sizeof(text) - len, "%u %u %u\n",
				  m->items[n].container_id, m->items[n].host_id, m->items[n].size);
	if (len >= sizeof(text))
		return err_set(e, ERR_IDMAP, -E2BIG, "more than %u mappings", MAPS_MAX);
	r = proc_write_pid(proc_fd, pid, file, text);
	if (r < 0) {
		(void)err_sys(e, ERR_IDMAP, r, "write %s", file);
		if (r == -EPERM)
			(void)err_hint(e, "ids that are not the caller's own need CAP_SETUID and "
					  "CAP_SETGID, or newuidmap and newgidmap");
	}
	return r;
}

static int write_by_helper(const char *program, pid_t pid, const struct spec_id_mappings *m,
			   struct err *e)
{
	static char numbers[MAPS_MAX * 3 + 1][12];
	static const char *argv[MAPS_MAX * 3 + 3];
	struct child_result result;
	size_t n = 0;
	int r;

	if (m->n > MAPS_MAX)
		return err_set(e, ERR_IDMAP, -E2BIG, "more than %u mappings", MAPS_MAX);
	(void)str_format(numbers[n++], 12, "%d", pid);
	for (size_t k = 0; k < m->n; k++) {
		(void)str_format(numbers[n++], 12, "%u", m->items[k].container_id);
		(void)str_format(numbers[n++], 12, "%u", m->items[k].host_id);
		(void)str_format(numbers[n++], 12, "%u", m->items[k].size);
	}
	argv[0] = program;
	for (size_t k = 0; k < n; k++)
		argv[k + 1] = numbers[k];
	argv[n + 1] = NULL;
	r = spawn_wait(program, argv, HELPER_SECONDS, &result, e);
	if (r < 0) {
		(void)err_hint(e, "install the package uidmap (shadow-utils)");
		return r;
	}
	if (result.status != 0) {
		(void)err_set(e, ERR_IDMAP, -EPERM, "%s failed: %s", program, result.output);
		return err_hint(
			e, "the mapping must lie in the ranges of /etc/subuid and /etc/subgid");
	}
	return 0;
}

int idmap_write(const struct plan_idmap *map, pid_t pid, struct err *e)
{
	int proc_fd, r;

	if (map->by_helper) {
		r = write_by_helper("newuidmap", pid, &map->uid, e);
		if (r < 0)
			return err_where(e, "linux.uidMappings");
		r = write_by_helper("newgidmap", pid, &map->gid, e);
		return r < 0 ? err_where(e, "linux.gidMappings") : 0;
	}
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	/* Without privilege a gid_map is refused until setgroups is denied (user_namespaces(7)). */
	if (map->deny_setgroups) {
		r = proc_write_pid(proc_fd, pid, "setgroups", "deny");
		if (r < 0)
			return err_sys(e, ERR_IDMAP, r, "deny setgroups");
	}
	r = write_direct(proc_fd, pid, "uid_map", &map->uid, e);
	if (r < 0)
		return err_where(e, "linux.uidMappings");
	r = write_direct(proc_fd, pid, "gid_map", &map->gid, e);
	return r < 0 ? err_where(e, "linux.gidMappings") : 0;
}
