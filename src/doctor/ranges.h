/* Ranges of subordinate ids, and what can be wrong with them. A file made in a user namespace
 * belongs to a subordinate id for ever; whoever is given that id later owns the file, set-id bits
 * and all. So a range is somebody's for good, which nothing in /etc/subuid makes sure of:
 * userdel(8) removes the line, and the next useradd(8) gives the range away. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mem.h"
#include "doctor/doctor.h"

/* One line of subuid(5). */
struct id_range {
	const char *owner; /* a name, or a number */
	uint32_t first, count;
};

struct range_list {
	struct id_range *items;
	size_t n;
};

/* A user or group of the machine. */
struct real_id {
	const char *name;
	uint32_t id;
};

struct real_list {
	struct real_id *items;
	size_t n;
};

/* A range that somebody had, by the ledger. */
struct past_range {
	struct id_range range;
	const char *since, *until; /* days, "2026-03-01": when it was first and last seen */
};

struct past_list {
	struct past_range *items;
	size_t n;
};

enum range_problem_kind {
	RANGE_OVERLAPS, /* with another owner's */
	RANGE_REUSED,   /* somebody else had it once */
	RANGE_IS_REAL,  /* a user or group of the machine is in it */
	RANGE_ORPHAN,   /* its owner does not exist */
};

struct range_problem {
	enum range_problem_kind kind;
	struct id_range range;
	struct id_range other;         /* RANGE_OVERLAPS */
	const struct past_range *past; /* RANGE_REUSED */
	const struct real_id *real;    /* RANGE_IS_REAL */
};

/* Cut up the @text of subuid(5), of passwd(5) or group(5), or of the ledger (ledger.h), for @kind
 * 'u' or 'g'. Lines that are damaged are left out. -ENOMEM or 0. */
int ranges_parse(struct arena *a, char *text, struct range_list *ret) _must_check_;
int ranges_parse_real(struct arena *a, char *text, struct real_list *ret) _must_check_;
int ranges_parse_past(struct arena *a, char *text, char kind, struct past_list *ret) _must_check_;

/* Find what is wrong with @ranges: the worst kind first, each pair once. At most @max problems are
 * written to @ret; returns how many there are. @users are those of the machine whose ranges these
 * are, @reals the ids of their kind. */
size_t ranges_audit(const struct range_list *ranges, const struct real_list *users,
		    const struct real_list *reals, const struct past_list *past,
		    struct range_problem *ret, size_t max);

/* The first range in @file that is the caller's; NULL if there is none. */
const struct id_range *ranges_of_user(const struct doctor *d, const char *file);

/* The first of @count ids, from 100000 on, that nobody has or had: no line of /etc/subuid and
 * /etc/subgid, no user or group, no entry of the ledger. 0 or -ENOSPC. */
int ranges_find_free(const struct doctor *d, uint32_t count, uint32_t *ret) _must_check_;

/* All lines of a file, as the parsers read it; empty lists for files that are not there. */
struct range_list ranges_read(const struct doctor *d, const char *file);
struct real_list ranges_read_real(const struct doctor *d, const char *file);
struct past_list ranges_read_past(const struct doctor *d, char kind);
