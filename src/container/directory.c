/* The state directory. Everything goes through descriptors of it; the root belongs to us or root.
 */
#include "container/directory.h"

#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/un.h>

#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/exit.h"
#include "host/facts.h"
#include "host/notify.h"

#include <stdlib.h>

#define STATE_FILE  "state.json"
#define CONFIG_FILE "config.json"
#define SOCKET_FILE "start.sock"
#define FILTER_FILE "seccomp"
/* Since an update: what holds then. */
#define RESOURCES_FILE "resources.json"
#define MOUNTS_FILE    "mounts.json"

#define ID_MAX     255
#define STATE_MAX  (1 << 20)
#define CONFIG_MAX (64 << 20)

const char *container_root_default(struct arena *a)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	bool has_xdg = xdg && *xdg == '/';
	const char *path;

	if (!facts_is_for_user())
		return "/run/coracle";
	path = has_xdg ? arena_format(a, "%s/coracle", xdg)
		       : arena_format(a, "/tmp/coracle-%u", (uint32_t)getauxval(AT_EUID));
	return path ? path : "";
}

int directory_check_id(const char *id, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_+-.";
	size_t len = strlen(id);

	if (len > 0 && len <= ID_MAX && id[0] != '.' && strspn(id, allowed) == len)
		return 0;
	(void)err_set(e, ERR_CONTAINER_ID, -EINVAL, "invalid container id \"%.*s\"",
		      (int)strcspn(id, "\n"), id);
	return err_hint(e, "letters, digits and \"_+-.\", not beginning with a dot, at most 255");
}

/* In /tmp anybody could have made it first. */
static int check_owner(int fd, const char *path, struct err *e)
{
	uint32_t euid = (uint32_t)getauxval(AT_EUID);
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r < 0)
		return err_sys(e, ERR_STATE_DIR, r, "examine \"%s\"", path);
	if (st.st_uid != euid && st.st_uid != 0)
		return err_set(e, ERR_STATE_DIR, -EPERM, "\"%s\" belongs to user %u", path,
			       st.st_uid);
	return 0;
}

static int make_parents(const char *path)
{
	char partial[PATH_SIZE];
	int r = 0;

	if (str_copy(partial, sizeof(partial), path) >= sizeof(partial))
		return -ENAMETOOLONG;
	for (char *p = partial + 1; r >= 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = sys_mkdirat(AT_FDCWD, partial, 0755);
		r = r == -EEXIST ? 0 : r;
		*p = '/';
	}
	return r < 0 ? r : sys_mkdirat(AT_FDCWD, path, 0700);
}

int directory_open_root(struct runtime *rt, bool make, struct err *e)
{
	const char *path = rt->root[0] != '\0' ? rt->root : container_root_default(rt->arena);
	_cleanup_close_ int fd = -EBADF;
	int r;

	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd == -ENOENT && make) {
		r = sys_mkdirat(AT_FDCWD, path, 0700);
		if (r == -ENOENT)
			r = make_parents(path);
		if (r < 0 && r != -EEXIST)
			return err_sys(e, ERR_STATE_DIR, r, "make \"%s\"", path);
		fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	}
	if (fd < 0)
		return err_sys(e, ERR_STATE_DIR, fd, "open \"%s\"", path);
	r = check_owner(fd, path, e);
	return r < 0 ? r : TAKE_FD(fd);
}

static int missing(const char *id, struct err *e)
{
	return err_set(e, ERR_CONTAINER_MISSING, -ENOENT,
		       "container \"%s\": container does not exist", id);
}

