/* What the operands of a plan hold, as tables: print.c walks them for text and for JSON. */
#include "plan/print.h"

#include <stddef.h>

#define FIELD(type, member, kind)                                                                  \
	{                                                                                          \
#member, PRINT_##kind, offsetof(struct plan_##type, member)                        \
	}
#define FIELD_AS(name, type, member, kind)                                                         \
	{                                                                                          \
		name, PRINT_##kind, offsetof(struct plan_##type, member)                           \
	}
#define FIELDS(type) static const struct print_field fields_##type[]
#define END                                                                                        \
	{                                                                                          \
		NULL, PRINT_U32, 0                                                                 \
	}

FIELDS(none) = {END};
FIELDS(flags) = {FIELD(flags, flags, CLONE_FLAGS), END};
FIELDS(start) = {FIELD(start, slot, SLOT), FIELD(start, page, BOOL), END};
FIELDS(string) = {FIELD(string, value, STRING), END};
FIELDS(path) = {FIELD(path, path, STRING), END};
FIELDS(lsm) = {
	FIELD(lsm, name, STRING), FIELD(lsm, value, STRING),  FIELD(lsm, path, STRING),
	FIELD(lsm, module, U32),  FIELD(lsm, attribute, U32), END,
};
FIELDS(keyring) = {FIELD(keyring, name, STRING), END};
FIELDS(rlimit) = {
	FIELD(rlimit, resource, RESOURCE),
	FIELD(rlimit, soft, LIMIT),
	FIELD(rlimit, hard, LIMIT),
	END,
};
FIELDS(join) = {FIELD(join, flags, CLONE_FLAGS), FIELD(join, slot, SLOT), END};
FIELDS(await) = {FIELD(await, dumpable, BOOL), END};
FIELDS(time_offsets) = {
	FIELD(time_offsets, path, STRING),
	FIELD(time_offsets, dumpable, BOOL),
	END,
};
FIELDS(become) = {
	FIELD(become, uid, U32),           FIELD(become, gid, U32),
	FIELD(become, other_uid, U32),     FIELD(become, other_gid, U32),
	FIELD(become, clear_groups, BOOL), END,
};
FIELDS(propagation) = {
	FIELD(propagation, path, STRING),
	FIELD(propagation, ms_flags, MS_FLAGS),
	END,
};
FIELDS(chroot) = {
	FIELD(chroot, hide, STRINGS),
	FIELD_AS("fstype", chroot, empty.fstype, STRING),
	FIELD(chroot, move, STRING),
	END,
};
FIELDS(rootfs) = {
	FIELD(rootfs, source, STRING),
	FIELD(rootfs, slot, SLOT),
	FIELD(rootfs, attach, STRING),
	FIELD(rootfs, otherwise, STRING),
	END,
};
FIELDS(mount) = {
	FIELD(mount, target, STRING),
	FIELD(mount, fstype, STRING),
	FIELD(mount, source, STRING),
	FIELD(mount, flags, TARGET),
	FIELD(mount, options, OPTIONS),
	FIELD(mount, inside, STRINGS),
	FIELD(mount, label_key, STRING),
	FIELD(mount, label, STRING),
	FIELD(mount, attr, ATTR),
	FIELD(mount, ms_flags, MS_FLAGS),
	FIELD(mount, data, STRING),
	FIELD(mount, place, STRING),
	FIELD(mount, instead, STRING),
	FIELD(mount, hide, STRING),
	END,
};
FIELDS(remount) = {FIELD(remount, target, STRING), FIELD(remount, attr, ATTR), END};
FIELDS(bind) = {
	FIELD(bind, target, STRING), FIELD(bind, source, STRING), FIELD(bind, slot, SLOT),
	FIELD(bind, flags, TARGET),  FIELD(bind, attr, ATTR),     END,
};
FIELDS(unmount) = {FIELD(unmount, directory, STRING), FIELD(unmount, name, STRING), END};
FIELDS(devices) = {
	FIELD(devices, directory, STRING),
	FIELD(devices, devices, DEVICES),
	FIELD(devices, links, LINKS),
	END,
};
FIELDS(console) = {
	FIELD(console, directory, STRING), FIELD(console, ptmx, STRING),
	FIELD(console, console, STRING),   FIELD(console, height, U32),
	FIELD(console, width, U32),        FIELD(console, uid, U32),
	FIELD(console, gid, U32),          END,
};
FIELDS(mask) = {
	FIELD(mask, path, STRING),
	FIELD(mask, null, STRING),
	FIELD_AS("fstype", mask, empty.fstype, STRING),
	FIELD_AS("label_key", mask, empty.label_key, STRING),
	FIELD_AS("label", mask, empty.label, STRING),
	END,
};
FIELDS(turn) = {FIELD(turn, network, BOOL), END};
FIELDS(hook) = {
	FIELD(hook, kind, STRING),    FIELD(hook, index, U32),
	FIELD(hook, path, STRING),    FIELD(hook, argv, POINTERS),
	FIELD(hook, envp, POINTERS),  FIELD(hook, timeout, U32),
	FIELD(hook, in_rootfs, BOOL), FIELD(hook, output, SLOT),
	FIELD(hook, errors, SLOT),    END,
};
FIELDS(sysctl) = {
	FIELD(sysctl, path, STRING),
	FIELD(sysctl, value, STRING),
	FIELD(sysctl, fstype, STRING),
	FIELD(sysctl, instead, STRING),
	END,
};
FIELDS(personality) = {FIELD(personality, persona, U32), END};
FIELDS(memory_policy) = {
	FIELD(memory_policy, mode, U32),
	FIELD(memory_policy, nodes, BITS),
	END,
};
FIELDS(session) = {FIELD(session, terminal, BOOL), END};
FIELDS(env_pid) = {
	FIELD(env_pid, env_slot, U32),
	FIELD(env_pid, prefix, STRING),
	END,
};
FIELDS(home) = {
	FIELD(home, passwd, STRING), FIELD(home, uid, U32),         FIELD(home, env_slot, U32),
	FIELD(home, prefix, STRING), FIELD(home, fallback, STRING), END,
};
FIELDS(cwd) = {
	FIELD(cwd, path, STRING),
	FIELD(cwd, create, BOOL),
	FIELD(cwd, retry, BOOL),
	END,
};
FIELDS(signals) = {FIELD(signals, ignored, SIGNALS), END};
FIELDS(bounding) = {FIELD(bounding, keep, CAPS), FIELD(bounding, last_cap, U32), END};
FIELDS(user) = {
	FIELD(user, uid, U32),
	FIELD(user, gid, U32),
	FIELD(user, groups, U32S),
	FIELD(user, set_groups, GROUPS),
	FIELD(user, umask, MODE),
	FIELD(user, same, BOOL),
	END,
};
FIELDS(capabilities) = {
	FIELD(capabilities, effective, CAPS),   FIELD(capabilities, permitted, CAPS),
	FIELD(capabilities, inheritable, CAPS), FIELD(capabilities, ambient, CAPS),
	FIELD(capabilities, until_exec, CAPS),  END,
};
FIELDS(program) = {
	FIELD(program, name, STRING),
	FIELD(program, candidates, STRINGS),
	END,
};
FIELDS(descriptors) = {
	FIELD(descriptors, keep, U32),
	FIELD(descriptors, listener, SLOT),
	FIELD(descriptors, output, SLOT),
	FIELD(descriptors, errors, SLOT),
	END,
};
FIELDS(landlock) = {
	FIELD(landlock, fs, HEX),
	FIELD(landlock, net, HEX),
	FIELD(landlock, scoped, HEX),
	FIELD(landlock, rules, RULES),
	END,
};
FIELDS(seccomp) = {
	FIELD_AS("instructions", seccomp, program.n, U32),
	FIELD(seccomp, flags, FILTER_FLAGS),
	FIELD(seccomp, notify, BOOL),
	END,
};

static const struct {
	const char *name;
	const struct print_field *fields;
} operations[PLAN_OP_MAX] = {
#define X(op, operand, name, text) [PLAN_##op] = {name, fields_##operand},
	PLAN_STEPS(X)
#undef X
};

const struct print_field *print_fields(enum plan_op op)
{
	return operations[op].fields;
}

const char *print_op_name(enum plan_op op)
{
	return operations[op].name;
}
