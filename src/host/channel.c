/* Messages to and from init. What init sends is checked: past a certain step it runs beside hostile
 * processes, and a container's process may inherit nothing of it, but may kill it at any time. */
#include "host/channel.h"

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"

int channel_send_setup(int fd, int memfd, uint32_t block_size, const int *slots, uint32_t n_slots,
		       struct err *e)
{
	struct plan_message m = {
		.type = PLAN_MSG_SETUP,
		.value = (int32_t)block_size,
		.n_fds = n_slots,
	};
	int fds[SOCKET_FDS_MAX] = {memfd};
	uint32_t sent = MIN(n_slots, (uint32_t)SOCKET_FDS_MAX - 1);
	ssize_t r;

	memcpy(fds + 1, slots, sent * sizeof(int));
	r = socket_send(fd, &m, sizeof(m), fds, sent + 1);
	m.type = PLAN_MSG_SLOTS;
	while (r >= 0 && sent < n_slots) {
		uint32_t n = MIN(n_slots - sent, (uint32_t)SOCKET_FDS_MAX);

		r = socket_send(fd, &m, sizeof(m), slots + sent, n);
		sent += n;
	}
	return r < 0 ? err_sys(e, ERR_INTERNAL, (int)r, "send the plan to init") : 0;
}

int channel_send(int fd, enum plan_message_type type, struct err *e)
{
	return channel_send_fds(fd, type, NULL, 0, e);
}

int channel_send_fds(int fd, enum plan_message_type type, const int *fds, uint32_t n, struct err *e)
{
	struct plan_message m = {.type = type, .n_fds = n};
	ssize_t r = socket_send(fd, &m, sizeof(m), fds, n);

	return r < 0 ? err_sys(e, ERR_INTERNAL, (int)r, "send to init") : 0;
}

void channel_clean_error(struct err *e)
{
	e->where[sizeof(e->where) - 1] = '\0';
	e->text[sizeof(e->text) - 1] = '\0';
	e->hint[sizeof(e->hint) - 1] = '\0';
	if (e->text[0] == '\0')
		(void)str_copy(e->text, sizeof(e->text), "init failed");
	if (e->code >= 0)
		e->code = -EIO;
}

int channel_page_error(const volatile struct plan_page *page, struct err *e)
{
	*e = page->err;
	channel_clean_error(e);
	return e->code;
}

int channel_receive(int fd, struct channel_message *ret, struct err *e)
{
	struct iovec iov[2] = {
		{.iov_base = &ret->head, .iov_len = sizeof(ret->head)},
		{.iov_base = &ret->err, .iov_len = sizeof(ret->err)},
	};
	size_t want = sizeof(ret->head);
	ssize_t n;

	/* An init that ended without reading all we sent leaves ECONNRESET in front of its last
	 * message; the kernel reports it once. */
	do
		n = socket_receive(fd, iov, ARRAY_SIZE(iov), 0, &ret->fd);
	while (n == -EINTR || n == -ECONNRESET);
	if (n == 0)
		return 0;
	if (n == -EAGAIN)
		return err_set(e, ERR_TIMEOUT, -EAGAIN, "init did not answer in time");
	if (n < 0)
		return err_sys(e, ERR_INTERNAL, (int)n, "receive from init");
	if (n >= (ssize_t)sizeof(ret->head) && ret->head.type == PLAN_MSG_FAILED)
		want += sizeof(ret->err);
	if (n != (ssize_t)want || ret->head.type >= PLAN_MSG_MAX) {
		ret->fd = fd_close(ret->fd);
		return err_set(e, ERR_INTERNAL, -EBADMSG, "init sent a damaged message");
	}
	if (ret->head.type == PLAN_MSG_FAILED)
		channel_clean_error(&ret->err);
	return 1;
}

int channel_set_deadline(int fd, unsigned seconds, struct err *e)
{
	struct timeval tv = {.tv_sec = seconds};
	int r = (int)SYS5(setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));

	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "set a deadline for init") : 0;
}
