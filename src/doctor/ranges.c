/* Reading and comparing ranges of subordinate ids. The parsers and ranges_audit() are pure. */
#include "doctor/ranges.h"

#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/ledger.h"

#define FILE_MAX   ((size_t)4 << 20)
#define FIRST_FREE 100000U
#define LAST_FREE  4000000000U /* ids near the end have other meanings */

/* --- parsing -----------------------------------------------------------------------------------
 */

/* Cut off a field that ends with @separator; returns it. */
static char *next_field(char **line, char separator)
{
	char *field = *line;

	while (**line != '\0' && **line != separator)
		(*line)++;
	if (**line != '\0')
		*(*line)++ = '\0';
	return field;
}

/* The next line of @*text, ended with a NUL; NULL at the end. */
static char *next_line(char **text)
{
	return **text ? next_field(text, '\n') : NULL;
}

/* How many lines there may be. */
static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static bool read_range(const char *first, const char *count, struct id_range *r)
{
	return str_to_u32(first, UINT32_MAX - 1, &r->first) == 0 &&
	       str_to_u32(count, UINT32_MAX - r->first, &r->count) == 0 && r->count > 0;
}

int ranges_parse(struct arena *a, char *text, struct range_list *ret)
{
	char *line;

	*ret = (struct range_list){.items = arena_newn(a, struct id_range, count_lines(text))};
	if (!ret->items)
		return -ENOMEM;
	while ((line = next_line(&text))) {
		struct id_range r = {.owner = next_field(&line, ':')};
		const char *first = next_field(&line, ':');

		if (r.owner[0] != '\0' && read_range(first, line, &r))
			ret->items[ret->n++] = r;
	}
	return 0;
}

int ranges_parse_real(struct arena *a, char *text, struct real_list *ret)
{
	char *line;

	*ret = (struct real_list){.items = arena_newn(a, struct real_id, count_lines(text))};
	if (!ret->items)
		return -ENOMEM;
	while ((line = next_line(&text))) {
		struct real_id id = {.name = next_field(&line, ':')};

		(void)next_field(&line, ':');
		if (str_to_u32(next_field(&line, ':'), UINT32_MAX, &id.id) == 0)
			ret->items[ret->n++] = id;
	}
	return 0;
}

int ranges_parse_past(struct arena *a, char *text, char kind, struct past_list *ret)
{
	char *line;

	*ret = (struct past_list){.items = arena_newn(a, struct past_range, count_lines(text))};
	if (!ret->items)
		return -ENOMEM;
	while ((line = next_line(&text))) {
		const char *word = next_field(&line, ' ');
		struct past_range p = {.range.owner = next_field(&line, ' ')};
		const char *first = next_field(&line, ' ');
		const char *count = next_field(&line, ' ');

		p.since = next_field(&line, ' ');
		p.until = next_field(&line, ' ');
		if (word[0] == kind && word[1] == '\0' && read_range(first, count, &p.range))
			ret->items[ret->n++] = p;
	}
	return 0;
}

/* --- the audit ---------------------------------------------------------------------------------
 */

static bool overlap(const struct id_range *x, const struct id_range *y)
{
	return x->first < (uint64_t)y->first + y->count && y->first < (uint64_t)x->first + x->count;
}

static bool contains(const struct id_range *r, uint32_t id)
{
	return id >= r->first && id - r->first < r->count;
}

/* The user that a line of subuid(5) belongs to, by name or by number; NULL if there is none. */
static const struct real_id *find_owner(const struct real_list *users, const char *owner)
{
	uint32_t id;
	bool number = str_to_u32(owner, UINT32_MAX, &id) == 0;

	for (size_t i = 0; i < users->n; i++)
		if (str_eq(users->items[i].name, owner) || (number && users->items[i].id == id))
			return &users->items[i];
	return NULL;
}

/* One user may be there by name and by number. */
static bool same_owner(const struct real_list *users, const char *x, const char *y)
{
	const struct real_id *owner = find_owner(users, x);

	return str_eq(x, y) || (owner && owner == find_owner(users, y));
}

struct audit {
	const struct range_list *ranges;
	const struct real_list *users, *reals;
	const struct past_list *past;
	struct range_problem *out;
	size_t n, max;
};

static void add_problem(struct audit *x, struct range_problem p)
{
	if (x->n < x->max)
		x->out[x->n] = p;
	x->n++;
}

static void find_overlaps(struct audit *x)
{
	for (size_t i = 0; i < x->ranges->n; i++) {
		const struct id_range *r = &x->ranges->items[i];

		for (size_t k = i + 1; k < x->ranges->n; k++) {
			const struct id_range *other = &x->ranges->items[k];

			if (overlap(r, other) && !same_owner(x->users, r->owner, other->owner))
				add_problem(x, (struct range_problem){.kind = RANGE_OVERLAPS,
								      .range = *r,
								      .other = *other});
		}
	}
}

