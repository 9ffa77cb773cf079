/* sd_notify(3) out of a container: a socket that it can reach, and what it says there passed on to
 * the service manager that started us. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* In the container's directory: a folder that is mounted inside, with the socket in it. */
#define NOTIFY_FOLDER "notify"
#define NOTIFY_SOCKET "notify.sock"

/* Does somebody wait for our notification (NOTIFY_SOCKET in our environment)? */
bool notify_wanted(void);

/* Make the folder in @dir_fd. */
int notify_make_folder(int dir_fd, struct err *e) _must_check_;

/* Open the socket in the folder, anew if there was one. Returns a descriptor; -ENOENT without a
 * folder.
 */
int notify_listen(int dir_fd, struct err *e) _must_check_;

/* Take one message from @fd. If it says READY=1, pass that on, with @main_pid as the process that
 * the service manager shall watch; 0: it watches us. Returns true then. */
bool notify_pass(int fd, pid_t main_pid);

/* Until the process says that it is ready, or ends; then see to it that the service manager has
 * heard it before we end. */
void notify_await(int fd, int pidfd, pid_t main_pid);

/* Remove what notify_make_folder() and notify_listen() made. */
void notify_remove(int dir_fd);
