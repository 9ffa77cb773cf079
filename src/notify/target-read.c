/* What procfs says about a process, as text. Pure. */
#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "notify/target.h"

int id_map_inside(const struct id_map *m, uint32_t outside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct id_row *row = &m->rows[i];

		if (outside >= row->outside && outside - row->outside < row->count) {
			*ret = row->inside + (outside - row->outside);
			return 0;
		}
	}
	return -ENOENT;
}

bool id_map_has(const struct id_map *m, uint32_t inside)
{
	if (inside == UINT32_MAX)
		return true;
	for (size_t i = 0; i < m->n; i++)
		if (inside >= m->rows[i].inside && inside - m->rows[i].inside < m->rows[i].count)
			return true;
	return false;
}

/* A decimal number behind blanks; moves *@at behind it. */
static int take_number(const char **at, uint32_t *ret)
{
	const char *s = *at + strspn(*at, " \t");
	uint64_t n = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (unsigned)(*s - '0');
		if (n > UINT32_MAX)
			return -EINVAL;
	}
	*at = s;
	*ret = (uint32_t)n;
	return 0;
}

int id_map_parse(const char *text, struct id_map *ret)
{
	ret->n = 0;
	while (*text) {
		struct id_row row;

		if (ret->n == TARGET_MAP_ROWS || take_number(&text, &row.inside) < 0 ||
		    take_number(&text, &row.outside) < 0 || take_number(&text, &row.count) < 0 ||
		    *text != '\n')
			return -EINVAL;
		text++;
		/* No row goes beyond the numbers there are. */
		if (row.count > UINT32_MAX - row.inside || row.count > UINT32_MAX - row.outside)
			return -EINVAL;
		ret->rows[ret->n++] = row;
	}
	return 0;
}

/* What stands behind "@name:" at the beginning of a line, or NULL. */
static const char *find_line(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text) {
		if (strncmp(text, name, len) == 0 && text[len] == ':')
			return text + len + 1;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

/* The last of four ids: the one for files. */
static int read_fsid(const char *text, const char *name, uint32_t *ret)
{
	const char *at = find_line(text, name);
	uint32_t id = 0;

	for (int i = 0; i < 4; i++)
		if (!at || take_number(&at, &id) < 0)
			return -EINVAL;
	*ret = id;
	return 0;
}

static int read_groups(const char *text, struct target *t)
{
	const char *at = find_line(text, "Groups");
	uint32_t id;

	t->n_groups = 0;
	if (!at)
		return -EINVAL;
	while (take_number(&at, &id) == 0) {
		if (t->n_groups == TARGET_GROUPS_MAX)
			return -EINVAL;
		t->groups[t->n_groups++] = id;
	}
	return 0;
}

int target_parse_status(const char *text, struct target *t)
{
	/* The name of the program comes first, and has its newlines escaped. */
	const char *capabilities = find_line(text, "CapEff"), *mask = find_line(text, "Umask");
	const char *tgid = find_line(text, "Tgid");
	uint32_t number;

	if (!capabilities || !mask || !tgid || take_number(&tgid, &number) < 0 ||
	    read_fsid(text, "Uid", &t->uid) < 0 || read_fsid(text, "Gid", &t->gid) < 0 ||
	    read_groups(text, t) < 0)
		return -EINVAL;
	t->tgid = (pid_t)number;
	t->capabilities = strtoull(capabilities, NULL, 16);
	t->umask = (uint32_t)strtoul(mask, NULL, 8) & 0777;
	return 0;
}
