/* Names of images: files in refs/, in which "%2F" stands for a slash. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "image/repo.h"

#define FILE_NAME_MAX (3 * REPO_NAME_MAX + 1)
#define DIGITS_MIN    6
#define LETTERS       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* --- words ----------------------------------------------------------------------------------- */

bool repo_is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= REPO_NAME_MAX && strspn(name, LETTERS) > 0 &&
	       strspn(name, LETTERS "._-:/@+") == len && !blob_is_digest(name);
}

/* @name as the name of a file; false if that would be too long. */
static bool escape(const char *name, char ret[static FILE_NAME_MAX])
{
	size_t n = 0;

	for (; *name; name++) {
		if (*name == '/')
			n += str_copy(ret + n, FILE_NAME_MAX - n, "%2F");
		else
			ret[n++] = *name;
	}
	ret[n] = '\0';
	return n <= 255;
}

static bool unescape(const char *file, char ret[static REPO_NAME_MAX + 1])
{
	size_t n = 0;

	for (; *file; file++) {
		if (n == REPO_NAME_MAX)
			return false;
		if (str_starts(file, "%2F")) {
			ret[n++] = '/';
			file += 2;
		} else {
			ret[n++] = *file;
		}
	}
	ret[n] = '\0';
	return repo_is_name(ret);
}

/* --- one name -------------------------------------------------------------------------------- */

static int check_name(const char *name, char file[static FILE_NAME_MAX], struct err *e)
{
	char excerpt[JSON_EXCERPT_MAX];

	if (repo_is_name(name) && escape(name, file))
		return 0;
	(void)err_set(e, ERR_USAGE, -EINVAL, "'%s' cannot be the name of an image",
		      json_excerpt(name, excerpt));
	return err_hint(e, "a letter or digit, then letters, digits and . _ - : / @ +");
}

int repo_put_name(struct repo *r, const char *name, const char *digest, struct err *e)
{
	char file[FILE_NAME_MAX], text[DIGEST_TEXT_MAX + 1];
	int code = check_name(name, file, e);
	size_t len;

	if (code < 0)
		return code;
	len = str_format(text, sizeof(text), "%s\n", digest);
	return repo_put(r, "refs", file, text, len, e);
}

static int no_such_image(const char *name, struct err *e)
{
	char excerpt[JSON_EXCERPT_MAX];

	/* Names and digests are whole in the message. */
	if (!repo_is_name(name) && !blob_is_digest(name))
		name = json_excerpt(name, excerpt);
	return err_set(e, ERR_IMAGE, -ENOENT, "no image '%s' in the store", name);
}

int repo_remove_name(struct repo *r, const char *name, struct err *e)
{
	char file[FILE_NAME_MAX];
	int code = check_name(name, file, e);

	if (code == 0)
		code = repo_remove(r, "refs", file, e);
	return code == -ENOENT ? no_such_image(name, e) : code;
}

/* The digest in the file of a name: 0, -ENOENT, -EINVAL or another errno. */
static int read_name(struct repo *r, const char *file, char ret[static DIGEST_TEXT_MAX])
{
	char path[sizeof("refs/") + FILE_NAME_MAX], buf[1024];
	struct arena a;
	char *text;
	size_t len;
	int code;

	(void)str_format(path, sizeof(path), "refs/%s", file);
	arena_init(&a, buf, sizeof(buf));
	code = io_read_file_at(&a, r->fd, path, DIGEST_TEXT_MAX, &text, &len);
	if (code == 0 && (len == 0 || text[len - 1] != '\n'))
		code = -EINVAL;
	if (code == 0) {
		text[len - 1] = '\0';
		code = blob_is_digest(text) ? 0 : -EINVAL;
	}
	if (code == 0)
		(void)str_copy(ret, DIGEST_TEXT_MAX, text);
	arena_done(&a);
	return code;
}

/* --- lists ----------------------------------------------------------------------------------- */

struct list {
	struct repo *repo;
	struct arena *arena;
	struct repo_name *items;
	size_t n, cap, damaged;
};

static int add(struct list *l, const struct repo_name *item, struct err *e)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 32;
		struct repo_name *grown = arena_newn(l->arena, struct repo_name, cap);

		if (!grown)
			return err_sys(e, ERR_IO, -ENOMEM, "list the images");
		if (l->n)
			memcpy(grown, l->items, l->n * sizeof(*grown));
		l->items = grown;
		l->cap = cap;
	}
	l->items[l->n++] = *item;
	return 0;
}

