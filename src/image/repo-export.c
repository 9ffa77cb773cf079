/* Writing an image out as an OCI image layout, in a directory or as an archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/flatten.h"
#include "image/repo.h"
#include "image/tar-write.h"

#define COPY_SIZE ((size_t)256 * 1024)

/* Where it goes. */
struct sink {
	int dir;           /* a directory; -EBADF: an archive */
	struct output out; /* the archive */
};

/* --- files ----------------------------------------------------------------------------------- */

/* A file in the layout, from memory (@text) or else from the descriptor @fd. */
struct part {
	const char *name;
	const void *text;
	int fd;
	uint64_t size;
};

static int copy_fd(const struct part *p, int to, struct output *out, struct arena *a)
{
	uint8_t *buf = arena_alloc(a, COPY_SIZE);
	uint64_t at = 0;

	if (!buf)
		return -ENOMEM;
	while (at < p->size) {
		ssize_t n = sys_pread(p->fd, buf, (size_t)MIN(p->size - at, COPY_SIZE), at);
		int r = 0;

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		if (out)
			output_write(out, buf, (size_t)n);
		else
			r = io_write_all(to, buf, (size_t)n);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return 0;
}

static int put_in_directory(struct sink *s, const struct part *p, struct arena *a)
{
	_cleanup_close_ int fd =
		sys_openat(s->dir, p->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		return fd == -EEXIST && str_starts(p->name, "blobs/") ? 0 : fd;
	return p->text ? io_write_all(fd, p->text, (size_t)p->size) : copy_fd(p, fd, NULL, a);
}

static int put_in_archive(struct sink *s, const struct part *p, struct arena *a)
{
	int r = 0;

	tar_write_file(&s->out, p->name, p->size);
	if (p->text)
		output_write(&s->out, p->text, (size_t)p->size);
	else
		r = copy_fd(p, -EBADF, &s->out, a);
	tar_write_padding(&s->out, p->size);
	return r;
}

static int put(struct sink *s, struct part p, struct err *e)
{
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = s->dir >= 0 ? put_in_directory(s, &p, &a) : put_in_archive(s, &p, &a);
	arena_done(&a);
	return r < 0 ? err_sys(e, ERR_IO, r, "write %s", p.name) : 0;
}

static int put_blob(struct sink *s, const struct descriptor *d, const char *text, int fd,
		    struct err *e)
{
	char path[BLOB_PATH_MAX];

	blob_path(d->digest, path);
	return put(s, (struct part){path, text, fd, d->size}, e);
}

/* --- what describes it ----------------------------------------------------------------------- */

static void write_descriptor(struct json_writer *w, const struct descriptor *d)
{
	json_kv_string(w, "mediaType", d->media_type);
	json_kv_string(w, "digest", d->digest);
	json_kv_u64(w, "size", d->size);
}

static int put_index(struct sink *s, const struct descriptor *manifest, const char *name,
		     struct arena *a, struct err *e)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct json_writer w;
	const char *text;
	size_t len;
	int r = put(s, (struct part){"oci-layout", version, -EBADF, sizeof(version) - 1}, e);

	json_writer_init(&w, a, false);
	json_object_begin(&w);
	json_kv_u64(&w, "schemaVersion", 2);
	json_kv_string(&w, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_key(&w, "manifests");
	json_array_begin(&w);
	json_object_begin(&w);
	write_descriptor(&w, manifest);
	if (name) {
		json_key(&w, "annotations");
		json_object_begin(&w);
		json_kv_string(&w, "org.opencontainers.image.ref.name", name);
		json_object_end(&w);
	}
	json_object_end(&w);
	json_array_end(&w);
	json_object_end(&w);
	if (r == 0 && json_writer_finish(&w, &text, &len) < 0)
		r = err_sys(e, ERR_IMAGE, -ENOMEM, "write index.json");
	return r < 0 ? r : put(s, (struct part){"index.json", text, -EBADF, len}, e);
}

/* --- as it came ------------------------------------------------------------------------------ */

static int put_kept(struct repo *r, struct sink *s, const struct layout *l, struct err *e)
{
	int code = put_blob(s, &l->config, l->config_text, -EBADF, e);

	for (size_t i = 0; i < l->n_layers && code == 0; i++) {
		char path[BLOB_PATH_MAX];
		struct source_file f;

		blob_path(l->layers[i].blob.digest, path);
		code = source_find(&r->blobs, path, &f, e);
		if (code < 0)
			return code;
		code = put_blob(s, &l->layers[i].blob, NULL, f.fd, e);
		source_file_done(&f);
	}
	return code < 0 ? code : put_blob(s, &l->manifest, l->manifest_text, -EBADF, e);
}

/* --- as one layer ---------------------------------------------------------------------------- */

static int make_manifest(const struct descriptor *config, const struct descriptor *layer,
			 struct arena *a, struct descriptor *ret, const char **ret_text,
			 struct err *e)
{
	struct json_writer w;
	size_t len;
	int r;

	ret->media_type = "application/vnd.oci.image.manifest.v1+json";
	json_writer_init(&w, a, false);
	json_object_begin(&w);
	json_kv_u64(&w, "schemaVersion", 2);
	json_kv_string(&w, "mediaType", ret->media_type);
	json_key(&w, "config");
	json_object_begin(&w);
	write_descriptor(&w, config);
	json_object_end(&w);
	json_key(&w, "layers");
	json_array_begin(&w);
	json_object_begin(&w);
	write_descriptor(&w, layer);
	json_object_end(&w);
	json_array_end(&w);
	json_object_end(&w);
	r = json_writer_finish(&w, ret_text, &len);
	ret->size = len;
	if (r == 0)
		r = blob_digest(*ret_text, len, ret->digest);
	return r < 0 ? err_sys(e, ERR_IMAGE, r, "write the manifest") : 0;
}

static int put_flat(struct repo *r, struct sink *s, const struct repo_record *rec,
		    const struct layout *l, struct progress *p, struct arena *a,
		    struct descriptor *ret, struct err *e)
{
	struct descriptor config = {.media_type = "application/vnd.oci.image.config.v1+json"};
	struct flat_layer layer = {.fd = -EBADF};
	const char *config_text = NULL, *text = NULL;
	size_t len = 0;
	int code = flatten_image(r, rec, p, &layer, e);

	if (code == 0)
		code = flatten_config(l->config_text, (size_t)l->config.size, layer.blob.digest, a,
				      &config_text, &len, e);
	config.size = len;
	if (code == 0) {
		code = blob_digest(config_text, len, config.digest);
		if (code < 0)
			(void)err_sys(e, ERR_INTERNAL, code, "compute a digest");
	}
	if (code == 0)
		code = make_manifest(&config, &layer.blob, a, ret, &text, e);
	if (code == 0)
		code = put_blob(s, &layer.blob, NULL, layer.fd, e);
	if (code == 0)
		code = put_blob(s, &config, config_text, -EBADF, e);
	if (code == 0)
		code = put_blob(s, ret, text, -EBADF, e);
	(void)fd_close(layer.fd);
	return code;
}

/* --- the export ------------------------------------------------------------------------------ */

static int open_directory(const char *path, struct err *e)
{
	static const char *const dirs[] = {"blobs", "blobs/sha256", "blobs/sha512"};
	int r = sys_mkdirat(AT_FDCWD, path, 0755), fd;

	if (r < 0) {
		(void)err_sys(e, ERR_IO, r, "make %s", path);
		return r == -EEXIST ? err_hint(e, "an export makes its directory") : r;
	}
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	r = fd < 0 ? fd : 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = sys_mkdirat(fd, dirs[i], 0755);
	if (r == 0)
		return fd;
	(void)fd_close(fd);
	return err_sys(e, ERR_IO, r, "make %s", path);
}

int repo_export(struct repo *r, const struct repo_export *o, struct descriptor *ret, struct err *e)
{
	struct sink s = {.dir = -EBADF};
	struct descriptor manifest;
	struct layout l;
	struct arena a;
	int code = repo_open_layout(r, o->record, &l, e);

	if (code < 0)
		return code;
	arena_init(&a, NULL, 0);
	if (o->fd >= 0)
		code = output_init(&s.out, o->fd);
	else
		code = s.dir = open_directory(o->directory, e);
	manifest = l.manifest;
	if (code >= 0 && o->record->has_layers && !o->flatten)
		code = put_kept(r, &s, &l, e);
	else if (code >= 0)
		code = put_flat(r, &s, o->record, &l, o->progress, &a, &manifest, e);
	if (code == 0)
		code = put_index(&s, &manifest, o->name, &a, e);
	if (o->fd >= 0) {
		tar_write_end(&s.out);
		if (code == 0 && output_finish(&s.out) < 0)
			code = err_sys(e, ERR_IO, -EIO, "write the archive");
		output_done(&s.out);
	}
	(void)fd_close(s.dir);
	*ret = manifest;
	ret->media_type = "";
	layout_close(&l);
	arena_done(&a);
	return code;
}