static int open_in_root(int root_fd, const char *id)
{
	return sys_openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

int directory_create(struct runtime *rt, const char *id, struct directory *ret, struct err *e)
{
	_cleanup_directory_ struct directory d = DIRECTORY_INIT;
	int r = directory_check_id(id, e);

	if (r < 0)
		return r;
	d.id = id;
	d.root_fd = directory_open_root(rt, true, e);
	if (d.root_fd < 0)
		return d.root_fd;
	r = sys_mkdirat(d.root_fd, id, 0700);
	if (r == -EEXIST)
		return err_set(e, ERR_CONTAINER_EXISTS, r,
			       "container \"%s\": container with given ID already exists", id);
	if (r < 0)
		return err_sys(e, ERR_STATE_DIR, r, "make the directory of container \"%s\"", id);
	d.fd = r = open_in_root(d.root_fd, id);
	if (r >= 0)
		r = sys_flock(d.fd, LOCK_EX);
	if (r < 0) {
		(void)sys_unlinkat(d.root_fd, id, AT_REMOVEDIR);
		return err_sys(e, ERR_STATE_DIR, r, "lock the directory of container \"%s\"", id);
	}
	*ret = d;
	d = (struct directory)DIRECTORY_INIT;
	return 0;
}

/* The directory may have been removed while we waited for its lock. Returns 1 if so, 0 or -errno.
 */
static int is_gone(int fd)
{
	struct stat st;
	int r = sys_fstat(fd, &st);

	return r < 0 ? r : st.st_nlink == 0;
}

static int open_container(int root_fd, const char *id, struct err *e)
{
	int fd = open_in_root(root_fd, id);

	if (fd == -ENOENT)
		return missing(id, e);
	return fd < 0 ? err_sys(e, ERR_STATE_DIR, fd, "open the directory of container \"%s\"", id)
		      : fd;
}

int directory_open_at(int root_fd, const char *id, struct directory *ret, struct err *e)
{
	*ret = (struct directory)DIRECTORY_INIT;
	ret->id = id;
	ret->fd = open_container(root_fd, id, e);
	return MIN(ret->fd, 0);
}

int directory_open(struct runtime *rt, const char *id, bool lock, struct directory *ret,
		   struct err *e)
{
	_cleanup_directory_ struct directory d = DIRECTORY_INIT;
	int r = directory_check_id(id, e);

	if (r < 0)
		return r;
	d.id = id;
	d.root_fd = directory_open_root(rt, false, e);
	if (d.root_fd == -ENOENT)
		return missing(id, e);
	if (d.root_fd < 0)
		return d.root_fd;
	d.fd = open_container(d.root_fd, id, e);
	if (d.fd < 0)
		return d.fd;
	if (lock) {
		do
			r = sys_flock(d.fd, LOCK_EX);
		while (r == -EINTR);
		if (r == 0)
			r = is_gone(d.fd);
		if (r < 0)
			return err_sys(e, ERR_STATE_DIR, r, "lock container \"%s\"", id);
		if (r > 0)
			return missing(id, e);
	}
	*ret = d;
	d = (struct directory)DIRECTORY_INIT;
	return 0;
}

void directory_close(struct directory *d)
{
	d->fd = fd_close(d->fd);
	d->root_fd = fd_close(d->root_fd);
}

/* Names that start with a dot are temporary files of a command that was killed. */
static void remove_temporaries(int dir_fd)
{
	_Alignas(8) char buf[2048];
	ssize_t n;

	while ((n = sys_getdents64(dir_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			/* struct linux_dirent64: ino, off (8 bytes each), reclen, type, name. */
			uint16_t length;
			const char *name = buf + at + 19;

			memcpy(&length, buf + at + 16, sizeof(length));
			if (name[0] == '.' && !str_eq(name, ".") && !str_eq(name, ".."))
				(void)sys_unlinkat(dir_fd, name, 0);
			at += length;
		}
	}
}

int directory_remove(struct directory *d, struct err *e)
{
	int r;

	(void)sys_unlinkat(d->fd, SOCKET_FILE, 0);
	(void)sys_unlinkat(d->fd, CONFIG_FILE, 0);
	/* Last: as long as it is there, a command that is killed here can be repeated. */
	(void)sys_unlinkat(d->fd, STATE_FILE, 0);
	r = sys_unlinkat(d->root_fd, d->id, AT_REMOVEDIR);
	if (r == -ENOTEMPTY) {
		(void)sys_unlinkat(d->fd, FILTER_FILE, 0);
		r = sys_unlinkat(d->root_fd, d->id, AT_REMOVEDIR);
	}
	if (r == -ENOTEMPTY) {
		(void)sys_unlinkat(d->fd, RESOURCES_FILE, 0);
		(void)sys_unlinkat(d->fd, MOUNTS_FILE, 0);
		remove_temporaries(d->fd);
		notify_remove(d->fd);
		exit_unpin(d->fd);
		r = sys_unlinkat(d->root_fd, d->id, AT_REMOVEDIR);
	}
	if (r < 0 && r != -ENOENT)
		return err_sys(e, ERR_STATE_DIR, r, "remove the directory of container \"%s\"",
			       d->id);
	return 0;
}

int directory_write_state(struct arena *a, const struct directory *d, const struct state *s,
			  struct err *e)
{
	const char *text;
	size_t len;
	int r = state_format(a, s, &text, &len, e);

	if (r < 0)
		return r;
	r = io_write_atomic_at(d->fd, STATE_FILE, text, len, 0600);
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "write the state of container \"%s\"", d->id)
		     : 0;
}

static int parse_state(struct arena *a, const char *id, char *text, size_t len, struct state *ret,
		       struct err *e)
{
	int r = state_parse(a, text, len, ret, e);

	return r < 0 ? err_wrap(e, "state of container \"%s\"", id) : 0;
}

int directory_read_state(struct arena *a, const struct directory *d, struct state *ret,
			 struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_saved_at(a, d->fd, STATE_FILE, STATE_MAX, &text, &len);

	if (r < 0)
		return err_sys(e, r == -ENOENT ? ERR_STATE_DOCUMENT : ERR_STATE_DIR, r,
			       "read the state of container \"%s\"", d->id);
	return parse_state(a, d->id, text, len, ret, e);
}

int directory_look(struct arena *a, int root_fd, const char *id, struct state *ret, struct err *e)
{
	_cleanup_directory_ struct directory d = DIRECTORY_INIT;
	char path[ID_MAX + sizeof("/" STATE_FILE)], *text;
	size_t len;
	int r;

	(void)str_format(path, sizeof(path), "%s/" STATE_FILE, id);
	r = io_read_saved_at(a, root_fd, path, STATE_MAX, &text, &len);
	if (r >= 0)
		return parse_state(a, id, text, len, ret, e);
	/* What is wrong with it, the directory or the document? */
	r = directory_open_at(root_fd, id, &d, e);
	return r < 0 ? r : directory_read_state(a, &d, ret, e);
}

const char *directory_path(struct runtime *rt, const char *id, const char *file)
{
	const char *root = rt->root[0] != '\0' ? rt->root : container_root_default(rt->arena);

	return root ? arena_format(rt->arena, "%s/%s/%s", root, id, file) : NULL;
}

/* A new file, written once. */
static int write_new(const struct directory *d, const char *name, const void *bytes, size_t len)
{
	_cleanup_close_ int fd =
		sys_openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? fd : io_write_all(fd, bytes, len);
}

int directory_write_config(const struct directory *d, const char *text, size_t len, struct err *e)
{
	int r = write_new(d, CONFIG_FILE, text, len);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "save the configuration") : 0;
}

