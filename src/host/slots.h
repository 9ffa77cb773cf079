/* The descriptors that the plan wants handed to init. */
#pragma once

#include "base/err.h"
#include "host/launch.h"

/* Open every slot of @q->plan into @slots (n_slots entries). On failure slots_close() still has to
 * be called. */
int slots_open(const struct launch_request *q, int *slots, struct err *e) _must_check_;

/* Close what slots_open() opened; borrowed descriptors stay. */
void slots_close(const struct launch_request *q, int *slots);
