/* The host's side of a container's terminal. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Send @master to the unix socket at @path, as console-socket demands: a stream connection, one
 * message with one descriptor. */
int console_send(const char *path, int master, struct err *e) _must_check_;

/* Send @pidfd to the unix socket at @path in the same way. */
int console_send_pidfd(const char *path, int pidfd, struct err *e) _must_check_;

/* Give @master the size of the terminal that is our standard input, if it is one. */
void console_copy_size(int master);

/* Where our standard output is no terminal, let @master end lines as programs write them: a return
 * before each newline is for screens. */
void console_end_lines(int master);