static int add_name(void *ctx, const char *file, struct err *e)
{
	struct list *l = ctx;
	struct repo_name item;
	int code = unescape(file, item.name) ? read_name(l->repo, file, item.digest) : -EINVAL;

	if (code == -ENOENT) /* gone meanwhile */
		return 0;
	if (code < 0) {
		l->damaged++;
		return 0;
	}
	return add(l, &item, e);
}

static int add_digest(void *ctx, const char *file, struct err *e)
{
	struct repo_name item = {0};

	if (!blob_is_digest(file))
		return 0;
	(void)str_copy(item.digest, sizeof(item.digest), file);
	return add(ctx, &item, e);
}

static int compare(const void *a, const void *b)
{
	const struct repo_name *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->digest, y->digest);
}

static void sort(struct list *l, struct repo_name **ret, size_t *ret_n)
{
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare);
	*ret = l->items;
	*ret_n = l->n;
}

int repo_names(struct repo *r, struct arena *a, struct repo_name **ret, size_t *ret_n,
	       size_t *ret_damaged, struct err *e)
{
	struct list l = {.repo = r, .arena = a};
	int code = repo_each(r, "refs", add_name, &l, e);

	if (code < 0)
		return code;
	sort(&l, ret, ret_n);
	if (ret_damaged)
		*ret_damaged = l.damaged;
	return 0;
}

int repo_digests(struct repo *r, struct arena *a, struct repo_name **ret, size_t *ret_n,
		 struct err *e)
{
	struct list l = {.repo = r, .arena = a};
	int code = repo_each(r, "images", add_digest, &l, e);

	if (code == 0)
		sort(&l, ret, ret_n);
	return code;
}

/* --- what a word means ----------------------------------------------------------------------- */

/* A name, as it stands or with ":latest". */
static int resolve_name(struct repo *r, const char *word, char ret[static DIGEST_TEXT_MAX])
{
	char file[FILE_NAME_MAX], full[REPO_NAME_MAX + 1];
	int code = repo_is_name(word) && escape(word, file) ? read_name(r, file, ret) : -ENOENT;

	if (code != -ENOENT || str_format(full, sizeof(full), "%s:latest", word) >= sizeof(full) ||
	    !repo_is_name(full) || !escape(full, file))
		return code;
	return read_name(r, file, ret);
}

/* The first digits of a digest, with or without the name of its hash. */
static int resolve_digits(struct repo *r, const char *word, char ret[static DIGEST_TEXT_MAX],
			  struct err *e)
{
	const char *digits = str_starts(word, "sha256:") ? word + 7 : word;
	size_t len = strlen(digits), n, found = 0;
	struct repo_name *items;
	struct arena a;
	int code;

	if (len < DIGITS_MIN || strspn(digits, "0123456789abcdef") < len)
		return -ENOENT;
	arena_init(&a, NULL, 0);
	code = repo_digests(r, &a, &items, &n, e);
	for (size_t i = 0; code == 0 && i < n; i++) {
		if (!str_starts(items[i].digest + 7, digits))
			continue;
		found++;
		(void)str_copy(ret, DIGEST_TEXT_MAX, items[i].digest);
	}
	arena_done(&a);
	if (code < 0)
		return code;
	if (found > 1)
		return err_set(e, ERR_IMAGE, -EINVAL, "'%s' is the beginning of several digests",
			       word);
	return found ? 0 : -ENOENT;
}

int repo_resolve(struct repo *r, const char *word, char ret[static DIGEST_TEXT_MAX], struct err *e)
{
	struct repo_record rec;
	int code;

	if (blob_is_digest(word)) {
		(void)str_copy(ret, DIGEST_TEXT_MAX, word);
		code = repo_get_record(r, word, &rec, e);
		return code == -ENOENT ? no_such_image(word, e) : code;
	}
	code = resolve_name(r, word, ret);
	if (code < 0 && code != -ENOENT)
		return err_sys(e, ERR_IO, code, "read the name '%s' in %s", word, r->path);
	if (code == -ENOENT)
		code = resolve_digits(r, word, ret, e);
	return code == -ENOENT ? no_such_image(word, e) : code;
}
