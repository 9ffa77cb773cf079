/* Errors to the journal or to syslog: one datagram each. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

/* @target is journald:[NAME] or syslog:[NAME]; NAME is what messages are filed under, "coracle" if
 * it is empty. Returns 0, or -errno when the service cannot be reached. */
int log_service_open(const char *target, struct err *e) _must_check_;

/* Send @e at @level, "error" or "warning", if a service is open. Never fails. */
void log_service_send(const struct err *e, const char *level);
