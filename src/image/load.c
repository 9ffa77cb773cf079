/* Loading whole files. */
#include "image/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sys.h"
#include "image/dump.h"
#include "image/erofs-format.h"

#define FILE_MAX (1ULL << 34) /* an image of 16 GiB has some 200 million inodes */

int image_file_read(struct image_file *f, struct err *e)
{
	struct stat st;
	ssize_t n = 1;
	size_t len = 0;
	int r = f->data ? 1 : sys_fstat(f->fd, &st);

	if (r > 0)
		return 0;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (r == 0 && (uint64_t)st.st_size > FILE_MAX)
		r = -EFBIG;
	if (r == 0) {
		f->data = malloc((size_t)st.st_size + 1);
		r = f->data ? 0 : -ENOMEM;
	}
	while (r == 0 && n != 0 && len < (size_t)st.st_size) {
		n = sys_pread(f->fd, f->data + len, (size_t)st.st_size - len, len);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && n != -EINTR)
			r = (int)n;
	}
	f->len = len;
	return r < 0 ? err_sys(e, ERR_IO, r, "read the file") : 0;
}

int image_file_take_fd(int fd, const char *path, struct image_file *ret, struct err *e)
{
	struct image_file f = {.fd = fd};

	if (image_file_read(&f, e) < 0) {
		image_file_done(&f);
		return err_wrap(e, "%s", path);
	}
	*ret = f;
	return 0;
}

int image_file_open_unread(const char *path, struct image_file *ret, struct err *e)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s", path);
	*ret = (struct image_file){.fd = fd};
	return 0;
}

int image_file_open(const char *path, struct image_file *ret, struct err *e)
{
	struct image_file f = {.fd = -EBADF};
	int r = image_file_open_unread(path, &f, e);

	return r < 0 ? r : image_file_take_fd(f.fd, path, ret, e);
}

void image_file_done(struct image_file *f)
{
	free(f->data);
	f->fd = fd_close(f->fd);
	f->data = NULL;
}

bool image_file_is_image(const struct image_file *f)
{
	return f->len >= 4 && get32(f->data) == CFS_MAGIC;
}

static int load_dump(const struct image_file *f, struct image_tree *ret, struct err *e)
{
	struct dump_reader *d;
	int r = dump_reader_new(0, &d);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read the dump");
	r = dump_reader_add(d, (const char *)f->data, f->len, e);
	if (r == 0)
		r = dump_reader_finish(d, ret, e);
	dump_reader_free(d);
	return r;
}

int image_load_any(const char *path, const struct scan_options *o, struct image_tree *ret,
		   struct image_file *ret_file, unsigned *ret_version, struct err *e)
{
	struct erofs_info info = {.version = 1};
	struct image_file f = {.fd = -EBADF};
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		r = scan_directory(path, o, ret, e);
	} else {
		r = image_file_open(path, &f, e);
		if (r < 0)
			return r;
		if (image_file_is_image(&f))
			r = erofs_read(f.data, f.len, 0, ret, &info, e);
		else
			r = load_dump(&f, ret, e);
	}
	if (r < 0) {
		image_file_done(&f);
		return err_wrap(e, "%s", path);
	}
	*ret_file = f;
	*ret_version = info.version;
	return 0;
}

int image_file_digest(struct image_file *f, enum image_hash hash, uint8_t *ret_digest,
		      bool *ret_measured, struct err *e)
{
	enum image_hash measured;
	struct verity *v;
	int r = verity_measure_fd(f->fd, &measured, ret_digest);

	*ret_measured = r == 0 && measured == hash;
	if (*ret_measured)
		return 0;
	if (r < 0 && !verity_is_absent(r))
		return err_sys(e, ERR_IO, r, "measure the image");
	r = image_file_read(f, e);
	if (r < 0)
		return r;
	r = verity_new(hash, &v);
	if (r == 0) {
		verity_update(v, f->data, f->len);
		r = verity_finish(v, ret_digest);
		verity_free(v);
	}
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compute the digest");
	return 0;
}

int image_file_check_canonical(const struct image_file *f, struct image_tree *t, unsigned version,
			       struct err *e)
{
	struct erofs_info info;
	struct output out;
	int r = output_init(&out, -EBADF);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "check the image");
	out.compare = f->data;
	out.compare_len = f->len;
	r = erofs_write(t, version, version, &out, &info, e);
	if (r == 0)
		r = output_finish(&out);
	if (r == 0 && out.differs)
		r = err_set(e, ERR_IMAGE, -EINVAL,
			    "the image is not canonical: byte %llu is not what its tree makes",
			    (unsigned long long)out.differs_at);
	output_done(&out);
	return r;
}
