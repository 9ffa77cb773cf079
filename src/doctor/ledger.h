/* The ledger of subordinate ids: every range that anybody was ever seen with. Lines of
 *
 *     KIND OWNER FIRST COUNT SINCE UNTIL
 *
 * KIND is u or g; the days say when it was first and last seen. Root adds to it by `coracle doctor
 * --record`, from a timer or when users are made; nothing is ever taken out. */
#pragma once

#include "base/err.h"
#include "doctor/doctor.h"

#define LEDGER_DIRECTORY "/var/lib/coracle"
#define LEDGER_NAME      "subid.ledger"
#define LEDGER_FILE      LEDGER_DIRECTORY "/" LEDGER_NAME

/* Add what /etc/subuid and /etc/subgid say today. Returns 0 or -errno. */
int ledger_record(const struct doctor *d, struct err *e) _must_check_;
