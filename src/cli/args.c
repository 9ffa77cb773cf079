/* The option parser. Runs first of all, on words that come from anybody; no system calls. */
#include "cli/args.h"

#include <errno.h>

#include "base/str.h"
#include "cli/value.h"

#define NAME_MAX_LENGTH 32

const struct option option_help = {
	.name = "help",
	.letter = 'h',
	.type = OPTION_HELP,
	.argument = "",
	.help = "show this help and exit",
};

/* --- finding options ------------------------------------------------------------------------- */

const struct option *args_find(const struct option_table *table, const char *name, size_t len)
{
	/* A row may have a letter only, and "" for its name. */
	if (len == 0)
		return NULL;
	for (size_t i = 0; i < table->n; i++) {
		const struct option *o = &table->rows[i];

		if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
			return o;
	}
	/* crun's users may ask for --usage. */
	if ((len == strlen(option_help.name) && strncmp(name, option_help.name, len) == 0) ||
	    (len == strlen("usage") && strncmp(name, "usage", len) == 0))
		return &option_help;
	return NULL;
}

static const struct option *find_letter(const struct option_table *table, char letter)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].letter == letter)
			return &table->rows[i];
	/* glibc's argp, and so crun, calls it -?. */
	return letter == option_help.letter || letter == '?' ? &option_help : NULL;
}

/* The number of single-character edits between two words of at most NAME_MAX_LENGTH. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LENGTH + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= n; j++) {
			unsigned up = row[j];
			unsigned edit = diagonal + (a[i] != b[j - 1]);

			row[j] = MIN(edit, MIN(up, row[j - 1]) + 1);
			diagonal = up;
		}
	}
	return row[n];
}

bool args_is_nearer(const char *word, const char *name, unsigned *best)
{
	size_t len = strlen(word);
	unsigned distance;

	if (len < 2 || len > NAME_MAX_LENGTH || strlen(name) > NAME_MAX_LENGTH)
		return false;
	/* The start of a name is near enough, whatever follows. */
	distance = str_starts(name, word) ? 1 : edit_distance(word, name);
	/* A third of the letters may be wrong. */
	if (distance > len / 3 + 1 || distance >= *best)
		return false;
	*best = distance;
	return true;
}

static int unknown_option(const struct args *a, const char *word, const char *name, size_t len,
			  struct err *e)
{
	char cut[NAME_MAX_LENGTH + 2];
	const char *nearest = NULL;
	unsigned best = ARGS_FAR;

	(void)str_format(cut, sizeof(cut), "%.*s", (int)MIN(len, sizeof(cut) - 1), name);
	for (size_t i = 0; i < a->table->n; i++) {
		const struct option *o = &a->table->rows[i];

		if (!o->hidden && args_is_nearer(cut, o->name, &best))
			nearest = o->name;
	}
	(void)err_set(e, ERR_USAGE, -EINVAL, "unknown option %.*s",
		      (int)(len + (size_t)(name - word)), word);
	if (nearest)
		(void)err_hint(e, "did you mean --%s?", nearest);
	return -EINVAL;
}

bool option_takes_value(const struct option *o)
{
	return o->type != OPTION_FLAG && o->type != OPTION_NOTHING && o->type != OPTION_HELP;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = choices;; p++) {
		size_t n = strcspn(p, "|");

		if (n == len && strncmp(p, value, n) == 0)
			return true;
		p += n;
		if (*p == '\0')
			return false;
	}
}

static int append(struct arena *arena, struct str_list *list, const char *value)
{
	/* Grown at each power of two, so that the capacity needs no field. */
	if ((list->n & (list->n - 1)) == 0) {
		const char **items = arena_newn(arena, const char *, list->n ? list->n * 2 : 1);

		if (!items)
			return -ENOMEM;
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
	}
	list->items[list->n++] = value;
	return 0;
}

static int refuse(const struct option *o, const char *value, const char *expected, struct err *e)
{
	return err_set(e, ERR_USAGE, -EINVAL, "option --%s: expected %s, got \"%s\"", o->name,
		       expected, value);
}

