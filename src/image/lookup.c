/* Looking into an image's tree, and into the objects behind it. */
#include "image/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

static const struct image_node *find_child(const struct image_node *dir, const char *name,
					   size_t len)
{
	for (uint32_t i = 0; i < dir->n_children; i++) {
		struct image_node *n = dir->children[i];

		if (image_bytes_compare(n->name, n->name_len, name, len) == 0)
			return image_node_real(n);
	}
	return NULL;
}

static const struct image_node *find(const struct image_tree *t, const char *path)
{
	const struct image_node *n = t->root;

	while (n && *path) {
		size_t len = strcspn(path, "/");

		n = S_ISDIR(n->mode) ? find_child(n, path, len) : NULL;
		path += len + (path[len] == '/');
	}
	return n;
}

static int read_object(struct repo *r, const struct image_node *n, size_t max, struct arena *a,
		       const char **ret, struct err *e)
{
	char path[STORE_PATH_MAX], *text;
	uint8_t digest[IMAGE_DIGEST_MAX];
	_cleanup_close_ int fd = -EBADF;
	struct verity *v;
	size_t len = 0;
	int code;

	store_object_path(n->digest, n->digest_len, path);
	fd = sys_openat(r->objects.fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	code = fd < 0 ? fd : io_read_fd(a, fd, max, &text, &len);
	if (code == 0)
		code = verity_new(r->objects.hash, &v);
	if (code < 0)
		return err_sys(e, ERR_IO, code, "read %s", path);
	verity_update(v, text, len);
	code = verity_finish(v, digest);
	verity_free(v);
	if (code == 0 && memcmp(digest, n->digest, n->digest_len) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG, "%s: wrong content", path);
	*ret = text;
	return code < 0 ? err_sys(e, ERR_INTERNAL, code, "compute a digest") : 0;
}

int lookup_text(struct repo *r, const struct image_tree *t, const char *path, size_t max,
		struct arena *a, const char **ret, struct err *e)
{
	const struct image_node *n = find(t, path);
	int code;

	*ret = "";
	if (!n || !S_ISREG(n->mode) || n->size == 0)
		return 0;
	if (n->digest_len) {
		code = read_object(r, n, max, a, ret, e);
		return code < 0 ? err_wrap(e, "/%s", path) : 0;
	}
	*ret = arena_strndup(a, n->data, n->data_len);
	return *ret ? 0 : err_sys(e, ERR_IMAGE, -ENOMEM, "read /%s", path);
}
