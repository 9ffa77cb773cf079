/* Progress on a terminal. Runs in the main thread only. */
#include "image/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"

#define INTERVAL_MS 200

void progress_init(struct progress *p, bool wanted)
{
	*p = (struct progress){.on = wanted && isatty(STDERR_FILENO), .last_ms = sys_now_ms()};
}

void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total,
		   const char *unit)
{
	uint64_t now;

	if (!p->on)
		return;
	now = sys_now_ms();
	if (now - p->last_ms < INTERVAL_MS)
		return;
	p->last_ms = now;
	p->shown = true;
	if (total)
		fprintf(stderr, "\r\033[K%s: %llu of %llu %s (%llu%%)", what,
			(unsigned long long)done, (unsigned long long)total, unit,
			(unsigned long long)(done * 100 / total));
	else
		fprintf(stderr, "\r\033[K%s: %llu %s", what, (unsigned long long)done, unit);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
