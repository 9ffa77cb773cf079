/* Checking objects and mounts. Opens only below the descriptor given, without following links. */
#include "image/prove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/erofs-internal.h"
#include "image/listing.h"
#include "image/verity.h"

static void wrong(struct prove *p, const char *path, const char *what)
{
	p->bad++;
	p->wrong(p->ctx, path, what);
}

static int open_below(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	/* The last component may be a link, if it is only looked at. */
	if (!(flags & O_PATH)) {
		how.flags |= O_NOCTTY | O_NONBLOCK;
		how.resolve |= RESOLVE_NO_SYMLINKS;
	}

	return sys_openat2(root, path, &how);
}

/* The hash that goes with a digest. */
static enum image_hash hash_of(const struct image_node *n)
{
	return n->digest_len == 64 ? IMAGE_SHA512 : IMAGE_SHA256;
}

/* One hasher for each hash, made when it is needed. */
struct hashers {
	struct verity *by_hash[3];
};

static int get_hasher(struct hashers *h, enum image_hash hash, struct verity **ret)
{
	int r = 0;

	if (!h->by_hash[hash])
		r = verity_new(hash, &h->by_hash[hash]);
	*ret = h->by_hash[hash];
	return r;
}

static void free_hashers(struct hashers *h)
{
	verity_free(h->by_hash[IMAGE_SHA256]);
	verity_free(h->by_hash[IMAGE_SHA512]);
}

/* --- objects --------------------------------------------------------------------------------- */

/* What is wrong with the content of @fd, or NULL; -errno in *@r for failures of the check. */
static const char *check_content(const struct image_node *n, int fd, struct hashers *h,
				 struct prove *p, int *r)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	struct verity *v;
	uint64_t size;

	*r = get_hasher(h, hash_of(n), &v);
	if (*r < 0)
		return NULL;
	*r = verity_compute_fd(v, fd, digest, &size);
	if (*r < 0) {
		*r = 0;
		return "cannot be read: its content is not what its digest says, or the disk fails";
	}
	p->bytes += size;
	if (size != n->size)
		return "wrong size";
	return memcmp(digest, n->digest, n->digest_len) == 0 ? NULL : "wrong content";
}

static const char *check_object(const struct image_node *n, int fd, struct hashers *h,
				struct prove *p, int *r)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	enum image_hash hash;
	struct stat st;

	*r = sys_fstat(fd, &st);
	if (*r < 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != n->size)
		return "wrong size";
	if (!n->digest_len)
		return NULL; /* the image does not say */
	*r = verity_measure_fd(fd, &hash, digest);
	if (*r == 0) {
		p->sealed++;
		if (hash != hash_of(n) || memcmp(digest, n->digest, n->digest_len) != 0)
			return "wrong content (sealed as something else)";
		return p->read_sealed ? check_content(n, fd, h, p, r) : NULL;
	}
	if (!verity_is_absent(*r))
		return NULL;
	*r = 0;
	if (p->require_verity)
		return "no fs-verity";
	return check_content(n, fd, h, p, r);
}

int prove_objects(const struct image_tree *t, int store, struct prove *p, struct err *e)
{
	char path[LISTING_PATH_MAX];
	struct listing_objects l;
	struct hashers h = {0};
	int r = listing_collect_objects(t, &l);

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		_cleanup_close_ int fd = -EBADF;
		const char *why = "not a path of an object";

		progress_show(p->progress, "checking", i, l.n, "objects");
		p->checked++;
		if (listing_object_path(l.nodes[i], path)) {
			fd = open_below(store, path, O_RDONLY);
			why = fd < 0 ? "missing" : check_object(l.nodes[i], fd, &h, p, &r);
		} else {
			(void)str_copy(path, sizeof(path), "(an object)");
		}
		if (why)
			wrong(p, path, why);
	}
	listing_objects_done(&l);
	free_hashers(&h);
	return r < 0 ? err_sys(e, ERR_IO, r, "check the objects") : 0;
}

/* --- mounts ---------------------------------------------------------------------------------- */

