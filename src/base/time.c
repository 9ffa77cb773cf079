/* Dates, without libc's calendar: that knows time zones, and reads files for them. Runs in the host
 * half only; no system calls. */
#include "base/time.h"

#include "base/str.h"

/* Days since 1970-01-01 to a date. The year is shifted to begin in March, which puts the leap day
 * at its end and makes the lengths of months a linear function. */
static void date_from_days(uint64_t days, uint64_t *ret_year, unsigned *ret_month,
			   unsigned *ret_day)
{
	const unsigned days_of_4 = 1460, days_of_100 = 36524, days_of_400 = 146097;
	uint64_t shifted = days + 719468; /* since 0000-03-01 */
	uint64_t era = shifted / days_of_400;
	unsigned day = (unsigned)(shifted % days_of_400);
	unsigned year = (day - day / days_of_4 + day / days_of_100 - day / (days_of_400 - 1)) / 365;
	unsigned month; /* 0 is March */

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	*ret_day = day - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = era * 400 + year + (month >= 10);
}

const char *time_format_utc(const struct timespec *ts, char buf[static TIME_UTC_SIZE])
{
	uint64_t seconds = ts->tv_sec > 0 ? (uint64_t)ts->tv_sec : 0, year;
	unsigned of_day = (unsigned)(seconds % 86400), month, day;

	date_from_days(seconds / 86400, &year, &month, &day);
	(void)str_format(buf, TIME_UTC_SIZE, "%04llu-%02u-%02uT%02u:%02u:%02u.%09ldZ",
			 (unsigned long long)year, month, day, of_day / 3600, of_day / 60 % 60,
			 of_day % 60, (long)ts->tv_nsec);
	return buf;
}
