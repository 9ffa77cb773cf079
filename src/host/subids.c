/* Reading the databases of subordinate ids. Host half, caller's credentials. */
#include "host/subids.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define DATABASE_MAX (4 << 20)

/* Cut @*line at the next ':'; returns what was before it. */
static char *next_field(char **line)
{
	char *field = *line;

	*line += strcspn(*line, ":");
	if (**line == ':')
		*(*line)++ = '\0';
	return field;
}

/* Call it with a line that ends in NUL: 1 stops the search. */
typedef bool (*line_fn)(char *line, void *arg);

static void for_each_line(struct arena *a, const char *path, line_fn fn, void *arg)
{
	char *text, *line;
	size_t len;

	if (io_read_file_at(a, AT_FDCWD, path, DATABASE_MAX, &text, &len) < 0)
		return;
	for (line = text; *line != '\0';) {
		char *end = line + strcspn(line, "\n");
		bool last = *end == '\0';

		*end = '\0';
		if (fn(line, arg) || last)
			return;
		line = end + 1;
	}
}

struct user {
	char number[12];
	const char *name; /* points into the text in the arena */
	uint32_t start, count;
};

static bool match_passwd(char *line, void *arg)
{
	struct user *u = arg;
	const char *name = next_field(&line);

	(void)next_field(&line);
	if (!str_eq(next_field(&line), u->number))
		return false;
	u->name = name;
	return true;
}

static bool match_range(char *line, void *arg)
{
	struct user *u = arg;
	const char *owner = next_field(&line), *start = next_field(&line);

	if (!str_eq(owner, u->number) && !(u->name && str_eq(owner, u->name)))
		return false;
	return str_to_u32(start, UINT32_MAX, &u->start) == 0 &&
	       str_to_u32(next_field(&line), UINT32_MAX, &u->count) == 0;
}

void subids_find(struct arena *a, uint32_t uid, struct facts *f)
{
	struct user u = {0};

	(void)str_format(u.number, sizeof(u.number), "%u", uid);
	for_each_line(a, "/etc/passwd", match_passwd, &u);
	for_each_line(a, "/etc/subuid", match_range, &u);
	f->sub_uid = u.start;
	f->sub_uid_count = u.count;
	u.count = 0;
	for_each_line(a, "/etc/subgid", match_range, &u);
	f->sub_gid = u.start;
	f->sub_gid_count = u.count;
}
