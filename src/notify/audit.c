/* Writing the log. Failing to is no reason to stop helping. */
#include "notify/audit.h"

#include "base/io.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/time.h"

struct line {
	struct arena arena;
	struct json_writer w;
	char buf[4096];
};

static void begin(struct line *l, const struct audit *a)
{
	char when[TIME_UTC_SIZE];
	struct timespec now = {0};

	(void)sys_clock_gettime(CLOCK_REALTIME, &now);
	arena_init(&l->arena, l->buf, sizeof(l->buf));
	json_writer_init(&l->w, &l->arena, false);
	json_object_begin(&l->w);
	json_kv_string(&l->w, "time", time_format_utc(&now, when));
	json_kv_string(&l->w, "container", a->container);
	json_kv_string(&l->w, "profile", a->profile);
}

static void end(struct line *l, struct audit *a)
{
	const char *text;
	size_t len;

	if (a->dropped)
		json_kv_u64(&l->w, "dropped", a->dropped);
	a->dropped = 0;
	json_object_end(&l->w);
	if (json_writer_finish(&l->w, &text, &len) == 0)
		(void)io_write_all(a->fd, text, len);
	arena_done(&l->arena);
}

/* How many lines there were in this second; false if that is enough. */
static bool take_turn(struct audit *a, uint64_t now_ns)
{
	uint64_t second = now_ns / 1000000000;

	if (second != a->second) {
		a->second = second;
		a->lines = 0;
	}
	if (a->lines == AUDIT_LINES_A_SECOND) {
		a->dropped++;
		return false;
	}
	a->lines++;
	return true;
}

static void write_answer(struct json_writer *w, const struct answer *a, const char *outcome)
{
	char buf[24];

	if (outcome) {
		json_kv_string(w, "answer", outcome);
		return;
	}
	switch ((enum answer_kind)a->kind) {
	case ANSWER_VALUE:
		json_kv_string(w, "answer", "value");
		json_kv_i64(w, "value", a->value);
		break;
	case ANSWER_CONTINUE:
		json_kv_string(w, "answer", "continue");
		break;
	case ANSWER_NONE:
	case ANSWER_ERROR:
		json_kv_string(w, "answer", "error");
		json_kv_i64(w, "errno", -a->code);
		json_kv_string(w, "error", errno_words(a->code, buf));
		break;
	}
}

void audit_request(struct audit *a, const struct slot *s, const char *call, const char *handler,
		   const char *outcome, uint64_t now_ns)
{
	struct line l;

	if (!take_turn(a, now_ns))
		return;
	begin(&l, a);
	json_kv_string(&l.w, "event", "request");
	json_kv_u64(&l.w, "pid", s->request.pid);
	json_kv_string(&l.w, "call", call);
	json_key(&l.w, "args");
	json_array_begin(&l.w);
	for (unsigned i = 0; i < 6; i++)
		json_u64(&l.w, s->request.data.args[i]);
	json_array_end(&l.w);
	json_kv_string(&l.w, "handler", handler);
	write_answer(&l.w, &s->answer, outcome);
	if (s->answer.path[0] && !outcome)
		json_kv_string(&l.w, "path", s->answer.path);
	if (s->answer.why[0] && !outcome)
		json_kv_string(&l.w, "why", s->answer.why);
	json_kv_u64(&l.w, "us", (now_ns - s->began_ns) / 1000);
	end(&l, a);
}

void audit_counters(struct json_writer *w, const struct board *b)
{
#define X(name) json_kv_u64(w, #name, b->name);
	COUNTER_LIST(X)
#undef X
}

void audit_event(struct audit *a, const char *event, const struct err *e, const struct board *b)
{
	char text[600];
	struct line l;

	begin(&l, a);
	json_kv_string(&l.w, "event", event);
	if (e) {
		err_message(e, text, sizeof(text));
		json_kv_string(&l.w, "error", text);
	}
	if (b)
		audit_counters(&l.w, b);
	end(&l, a);
}
