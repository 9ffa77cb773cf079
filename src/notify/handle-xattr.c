/* trusted.overlay.*, which is the host's root's alone, as user.overlay.*, which overlays in user
 * namespaces read (mount option userxattr). Done with the target's own rights. */
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define PREFIX     "trusted.overlay."
#define NEW_PREFIX "user.overlay."

/* As the target: the file, by its name in our procfs into @file, which is relative to the working
 * directory then. A descriptor of the kind that we have takes no attributes, but its name does. */
static int find_name(struct scratch *s, char file[static 32])
{
	if (s->fd < 0)
		s->fd = ask_open(s->path, s->mode);
	(void)str_format(file, 32, "self/fd/%d", s->fd);
	return s->fd < 0 ? s->fd : sys_fchdir(s->proc_fd);
}

/* As the target. s->name is the new name; without s->flags >= 0 the attribute is removed. */
static int change_attribute(void *ctx)
{
	struct scratch *s = ctx;
	char file[32];
	int r = find_name(s, file);

	if (r < 0)
		return r;
	return s->flags < 0 ? (int)SYS2(removexattr, file, s->name)
			    : (int)SYS5(setxattr, file, s->name, s->value, s->value_size, s->flags);
}

/* As the target: the value of s->name, of at most s->value_size bytes, or its size alone if that is
 * 0. */
static int read_attribute(void *ctx)
{
	struct scratch *s = ctx;
	char file[32];
	long n = find_name(s, file);

	if (n == 0)
		n = SYS4(getxattr, file, s->name, s->value, s->value_size);
	if (n >= 0)
		s->value_size = (size_t)n;
	return (int)MIN(n, 0);
}

/* As the target: the names of all attributes, each with its NUL. */
static int list_attributes(void *ctx)
{
	struct scratch *s = ctx;
	char file[32];
	long n = find_name(s, file);

	if (n == 0)
		n = SYS3(listxattr, file, s->value, sizeof(s->value) - 1);
	if (n >= 0)
		s->value_size = (size_t)n;
	return (int)MIN(n, 0);
}

/* The name of argument 1 into s->name, with the new prefix; false if it is another's business. */
static int read_name(struct ask *q, bool *ret_ours)
{
	char name[NAME_SIZE];
	ssize_t n = target_read_string(&q->target, ask_u64(q, 1), name, sizeof(name));

	if (n < 0)
		return n == -ENAMETOOLONG ? -ERANGE : (int)n;
	*ret_ours = str_starts(name, PREFIX);
	(void)str_format(q->s->name, sizeof(q->s->name), NEW_PREFIX "%s",
			 *ret_ours ? name + strlen(PREFIX) : "");
	return 0;
}

static int read_value(struct ask *q)
{
	uint64_t size = ask_u64(q, 3);

	if (size >= VALUE_SIZE)
		return -E2BIG;
	q->s->value_size = (size_t)size;
	q->s->flags = ask_int(q, 4) & 0x7fffffff;
	return target_read(&q->target, ask_u64(q, 2), q->s->value, (size_t)size);
}

static int find_file(struct ask *q, bool by_fd)
{
	if (!by_fd)
		return ask_path(q, 0);
	(void)str_copy(q->s->path, sizeof(q->s->path), "/");
	q->s->fd = target_open_fd(&q->target, ask_int(q, 0));
	return q->s->fd < 0 ? q->s->fd : 0;
}

/* What came of reading, at argument @at with its size behind, goes to the target. */
static void answer_bytes(struct ask *q, unsigned at, const char *bytes, size_t len, const char *why)
{
	uint64_t size = ask_u64(q, at + 1);
	int r = size && len > size ? -ERANGE : 0;

	if (r == 0 && size)
		r = target_write(&q->target, ask_u64(q, at), bytes, len);
	answer_value(q, r < 0 ? r : (int64_t)len, r < 0 ? "" : why);
}

static void get_attribute(struct ask *q, bool by_fd)
{
	bool ours = false;
	int r = read_name(q, &ours);

	/* To others the kernel says that there is none. */
	if (r == 0 && (!ours || !ask_is_container_root(q))) {
		answer_continue(q, "another attribute");
		return;
	}
	q->s->value_size = (size_t)MIN(ask_u64(q, 3), (uint64_t)VALUE_SIZE - 1);
	if (r == 0)
		r = find_file(q, by_fd);
	if (r == 0)
		r = ask_as_target(q, AT_FDCWD, read_attribute);
	if (r < 0)
		answer_error(q, r, "");
	else
		answer_bytes(q, 2, q->s->value, q->s->value_size, "from user.overlay");
}

/* The list with the old prefixes, in @buf. Returns its length, 0 if there are none to change. */
static size_t rename_all(const struct scratch *s, char *buf)
{
	size_t len = 0;
	bool any = false;

	for (size_t at = 0; at < s->value_size; at += strlen(s->value + at) + 1) {
		const char *name = s->value + at;
		bool ours = str_starts(name, NEW_PREFIX);

		any |= ours;
		len += str_copy(buf + len, 2 * VALUE_SIZE - len, ours ? PREFIX : "");
		len += str_copy(buf + len, 2 * VALUE_SIZE - len,
				ours ? name + strlen(NEW_PREFIX) : name) +
		       1;
	}
	return any ? len : 0;
}

static void list_names(struct ask *q, bool by_fd)
{
	char buf[2 * VALUE_SIZE];
	size_t len = 0;
	int r = ask_is_container_root(q) ? find_file(q, by_fd) : -EPERM;

	if (r == 0)
		r = ask_as_target(q, AT_FDCWD, list_attributes);
	if (r == 0) {
		q->s->value[q->s->value_size] = '\0';
		len = rename_all(q->s, buf);
	}
	if (len == 0) /* also what failed: the kernel says how */
		answer_continue(q, "no attributes of overlays");
	else
		answer_bytes(q, 1, buf, len, "from user.overlay");
}

static void change(struct ask *q, bool by_fd)
{
	bool removes = strstr(q->call, "removexattr") != NULL, ours = false;
	int r = read_name(q, &ours);

	if (r == 0 && !ours) {
		answer_continue(q, "another attribute");
		return;
	}
	if (r == 0 && !ask_is_container_root(q))
		r = -EPERM;
	q->s->flags = -1;
	if (r == 0 && !removes)
		r = read_value(q);
	if (r == 0)
		r = find_file(q, by_fd);
	if (r == 0)
		r = target_check(&q->target);
	if (r == 0)
		r = ask_as_target(q, AT_FDCWD, change_attribute);
	answer_value(q, r, r == 0 ? "as user.overlay" : "");
}

void handle_xattr(struct ask *q)
{
	bool lists = strstr(q->call, "listxattr") != NULL, by_fd = q->call[0] == 'f';

	q->s->fd = -EBADF;
	q->s->mode = q->call[0] != 'l' || str_eq(q->call, "listxattr"); /* follow the last link */
	if (lists)
		list_names(q, by_fd);
	else if (strstr(q->call, "getxattr"))
		get_attribute(q, by_fd);
	else
		change(q, by_fd);
}
