/* Mounts of file systems that give nobody anything, in the target's own mount namespace. The mount
 * point is looked up by the target; what is mounted is made with the power over its namespaces,
 * never with the host's. The newer calls are said to be missing: programs fall back to mount(2). */
#include <linux/capability.h>

#include <sys/mount.h>

#include "base/fd.h"
#include "base/fscontext.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define MS_REQUEST_MASK 0xffff0000UL /* programs from the last century send a magic number */
#define MS_REQUEST      0xc0ed0000UL

/* What a file system may be given, and what it gets in any case. */
static const struct filesystem {
	const char *type, *options; /* separated by blanks */
	uint64_t attr;
	bool own_userns; /* the host's root must not have it from us */
	int namespaces;  /* of which it shows something: CLONE_NEW* */
} filesystems[] = {
	{"tmpfs", "size nr_blocks nr_inodes mode uid gid", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	 false, 0},
	{"proc", "hidepid gid", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, true,
	 CLONE_NEWPID},
	{"sysfs", "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	 true, CLONE_NEWNET},
	{"mqueue", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, true,
	 CLONE_NEWIPC},
	{"devpts", "newinstance ptmxmode mode uid gid max", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	 true, 0},
	{"overlay", "lowerdir upperdir workdir userxattr volatile index xino", MOUNT_ATTR_NODEV,
	 true, 0},
};

static const struct {
	unsigned long flag;
	uint64_t attr;
} attributes[] = {
	{MS_RDONLY, MOUNT_ATTR_RDONLY},
	{MS_NOSUID, MOUNT_ATTR_NOSUID},
	{MS_NODEV, MOUNT_ATTR_NODEV},
	{MS_NOEXEC, MOUNT_ATTR_NOEXEC},
	{MS_NOATIME, MOUNT_ATTR_NOATIME},
	{MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
	{MS_RELATIME, 0},
	{MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
	{MS_SILENT, 0},
};

/* --- options --------------------------------------------------------------------------------- */

static bool has_word(const char *words, const char *word, size_t len)
{
	while (*words) {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, word, len) == 0)
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

/* Call @fn with each "key" or "key=value" of @text, which is cut up. */
static int each_option(char *text, int (*fn)(void *, const char *, const char *), void *ctx)
{
	int r = 0;

	while (text && r == 0) {
		char *next = strchr(text, ','), *value;

		if (next)
			*next++ = '\0';
		value = strchr(text, '=');
		if (value)
			*value++ = '\0';
		if (text[0] != '\0')
			r = fn(ctx, text, value);
		text = next;
	}
	return r;
}

static int check_option(void *ctx, const char *key, const char *value)
{
	const struct filesystem *fs = ctx;

	(void)value;
	return has_word(fs->options, key, strlen(key)) ? 0 : -EINVAL;
}

static int set_option(void *ctx, const char *key, const char *value)
{
	const int *fd = ctx;
	struct err e = {0};

	return fscontext_set(*fd, key, value, &e);
}

/* --- as the target, and with power ----------------------------------------------------------- */

static int open_places(void *ctx)
{
	struct scratch *s = ctx;

	s->fd = ask_open(s->path, true);
	if (s->fd < 0)
		return s->fd;
	if (s->flags) { /* a bind */
		s->other_fd = ask_open(s->other, true);
		if (s->other_fd < 0)
			return s->other_fd;
	}
	return 0;
}

static int attach(int tree, struct scratch *s)
{
	s->mount_id = ask_mount_id(tree);
	return sys_move_mount(tree, "", s->fd, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* With all that is mounted below, or masks would be left behind. */
static int mount_bind(void *ctx)
{
	struct scratch *s = ctx;
	_cleanup_close_ int tree =
		sys_open_tree(s->other_fd, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);

	return tree < 0 ? tree : attach(tree, s);
}

/* s->name is the type. Paths in options are the target's. */
static int mount_new(void *ctx)
{
	struct scratch *s = ctx;
	_cleanup_close_ int context = -EBADF, tree = -EBADF;
	struct err e = {0};
	int r = sys_fchdir(s->root_fd);

	if (r == 0)
		r = sys_chroot(".");
	if (r == 0)
		r = sys_fchdir(s->cwd_fd);
	if (r < 0)
		return r;
	context = fscontext_open(s->name, &e);
	if (context < 0)
		return context;
	r = each_option(s->data, set_option, &context);
	/* What a profile's mount is never without: in a user namespace an overlay can use no other
	 * attributes, and a new procfs would have what was masked in the old one. */
	if (r == 0 && str_eq(s->name, "overlay"))
		r = fscontext_set(context, "userxattr", NULL, &e);
	if (r == 0 && str_eq(s->name, "proc"))
		r = fscontext_set(context, "subset", "pid", &e);
	if (r < 0)
		return r;
	tree = fscontext_mount(context, s->attr, &e);
	return tree < 0 ? tree : attach(tree, s);
}

/* --- the request ----------------------------------------------------------------------------- */

/* What the flags say, into s->attr; false where they ask for more. */
static bool read_flags(struct scratch *s, unsigned long flags)
{
	s->attr = 0;
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (flags & attributes[i].flag)
			s->attr |= attributes[i].attr;
		flags &= ~attributes[i].flag;
	}
	return flags == 0;
}

static bool profile_has(const struct profile *p, const char *type)
{
	for (size_t i = 0; i < p->filesystems.n; i++)
		if (str_eq(p->filesystems.items[i], type))
			return true;
	return false;
}

/* The string of argument @i, "" for none, into @buf of PATH_SIZE bytes. */
static int read_string(const struct ask *q, unsigned i, char *buf)
{
	ssize_t n = 0;

	buf[0] = '\0';
	if (ask_u64(q, i) != 0)
		n = target_read_string(&q->target, ask_u64(q, i), buf, PATH_SIZE);
	return n == -ENAMETOOLONG ? -EINVAL : n < 0 ? (int)n : 0;
}

static int place(struct ask *q, int namespaces, target_fn fn)
{
	int r = ask_as_target(q, AT_FDCWD, open_places);

	if (r == 0)
		r = target_check(&q->target);
	if (r == 0)
		r = target_power(&q->target, namespaces, NULL, fn, q->s);
	if (r == 0)
		ask_add_mount(q, q->s->mount_id);
	return r;
}

/* A new file system of the type s->name. */
static int make_new(struct ask *q, unsigned long flags)
{
	struct scratch *s = q->s;
	char copy[PATH_SIZE];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++) {
		const struct filesystem *fs = &filesystems[i];

		if (!str_eq(fs->type, s->name) || !profile_has(q->profile, fs->type))
			continue;
		if ((fs->own_userns && target_is_the_hosts(&q->target)) || !read_flags(s, flags))
			return -EPERM;
		s->attr |= fs->attr;
		r = read_string(q, 4, s->data);
		if (r < 0)
			return r;
		/* An overlay's own folder has no permissions at all. */
		if (str_eq(fs->type, "overlay"))
			q->target.power = 1ULL << CAP_DAC_OVERRIDE;
		(void)str_copy(copy, sizeof(copy), s->data);
		r = each_option(copy, check_option, (void *)(uintptr_t)fs);
		if (r < 0)
			return r;
		return place(q, CLONE_NEWNS | fs->namespaces, mount_new);
	}
	return -EPERM;
}

static int make_bind(struct ask *q)
{
	int r = profile_has(q->profile, "bind") ? read_string(q, 0, q->s->other) : -EPERM;

	if (r < 0)
		return r;
	q->s->flags = 1;
	return q->s->other[0] == '\0' ? -ENOENT : place(q, CLONE_NEWNS, mount_bind);
}

void handle_mount(struct ask *q)
{
	unsigned long flags = ask_u64(q, 3);
	struct scratch *s = q->s;
	char type[PATH_SIZE];
	int r;

	if (str_eq(q->call, "umount2")) {
		handle_umount(q);
		return;
	}
	if (!str_eq(q->call, "mount")) {
		answer_error(q, -ENOSYS, "mount(2) is what can be helped with");
		return;
	}
	if (!ask_is_container_root(q) || !target_has_own_mounts(&q->target)) {
		answer_error(q, -EPERM, "not root of the container");
		return;
	}
	if ((flags & MS_REQUEST_MASK) == MS_REQUEST)
		flags &= ~MS_REQUEST_MASK;
	s->fd = s->other_fd = -EBADF;
	s->flags = 0;
	r = ask_path(q, 1);
	if (r == 0 && s->path[0] == '\0')
		r = -ENOENT;
	if (r == 0)
		r = read_string(q, 2, type);
	if (r < 0) {
		answer_error(q, r, "");
		return;
	}
	(void)str_copy(s->name, sizeof(s->name), type);
	if (flags & (MS_REMOUNT | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		r = -EPERM;
	else
		r = flags & MS_BIND ? make_bind(q) : make_new(q, flags);
	answer_value(q, r, r == 0 ? "mounted" : r == -EPERM ? "not a mount of the profile" : "");
}