static void find_reused(struct audit *x)
{
	for (size_t i = 0; i < x->ranges->n; i++) {
		const struct id_range *r = &x->ranges->items[i];

		for (size_t k = 0; k < x->past->n; k++) {
			const struct past_range *past = &x->past->items[k];

			if (overlap(r, &past->range) &&
			    !same_owner(x->users, r->owner, past->range.owner))
				add_problem(x, (struct range_problem){.kind = RANGE_REUSED,
								      .range = *r,
								      .past = past});
		}
	}
}

static void find_real(struct audit *x)
{
	for (size_t i = 0; i < x->ranges->n; i++) {
		const struct id_range *r = &x->ranges->items[i];

		for (size_t k = 0; k < x->reals->n; k++)
			if (contains(r, x->reals->items[k].id))
				add_problem(x, (struct range_problem){.kind = RANGE_IS_REAL,
								      .range = *r,
								      .real = &x->reals->items[k]});
	}
}

static void find_orphans(struct audit *x)
{
	for (size_t i = 0; i < x->ranges->n; i++) {
		const struct id_range *r = &x->ranges->items[i];

		if (!find_owner(x->users, r->owner))
			add_problem(x, (struct range_problem){.kind = RANGE_ORPHAN, .range = *r});
	}
}

size_t ranges_audit(const struct range_list *ranges, const struct real_list *users,
		    const struct real_list *reals, const struct past_list *past,
		    struct range_problem *ret, size_t max)
{
	struct audit x = {
		.ranges = ranges,
		.users = users,
		.reals = reals,
		.past = past,
		.out = ret,
		.max = max,
	};

	find_overlaps(&x);
	find_reused(&x);
	find_real(&x);
	find_orphans(&x);
	return x.n;
}

/* --- this machine ------------------------------------------------------------------------------
 */

static char *read_text(const struct doctor *d, const char *file)
{
	char *text;
	size_t len;

	return io_read_file_at(d->arena, AT_FDCWD, file, FILE_MAX, &text, &len) < 0 ? NULL : text;
}

struct range_list ranges_read(const struct doctor *d, const char *file)
{
	char *text = read_text(d, file);
	struct range_list list = {0};

	return text && ranges_parse(d->arena, text, &list) == 0 ? list : (struct range_list){0};
}

struct real_list ranges_read_real(const struct doctor *d, const char *file)
{
	char *text = read_text(d, file);
	struct real_list list = {0};

	return text && ranges_parse_real(d->arena, text, &list) == 0 ? list : (struct real_list){0};
}

struct past_list ranges_read_past(const struct doctor *d, char kind)
{
	char *text = read_text(d, LEDGER_FILE);
	struct past_list list = {0};

	return text && ranges_parse_past(d->arena, text, kind, &list) == 0 ? list
									   : (struct past_list){0};
}

const struct id_range *ranges_of_user(const struct doctor *d, const char *file)
{
	struct range_list list = ranges_read(d, file);
	const char *number = arena_format(d->arena, "%u", d->uid);

	for (size_t i = 0; i < list.n; i++)
		if (str_eq(list.items[i].owner, d->user) ||
		    (number && str_eq(list.items[i].owner, number)))
			return list.items + i;
	return NULL;
}

/* Move *@first behind @r if they overlap. */
static bool avoid(const struct id_range *r, uint32_t count, uint64_t *first)
{
	if (*first >= (uint64_t)r->first + r->count || r->first >= *first + count)
		return false;
	*first = (uint64_t)r->first + r->count;
	return true;
}

static bool avoid_all(const struct doctor *d, const char *ranges_file, const char *reals_file,
		      char kind, uint32_t count, uint64_t *first)
{
	struct range_list ranges = ranges_read(d, ranges_file);
	struct real_list reals = ranges_read_real(d, reals_file);
	struct past_list past = ranges_read_past(d, kind);
	bool moved = false;

	for (size_t i = 0; i < ranges.n; i++)
		moved |= avoid(&ranges.items[i], count, first);
	for (size_t i = 0; i < reals.n; i++) {
		struct id_range one = {.first = reals.items[i].id, .count = 1};

		moved |= avoid(&one, count, first);
	}
	for (size_t i = 0; i < past.n; i++)
		moved |= avoid(&past.items[i].range, count, first);
	return moved;
}

int ranges_find_free(const struct doctor *d, uint32_t count, uint32_t *ret)
{
	uint64_t first = FIRST_FREE;

	while (avoid_all(d, "/etc/subuid", "/etc/passwd", 'u', count, &first) ||
	       avoid_all(d, "/etc/subgid", "/etc/group", 'g', count, &first))
		if (first > LAST_FREE - count)
			return -ENOSPC;
	*ret = (uint32_t)first;
	return 0;
}
