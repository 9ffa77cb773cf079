/* Trust in an image, before it is mounted. */
#include "image/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/erofs-format.h"
#include "image/listing.h"

#define SAMPLE 16

static int check_digest(struct image_file *f, const struct trust_options *o, struct trust_result *t,
			struct err *e)
{
	int r = image_file_digest(f, o->hash, t->digest, &t->sealed, e);

	if (r < 0)
		return r;
	t->has_digest = true;
	if (o->verity == VERITY_REQUIRE && !t->sealed)
		return err_set(e, ERR_DIGEST, -ENODATA, "Image has no fs-verity");
	if (o->has_digest && memcmp(t->digest, o->digest, verity_digest_size(o->hash)) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG, "Image has wrong fs-verity");
	return 0;
}

/* Where is this object, and does the kernel measure it as what it should be? */
static bool is_sealed(const struct image_node *n, const struct trust_options *o)
{
	char object[LISTING_PATH_MAX], path[LISTING_PATH_MAX];
	uint8_t digest[IMAGE_DIGEST_MAX];
	enum image_hash hash;

	if (!n->digest_len || !listing_object_path(n, object))
		return false;
	for (unsigned i = 0; i < o->n_objects; i++) {
		_cleanup_close_ int fd = -EBADF;

		(void)str_format(path, sizeof(path), "%s/%s", o->objects[i], object);
		fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
		if (fd >= 0)
			return verity_measure_fd(fd, &hash, digest) == 0 &&
			       memcmp(digest, n->digest, n->digest_len) == 0;
	}
	return false;
}

/* Would digests that are required be found? An overlay takes verity=require on any kernel and any
 * filesystem, and then no file can be opened. A few objects tell. */
static bool sample_objects(const struct image_tree *t, const struct trust_options *o)
{
	unsigned seen = 0;

	for (const struct image_node *n = t->root; n && seen < SAMPLE; n = image_tree_next(n)) {
		if (n->target || !S_ISREG(n->mode) || !n->payload)
			continue;
		if (!is_sealed(n, o))
			return false;
		seen++;
	}
	return seen > 0;
}

/* Look into the image: is it ours, and are its objects sealed? */
static int check_tree(struct image_file *f, const struct trust_options *o, bool canonical,
		      struct trust_result *t, struct err *e)
{
	struct image_tree tree = {0};
	struct erofs_info info;
	int r = image_file_read(f, e);

	if (r == 0)
		r = erofs_read(f->data, f->len, 0, &tree, &info, e);
	if (r == 0)
		t->objects_sealed = sample_objects(&tree, o);
	if (r == 0 && canonical)
		r = image_file_check_canonical(f, &tree, info.version, e);
	image_tree_done(&tree);
	return r;
}

/* What decides how it is mounted is in the first bytes. */
static int read_header(const struct image_file *f, struct trust_result *t, struct err *e)
{
	uint8_t header[CFS_HEADER_SIZE];
	ssize_t n = sys_pread(f->fd, header, sizeof(header), 0);

	if (n < 0)
		return err_sys(e, ERR_IO, (int)n, "read the image");
	if (n != sizeof(header) || get32(header) != CFS_MAGIC)
		return err_set(e, ERR_IMAGE, -EINVAL, "not an image: no composefs header");
	t->has_acl = get32(header + 8) & CFS_FLAG_ACL;
	return 0;
}

int trust_image(struct image_file *f, const struct trust_options *o, struct trust_result *ret,
		struct err *e)
{
	struct trust_result t = {0};
	bool canonical;
	int r = 0;

	if (o->has_digest || o->verity == VERITY_REQUIRE)
		r = check_digest(f, o, &t, e);
	if (r < 0)
		return r;
	/* What is sealed and has the right digest is what its maker made. */
	canonical = !o->skip_canonical && !(t.sealed && o->has_digest);
	if (canonical || o->verity == VERITY_TRY)
		r = check_tree(f, o, canonical, &t, e);
	if (r == 0)
		r = read_header(f, &t, e);
	if (r == 0)
		*ret = t;
	return r;
}
