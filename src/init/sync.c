/* Talking to the host half: SOCK_SEQPACKET messages (plan/plan.h), descriptors by SCM_RIGHTS. */
#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

/* Receive one message and up to SOCKET_FDS_MAX descriptors. Returns the number of
 * descriptors; ends the process when the other side is gone. */
static int receive(int fd, struct plan_message *m, int fds[static SOCKET_FDS_MAX])
{
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
	} control;
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = sys_recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (n == -EINTR);
	if (n <= 0)
		sys_exit(1);
	if (n != sizeof(*m) || (h.msg_flags & MSG_CTRUNC))
		return -EBADMSG;
	c = CMSG_FIRSTHDR(&h);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (ssize_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	return (int)n;
}

static int map_plan(struct init *i, int fd, size_t size, struct err *e)
{
	void *page, *block;
	struct plan_block *b;

	/* The page is shared, so that it outlives us; the block is private, since pointers are made
	 * in place. */
	page = sys_mmap(NULL, PLAN_PAGE_SIZE, 3 /* read, write */, 1 /* shared */, fd, 0);
	block = sys_mmap(NULL, size, 3, 2 /* private */, fd, PLAN_PAGE_SIZE);
	if (sys_mmap_failed(page) || sys_mmap_failed(block))
		return err_sys(e, ERR_INTERNAL, (int)(long)(sys_mmap_failed(page) ? page : block),
			       "map the plan");
	b = block;
	if (size < sizeof(*b) || b->magic != PLAN_MAGIC || b->version != PLAN_VERSION ||
	    b->size != size || ((const char *)block)[size - 1] != '\0')
		return err_set(e, ERR_INTERNAL, -EBADMSG, "the plan is damaged");
	i->block = b;
	i->page = page;
	return 0;
}

int sync_receive_setup(struct init *i, struct err *e)
{
	int fds[SOCKET_FDS_MAX];
	struct plan_message m;
	int n = receive(i->sync_fd, &m, fds), r;

	if (n < 1 || m.type != PLAN_MSG_SETUP || m.n_fds > PLAN_SLOTS_MAX)
		return err_set(e, ERR_INTERNAL, -EBADMSG, "the set-up message is damaged");
	r = map_plan(i, fds[0], (size_t)m.value, e);
	if (r < 0)
		return r;
	i->plan_fd = fds[0];
	memcpy(i->slots, fds + 1, (size_t)(n - 1) * sizeof(int));
	i->n_slots = (uint32_t)n - 1;
	while (i->n_slots < m.n_fds) {
		struct plan_message more;

		n = receive(i->sync_fd, &more, fds);
		if (n < 1 || more.type != PLAN_MSG_SLOTS || i->n_slots + (uint32_t)n > m.n_fds)
			return err_set(e, ERR_INTERNAL, -EBADMSG, "a slots message is damaged");
		memcpy(i->slots + i->n_slots, fds, (size_t)n * sizeof(int));
		i->n_slots += (uint32_t)n;
	}
	return 0;
}

int sync_send(struct init *i, int to_fd, uint32_t type, int32_t value, int fd, struct err *e)
{
	struct plan_message m = {.type = type, .step = i->step, .value = value, .n_fds = fd >= 0};
	ssize_t n = socket_send(to_fd, &m, sizeof(m), &fd, fd >= 0);

	return n < 0 ? err_sys(e, ERR_INTERNAL, (int)n, "send to the host half") : 0;
}

int sync_expect_fds(struct init *i, uint32_t type, int *ret_fds, int want, struct err *e)
{
	int fds[SOCKET_FDS_MAX];
	struct plan_message m;
	int n = receive(i->sync_fd, &m, fds);

	if (n != want || m.type != type)
		return err_set(e, ERR_INTERNAL, -EBADMSG, "expected message %u from the host half",
			       type);
	if (n > 0)
		memcpy(ret_fds, fds, (size_t)n * sizeof(int));
	return 0;
}

int sync_expect(struct init *i, uint32_t type, struct err *e)
{
	return sync_expect_fds(i, type, NULL, 0, e);
}

void sync_say_failure(struct init *i, const struct err *e)
{
	struct plan_message m = {.type = PLAN_MSG_FAILED, .step = i->step};
	struct iovec iov[2] = {
		{.iov_base = &m, .iov_len = sizeof(m)},
		{.iov_base = (void *)(uintptr_t)e, .iov_len = sizeof(*e)},
	};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	(void)sys_sendmsg(i->report_fd, &h, MSG_NOSIGNAL);
}

void sync_send_failure(struct init *i, const struct err *e)
{
	if (i->filtered) {
		i->page->err = *e;
		i->page->failed = 1;
	} else {
		sync_say_failure(i, e);
	}
}
