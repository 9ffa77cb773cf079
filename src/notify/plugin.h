/* crun's plugins (run_oci_seccomp_notify_*), in a process of their own for each container: they
 * keep state from one request to the next, and may die or hang without anybody else. */
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/members.h"
#include "notify/ask.h"
#include "notify/state.h"

/* What a plugin says of a request; the numbers are its interface's. */
enum plugin_handled {
	PLUGIN_NOT_HANDLED = 0,
	PLUGIN_SEND = 1,
	PLUGIN_DELAYED = 2, /* it sends the answer itself */
	PLUGIN_CONTINUE = 3,
};

struct plugin_answer {
	uint64_t id;
	int32_t handled; /* enum plugin_handled */
	struct answer answer;
};

struct plugin_host {
	pid_t pid;
	int pidfd, fd;
};

#define PLUGIN_HOST_NONE                                                                           \
	{                                                                                          \
		.pidfd = -EBADF, .fd = -EBADF                                                      \
	}

/* Where answers come; -EBADF while there is no process. */
static inline int plugin_host_fd(const struct plugin_host *h)
{
	return h->fd;
}

/* Ask the plugins @paths about @request, in this order until one handles it. The process is started
 * if there is none; it gets @state and @listener_fd, which stays the caller's. Returns 0 or -errno.
 */
int plugin_host_ask(struct plugin_host *h, const struct strings *paths,
		    const struct container_state *state, int listener_fd,
		    const struct seccomp_notif *request) _must_check_;

/* Take one answer. Returns 0 or -errno, -EPIPE if the process has ended. */
int plugin_host_receive(struct plugin_host *h, struct plugin_answer *ret) _must_check_;

/* End the process, whatever it does. */
void plugin_host_stop(struct plugin_host *h);
