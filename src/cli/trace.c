/* Both sides of a start in one order of time: parts of the host half end where its next one begins,
 * and so do init's; the last ends with the command's last mark. */
#include "cli/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cli/text.h"

#define BAR_WIDTH  40
#define BAR_COLUMN 68

/* In pixels. */
#define ROW          15
#define TOP          34
#define LABEL_WIDTH  330
#define CHART_WIDTH  620
#define MARGIN       60
#define HOST_COLOUR  "#2a6f97"
#define INIT_COLOUR  "#d17a22"
#define TEXT_COLOUR  "#222222"
#define GRID_COLOUR  "#dddddd"
#define PICTURE_MODE 0644

struct part {
	const struct trace_mark *mark;
	uint64_t at, took; /* nanoseconds */
};

struct parts {
	struct part *items;
	size_t n;
	uint64_t total; /* nanoseconds, at least 1 */
};

static int by_time(const void *a, const void *b)
{
	const struct trace_mark *x = a, *y = b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

/* Where the part that mark @i begins ends. */
static uint64_t end_of(const struct trace *t, size_t i)
{
	for (size_t k = i + 1; k < t->n; k++)
		if (t->marks[k].inside == t->marks[i].inside)
			return t->marks[k].ns;
	if (t->marks[i].inside && t->inside_end >= t->marks[i].ns)
		return t->inside_end;
	return t->marks[t->n - 1].ns;
}

static int cut(struct arena *a, struct trace *t, struct parts *ret, struct err *e)
{
	struct parts p = {.items = arena_newn(a, struct part, t->n + 1)};

	if (!p.items)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	qsort(t->marks, t->n, sizeof(t->marks[0]), by_time);
	for (size_t i = 0; i + 1 < t->n; i++)
		p.items[p.n++] = (struct part){
			.mark = &t->marks[i],
			.at = t->marks[i].ns - t->marks[0].ns,
			.took = end_of(t, i) - t->marks[i].ns,
		};
	p.total = t->n > 1 ? t->marks[t->n - 1].ns - t->marks[0].ns : 0;
	p.total = MAX(p.total, (uint64_t)1);
	*ret = p;
	return 0;
}

/* --- the table -------------------------------------------------------------------------------- */

/* Places in the configuration hold keys that somebody else chose: nothing of them moves a cursor,
 * or the bars. */
static const char *plain(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	for (; *s && n + 1 < size; s++)
		buf[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	buf[n] = '\0';
	return buf;
}

static void draw_bar(const struct part *p, uint64_t total, char bar[static BAR_WIDTH + 1])
{
	size_t from = (size_t)(p->at * BAR_WIDTH / total);
	size_t to = (size_t)((p->at + p->took) * BAR_WIDTH / total);

	from = MIN(from, (size_t)BAR_WIDTH - 1);
	to = MIN(MAX(to, from + 1), (size_t)BAR_WIDTH);
	memset(bar, ' ', from);
	memset(bar + from, p->mark->inside ? '=' : '#', to - from);
	bar[to] = '\0';
}

int trace_print(struct arena *a, struct trace *t, struct err *e)
{
	char bar[BAR_WIDTH + 1];
	struct text out;
	struct parts p;
	const char *text;
	int r = cut(a, t, &p, e);

	if (r < 0)
		return r;
	text_init(&out, a);
	text_add(&out, "      at     took  who   what (microseconds)\n");
	for (size_t i = 0; i < p.n; i++) {
		const struct part *part = &p.items[i];
		const struct trace_mark *m = part->mark;
		char detail[64];

		draw_bar(part, p.total, bar);
		text_add(&out, "%8llu %8llu  %s  %s  %s", (unsigned long long)part->at / 1000,
			 (unsigned long long)part->took / 1000, m->inside ? "init" : "host",
			 m->what, plain(m->detail, detail, sizeof(detail)));
		text_pad(&out, BAR_COLUMN);
		text_add(&out, "|%s\n", bar);
	}
	text_add(&out, "%8llu in all%s\n", (unsigned long long)p.total / 1000,
		 t->lost ? "; not all steps are shown" : "");
	if (text_finish(&out, &text) < 0)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = io_write_all(2, text, strlen(text));
	return r < 0 ? err_sys(e, ERR_IO, r, "write the steps to standard error") : 0;
}

/* --- the picture ------------------------------------------------------------------------------ */

/* Text of the configuration in XML. */
static const char *escaped(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	for (; *s && n + 7 < size; s++) {
		const char *as = *s == '<'   ? "&lt;"
				 : *s == '>' ? "&gt;"
				 : *s == '&' ? "&amp;"
				 : *s == '"' ? "&quot;"
					     : NULL;

		if (as)
			n += str_format(buf + n, size - n, "%s", as);
		else
			buf[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	}
	buf[n] = '\0';
	return buf;
}

/* A grid line about every tenth, at 1, 2 or 5 times a power of ten microseconds. */
static uint64_t grid_step(uint64_t total)
{
	static const unsigned factors[] = {1, 2, 5};
	uint64_t step;

	for (uint64_t power = 1;; power *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++) {
			step = power * factors[i];
			if (step * 1000 * 12 >= total)
				return step;
		}
}

static void put_grid(struct text *out, const struct parts *p, unsigned height)
{
	uint64_t step = grid_step(p->total);

	for (uint64_t us = 0; us * 1000 <= p->total; us += step) {
		unsigned x = LABEL_WIDTH + (unsigned)(us * 1000 * CHART_WIDTH / p->total);

		text_add(out,
			 "<line x1=\"%u\" x2=\"%u\" y1=\"%u\" y2=\"%u\" stroke=\"" GRID_COLOUR
			 "\"/>\n"
			 "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">%llu</text>\n",
			 x, x, TOP - 4, height - 6, x, TOP - 8, (unsigned long long)us);
	}
}

static void put_part(struct text *out, const struct part *part, uint64_t total, unsigned y)
{
	unsigned x = LABEL_WIDTH + (unsigned)(part->at * CHART_WIDTH / total);
	unsigned width = (unsigned)(part->took * CHART_WIDTH / total);
	const struct trace_mark *m = part->mark;
	char what[128], detail[256];

	text_add(out, "<text x=\"%u\" y=\"%u\" text-anchor=\"end\">%s%s%s</text>\n",
		 LABEL_WIDTH - 8, y + 11, escaped(m->what, what, sizeof(what)),
		 m->detail[0] != '\0' ? " · " : "", escaped(m->detail, detail, sizeof(detail)));
	text_add(out,
		 "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%s\">"
		 "<title>%llu µs</title></rect>\n",
		 x, y + 2, MAX(width, 1U), ROW - 4, m->inside ? INIT_COLOUR : HOST_COLOUR,
		 (unsigned long long)part->took / 1000);
}

static int write_picture(const char *path, const char *text, struct err *e)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, PICTURE_MODE);
	int r = fd < 0 ? fd : io_write_all(fd, text, strlen(text));

	return r < 0 ? err_sys(e, ERR_IO, r, "write \"%s\"", path) : 0;
}

int trace_draw(struct arena *a, struct trace *t, const char *path, struct err *e)
{
	struct text out;
	struct parts p;
	const char *text;
	unsigned height;
	int r = cut(a, t, &p, e);

	if (r < 0)
		return r;
	text_init(&out, a);
	height = TOP + ROW * (unsigned)p.n + 12;
	text_add(&out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		 "font-family=\"sans-serif\" font-size=\"11\" fill=\"" TEXT_COLOUR "\">\n"
		 "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		 "<text x=\"8\" y=\"16\">microseconds; <tspan fill=\"" HOST_COLOUR
		 "\">host half</tspan>"
		 ", <tspan fill=\"" INIT_COLOUR "\">init</tspan></text>\n",
		 LABEL_WIDTH + CHART_WIDTH + MARGIN, height);
	put_grid(&out, &p, height);
	for (size_t i = 0; i < p.n; i++)
		put_part(&out, &p.items[i], p.total, TOP + ROW * (unsigned)i);
	text_add(&out, "</svg>\n");
	if (text_finish(&out, &text) < 0)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	return write_picture(path, text, e);
}
