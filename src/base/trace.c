#include "base/trace.h"

#include "base/sys.h"

static void add(struct trace *t, struct trace_mark mark)
{
	if (t->n < TRACE_MAX)
		t->marks[t->n++] = mark;
	else
		t->lost++;
}

void trace_mark(struct trace *t, const char *what)
{
	if (t)
		add(t, (struct trace_mark){.what = what, .detail = "", .ns = sys_now_ns()});
}

void trace_mark_inside(struct trace *t, const char *what, const char *detail, uint64_t ns)
{
	add(t, (struct trace_mark){.what = what, .detail = detail, .ns = ns, .inside = true});
}

void trace_end_inside(struct trace *t)
{
	if (t)
		t->inside_end = sys_now_ns();
}
