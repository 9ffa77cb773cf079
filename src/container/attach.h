/* What create, run and exec share once a process is launched. */
#pragma once

#include "base/err.h"
#include "host/launch.h"

/* Write @pid into @path (nothing if ""), decimal without a newline, atomically: engines parse the
 * bytes as they are. */
int attach_write_pid_file(const char *path, pid_t pid, struct err *e) _must_check_;

/* After the process is ready: send its terminal and pidfd where the caller wants them. A terminal
 * that nobody wants stays in l->console_fd, for the supervisor. */
int attach_hand_over(struct launch *l, const char *console_socket, const char *pidfd_socket,
		     struct err *e) _must_check_;

/* Refuse combinations of terminal, console socket and detaching that leave a terminal without
 * anyone to serve it. @attached: we stay. */
int attach_check_terminal(bool terminal, const char *console_socket, bool attached, struct err *e)
	_must_check_;

/* --preserve-fds: those descriptors must be there, inherited from the caller. */
int attach_check_fds(unsigned preserve, struct err *e) _must_check_;

/* What socket activation (sd_listen_fds(3)) hands to us, behind the first @preserve descriptors; 0
 * descriptors if it means another process. Checked as by attach_check_fds(). */
int attach_listen_fds(unsigned preserve, unsigned *ret_n, const char **ret_names, struct err *e)
	_must_check_;

/* The seal mode for --init's word; checked by cli/. */
enum seal_mode attach_seal_mode(const char *word);
