/* Leases: run/ID-XXXXXX/lease, four lines. What lies beside it is a container's, with names and
 * depths of its making. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/repo.h"

#define LEASE     "lease"
#define LEASE_MAX (PATH_MAX + 1024)

/* --- making ---------------------------------------------------------------------------------- */

int repo_lease_make(struct repo *r, const char *id, struct repo_lease *lease, struct err *e)
{
	char path[2 * PATH_MAX], dir[NAME_MAX + 8], text[LEASE_MAX];
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	image_hex(lease->image, verity_digest_size(r->objects.hash), hex);
	len = str_format(text, sizeof(text), "coracle-lease 1\n%s\n%s\n%s\n", lease->state_dir,
			 lease->manifest, hex);
	if (str_format(path, sizeof(path), "%s/run/%.200s-XXXXXX", r->path, id) >= sizeof(path) ||
	    len >= sizeof(text))
		return err_sys(e, ERR_IO, -ENAMETOOLONG, "make a place for the container");
	/* Readable, so that a container without privileges may search it: what is in it is not. */
	if (!mkdtemp(path))
		return err_sys(e, ERR_IO, -errno, "make %s", path);
	(void)str_copy(lease->name, sizeof(lease->name), strrchr(path, '/') + 1);
	(void)str_format(dir, sizeof(dir), "run/%s", lease->name);
	return repo_put(r, dir, LEASE, text, len, e);
}

/* --- reading --------------------------------------------------------------------------------- */

/* The next line at *@at, cut; NULL if there is none. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool parse(const struct repo *r, char *text, struct repo_lease *ret)
{
	size_t len = verity_digest_size(r->objects.hash);
	const char *kind = next_line(&text), *state_dir = kind ? next_line(&text) : NULL;
	const char *manifest = state_dir ? next_line(&text) : NULL;
	const char *image = manifest ? next_line(&text) : NULL;

	if (!image || !str_eq(kind, "coracle-lease 1") || !blob_is_digest(manifest) ||
	    strlen(image) != 2 * len || image_unhex(image, len, ret->image) < 0 ||
	    state_dir[0] != '/')
		return false;
	(void)str_copy(ret->manifest, sizeof(ret->manifest), manifest);
	return str_copy(ret->state_dir, sizeof(ret->state_dir), state_dir) < sizeof(ret->state_dir);
}

struct reading {
	struct repo *repo;
	repo_lease_fn fn;
	void *ctx;
};

static int read_lease(void *ctx, const char *name, struct err *e)
{
	struct reading *rd = ctx;
	struct repo_lease lease = {0};
	char path[NAME_MAX + 16];
	struct arena a;
	char *text;
	size_t len;

	(void)str_copy(lease.name, sizeof(lease.name), name);
	(void)str_format(path, sizeof(path), "run/%s/" LEASE, name);
	arena_init(&a, NULL, 0);
	if (io_read_file_at(&a, rd->repo->fd, path, LEASE_MAX, &text, &len) == 0 &&
	    parse(rd->repo, text, &lease))
		lease.held = sys_faccessat(AT_FDCWD, lease.state_dir, 0 /* F_OK */) == 0;
	arena_done(&a);
	return rd->fn(rd->ctx, &lease, e);
}

int repo_each_lease(struct repo *r, repo_lease_fn fn, void *ctx, struct err *e)
{
	struct reading rd = {r, fn, ctx};

	return repo_each(r, "run", read_lease, &rd, e);
}

/* --- removing -------------------------------------------------------------------------------- */

/* Remove what is in @dir but directories that are not empty: those move to @top, so that no depth
 * is too deep. Whether some did: *@moved. */
static int flatten(int dir, int top, unsigned *counter, bool *moved)
{
	int fd = sys_openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char name[32];

	if (!d) {
		(void)fd_close(fd);
		return fd < 0 ? fd : -errno;
	}
	while (r == 0 && (errno = 0, entry = readdir(d))) {
		/* The lease goes last: it says whose all this is. */
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..") ||
		    (dir == top && str_eq(entry->d_name, LEASE)))
			continue;
		r = sys_unlinkat(fd, entry->d_name, 0);
		if (r == -EISDIR)
			r = sys_unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		if (r != -ENOTEMPTY || dir == top) {
			r = r == -ENOTEMPTY ? 0 : r;
			continue;
		}
		(void)str_format(name, sizeof(name), ".moved-%u", ++*counter);
		r = renameat(fd, entry->d_name, top, name) < 0 ? -errno : 0;
		*moved = true;
	}
	if (r == 0 && errno)
		r = -errno;
	(void)closedir(d);
	return r;
}

/* Empty each directory in @top, until none is left. */
static int empty(int top)
{
	unsigned counter = 0;
	bool more = true;
	int r = flatten(top, top, &counter, &more);

	while (more && r == 0) {
		int fd = sys_openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);
		struct dirent *entry;

		if (!d) {
			(void)fd_close(fd);
			return fd < 0 ? fd : -errno;
		}
		more = false;
		while (r == 0 && (entry = readdir(d))) {
			_cleanup_close_ int sub = -EBADF;

			if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..") ||
			    str_eq(entry->d_name, LEASE))
				continue;
			/* Overlayfs leaves a directory that nobody may enter. */
			(void)sys_fchmodat(fd, entry->d_name, 0700);
			sub = sys_openat(fd, entry->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
			r = sub < 0 ? sub : flatten(sub, top, &counter, &more);
			if (r == 0)
				r = sys_unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		}
		(void)closedir(d);
	}
	return r;
}

int repo_lease_remove(struct repo *r, const char *name, struct err *e)
{
	char path[NAME_MAX + 16];
	_cleanup_close_ int top = -EBADF;
	int code;

	(void)str_format(path, sizeof(path), "run/%s", name);
	top = sys_openat(r->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	code = top < 0 ? top : empty(top);
	if (code == 0)
		code = sys_unlinkat(top, LEASE, 0);
	if (code == 0 || code == -ENOENT)
		code = sys_unlinkat(r->fd, path, AT_REMOVEDIR);
	return code < 0 && code != -ENOENT ? err_sys(e, ERR_IO, code, "remove %s/%s", r->path, path)
					   : 0;
}