int directory_write_filter(const struct directory *d, const void *bytes, size_t len, struct err *e)
{
	int r = write_new(d, FILTER_FILE, bytes, len);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "save the seccomp filter") : 0;
}

int directory_read_filter(struct arena *a, const struct directory *d, size_t max, char **ret,
			  size_t *ret_len, struct err *e)
{
	int r = io_read_saved_at(a, d->fd, FILTER_FILE, max, ret, ret_len);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "read the saved seccomp filter") : 0;
}

int directory_read_config(struct arena *a, const struct directory *d, char **ret, size_t *ret_len,
			  struct err *e)
{
	int r = io_read_saved_at(a, d->fd, CONFIG_FILE, CONFIG_MAX, ret, ret_len);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "read the saved configuration") : 0;
}

int directory_write_resources(const struct directory *d, const char *text, size_t len,
			      struct err *e)
{
	int r = io_write_atomic_at(d->fd, RESOURCES_FILE, text, len, 0600);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "save the resources") : 0;
}

int directory_read_resources(struct arena *a, const struct directory *d, char **ret,
			     size_t *ret_len, struct err *e)
{
	int r = io_read_saved_at(a, d->fd, RESOURCES_FILE, CONFIG_MAX, ret, ret_len);

	if (r == -ENOENT)
		return 1;
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "read the saved resources") : 0;
}

int directory_write_mounts(const struct directory *d, const char *text, size_t len, struct err *e)
{
	int r = io_write_atomic_at(d->fd, MOUNTS_FILE, text, len, 0600);

	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "save the mounts") : 0;
}

int directory_read_mounts(struct arena *a, const struct directory *d, char **ret, size_t *ret_len,
			  struct err *e)
{
	int r = io_read_file_at(a, d->fd, MOUNTS_FILE, CONFIG_MAX, ret, ret_len);

	if (r == -ENOENT)
		return 1;
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "read the saved mounts") : 0;
}

/* A socket's address holds 108 bytes, a state directory's path may be longer. */
static void socket_address(const struct directory *d, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)str_format(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", d->fd,
			 SOCKET_FILE);
}

int directory_listen(const struct directory *d, struct err *e)
{
	_cleanup_close_ int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r = fd;

	socket_address(d, &addr);
	if (r >= 0)
		r = sys_bind(fd, &addr, sizeof(addr));
	if (r >= 0)
		r = sys_listen(fd, 16);
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "make the start socket") : TAKE_FD(fd);
}

int directory_connect(const struct directory *d)
{
	_cleanup_close_ int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r = fd;

	socket_address(d, &addr);
	if (r >= 0)
		r = sys_connect(fd, &addr, sizeof(addr));
	return r < 0 ? r : TAKE_FD(fd);
}

/* The kernel looks for who is bound to the path before it compares the types (net/unix/af_unix.c,
 * unix_find_bsd()): that they differ tells that somebody is there, and nobody is woken. */
bool directory_is_listened(const struct directory *d)
{
	_cleanup_close_ int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	socket_address(d, &addr);
	return fd >= 0 && sys_connect(fd, &addr, sizeof(addr)) == -EPROTOTYPE;
}

void directory_unlisten(const struct directory *d)
{
	(void)sys_unlinkat(d->fd, SOCKET_FILE, 0);
}
