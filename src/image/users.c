/* Looking users up in texts that an image brings. Pure. */
#include "image/users.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"

#define FIELDS_MAX 7
#define FIELD_MAX  256

/* The fields of a line, cut; those that are missing are "". */
struct line {
	char fields[FIELDS_MAX][FIELD_MAX];
};

/* Read the line at @text: where the next one begins, or NULL at the end. */
static const char *read_line(const char *text, struct line *ret)
{
	const char *end = text + strcspn(text, "\n");

	if (!*text)
		return NULL;
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < FIELDS_MAX && text <= end; i++) {
		size_t n = strcspn(text, ":\n");

		(void)str_format(ret->fields[i], FIELD_MAX, "%.*s", (int)n, text);
		text += n + 1;
	}
	return *end ? end + 1 : end;
}

static bool is_number(const char *text, uint32_t *ret)
{
	return str_to_u32(text, UINT32_MAX - 1, ret) == 0;
}

/* Does the line name @who, by name or by number (its third field)? */
static bool matches(const struct line *l, const char *who, uint32_t *ret)
{
	uint32_t wanted;

	if (!is_number(l->fields[2], ret))
		return false;
	return str_eq(l->fields[0], who) || (is_number(who, &wanted) && wanted == *ret);
}

static int find_user(const char *who, const char *passwd, struct user *u,
		     char name[static FIELD_MAX], struct err *e)
{
	struct line l;

	while ((passwd = read_line(passwd, &l))) {
		if (!matches(&l, who, &u->uid) || !is_number(l.fields[3], &u->gid))
			continue;
		(void)str_copy(u->home, sizeof(u->home), l.fields[5]);
		(void)str_copy(name, FIELD_MAX, l.fields[0]);
		return 0;
	}
	u->gid = 0;
	if (is_number(who, &u->uid))
		return 0;
	return err_set(e, ERR_IMAGE, -ENOENT, "no user \"%.60s\" in the image", who);
}

static int find_group(const char *who, const char *group, uint32_t *ret, struct err *e)
{
	struct line l;

	while ((group = read_line(group, &l)))
		if (matches(&l, who, ret))
			return 0;
	if (is_number(who, ret))
		return 0;
	return err_set(e, ERR_IMAGE, -ENOENT, "no group \"%.60s\" in the image", who);
}

/* Is @name in the list "a,b,c"? */
static bool is_member(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && memcmp(list, name, n) == 0)
			return true;
	}
	return false;
}

static void add_groups(const char *name, const char *group, struct user *u)
{
	struct line l;
	uint32_t gid;

	while ((group = read_line(group, &l)))
		if (u->n_groups < USERS_GROUPS_MAX && is_member(l.fields[3], name) &&
		    is_number(l.fields[2], &gid))
			u->groups[u->n_groups++] = gid;
}

int users_find(const char *who, const char *passwd, const char *group, struct user *ret,
	       struct err *e)
{
	char user[FIELD_MAX], name[FIELD_MAX] = "";
	const char *colon = strchr(who, ':');
	struct user u = {0};
	int r;

	(void)str_format(user, sizeof(user), "%.*s", colon ? (int)(colon - who) : (int)strlen(who),
			 who);
	r = find_user(user[0] ? user : "0", passwd, &u, name, e);
	if (r == 0 && colon && colon[1])
		r = find_group(colon + 1, group, &u.gid, e);
	else if (r == 0 && name[0])
		add_groups(name, group, &u);
	if (r == 0)
		*ret = u;
	return r;
}
