/* The descriptors that the plan wants handed to init. */
#pragma once

#include "base/err.h"
#include "host/launch.h"

/* Open every slot of @q->plan, but those for slots_open_late(), into @slots (n_slots entries). On
 * failure slots_close() still has to be called. */
int slots_open(const struct launch_request *q, int *slots, struct err *e) _must_check_;

/* What becomes ready beside all that: the last thing before the slots are sent. */
int slots_open_late(const struct launch_request *q, int *slots, struct err *e) _must_check_;

/* Close what slots_open() opened; borrowed descriptors stay. */
void slots_close(const struct launch_request *q, int *slots);
