/* Writing the ledger of subordinate ids. Runs as root. */
#include "doctor/ledger.h"

#include <errno.h>
#include <time.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/ranges.h"

#define LINE_SIZE 200

struct page {
	char *text;
	size_t len, size;
};

static void add_line(struct page *p, char kind, const struct id_range *r, const char *since,
		     const char *until)
{
	p->len += str_format(p->text + p->len, p->size - p->len, "%c %s %u %u %s %s\n", kind,
			     r->owner, r->first, r->count, since, until);
}

static bool same(const struct id_range *x, const struct id_range *y)
{
	return x->first == y->first && x->count == y->count && str_eq(x->owner, y->owner);
}

static const struct past_range *find(const struct past_list *past, const struct id_range *r)
{
	for (size_t i = 0; i < past->n; i++)
		if (same(&past->items[i].range, r))
			return &past->items[i];
	return NULL;
}

static bool holds(const struct range_list *ranges, const struct id_range *r)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (same(&ranges->items[i], r))
			return true;
	return false;
}

/* What was, and is not any more, as it stands; what is, until today. */
static void add_kind(struct page *p, char kind, const struct past_list *past,
		     const struct range_list *now, const char *today)
{
	for (size_t i = 0; i < past->n; i++)
		if (!holds(now, &past->items[i].range))
			add_line(p, kind, &past->items[i].range, past->items[i].since,
				 past->items[i].until);
	for (size_t i = 0; i < now->n; i++) {
		const struct past_range *before = find(past, &now->items[i]);

		add_line(p, kind, &now->items[i], before ? before->since : today, today);
	}
}

static size_t room(const struct past_list *past, const struct range_list *now)
{
	size_t n = 0;

	for (size_t i = 0; i < past->n; i++)
		n += strlen(past->items[i].range.owner) + LINE_SIZE;
	for (size_t i = 0; i < now->n; i++)
		n += strlen(now->items[i].owner) + LINE_SIZE;
	return n;
}

int ledger_record(const struct doctor *d, struct err *e)
{
	struct range_list uids = ranges_read(d, "/etc/subuid"),
			  gids = ranges_read(d, "/etc/subgid");
	struct past_list past_uids = ranges_read_past(d, 'u'), past_gids = ranges_read_past(d, 'g');
	_cleanup_close_ int dir = -EBADF;
	time_t now = time(NULL);
	struct page p = {0};
	char today[16];
	struct tm tm;
	int r;

	p.size = room(&past_uids, &uids) + room(&past_gids, &gids) + 1;
	p.text = arena_alloc(d->arena, p.size);
	if (!p.text || strftime(today, sizeof(today), "%Y-%m-%d", gmtime_r(&now, &tm)) == 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "write the ledger");
	add_kind(&p, 'u', &past_uids, &uids, today);
	add_kind(&p, 'g', &past_gids, &gids, today);
	r = sys_mkdirat(AT_FDCWD, LEDGER_DIRECTORY, 0755);
	if (r < 0 && r != -EEXIST)
		return err_sys(e, ERR_IO, r, "make %s", LEDGER_DIRECTORY);
	dir = sys_openat(AT_FDCWD, LEDGER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	r = dir < 0 ? dir : io_write_atomic_at(dir, LEDGER_NAME, p.text, p.len, 0644);
	return r < 0 ? err_sys(e, ERR_IO, r, "write %s", LEDGER_FILE) : 0;
}
