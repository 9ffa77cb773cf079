/* Standing by an attached process: signals forwarded, a terminal carried, the exit status fetched.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "host/launch.h"

/* Block the signals that will be forwarded, before the process exists, so that none is lost or ends
 * us while there is something to undo. */
int supervise_block_signals(struct err *e) _must_check_;

/* Wait for the process of @l to end, forwarding signals to it, and between our terminal and
 * l->console_fd if that is valid (our terminal is restored in every case). Returns its exit status
 * (128 + signal if killed), or -errno. */
int supervise(struct launch *l, struct err *e) _must_check_;
