/* Asking coracle-image for a root filesystem. It mounts in a mount namespace of its own and sends a
 * copy of the mount that is attached nowhere: no path, ours or the host's, ever shows it, and it
 * goes with its last user. */
#include "container/image.h"

#include <errno.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/directory.h"
#include "host/companion.h"

/* Reading a whole image to prove it may take a while. */
#define TIMEOUT_MS 600000
#define PREFIX     "run.oci.coracle.image"

static const char *find(const struct str_map *annotations, const char *key)
{
	for (size_t i = 0; i < annotations->n; i++)
		if (str_eq(annotations->items[i].key, key))
			return annotations->items[i].value;
	return NULL;
}

/* What the annotations say beside the name, as options. */
static const char *const options[][2] = {
	{PREFIX "_store", "--store"},   {PREFIX "_verity", "--verity"},
	{PREFIX "_digest", "--digest"}, {PREFIX "_policy", "--policy"},
	{PREFIX "_upper", "--upper"},
};

/* Run coracle-image @verb for the container; its standard output is @out (-EBADF: nothing). */
static int run(struct runtime *rt, const char *verb, const char *id,
	       const struct str_map *annotations, int out, struct child_result *ret, struct err *e)
{
	_cleanup_close_ int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	const char *argv[8 + 2 * ARRAY_SIZE(options)] = {"coracle-image", verb}, *value;
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		value = find(annotations, options[i][0]);
		if (!value)
			continue;
		argv[n++] = options[i][1];
		argv[n++] = value;
	}
	argv[n++] = "--";
	argv[n++] = id;
	argv[n++] = directory_path(rt, id, "");
	argv[n++] = find(annotations, PREFIX);
	if (null < 0)
		return err_sys(e, ERR_IO, null, "open /dev/null");
	return companion_run("image", argv, null, out >= 0 ? out : null, TIMEOUT_MS, ret, e);
}

/* The descriptor in the message that waits in @fd, or -errno. */
static int receive(int fd)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	int ret;
	ssize_t n = socket_receive(fd, &iov, 1, MSG_DONTWAIT, &ret);

	return ret >= 0 ? ret : n < 0 ? (int)n : -EPROTO;
}

int image_open_root(struct runtime *rt, const char *id, const struct str_map *annotations,
		    struct err *e)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF;
	struct child_result result;
	int pair[2], r;

	if (!find(annotations, PREFIX))
		return -EBADF;
	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
	if (r < 0)
		return err_sys(e, ERR_ROOTFS, r, "talk to coracle-image");
	ours = pair[0];
	theirs = pair[1];
	r = run(rt, "root", id, annotations, theirs, &result, e);
	if (r < 0)
		return err_where(e, "annotations[\"" PREFIX "\"]");
	if (result.status != 0) {
		(void)err_set(e, ERR_ROOTFS, -EIO, "%s", result.output);
		return err_where(e, "annotations[\"" PREFIX "\"]");
	}
	r = receive(ours);
	if (r < 0)
		return err_sys(e, ERR_ROOTFS, r, "receive the root filesystem");
	/* That it could not be done as well as wished. */
	if (result.output[0] != '\0' && rt->warn) {
		struct err warning = {0};

		(void)err_set(&warning, ERR_ROOTFS, -EIO, "%s", result.output);
		rt->warn(&warning);
	}
	return r;
}

void image_release_root(struct runtime *rt, const char *id, const struct str_map *annotations)
{
	struct child_result result;
	struct err ignored;

	if (find(annotations, PREFIX))
		(void)run(rt, "release", id, annotations, -EBADF, &result, &ignored);
}
