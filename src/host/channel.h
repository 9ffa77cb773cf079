/* The host half's end of the conversation with init: messages of plan/plan.h over SOCK_SEQPACKET.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "plan/plan.h"

/* Send SETUP with @memfd and the first slots, then SLOTS for the rest. */
int channel_send_setup(int fd, int memfd, uint32_t block_size, const int *slots, uint32_t n_slots,
		       struct err *e) _must_check_;

/* Send a message without descriptors. -EPIPE or -ECONNRESET: init is gone. */
int channel_send(int fd, enum plan_message_type type, struct err *e) _must_check_;

/* The same with @n descriptors, which stay ours. */
int channel_send_fds(int fd, enum plan_message_type type, const int *fds, uint32_t n, struct err *e)
	_must_check_;

struct channel_message {
	struct plan_message head;
	struct err err; /* FAILED only */
	int fd;         /* the descriptor that came along, owned by the receiver; -EBADF if none */
};

/* Make an error that comes from init one that can be printed, whatever it is. */
void channel_clean_error(struct err *e);

/* The error that init left in its step page. Returns its code. */
int channel_page_error(const volatile struct plan_page *page, struct err *e);

/* Receive one message. Returns 1, 0 when init's end is closed, or -errno; -EAGAIN when the deadline
 * of channel_set_deadline() passed. */
int channel_receive(int fd, struct channel_message *ret, struct err *e) _must_check_;

/* How long channel_receive() waits for one message. */
int channel_set_deadline(int fd, unsigned seconds, struct err *e) _must_check_;
