/* Scanning: one thread walks the directories and makes the tree; then several read the files. What
 * a worker writes into a node was allocated before, so workers allocate nothing in the tree. Names
 * are opened below the source's descriptor without following links. */
#include "image/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define THREADS_MAX 64

/* A file with several names, by device and number. */
struct linked {
	dev_t dev;
	ino_t ino;
	struct image_node *node;
};

struct scan {
	const struct scan_options *o;
	struct image_tree tree;
	int fd; /* of the source */
	struct image_path path;
	struct image_node **files; /* to be read: regular, not empty */
	size_t n_files, cap_files;
	struct linked *links;
	size_t n_links, cap_links;
	char *xattr_names, *xattr_value;
	/* shared by the workers */
	atomic_size_t next, done;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct err first; /* the first failure; code 0: none */
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_IO, -ENOMEM, "read the directory");
}

static int bad_node(struct scan *s, const struct image_node *n, int code, const char *what,
		    struct err *e)
{
	char excerpt[IMAGE_EXCERPT_MAX];

	if (image_node_path(n, &s->path) < 0)
		return no_memory(e);
	return err_sys(e, ERR_IO, code, "%s %s", what,
		       image_excerpt(s->path.text, s->path.len, excerpt));
}

/* Open @n below the source. Returns a descriptor or -errno; @path is scratch. */
static int open_node(int root, const struct image_node *n, int flags, struct image_path *path)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int r = image_node_path(n, path);
	char name[PATH_MAX];

	if (r < 0)
		return r;
	if (path->len >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, path->text + 1, path->len - 1);
	name[path->len - 1] = '\0';
	return sys_openat2(root, path->len == 1 ? "." : name, &how);
}

/* --- one entry ------------------------------------------------------------------------------- */

bool scan_wants_xattr(const struct scan_options *o, const char *name)
{
	switch (o->xattrs) {
	case SCAN_XATTRS_ALL:
		return true;
	case SCAN_XATTRS_USER:
		return str_starts(name, "user.");
	case SCAN_XATTRS_OCI:
		return str_eq(name, "security.capability");
	case SCAN_XATTRS_NONE:
		break;
	}
	return false;
}

/* @file is a path to the entry that ends in its name: links are not followed. */
static int read_xattrs(struct scan *s, struct image_node *n, const char *file, struct err *e)
{
	ssize_t len;

	if (s->o->xattrs == SCAN_XATTRS_NONE)
		return 0;
	len = llistxattr(file, s->xattr_names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : bad_node(s, n, -errno, "list attributes of", e);
	for (char *name = s->xattr_names; name < s->xattr_names + len; name += strlen(name) + 1) {
		const struct image_key *key;
		ssize_t size;
		void *value;

		if (!scan_wants_xattr(s->o, name))
			continue;
		size = lgetxattr(file, name, s->xattr_value, XATTR_SIZE_MAX);
		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0)
			return bad_node(s, n, -errno, "read an attribute of", e);
		key = image_tree_key(&s->tree, name, strlen(name));
		value = image_tree_copy(&s->tree, s->xattr_value, (size_t)size);
		if (!key || !value ||
		    image_node_set_xattr(&s->tree, n, key, value, (size_t)size) < 0)
			return no_memory(e);
	}
	if (image_node_xattr_space(n) > IMAGE_XATTR_SPACE_MAX)
		return bad_node(s, n, -E2BIG, "attributes of", e);
	return 0;
}

static int read_target(struct scan *s, struct image_node *n, int dir, const char *name,
		       struct err *e)
{
	char target[IMAGE_SYMLINK_MAX + 2];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	if (len < 0)
		return bad_node(s, n, -errno, "read the link", e);
	if (len == 0 || len > IMAGE_SYMLINK_MAX)
		return bad_node(s, n, -ENAMETOOLONG, "read the link", e);
	n->data = image_tree_copy(&s->tree, target, (size_t)len);
	n->data_len = (uint16_t)len;
	return n->data ? 0 : no_memory(e);
}

