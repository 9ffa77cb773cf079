/* coracle image unpack. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/checkout.h"
#include "image/command.h"
#include "image/repo.h"

#define COPY_SIZE ((size_t)256 * 1024)

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	CLI_LONG_OPTIONS,
};

struct unpacking {
	struct repo repo;
	struct verity *verity;
	uint8_t *buf;
	struct progress *progress;
	uint64_t files;
};

/* Copy all of @from, hashing what is written. */
static int copy_hashed(struct unpacking *u, int from, int to, uint8_t *digest)
{
	uint64_t offset = 0;
	ssize_t n;
	int r;

	while ((n = sys_pread(from, u->buf, COPY_SIZE, offset)) != 0) {
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		verity_update(u->verity, u->buf, (size_t)n);
		r = io_write_all(to, u->buf, (size_t)n);
		if (r < 0)
			return r;
		offset += (uint64_t)n;
	}
	return verity_finish(u->verity, digest);
}

/* The content of @n from its object, proven: by a clone of its blocks where that works. */
static int write_content(void *ctx, const struct image_node *n, int fd)
{
	struct unpacking *u = ctx;
	uint8_t digest[IMAGE_DIGEST_MAX];
	_cleanup_close_ int from = -EBADF;
	char path[STORE_PATH_MAX];
	int r;

	progress_show(u->progress, "unpacking", ++u->files, 0, "files");
	if (!n->digest_len)
		return -ENODATA;
	store_object_path(n->digest, n->digest_len, path);
	from = sys_openat(u->repo.objects.fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (from < 0)
		return from;
	if (sys_ioctl(fd, FICLONE, (void *)(intptr_t)from) == 0)
		r = verity_compute_fd(u->verity, fd, digest, NULL);
	else
		r = copy_hashed(u, from, fd, digest);
	if (r < 0)
		return r;
	return memcmp(digest, n->digest, n->digest_len) == 0 ? 0 : -EBADMSG;
}

static bool wants_all(const char *name)
{
	(void)name;
	return true;
}

static int refuse_full_directory(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, -errno, "open %s", path);
	while (empty && (entry = readdir(d)))
		empty = str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..");
	(void)closedir(d);
	return empty ? 0 : err_set(e, ERR_IO, -ENOTEMPTY, "%s is not empty", path);
}

static int unpack(struct unpacking *u, const char *name, const char *path, struct err *e)
{
	bool root = sys_geteuid() == 0;
	struct checkout c = {
		.content = write_content,
		.ctx = u,
		.wants_xattr = wants_all,
		.devices = root,
		.lenient = !root,
	};
	struct image_file f = {.fd = -EBADF};
	char digest[DIGEST_TEXT_MAX];
	struct image_tree t = {0};
	struct repo_record rec;
	int r = refuse_full_directory(path, e);

	if (r == 0)
		r = repo_resolve(&u->repo, name, digest, e);
	if (r == 0)
		r = repo_get_record(&u->repo, digest, &rec, e);
	if (r == 0)
		r = repo_load(&u->repo, &rec, &f, &t, e);
	if (r < 0)
		return r;
	r = image_tree_canonical_links(&t);
	r = r < 0 ? err_sys(e, ERR_IMAGE, r, "unpack") : checkout_tree(&t, &c, path, e);
	image_tree_done(&t);
	image_file_done(&f);
	return r;
}

int command_unpack(struct cli *c, int argc, char **argv)
{
	struct unpacking u = {.progress = &c->progress};
	struct err e = {0};
	int opt, r;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc - optind != 2)
		return cli_usage(c, "expected a NAME and a DIR");
	progress_init(&c->progress, !c->quiet);
	r = repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, &u.repo, &e);
	if (r < 0)
		return cli_fail(c, &e);
	u.buf = malloc(COPY_SIZE);
	r = u.buf ? verity_new(u.repo.objects.hash, &u.verity) : -ENOMEM;
	r = r < 0 ? err_sys(&e, ERR_IMAGE, r, "unpack")
		  : unpack(&u, argv[optind], argv[optind + 1], &e);
	progress_end(&c->progress);
	verity_free(u.verity);
	free(u.buf);
	repo_close(&u.repo);
	return r < 0 ? cli_fail(c, &e) : 0;
}
