/* Directories and archives of image files. An archive is read once, to learn where its members
 * begin; then they are read in place. */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/tar.h"
#include "image/unpack.h"

#define MEMBERS_MAX 65536
#define COPY_SIZE   ((size_t)256 * 1024)
#define LINKS_MAX   8

struct source_member {
	const char *name;
	const char *target; /* of a link, a name; NULL: a file */
	uint64_t offset, size;
	struct source_member *next;
};

/* --- archives -------------------------------------------------------------------------------- */

/* Bytes of a file and how many have been read. */
struct stream {
	int fd;
	uint64_t offset;
};

static ssize_t read_stream(void *ctx, void *buf, size_t len, struct err *e)
{
	struct stream *s = ctx;
	ssize_t n;

	do {
		n = sys_read(s->fd, buf, len);
	} while (n == -EINTR);
	if (n < 0)
		return err_sys(e, ERR_IO, (int)n, "read the archive");
	s->offset += (uint64_t)n;
	return n;
}

/* The target of the symbolic link @entry as a name in the archive, or NULL if it leads out of it.
 */
static const char *resolve_target(struct arena *a, const struct tar_entry *entry)
{
	const char *dir_end = memrchr(entry->path, '/', entry->path_len);
	size_t dir = dir_end ? (size_t)(dir_end - entry->path) : 0;
	const char *at = entry->target, *end = at + entry->target_len;

	while (end - at >= 3 && memcmp(at, "../", 3) == 0) {
		if (dir == 0)
			return NULL;
		dir_end = memrchr(entry->path, '/', dir);
		dir = dir_end ? (size_t)(dir_end - entry->path) : 0;
		at += 3;
	}
	return arena_format(a, "%.*s%s%.*s", (int)dir, entry->path, dir ? "/" : "", (int)(end - at),
			    at);
}

static int add_member(struct source *s, const struct tar_entry *entry, uint64_t offset,
		      struct err *e)
{
	struct source_member *m;

	if (entry->type != TAR_FILE && entry->type != TAR_LINK && entry->type != TAR_SYMLINK)
		return 0;
	m = arena_new(&s->arena, struct source_member);
	if (m)
		m->name = arena_strndup(&s->arena, entry->path, entry->path_len);
	if (!m || !m->name)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
	if (entry->type == TAR_LINK)
		m->target = arena_strndup(&s->arena, entry->target, entry->target_len);
	else if (entry->type == TAR_SYMLINK)
		m->target = resolve_target(&s->arena, entry);
	if (entry->type != TAR_FILE && !m->target)
		return 0;
	m->offset = offset;
	m->size = entry->size;
	/* Of two members of one name the last one counts, as for tar. */
	m->next = s->members;
	s->members = m;
	return 0;
}

static int index_members(struct source *s, struct err *e)
{
	struct stream stream = {.fd = s->fd};
	struct tar_entry entry;
	struct tar *t = NULL;
	unsigned n = 0;
	int r = lseek(s->fd, 0, SEEK_SET) < 0 ? -errno : tar_new(read_stream, &stream, &t);

	if (r < 0)
		return err_sys(e, ERR_IO, r, "read the archive");
	while ((r = tar_next(t, &entry, e)) > 0) {
		r = ++n > MEMBERS_MAX ? err_set(e, ERR_IMAGE, -E2BIG, "too many members")
				      : add_member(s, &entry, stream.offset, e);
		if (r < 0)
			break;
	}
	tar_free(t);
	return r;
}

/* Write the plain bytes of @from to a file without a name in @scratch. */
static int spool(int from, int scratch, int *ret, struct err *e)
{
	_cleanup_close_ int to = sys_openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct stream stream = {.fd = from};
	struct arena a;
	struct unpack *u = NULL;
	ssize_t n = 0;
	char *buf;
	int r;

	if (to < 0)
		return err_sys(e, ERR_IO, to, "make a file for the archive");
	arena_init(&a, NULL, 0);
	buf = arena_alloc(&a, COPY_SIZE);
	r = buf ? unpack_new(read_stream, &stream, &u) : -ENOMEM;
	if (r < 0)
		r = err_sys(e, ERR_IMAGE, r, "read the archive");
	while (r == 0 && (n = unpack_read(u, buf, COPY_SIZE, e)) > 0) {
		r = io_write_all(to, buf, (size_t)n);
		if (r < 0)
			r = err_sys(e, ERR_IO, r, "write the archive out");
	}
	unpack_free(u);
	arena_done(&a);
	if (r == 0 && n < 0)
		r = (int)n;
	if (r == 0)
		*ret = TAKE_FD(to);
	return r;
}