/* Remember to read the file, and make room for what will be known then. */
static int add_file(struct scan *s, struct image_node *n, struct err *e)
{
	size_t digest_len = verity_digest_size(s->o->hash);

	if (n->size > IMAGE_FILE_SIZE_MAX)
		return bad_node(s, n, -EFBIG, "take in", e);
	if (s->n_files == s->cap_files) {
		size_t cap = s->cap_files ? 2 * s->cap_files : 1024;
		struct image_node **grown = realloc(s->files, cap * sizeof(struct image_node *));

		if (!grown)
			return no_memory(e);
		s->files = grown;
		s->cap_files = cap;
	}
	if (n->size <= IMAGE_INLINE_MAX) {
		n->data = arena_alloc(&s->tree.arena, (size_t)n->size);
		n->data_len = (uint16_t)n->size;
		if (!n->data)
			return no_memory(e);
	} else {
		n->digest = arena_alloc(&s->tree.arena, digest_len);
		n->digest_len = (uint8_t)digest_len;
		n->payload = arena_alloc(&s->tree.arena, STORE_PATH_MAX);
		n->payload_len = (uint16_t)(2 * digest_len + 1);
		if (!n->digest || !n->payload)
			return no_memory(e);
	}
	s->files[s->n_files++] = n;
	return 0;
}

static int add_linked(struct scan *s, struct image_node *n, const struct stat *st, struct err *e)
{
	if (s->n_links == s->cap_links) {
		size_t cap = s->cap_links ? 2 * s->cap_links : 256;
		struct linked *grown = realloc(s->links, cap * sizeof(*grown));

		if (!grown)
			return no_memory(e);
		s->links = grown;
		s->cap_links = cap;
	}
	s->links[s->n_links++] = (struct linked){st->st_dev, st->st_ino, n};
	return 0;
}

/* Everything about the entry @name of the open directory @dir but its content. */
static int fill_node(struct scan *s, struct image_node *n, int dir, const char *name,
		     const struct stat *st, struct err *e)
{
	unsigned major_number = major(st->st_rdev), minor_number = minor(st->st_rdev);
	char file[40 + NAME_MAX + 1];
	int r;

	n->mode = st->st_mode;
	n->uid = st->st_uid;
	n->gid = st->st_gid;
	n->nlink = 1;
	if (!s->o->epoch) {
		n->mtime = st->st_mtim.tv_sec;
		n->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	}
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		n->rdev = (minor_number & 0xff) | major_number << 8 | (minor_number & ~0xffU) << 12;
	(void)str_format(file, sizeof(file), "/proc/self/fd/%d/%s", dir, name);
	r = read_xattrs(s, n, file, e);
	if (r < 0)
		return r;
	/* A whiteout is no file but a mark in its own directory: each is written for itself, and
	 * each of their directories says that it has some. */
	if (s->o->hardlinks && st->st_nlink > 1 && !S_ISDIR(n->mode) && !image_node_is_whiteout(n))
		r = add_linked(s, n, st, e);
	if (r < 0)
		return r;
	if (S_ISLNK(n->mode))
		return read_target(s, n, dir, name, e);
	if (!S_ISREG(n->mode))
		return 0;
	n->size = (uint64_t)st->st_size;
	if (n->size)
		r = add_file(s, n, e);
	return r;
}

/* --- the walk -------------------------------------------------------------------------------- */

