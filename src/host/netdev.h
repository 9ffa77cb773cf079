/* Moving network devices of the host into the container's network namespace. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"

/* Move @devices out of our network namespace into that of @pid, where @net_fd (a netlink socket
 * that was opened there) configures them: renamed, with the addresses that they had, up. */
int netdev_move(const struct spec_net_device *devices, size_t n, pid_t pid, int net_fd,
		struct err *e) _must_check_;