/* Does the file begin like a compressed one? */
static bool is_compressed(int fd)
{
	uint8_t p[4];

	return sys_pread(fd, p, sizeof(p), 0) == sizeof(p) &&
	       ((p[0] == 0x1f && p[1] == 0x8b) ||
		(p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd));
}

static int open_archive(struct source *s, int scratch, struct err *e)
{
	int plain = -EBADF, r = 0;
	struct stat st;

	s->is_archive = true;
	r = sys_fstat(s->fd, &st);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "read the archive");
	if (!S_ISREG(st.st_mode) || is_compressed(s->fd)) {
		r = scratch < 0 ? err_set(e, ERR_IMAGE, -EINVAL,
					  "an archive that is compressed or comes from a pipe")
				: spool(s->fd, scratch, &plain, e);
		if (r < 0)
			return r;
		(void)fd_close(s->fd);
		s->fd = plain;
	}
	return index_members(s, e);
}

/* --- sources --------------------------------------------------------------------------------- */

int source_open(const char *path, int scratch, struct source *ret, struct err *e)
{
	struct source s = {.fd = -EBADF};
	struct stat st;
	int r;

	arena_init(&s.arena, NULL, 0);
	s.fd = str_eq(path, "-") ? sys_fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				 : sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	r = s.fd < 0 ? s.fd : sys_fstat(s.fd, &st);
	if (r < 0)
		r = err_sys(e, ERR_IO, r, "open");
	else if (!S_ISDIR(st.st_mode))
		r = open_archive(&s, scratch, e);
	if (r < 0) {
		source_close(&s);
		return r;
	}
	if (!s.is_archive)
		s.is_flat = !source_has(&s, "oci-layout") && source_has(&s, "manifest.json");
	*ret = s;
	return 0;
}

void source_close(struct source *s)
{
	s->fd = fd_close(s->fd);
	arena_done(&s->arena);
}

static const struct source_member *find_member(const struct source *s, const char *name)
{
	const struct source_member *m;

	for (unsigned links = 0; links < LINKS_MAX; links++) {
		for (m = s->members; m && !str_eq(m->name, name); m = m->next)
			;
		if (!m || !m->target)
			return m;
		name = m->target;
	}
	return NULL;
}

bool source_has(const struct source *s, const char *name)
{
	if (s->is_archive)
		return find_member(s, name) != NULL;
	return sys_faccessat(s->fd, name, 0 /* F_OK */) == 0;
}

/* "blobs/sha256/HEX" is "HEX" in a flat directory. */
static const char *flat_name(const struct source *s, const char *name)
{
	const char *slash = strrchr(name, '/');

	return s->is_flat && slash && str_starts(name, "blobs/") ? slash + 1 : name;
}

int source_find(const struct source *s, const char *name, struct source_file *ret, struct err *e)
{
	struct stat st;
	int fd, r;

	if (s->is_archive) {
		const struct source_member *m = find_member(s, name);

		if (!m)
			return err_sys(e, ERR_IO, -ENOENT, "open %s", name);
		*ret = (struct source_file){s->fd, true, m->offset, m->size};
		return 0;
	}
	fd = sys_openat(s->fd, flat_name(s, name), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	r = fd < 0 ? fd : sys_fstat(fd, &st);
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		(void)fd_close(fd);
		return err_sys(e, ERR_IO, r, "open %s", name);
	}
	*ret = (struct source_file){fd, false, 0, (uint64_t)st.st_size};
	return 0;
}

void source_file_done(struct source_file *f)
{
	if (!f->is_own)
		f->fd = fd_close(f->fd);
}

int source_read(const struct source *s, const char *name, size_t max, struct arena *a, char **ret,
		size_t *ret_len, struct err *e)
{
	struct source_file f;
	size_t at = 0;
	char *text;
	int r = source_find(s, name, &f, e);

	if (r < 0)
		return r;
	text = f.size <= max ? arena_alloc(a, (size_t)f.size + 1) : NULL;
	if (!text)
		r = f.size > max ? err_set(e, ERR_IMAGE, -EFBIG, "%s: a document of %llu bytes",
					   name, (unsigned long long)f.size)
				 : err_sys(e, ERR_IMAGE, -ENOMEM, "read %s", name);
	while (r == 0 && at < f.size) {
		ssize_t n = sys_pread(f.fd, text + at, (size_t)f.size - at, f.offset + at);

		if (n > 0)
			at += (size_t)n;
		else if (n != -EINTR)
			r = err_sys(e, ERR_IO, n < 0 ? (int)n : -EIO, "read %s", name);
	}
	source_file_done(&f);
	if (r < 0)
		return r;
	text[at] = '\0';
	*ret = text;
	*ret_len = at;
	return 0;
}
