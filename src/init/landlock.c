/* Landlock's rules, right before the filter: nothing comes after them but the exec, which needs the
 * right to execute the program like everything that it will do. */
#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "init/init.h"

/* The kernel's landlock_path_beneath_attr and landlock_net_port_attr. */
union rule {
	struct {
		uint64_t access;
		int32_t fd;
	} __attribute__((packed)) path;
	struct {
		uint64_t access, port;
	} port;
};

enum rule_type {
	RULE_PATH = 1,
	RULE_PORT = 2,
};

static int add_rule(const struct init *i, int ruleset, const struct plan_landlock_rule *o)
{
	_cleanup_close_ int fd = -EBADF;
	union rule rule = {.port = {o->access, o->port}};

	if (o->path != 0) {
		fd = path_open_in_root(i->root_fd, init_string(i, o->path), O_PATH, 0);
		/* What is not there needs no permission. */
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		rule.path.fd = fd;
	}
	return sys_landlock_add_rule(ruleset, o->path != 0 ? RULE_PATH : RULE_PORT, &rule);
}

int step_LANDLOCK(struct init *i, const struct plan_landlock *o, struct err *e)
{
	const struct plan_landlock_rule *rules = init_array(i, o->rules, sizeof(*rules));
	/* Zeros at the end are for kernels that have fewer: the operand begins as theirs does. */
	_cleanup_close_ int fd =
		sys_landlock_create_ruleset(&o->fs, offsetof(struct plan_landlock, rules));
	int r = fd;

	for (uint32_t n = 0; n < o->rules.n && r >= 0; n++) {
		r = add_rule(i, fd, &rules[n]);
		if (r < 0)
			return err_sys(e, ERR_PROCESS, r, "allow 0x%llx for \"%s\"",
				       (unsigned long long)rules[n].access,
				       init_string(i, rules[n].path));
	}
	if (r >= 0)
		r = sys_landlock_restrict_self(fd);
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "restrict by Landlock") : 0;
}
