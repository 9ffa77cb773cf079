/* The agent's configuration: one JSON document. JSON, because that is what everything else here is
 * configured in, and one strict reader tells line and reason. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/members.h"

/* What helps: its name, the calls that it answers, as names of system calls. */
#define HANDLER_LIST(X)                                                                            \
	X(MKNOD, "mknod", "mknod mknodat")                                                         \
	X(MOUNT, "mount",                                                                          \
	  "mount umount2 fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr")       \
	X(CHOWN, "chown", "chown lchown fchown fchownat")                                          \
	X(SETID, "setid", "setuid setgid setreuid setregid setresuid setresgid setgroups")         \
	X(XATTR, "xattr",                                                                          \
	  "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr "                    \
	  "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr")                          \
	X(SYSINFO, "sysinfo", "sysinfo")

enum handler {
#define X(id, name, calls) HANDLER_##id,
	HANDLER_LIST(X)
#undef X
	HANDLERS
};

#define CONFIG_MAX ((size_t)1024 * 1024) /* bytes of the document */

/* What one sort of container is helped with. */
struct profile {
	const char *name;
	bool handlers[HANDLERS];
	struct strings devices;     /* character devices of the host that may be had, by path */
	struct strings filesystems; /* types, and "bind" */
	struct strings audit;       /* calls that are only written down */
	struct strings plugins;     /* shared objects with crun's interface */
	int unhandled;              /* -errno for what nobody answers */
	uint32_t deadline_ms;       /* for one request */
	uint32_t rate;              /* requests a second that are taken */
	bool record;                /* write down owners that files cannot have */
};

struct config {
	struct arena *arena;
	const char *socket, *log; /* NULL: the default; standard error */
	struct profile *profiles;
	size_t n_profiles, cap_profiles;
};

/* The words for a handler and for its calls, separated by blanks. */
const char *handler_name(enum handler h);
const char *handler_calls(enum handler h);

/* "ENOSYS" for -ENOSYS: for what "unhandled" may be. */
const char *config_refusal_name(int code);

/* Read the @len bytes at @text, which are changed in place; they and what is in @a must live as
 * long as *@ret. Errors name the line. Profiles that are read are sound: devices and plugins are
 * absolute paths, audited calls exist. Without any there is "default", which helps with mknod,
 * chown and setid. */
int config_parse(struct arena *a, char *text, size_t len, struct config *ret, struct err *e)
	_must_check_;

/* The same from the file @path; NULL: what holds without a file. */
int config_load(struct arena *a, const char *path, struct config *ret, struct err *e) _must_check_;

/* The profile called @name, or NULL. */
const struct profile *config_profile(const struct config *c, const char *name);
