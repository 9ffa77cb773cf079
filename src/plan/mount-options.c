/* The table of mount options (config.md, "Linux mount options"; crun's and runc's extensions). */
#include "plan/mount-options.h"

#include <stddef.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/plan.h"

#define SET(name, attr)                                                                            \
	{                                                                                          \
		name, OPTION_ATTR, MOUNT_ATTR_##attr, 0                                            \
	}
#define CLEAR(name, attr)                                                                          \
	{                                                                                          \
		name, OPTION_ATTR, 0, MOUNT_ATTR_##attr                                            \
	}
#define REC_SET(name, attr)                                                                        \
	{                                                                                          \
		name, OPTION_REC_ATTR, MOUNT_ATTR_##attr, 0                                        \
	}
#define REC_CLEAR(name, attr)                                                                      \
	{                                                                                          \
		name, OPTION_REC_ATTR, 0, MOUNT_ATTR_##attr                                        \
	}
/* The access time attributes are one field: setting one clears the field first. */
#define ATIME(name, attr)                                                                          \
	{                                                                                          \
		name, OPTION_ATTR, MOUNT_ATTR_##attr, MOUNT_ATTR__ATIME                            \
	}
#define REC_ATIME(name, attr)                                                                      \
	{                                                                                          \
		name, OPTION_REC_ATTR, MOUNT_ATTR_##attr, MOUNT_ATTR__ATIME                        \
	}
#define PROPAGATE(name, ms)                                                                        \
	{                                                                                          \
		name, OPTION_PROPAGATION, (ms), 0                                                  \
	}

static const struct mount_option options[] = {
	{"async", OPTION_SUPER, 0, MS_SYNCHRONOUS},
	ATIME("atime", RELATIME),
	{"bind", OPTION_BIND, 0, 0},
	{"copy-symlink", OPTION_EXTRA, PLAN_MOUNT_COPY_SYMLINK, 0},
	{"defaults", OPTION_IGNORED, 0, 0},
	{"dest-nofollow", OPTION_EXTRA, PLAN_MOUNT_TARGET_NOFOLLOW, 0},
	CLEAR("dev", NODEV),
	CLEAR("diratime", NODIRATIME),
	{"dirsync", OPTION_SUPER, MS_DIRSYNC, 0},
	CLEAR("exec", NOEXEC),
	{"idmap", OPTION_IDMAP, 0, 0},
	{"iversion", OPTION_OLD, MS_I_VERSION, 0},
	{"lazytime", OPTION_SUPER, MS_LAZYTIME, 0},
	{"loud", OPTION_OLD, 0, MS_SILENT},
	{"mand", OPTION_SUPER, MS_MANDLOCK, 0},
	ATIME("noatime", NOATIME),
	SET("nodev", NODEV),
	SET("nodiratime", NODIRATIME),
	SET("noexec", NOEXEC),
	{"noiversion", OPTION_OLD, 0, MS_I_VERSION},
	{"nolazytime", OPTION_SUPER, 0, MS_LAZYTIME},
	{"nomand", OPTION_SUPER, 0, MS_MANDLOCK},
	ATIME("norelatime", STRICTATIME),
	ATIME("nostrictatime", RELATIME),
	SET("nosuid", NOSUID),
	SET("nosymfollow", NOSYMFOLLOW),
	PROPAGATE("private", MS_PRIVATE),
	REC_ATIME("ratime", RELATIME),
	{"rbind", OPTION_BIND, MS_REC, 0},
	REC_CLEAR("rdev", NODEV),
	REC_CLEAR("rdiratime", NODIRATIME),
	ATIME("relatime", RELATIME),
	{"remount", OPTION_REMOUNT, 0, 0},
	REC_CLEAR("rexec", NOEXEC),
	{"ridmap", OPTION_IDMAP, MS_REC, 0},
	REC_ATIME("rnoatime", NOATIME),
	REC_SET("rnodev", NODEV),
	REC_SET("rnodiratime", NODIRATIME),
	REC_SET("rnoexec", NOEXEC),
	REC_ATIME("rnorelatime", STRICTATIME),
	REC_ATIME("rnostrictatime", RELATIME),
	REC_SET("rnosuid", NOSUID),
	REC_SET("rnosymfollow", NOSYMFOLLOW),
	SET("ro", RDONLY),
	PROPAGATE("rprivate", MS_PRIVATE | MS_REC),
	REC_ATIME("rrelatime", RELATIME),
	REC_SET("rro", RDONLY),
	REC_CLEAR("rrw", RDONLY),
	PROPAGATE("rshared", MS_SHARED | MS_REC),
	PROPAGATE("rslave", MS_SLAVE | MS_REC),
	REC_ATIME("rstrictatime", STRICTATIME),
	REC_CLEAR("rsuid", NOSUID),
	REC_CLEAR("rsymfollow", NOSYMFOLLOW),
	PROPAGATE("runbindable", MS_UNBINDABLE | MS_REC),
	CLEAR("rw", RDONLY),
	PROPAGATE("shared", MS_SHARED),
	{"silent", OPTION_OLD, MS_SILENT, 0},
	PROPAGATE("slave", MS_SLAVE),
	{"src-nofollow", OPTION_EXTRA, PLAN_MOUNT_SOURCE_NOFOLLOW, 0},
	ATIME("strictatime", STRICTATIME),
	CLEAR("suid", NOSUID),
	CLEAR("symfollow", NOSYMFOLLOW),
	{"sync", OPTION_SUPER, MS_SYNCHRONOUS, 0},
	{"tmpcopyup", OPTION_EXTRA, PLAN_MOUNT_COPY_UP, 0},
	PROPAGATE("unbindable", MS_UNBINDABLE),
};

/* For `features`: every row, in the same order. */
const char *const plan_mount_option_names[] = {
	"async",
	"atime",
	"bind",
	"copy-symlink",
	"defaults",
	"dest-nofollow",
	"dev",
	"diratime",
	"dirsync",
	"exec",
	"idmap",
	"iversion",
	"lazytime",
	"loud",
	"mand",
	"noatime",
	"nodev",
	"nodiratime",
	"noexec",
	"noiversion",
	"nolazytime",
	"nomand",
	"norelatime",
	"nostrictatime",
	"nosuid",
	"nosymfollow",
	"private",
	"ratime",
	"rbind",
	"rdev",
	"rdiratime",
	"relatime",
	"remount",
	"rexec",
	"ridmap",
	"rnoatime",
	"rnodev",
	"rnodiratime",
	"rnoexec",
	"rnorelatime",
	"rnostrictatime",
	"rnosuid",
	"rnosymfollow",
	"ro",
	"rprivate",
	"rrelatime",
	"rro",
	"rrw",
	"rshared",
	"rslave",
	"rstrictatime",
	"rsuid",
	"rsymfollow",
	"runbindable",
	"rw",
	"shared",
	"silent",
	"slave",
	"src-nofollow",
	"strictatime",
	"suid",
	"symfollow",
	"sync",
	"tmpcopyup",
	"unbindable",
	NULL,
};

const struct mount_option *mount_option_at(unsigned n)
{
	return n < ARRAY_SIZE(options) ? &options[n] : NULL;
}

const struct mount_option *mount_option_find(const char *name)
{
	size_t low = 0, high = ARRAY_SIZE(options);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, options[middle].name);

		if (order == 0)
			return &options[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

uint64_t mount_option_propagation(const char *name)
{
	const struct mount_option *o = mount_option_find(name);

	return o && o->kind == OPTION_PROPAGATION ? o->set : 0;
}
