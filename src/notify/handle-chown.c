/* chown to ids that the container does not have. Packages are full of owners: with one id in the
 * map each of them would be an error. The file keeps its owner where the wanted one cannot be had;
 * everything else about the call is real, and done with the target's own rights. */
#include <linux/capability.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define OWNER_ATTRIBUTE "user.coracle.owner"

/* Write down what the owner should be, where a file can say so. */
static void record_owner(const struct scratch *s)
{
	char name[32], text[32];

	if (s->value[0] == '\0' || sys_fchdir(s->proc_fd) < 0)
		return;
	(void)str_format(name, sizeof(name), "self/fd/%d", s->fd);
	(void)str_format(text, sizeof(text), "%s", s->value);
	(void)sys_setxattr(name, OWNER_ATTRIBUTE, text, strlen(text));
}

/* As the target: let the kernel check all that it checks, by giving the file the owner that it has
 * in place of one that cannot be had. An owner that has no number in there cannot be given. */
static int change_owner(void *ctx)
{
	struct scratch *s = ctx;
	uint32_t uid = s->uid, gid = s->gid;
	struct stat st;
	int r;

	if (s->fd < 0)
		s->fd = ask_open(s->path, !(s->flags & AT_SYMLINK_NOFOLLOW));
	r = s->fd < 0 ? s->fd : sys_fstat(s->fd, &st);
	if (r < 0)
		return r;
	if (s->major) /* the wanted user is none of ours */
		uid = st.st_uid;
	if (s->minor)
		gid = st.st_gid;
	r = sys_fchownat(s->fd, "", uid, gid, AT_EMPTY_PATH);
	/* The file has an owner whom the container does not know. */
	if (r == -EINVAL)
		r = -EPERM;
	if (r == 0)
		record_owner(s);
	return r;
}

/* The arguments of the four calls: where the path or descriptor is, and the ids behind. */
struct chown_call {
	bool by_fd;
	int dirfd, flags;
	unsigned path, ids;
};

static void read_call(const struct ask *q, struct chown_call *ret)
{
	*ret = (struct chown_call){.dirfd = AT_FDCWD, .ids = 1};
	if (str_eq(q->call, "lchown")) {
		ret->flags = AT_SYMLINK_NOFOLLOW;
	} else if (str_eq(q->call, "fchown")) {
		ret->by_fd = true;
		ret->dirfd = ask_int(q, 0);
	} else if (str_eq(q->call, "fchownat")) {
		ret->dirfd = ask_int(q, 0);
		ret->path = 1;
		ret->ids = 2;
		ret->flags = ask_int(q, 4);
	}
}

static int find_file(struct ask *q, struct chown_call *c)
{
	int r;

	if (c->flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!c->by_fd) {
		r = ask_path(q, c->path);
		if (r < 0)
			return r;
		if (q->s->path[0] == '\0' && !(c->flags & AT_EMPTY_PATH))
			return -ENOENT;
		c->by_fd = q->s->path[0] == '\0';
	}
	if (!c->by_fd)
		return 0;
	/* No directory is needed for the descriptor itself. */
	(void)str_copy(q->s->path, sizeof(q->s->path), "/");
	q->s->fd = target_open_fd(&q->target, c->dirfd);
	return q->s->fd < 0 ? q->s->fd : 0;
}

void handle_chown(struct ask *q)
{
	struct scratch *s = q->s;
	struct chown_call c;
	int r;

	read_call(q, &c);
	s->uid = ask_u32(q, c.ids);
	s->gid = ask_u32(q, c.ids + 1);
	s->major = !id_map_has(&q->target.uids, s->uid);
	s->minor = !id_map_has(&q->target.gids, s->gid);
	if (!s->major && !s->minor) {
		answer_continue(q, "the container has these ids");
		return;
	}
	if (!target_can(&q->target, CAP_CHOWN)) {
		answer_error(q, -EPERM, "it may not change owners");
		return;
	}
	s->fd = -EBADF;
	s->flags = c.flags;
	if (q->profile->record)
		(void)str_format(s->value, sizeof(s->value), "%d:%d", (int)s->uid, (int)s->gid);
	r = find_file(q, &c);
	if (r == 0)
		r = target_check(&q->target);
	if (r == 0)
		r = ask_as_target(q, c.by_fd ? AT_FDCWD : c.dirfd, change_owner);
	answer_value(q, r, r == 0 ? "the owner stays" : "");
}
