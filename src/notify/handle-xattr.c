/* trusted.overlay.*, which only the host's root may write, as user.overlay.*, which overlays in
 * user namespaces read (mount option userxattr). Done with the target's own rights. */
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define PREFIX     "trusted.overlay."
#define NEW_PREFIX "user.overlay."

/* As the target. s->name is the new name; without s->flags >= 0 the attribute is removed. */
static int change_attribute(void *ctx)
{
	struct scratch *s = ctx;
	char file[32];
	int r;

	if (s->fd < 0)
		s->fd = ask_open(s->path, s->mode);
	r = s->fd < 0 ? s->fd : sys_fchdir(s->proc_fd);
	if (r < 0)
		return r;
	/* A descriptor of the kind that we have takes no attributes, but its name in procfs does.
	 */
	(void)str_format(file, sizeof(file), "self/fd/%d", s->fd);
	return s->flags < 0 ? (int)SYS2(removexattr, file, s->name)
			    : (int)SYS5(setxattr, file, s->name, s->value, s->value_size, s->flags);
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

void handle_xattr(struct ask *q)
{
	bool removes = strstr(q->call, "removexattr") != NULL, ours = false;
	int r = read_name(q, &ours);

	if (r == 0 && !ours) {
		answer_continue(q, "another attribute");
		return;
	}
	if (r == 0 && !ask_is_container_root(q))
		r = -EPERM;
	q->s->fd = -EBADF;
	q->s->mode = q->call[0] != 'l'; /* follow the last link */
	q->s->flags = -1;
	if (r == 0 && !removes)
		r = read_value(q);
	if (r == 0)
		r = find_file(q, q->call[0] == 'f');
	if (r == 0)
		r = target_check(&q->target);
	if (r == 0)
		r = ask_as_target(q, AT_FDCWD, change_attribute);
	answer_value(q, r, r == 0 ? "as user.overlay" : "");
}
