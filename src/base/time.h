/* Dates for people and for engines. Host half. */
#pragma once

#include <stdint.h>
#include <time.h>

#define TIME_UTC_SIZE 40

/* @ts (of CLOCK_REALTIME) in UTC by RFC 3339 with nanoseconds: 2026-01-02T03:04:05.123456789Z.
 * Right from 1970 on. Returns @buf. */
const char *time_format_utc(const struct timespec *ts, char buf[static TIME_UTC_SIZE]);
