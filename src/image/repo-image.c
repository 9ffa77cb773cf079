/* An image that is in the store: its tree, and what describes it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/digest-set.h"
#include "image/erofs.h"
#include "image/repo.h"

int repo_load(struct repo *r, const struct repo_record *rec, struct image_file *ret_file,
	      struct image_tree *ret, struct err *e)
{
	char path[STORE_PATH_MAX];
	struct erofs_info info;
	int fd, code;

	store_object_path(rec->image, verity_digest_size(r->objects.hash), path);
	fd = sys_openat(r->objects.fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s/objects/%s", r->path, path);
	code = image_file_take_fd(fd, path, ret_file, e);
	if (code < 0)
		return code;
	code = erofs_read(ret_file->data, ret_file->len, 0, ret, &info, e);
	if (code < 0) {
		image_file_done(ret_file);
		return err_wrap(e, "image of %.19s", rec->manifest.digest);
	}
	return 0;
}

int repo_open_layout(struct repo *r, const struct repo_record *rec, struct layout *ret,
		     struct err *e)
{
	int code = layout_open_at(r->fd, &rec->manifest, ret, e);

	return code < 0 ? err_wrap(e, "%.19s", rec->manifest.digest) : 0;
}

bool repo_has_object(const struct repo *r, const uint8_t *digest, uint64_t size)
{
	char path[STORE_PATH_MAX];
	struct stat st;

	store_object_path(digest, verity_digest_size(r->objects.hash), path);
	return fstatat(r->objects.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

int repo_tree_size(const struct image_tree *t, uint64_t *ret)
{
	struct digest_set seen = {0};
	uint64_t size = 0;
	int r = 0;

	for (const struct image_node *n = t->root; n && r >= 0; n = image_tree_next(n)) {
		if (n->target || !S_ISREG(n->mode))
			continue;
		if (!n->digest_len) {
			size += n->size;
			continue;
		}
		if (!seen.table)
			r = digest_set_init(&seen, n->digest_len);
		if (r >= 0)
			r = digest_set_add(&seen, n->digest);
		if (r > 0)
			size += n->size;
	}
	digest_set_done(&seen);
	*ret = size;
	return r < 0 ? r : 0;
}