static int add_entry(struct scan *s, struct image_node *parent, int dir, const char *name,
		     struct err *e)
{
	size_t len = strlen(name);
	struct image_node *n;
	const char *copy;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return bad_node(s, parent, -errno, "read an entry of", e);
	if (s->o->skip_devices && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		return 0;
	if (parent->depth >= IMAGE_DEPTH_MAX)
		return bad_node(s, parent, -ENAMETOOLONG, "go below", e);
	copy = image_tree_copy(&s->tree, name, len);
	n = copy ? image_tree_add(&s->tree, parent, copy, len) : NULL;
	if (!n)
		return no_memory(e);
	progress_show(s->o->progress, "reading the tree", s->tree.n_nodes, 0, "entries");
	return fill_node(s, n, dir, name, &st, e);
}

static int read_directory(struct scan *s, struct image_node *dir, struct err *e)
{
	_cleanup_close_ int fd = open_node(s->fd, dir, O_RDONLY | O_DIRECTORY, &s->path);
	struct dirent *d;
	int r = 0, at;
	DIR *entries;

	if (fd < 0)
		return bad_node(s, dir, fd, "open", e);
	at = fd;
	entries = fdopendir(fd);
	if (!entries)
		return bad_node(s, dir, -errno, "read", e);
	(void)TAKE_FD(fd); /* closedir() closes it */
	while (r == 0) {
		errno = 0;
		d = readdir(entries);
		if (!d) {
			if (errno)
				r = bad_node(s, dir, -errno, "read", e);
			break;
		}
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = add_entry(s, dir, at, d->d_name, e);
	}
	(void)closedir(entries);
	image_node_sort_children(dir);
	return r;
}

static int walk(struct scan *s, struct err *e)
{
	struct image_node *root = image_tree_add(&s->tree, NULL, "", 0);
	struct stat st;
	int r;

	if (!root)
		return no_memory(e);
	r = sys_fstat(s->fd, &st);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "read the directory");
	r = fill_node(s, root, s->fd, ".", &st, e);
	/* A directory is read, and sorted, before the walk looks for its first child. */
	for (struct image_node *n = root; n && r == 0; n = image_tree_next(n))
		if (S_ISDIR(n->mode))
			r = read_directory(s, n, e);
	return r;
}

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

/* Names of one file become links to one of them; how many there are in the tree is its count. */
static int join_links(struct scan *s, struct err *e)
{
	size_t kept = 0;

	if (s->n_links == 0)
		return 0;
	qsort(s->links, s->n_links, sizeof(*s->links), compare_linked);
	for (size_t i = 0, real = 0; i < s->n_links; i++) {
		if (i == 0 || compare_linked(&s->links[real], &s->links[i]) != 0) {
			real = i;
			continue;
		}
		s->links[i].node->target = s->links[real].node;
		s->links[real].node->nlink++;
	}
	for (size_t i = 0; i < s->n_files; i++)
		if (!s->files[i]->target)
			s->files[kept++] = s->files[i];
	s->n_files = kept;
	if (image_tree_canonical_links(&s->tree) < 0)
		return no_memory(e);
	/* A file may have moved to another of its names. */
	for (size_t i = 0; i < s->n_files; i++)
		s->files[i] = image_node_real(s->files[i]);
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

struct worker {
	struct scan *scan;
	struct verity *verity;
	struct store_batch *batch; /* NULL without a store */
	struct image_path path;
	struct err err;
};

/* Read all of a small file, and see that it ends there. */
static int read_inline(int fd, struct image_node *n)
{
	char buf[IMAGE_INLINE_MAX + 1];
	size_t len = 0;
	ssize_t r;

	while (len < sizeof(buf) && (r = sys_pread(fd, buf + len, sizeof(buf) - len, len)) != 0) {
		if (r == -EINTR)
			continue;
		if (r < 0)
			return (int)r;
		len += (size_t)r;
	}
	if (len != n->size)
		return -EAGAIN;
	memcpy((void *)(uintptr_t)n->data, buf, len);
	return 0;
}

static int read_file(struct worker *w, struct image_node *n)
{
	_cleanup_close_ int fd = open_node(w->scan->fd, n, O_RDONLY, &w->path);
	uint8_t digest[IMAGE_DIGEST_MAX] = {0};
	uint64_t size = 0;
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(&w->err, ERR_IO, fd, "open");
	r = sys_fstat(fd, &st);
	if (r == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != n->size))
		r = -EAGAIN;
	if (r == 0 && n->data)
		r = read_inline(fd, n);
	else if (r == 0)
		r = verity_compute_fd(w->verity, fd, digest, &size);
	if (r == 0 && !n->data && size != n->size)
		r = -EAGAIN;
	if (r == -EAGAIN)
		return err_set(&w->err, ERR_IO, r, "the file changed while it was read");
	if (r < 0)
		return err_sys(&w->err, ERR_IO, r, "read");
	if (n->data)
		return 0;
	memcpy((void *)(uintptr_t)n->digest, digest, n->digest_len);
	store_object_path(digest, n->digest_len, (char *)(uintptr_t)n->payload);
	if (w->batch)
		return store_batch_add(w->batch, w->verity, fd, digest, size, &w->err);
	return 0;
}

