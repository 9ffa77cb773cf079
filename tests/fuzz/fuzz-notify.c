/* Any bytes as what the seccomp agent reads: by the first byte its configuration, the state that a
 * runtime sends, an id map, or a process's status. What is accepted is sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "notify/calls.h"
#include "notify/settings.h"
#include "notify/state.h"
#include "notify/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_failure(int r, const struct err *e)
{
	if (e->code != r || e->id == ERR_NONE || !e->text[0])
		abort();
}

static void read_settings(struct arena *a, char *text, size_t len)
{
	static struct calls calls;
	struct err e = {0};
	struct config c;
	int r = config_parse(a, text, len, &c, &e);

	if (r < 0) {
		check_failure(r, &e);
		return;
	}
	if (c.n_profiles == 0)
		abort();
	for (size_t i = 0; i < c.n_profiles; i++) {
		const struct profile *p = &c.profiles[i];

		if (!config_refusal_name(p->unhandled)[0] || p->deadline_ms < 10 || p->rate == 0 ||
		    !config_profile(&c, p->name) || calls_init(&calls, p) < 0)
			abort();
	}
}

static void read_state(struct arena *a, char *text, size_t len)
{
	struct container_state s;
	struct err e = {0};
	int r = container_state_parse(a, text, len, &s, &e);

	if (r < 0)
		check_failure(r, &e);
	else if (!s.id || !s.metadata || s.pid <= 0 || s.init_pid <= 0)
		abort();
}

static void read_map(const char *text)
{
	static struct id_map m;
	uint32_t inside;

	if (id_map_parse(text, &m) < 0)
		return;
	for (size_t i = 0; i < m.n; i++) {
		const struct id_row *row = &m.rows[i];

		if (row->count &&
		    (!id_map_has(&m, row->inside) || id_map_inside(&m, row->outside, &inside) < 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct target t;
	char *text = malloc(size + 1); /* exact, so that a byte too far is seen */
	struct arena a;

	if (!text || size == 0) {
		free(text);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	arena_init(&a, NULL, 0);
	switch (text[0]) {
	case 'c':
		read_settings(&a, text + 1, size - 1);
		break;
	case 's':
		read_state(&a, text + 1, size - 1);
		break;
	case 'm':
		read_map(text + 1);
		break;
	default:
		(void)target_parse_status(text + 1, &t);
		break;
	}
	arena_done(&a);
	free(text);
	return 0;
}
