/* The subordinate ids of this machine, and files that belong to them. */
#include <errno.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/ledger.h"
#include "doctor/ranges.h"

#define PROBLEMS_MAX 16

/* --- subid-audit -------------------------------------------------------------------------------
 */

static const char *option_of(char kind, const char *verb, const struct doctor *d)
{
	return arena_format(d->arena, "--%s-sub%cids", verb, kind);
}

/* Take @range from its owner and hand out another one of the same size. */
static void cure_range(const struct doctor *d, struct finding *f, char kind,
		       const struct id_range *range)
{
	uint32_t first;

	finding_cure(d, f, CURE_ROOT, "usermod %s %u-%u %s", option_of(kind, "del", d),
		     range->first, range->first + range->count - 1, range->owner);
	if (ranges_find_free(d, range->count, &first) == 0)
		finding_cure(d, f, CURE_ROOT, "usermod %s %u-%u %s", option_of(kind, "add", d),
			     first, first + range->count - 1, range->owner);
	f->afterwards = "files that its owner's containers made stay with the old ids: "
			"podman system reset, or the like, before";
}

static void describe(const struct doctor *d, struct finding *f, char kind,
		     const struct range_problem *p, size_t more)
{
	const struct id_range *r = &p->range;
	uint32_t last = r->first + r->count - 1;
	const char *rest = more ? arena_format(d->arena, " (and %zu more)", more) : "";

	switch (p->kind) {
	case RANGE_OVERLAPS:
		finding_set(f, VERDICT_FAIL, "%cids %u-%u of %s overlap %u-%u of %s%s", kind,
			    p->other.first, p->other.first + p->other.count - 1, p->other.owner,
			    r->first, last, r->owner, rest);
		cure_range(d, f, kind, &p->other);
		break;
	case RANGE_REUSED:
		finding_set(f, VERDICT_FAIL, "%cids %u-%u of %s were those of %s from %s to %s%s",
			    kind, r->first, last, r->owner, p->past->range.owner, p->past->since,
			    p->past->until, rest);
		cure_range(d, f, kind, r);
		break;
	case RANGE_IS_REAL:
		finding_set(f, VERDICT_FAIL, "%cids %u-%u of %s hold %u, which is %s%s", kind,
			    r->first, last, r->owner, p->real->id, p->real->name, rest);
		cure_range(d, f, kind, r);
		break;
	case RANGE_ORPHAN:
		finding_set(f, VERDICT_WARN,
			    "%cids %u-%u belong to %s, who is not in /etc/passwd%s", kind, r->first,
			    last, r->owner, rest);
		finding_cure(d, f, CURE_ROOT, "coracle doctor --record");
		finding_cure(d, f, CURE_ROOT, "sed -i '/^%s:%u:%u$/d' /etc/sub%cid", r->owner,
			     r->first, r->count, kind);
		f->afterwards = "not if another directory (LDAP, say) knows this user";
		break;
	}
}

/* Returns how many problems there are; the worst is in *@f. */
static size_t audit(const struct doctor *d, struct finding *f, char kind)
{
	const char *file = kind == 'u' ? "/etc/subuid" : "/etc/subgid";
	struct range_list ranges = ranges_read(d, file);
	struct real_list users = ranges_read_real(d, "/etc/passwd");
	struct real_list groups = ranges_read_real(d, "/etc/group");
	struct past_list past = ranges_read_past(d, kind);
	struct range_problem problems[PROBLEMS_MAX];
	size_t n = ranges_audit(&ranges, &users, kind == 'u' ? &users : &groups, &past, problems,
				PROBLEMS_MAX);

	if (n > 0)
		describe(d, f, kind, &problems[0], n - 1);
	return n;
}