/* @value is NULL for a flag without one. */
static int store(struct args *a, const struct option *o, const char *value, struct err *e)
{
	char *field = (char *)a->values + o->offset;
	bool flag = true;

	switch ((enum option_type)o->type) {
	case OPTION_HELP:
		a->help = true;
		return 0;
	case OPTION_FLAG:
	case OPTION_NOTHING:
		if (value && value_to_bool(value, &flag) < 0)
			return refuse(o, value, "true or false", e);
		if (o->type == OPTION_FLAG)
			*(bool *)field = flag;
		break;
	case OPTION_CHOICE:
		if (!is_choice(o->argument, value))
			return refuse(o, value, o->argument, e);
		*(const char **)(void *)field = value;
		break;
	case OPTION_STRING:
		*(const char **)(void *)field = value;
		break;
	case OPTION_U32:
		if (str_to_u32(value, UINT32_MAX, (uint32_t *)(void *)field) < 0)
			return refuse(o, value, "a number", e);
		break;
	case OPTION_LIST:
		if (append(a->arena, (struct str_list *)(void *)field, value) < 0)
			return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the command line");
		break;
	}
	if (o->has_given)
		*((bool *)a->values + o->given) = true;
	return 0;
}

int args_set_fallbacks(struct args *a, struct err *e)
{
	for (size_t i = 0; i < a->table->n; i++) {
		const struct option *o = &a->table->rows[i];
		const char **field = (const char **)(void *)((char *)a->values + o->offset);

		if (o->type != OPTION_STRING && o->type != OPTION_CHOICE) {
			int r = o->fallback ? store(a, o, o->fallback, e) : 0;

			if (r < 0)
				return r;
			continue;
		}
		*field = o->fallback ? o->fallback : "";
	}
	return 0;
}

/* --- words ----------------------------------------------------------------------------------- */

/* Store @o with @value, or with the next word if there is none and one is needed. @shown is how the
 * user wrote the option. */
static int store_or_fetch(struct args *a, const struct option *o, const char *value,
			  const char *shown, int shown_len, struct err *e)
{
	if (!value && option_takes_value(o)) {
		if (!*a->next)
			return err_set(e, ERR_USAGE, -EINVAL, "option %.*s requires an argument",
				       shown_len, shown);
		value = *a->next++;
	}
	if (value && o->type == OPTION_HELP)
		return err_set(e, ERR_USAGE, -EINVAL, "option --help takes no argument");
	return store(a, o, value, e);
}

/* @word is --name, --name=VALUE, or the same with one dash; @name points behind the dashes. Returns
 * -ENOENT if no option has this name. */
static int parse_long(struct args *a, const char *word, const char *name, struct err *e)
{
	size_t len = strcspn(name, "=");
	const struct option *o = args_find(a->table, name, len);
	const char *value = name[len] == '=' ? name + len + 1 : NULL;

	if (!o)
		return -ENOENT;
	return store_or_fetch(a, o, value, word, (int)(len + (size_t)(name - word)), e);
}

/* @word is -abc, -nVALUE, -n=VALUE or -f=false. */
static int parse_letters(struct args *a, const char *word, struct err *e)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option *o = find_letter(a->table, *p);
		const char *value = NULL;
		char shown[3] = {'-', *p, '\0'};
		int r;

		if (!o)
			return unknown_option(a, word, word + 1, strcspn(word + 1, "="), e);
		/* Go's flag package takes -n=VALUE, getopt would keep the =; no value begins with
		 * one. */
		if (p[1] == '=')
			value = p + 2;
		else if (p[1] != '\0' && option_takes_value(o))
			value = p + 1;
		r = store_or_fetch(a, o, value, shown, 2, e);
		if (r < 0 || value || option_takes_value(o))
			return r;
	}
	return 0;
}

static int parse_option(struct args *a, const char *word, struct err *e)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	int r = -ENOENT;

	if (name[0] != '\0' && name[1] != '\0')
		r = parse_long(a, word, name, e);
	if (r != -ENOENT)
		return r;
	if (word[1] == '-')
		return unknown_option(a, word, name, strcspn(name, "="), e);
	return parse_letters(a, word, e);
}

int args_parse(struct args *a, struct err *e)
{
	bool options_over = false;
	int r = 0;

	while (r == 0 && *a->next && !a->help) {
		const char *word = *a->next;
		bool is_option = !options_over && word[0] == '-' && word[1] != '\0';

		if (!is_option && a->stop_at_positional)
			return 0;
		a->next++;
		if (!is_option) {
			r = append(a->arena, &a->positionals, word);
			if (r < 0)
				(void)err_sys(e, ERR_INTERNAL, r, "read the command line");
		} else if (str_eq(word, "--")) {
			options_over = true;
		} else {
			r = parse_option(a, word, e);
		}
	}
	return r;
}