/* Keep the first failure, and stop everybody. */
static void worker_failed(struct worker *w, const struct image_node *n)
{
	struct scan *s = w->scan;
	char excerpt[IMAGE_EXCERPT_MAX];

	if (n && image_node_path(n, &w->path) == 0)
		(void)err_wrap(&w->err, "%s", image_excerpt(w->path.text, w->path.len, excerpt));
	(void)pthread_mutex_lock(&s->lock);
	if (s->first.code == 0)
		s->first = w->err;
	(void)pthread_mutex_unlock(&s->lock);
	atomic_store(&s->stop, true);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct scan *s = w->scan;

	while (!atomic_load(&s->stop)) {
		size_t i = atomic_fetch_add(&s->next, 1);

		if (i >= s->n_files)
			break;
		if (read_file(w, s->files[i]) < 0)
			worker_failed(w, s->files[i]);
		atomic_fetch_add(&s->done, 1);
	}
	if (w->batch && !atomic_load(&s->stop) && store_batch_flush(w->batch, &w->err) < 0)
		worker_failed(w, NULL);
	return NULL;
}

static unsigned count_threads(const struct scan *s)
{
	unsigned n = s->o->threads;
	cpu_set_t set;

	if (n == 0)
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	n = MIN(n, (unsigned)THREADS_MAX);
	return (unsigned)MAX(MIN((size_t)n, s->n_files / 16), (size_t)1);
}

/* Wait for the workers, and tell how far they are. */
static void wait_workers(struct scan *s, const pthread_t *threads, unsigned n)
{
	while (s->o->progress->on && !atomic_load(&s->stop) && atomic_load(&s->next) < s->n_files) {
		progress_show(s->o->progress, "hashing", atomic_load(&s->done), s->n_files,
			      "files");
		(void)usleep(50000);
	}
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static int read_files(struct scan *s, struct err *e)
{
	unsigned n = count_threads(s), started = 0;
	struct worker *workers = calloc(n, sizeof(*workers));
	pthread_t threads[THREADS_MAX];
	int r = workers ? 0 : -ENOMEM;

	for (unsigned i = 0; i < n && r == 0; i++) {
		workers[i].scan = s;
		r = verity_new(s->o->hash, &workers[i].verity);
		if (r == 0 && s->o->store)
			r = store_batch_new(s->o->store, &workers[i].batch);
	}
	/* One runs here if no thread, or none more, is to be had. */
	while (r == 0 && n > 1 && started < n &&
	       pthread_create(&threads[started], NULL, work, &workers[started]) == 0)
		started++;
	if (r == 0 && started == 0)
		(void)work(&workers[0]);
	wait_workers(s, threads, started);
	for (unsigned i = 0; workers && i < n; i++) {
		verity_free(workers[i].verity);
		store_batch_free(workers[i].batch);
		image_path_done(&workers[i].path);
	}
	free(workers);
	if (r < 0)
		return no_memory(e);
	if (s->first.code == 0)
		return 0;
	*e = s->first;
	return e->code;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int run(struct scan *s, struct err *e)
{
	int r;

	s->xattr_names = malloc(XATTR_LIST_MAX);
	s->xattr_value = malloc(XATTR_SIZE_MAX);
	if (!s->xattr_names || !s->xattr_value || image_tree_init(&s->tree, false) < 0)
		return no_memory(e);
	r = walk(s, e);
	if (r == 0)
		r = join_links(s, e);
	if (r == 0)
		r = read_files(s, e);
	if (r == 0 && s->o->store)
		r = store_sync(s->o->store, e);
	return r;
}

int scan_directory(const char *path, const struct scan_options *o, struct image_tree *ret,
		   struct err *e)
{
	struct scan s = {.o = o, .lock = PTHREAD_MUTEX_INITIALIZER};
	_cleanup_close_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s", path);
	s.fd = fd;
	r = run(&s, e);
	if (r == 0)
		*ret = s.tree;
	else
		image_tree_done(&s.tree);
	free(s.xattr_names);
	free(s.xattr_value);
	free(s.files);
	free(s.links);
	image_path_done(&s.path);
	return r;
}