void check_subid_audit(const struct doctor *d, struct finding *f)
{
	size_t n = ranges_read(d, "/etc/subuid").n + ranges_read(d, "/etc/subgid").n;
	bool has_ledger = sys_faccessat(AT_FDCWD, LEDGER_FILE, R_OK) == 0;

	/* What one user names is curable for one kind at a time. */
	if (audit(d, f, 'u') > 0 || audit(d, f, 'g') > 0)
		return;
	if (n == 0)
		finding_set(f, VERDICT_OK, "there are no ranges");
	else
		finding_set(f, VERDICT_OK, "%zu ranges, nobody's twice%s", n,
			    has_ledger
				    ? ""
				    : "; without a ledger (coracle doctor --record) nobody knows "
				      "whose they were before");
}

/* --- set-id-files ------------------------------------------------------------------------------
 */

struct scan {
	struct range_list uids, gids;
	uint64_t seen, found;
	char first[PATH_SIZE]; /* the first that was found */
};

static bool is_subordinate(const struct range_list *ranges, uint32_t id)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (id >= ranges->items[i].first &&
		    id - ranges->items[i].first < ranges->items[i].count)
			return true;
	return false;
}

/* Set-id for an id that is somebody's subordinate one. */
static bool is_dangerous(const struct scan *s, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return false;
	return ((st->st_mode & S_ISUID) && is_subordinate(&s->uids, st->st_uid)) ||
	       ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) &&
		is_subordinate(&s->gids, st->st_gid));
}

struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int scan_directory(struct scan *s, int fd, const char *path, unsigned depth);

static void scan_entry(struct scan *s, int dir, const char *path, const char *name, unsigned depth)
{
	char below[PATH_SIZE];
	struct stat st;
	int fd = sys_openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (str_format(below, sizeof(below), "%s/%s", path, name) >= sizeof(below) ||
	    sys_fstat(fd, &st) < 0) {
		(void)sys_close(fd);
		return;
	}
	(void)sys_close(fd);
	s->seen++;
	if (is_dangerous(s, &st)) {
		if (s->found++ == 0)
			(void)str_copy(s->first, sizeof(s->first), below);
	} else if (S_ISDIR(st.st_mode) && depth > 0) {
		fd = sys_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		if (fd >= 0) {
			(void)scan_directory(s, fd, below, depth - 1);
			(void)sys_close(fd);
		}
	}
}

/* Look through the directory @fd, called @path, and at most @depth levels of directories in it. */
static int scan_directory(struct scan *s, int fd, const char *path, unsigned depth)
{
	_Alignas(struct entry) char buf[4096];
	ssize_t n;

	while ((n = sys_getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);

			if (!str_eq(e->name, ".") && !str_eq(e->name, ".."))
				scan_entry(s, fd, path, e->name, depth);
			at += e->length;
		}
	}
	return (int)n;
}

void check_setid_files(const struct doctor *d, struct finding *f)
{
	_cleanup_close_ int fd = -EBADF;
	static struct scan s;
	char words[24];

	if (!d->scan_dir) {
		finding_set(f, VERDICT_SKIP,
			    "no directory was named (--scan DIR); the storage of an engine "
			    "is a good one");
		return;
	}
	s.uids = ranges_read(d, "/etc/subuid");
	s.gids = ranges_read(d, "/etc/subgid");
	fd = sys_openat(AT_FDCWD, d->scan_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0) {
		finding_set(f, VERDICT_SKIP, "%s: %s", d->scan_dir, errno_words(fd, words));
		return;
	}
	(void)scan_directory(&s, fd, d->scan_dir, 60);
	if (s.found == 0) {
		finding_set(f, VERDICT_OK, "none among %ju files that we may see",
			    (uintmax_t)s.seen);
		return;
	}
	finding_set(f, VERDICT_WARN, "%ju of %ju files, the first is %s", (uintmax_t)s.found,
		    (uintmax_t)s.seen, s.first);
	f->afterwards =
		"keep others out of the directory (mode 0700), or mount its file system nosuid; images "
		"have such files for a reason";
}