/* What a mount shows of @n, but its content. NULL: all is right. */
static const char *check_metadata(const struct image_node *n, const struct stat *st)
{
	uint64_t rdev = (minor(st->st_rdev) & 0xff) | (uint64_t)major(st->st_rdev) << 8 |
			(uint64_t)(minor(st->st_rdev) & ~0xffU) << 12;
	bool whiteout = image_node_is_whiteout(n);

	/* A whiteout of the tree appears as an empty file. */
	if ((whiteout ? S_IFREG | (n->mode & 07777) : n->mode) != st->st_mode)
		return "wrong type or mode";
	if (n->uid != st->st_uid || n->gid != st->st_gid)
		return "wrong owner";
	if (n->mtime != st->st_mtim.tv_sec || n->mtime_nsec != (uint32_t)st->st_mtim.tv_nsec)
		return "wrong modification time";
	if (S_ISREG(n->mode) && n->size != (uint64_t)st->st_size)
		return "wrong size";
	if ((S_ISCHR(n->mode) || S_ISBLK(n->mode)) && !whiteout && rdev != n->rdev)
		return "wrong device";
	return NULL;
}

static const char *check_inline(const struct image_node *n, int fd)
{
	uint8_t buf[IMAGE_CONTENT_MAX + 1];
	size_t len = 0;
	ssize_t got;

	while ((got = sys_pread(fd, buf + len, sizeof(buf) - len, len)) > 0)
		len += (size_t)got;
	if (got < 0)
		return "cannot be read";
	return len == n->size && (len == 0 || memcmp(buf, n->data, len) == 0) ? NULL
									      : "wrong content";
}

static const char *check_target(const struct image_node *n, int fd)
{
	char buf[IMAGE_SYMLINK_MAX + 1];
	ssize_t len = readlinkat(fd, "", buf, sizeof(buf));

	if (len < 0 || (size_t)len != n->data_len || memcmp(buf, n->data, n->data_len) != 0)
		return "wrong target";
	return NULL;
}

/* Names of a directory: as many as there should be; each of those is looked up anyway. */
static const char *check_names(const struct image_node *n, int root, const char *path)
{
	int fd = open_below(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint32_t count = 0;
	struct dirent *d;

	if (!dir)
		return "cannot be listed";
	while ((d = readdir(dir)))
		count += !str_eq(d->d_name, ".") && !str_eq(d->d_name, "..");
	(void)closedir(dir);
	return count == n->n_children ? NULL : "wrong number of entries";
}

static const char *check_node(const struct image_node *n, int root, const char *path,
			      struct hashers *h, struct prove *p, int *r)
{
	_cleanup_close_ int at = open_below(root, path, O_PATH);
	_cleanup_close_ int fd = -EBADF;
	const char *why;
	struct stat st;

	if (at < 0)
		return "missing";
	*r = sys_fstat(at, &st);
	if (*r < 0)
		return NULL;
	why = check_metadata(n, &st);
	if (why)
		return why;
	if (S_ISDIR(n->mode))
		return check_names(n, root, path);
	if (S_ISLNK(n->mode))
		return check_target(n, at);
	if (!S_ISREG(n->mode) || n->size == 0)
		return NULL;
	fd = open_below(root, path, O_RDONLY);
	if (fd == -EIO)
		return "cannot be opened: its object is missing, or is not what its digest says";
	if (fd < 0)
		return "cannot be opened";
	if (n->data)
		return check_inline(n, fd);
	return n->digest_len ? check_content(n, fd, h, p, r) : NULL;
}

int prove_mount(const struct image_tree *t, int fd, struct prove *p, struct err *e)
{
	struct image_path path = {0};
	struct hashers h = {0};
	char name[PATH_MAX];
	int r = 0;

	for (struct image_node *n = t->root; n && r == 0; n = image_tree_next(n)) {
		const char *why = "its path is too long to be looked up";

		r = image_node_path(n, &path);
		if (r < 0)
			break;
		progress_show(p->progress, "checking", p->checked, t->n_nodes, "entries");
		p->checked++;
		(void)str_format(name, sizeof(name), "%.*s", (int)MIN(path.len, sizeof(name) - 1),
				 path.text);
		if (path.len < sizeof(name))
			why = check_node(image_node_real(n), fd, path.len == 1 ? "." : name + 1, &h,
					 p, &r);
		if (why)
			wrong(p, name, why);
	}
	image_path_done(&path);
	free_hashers(&h);
	return r < 0 ? err_sys(e, ERR_IO, r, "check the mount") : 0;
}
