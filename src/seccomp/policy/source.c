/* Messages with the line that they are about. Pure, host side. */
#include "seccomp/policy/source.h"

#include <errno.h>
#include <stdarg.h>

#include "base/str.h"

#define TEXT_MAX 400

/* Longer lines are shown around the place. */
#define LINE_MAX_SHOWN 100

int policy_no_memory(struct policy_log *log)
{
	log->no_memory = true;
	return -ENOMEM;
}

int policy_say(struct policy_log *log, enum policy_level level, const struct policy_place *place,
	       const char *hint, const char *fmt, ...)
{
	struct policy_message *m;
	char text[TEXT_MAX];
	va_list args;

	if (level == POLICY_ERROR && log->n_errors++ >= POLICY_ERRORS_MAX)
		return -EINVAL;
	if (level == POLICY_WARNING)
		log->n_warnings++;
	va_start(args, fmt);
	(void)str_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	m = arena_new(log->arena, struct policy_message);
	if (!m)
		return policy_no_memory(log);
	m->level = level;
	m->place = *place;
	m->text = arena_strdup(log->arena, text);
	m->hint = hint ? arena_strdup(log->arena, hint) : "";
	if (!m->text || !m->hint)
		return policy_no_memory(log);
	if (log->last)
		log->last->next = m;
	else
		log->first = m;
	log->last = m;
	return -EINVAL;
}

/* What is shown of the place's line: from, to. */
static void find_line(const struct policy_place *p, size_t *ret_first, size_t *ret_end)
{
	size_t first = MIN(p->start, p->file->len), end = first;
	const char *text = p->file->text;

	while (first > 0 && text[first - 1] != '\n' && p->start - first < LINE_MAX_SHOWN / 2)
		first--;
	/* Not in the middle of a character. */
	while (first < p->start && ((unsigned char)text[first] & 0xc0) == 0x80)
		first++;
	while (end < p->file->len && text[end] != '\n' && end - first < LINE_MAX_SHOWN)
		end++;
	while (end > p->start && end < p->file->len && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	*ret_first = first;
	*ret_end = end;
}

/* The line with what a terminal might obey replaced, and the carets below. */
static const char *excerpt(struct arena *a, const struct policy_place *p)
{
	size_t first, end, n = 0;
	char *shown;

	find_line(p, &first, &end);
	shown = arena_alloc(a, 3 * (end - first) + p->len + 16);
	if (!shown)
		return NULL;
	memcpy(shown, "  ", 2);
	n = 2;
	for (size_t i = first; i < end; i++) {
		unsigned char c = (unsigned char)p->file->text[i];

		shown[n++] = (char)(c == '\t' || (c >= 0x20 && c != 0x7f) ? c : '?');
	}
	memcpy(shown + n, "\n  ", 3);
	n += 3;
	for (size_t i = first; i < p->start && i < end; i++) {
		unsigned char c = (unsigned char)p->file->text[i];

		if ((c & 0xc0) != 0x80)
			shown[n++] = c == '\t' ? '\t' : ' ';
	}
	shown[n++] = '^';
	for (size_t i = p->start + 1; i < p->start + p->len && i < end; i++)
		if (((unsigned char)p->file->text[i] & 0xc0) != 0x80)
			shown[n++] = '~';
	shown[n++] = '\n';
	shown[n] = '\0';
	return shown;
}

const char *policy_message_text(struct arena *a, const struct policy_message *m)
{
	static const char *const levels[] = {
		[POLICY_NOTE] = "note",
		[POLICY_WARNING] = "warning",
		[POLICY_ERROR] = "error",
	};
	const char *line = excerpt(a, &m->place);

	if (!line)
		return NULL;
	return arena_format(a, "%s:%u:%u: %s: %s\n%s%s%s%s", m->place.file->name, m->place.line,
			    m->place.column, levels[m->level], m->text, line,
			    m->hint[0] ? "  hint: " : "", m->hint, m->hint[0] ? "\n" : "");
}
