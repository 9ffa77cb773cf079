/* What the handlers share. */
#include "notify/ask.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

static void answer(struct ask *q, enum answer_kind kind, const char *why)
{
	(void)str_copy(q->answer->why, sizeof(q->answer->why), why);
	q->answer->kind = kind;
}

void answer_error(struct ask *q, int code, const char *why)
{
	q->answer->code = code;
	answer(q, ANSWER_ERROR, why);
}

void answer_value(struct ask *q, int64_t value, const char *why)
{
	if (value < 0) {
		answer_error(q, (int)value, why);
		return;
	}
	q->answer->value = value;
	answer(q, ANSWER_VALUE, why);
}

void answer_continue(struct ask *q, const char *why)
{
	answer(q, ANSWER_CONTINUE, why);
}

bool ask_is_in_container_userns(const struct ask *q)
{
	return q->container_userns != 0 && q->target.userns == q->container_userns;
}

bool ask_is_container_root(const struct ask *q)
{
	uint32_t uid;

	return ask_is_in_container_userns(q) &&
	       id_map_inside(&q->target.uids, q->target.uid, &uid) == 0 && uid == 0;
}

/* linux/stat.h, 6.8 and 5.8 */
#define STATX_UNIQUE_ID  0x4000U
#define STATX_MOUNT_ROOT 0x2000U

uint64_t ask_mount_id(int fd)
{
	struct sys_statx stx;

	if (sys_statx(fd, "", AT_EMPTY_PATH, STATX_UNIQUE_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_UNIQUE_ID) || !(stx.stx_attributes & STATX_MOUNT_ROOT))
		return 0;
	return stx.stx_mnt_id;
}

static bool exchange_mount(struct ask *q, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < ASK_MOUNTS_MAX; i++) {
		uint64_t expected = from;

		if (__atomic_compare_exchange_n(&q->mounts[i], &expected, to, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}

void ask_add_mount(struct ask *q, uint64_t id)
{
	if (id)
		(void)exchange_mount(q, 0, id);
}

bool ask_take_mount(struct ask *q, uint64_t id)
{
	return id && exchange_mount(q, id, 0);
}

int ask_path(struct ask *q, unsigned i)
{
	ssize_t n = target_read_string(&q->target, ask_u64(q, i), q->s->path, sizeof(q->s->path));

	if (n < 0)
		return (int)n;
	(void)str_copy(q->answer->path, sizeof(q->answer->path), q->s->path);
	return 0;
}

int ask_as_target(struct ask *q, int dirfd, target_fn fn)
{
	_cleanup_close_ int fd = -EBADF;

	if (q->s->path[0] != '/' && dirfd != AT_FDCWD) {
		fd = target_open_fd(&q->target, dirfd);
		if (fd < 0)
			return fd;
	}
	return target_as(&q->target, fd, fn, q->s);
}

int ask_open(const char *path, bool follow)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW),
		.resolve = RESOLVE_NO_MAGICLINKS,
	};

	return sys_openat2(AT_FDCWD, path, &how);
}
