/* A container from beginning to end: coracle runs it, its one program is ours. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"

#define TIMEOUT_MS 5000

/* Who we are inside. */
#define PROGRAM "/coracle-doctor"

static void write_namespaces(struct json_writer *w, bool rootless)
{
	static const char *const types[] = {"mount", "pid", "ipc", "uts", "user"};

	json_key(w, "namespaces");
	json_array_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(types) - !rootless; i++) {
		json_object_begin(w);
		json_kv_string(w, "type", types[i]);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_mapping(struct json_writer *w, const char *key, uint32_t id)
{
	json_key(w, key);
	json_array_begin(w);
	json_object_begin(w);
	json_kv_u64(w, "containerID", 0);
	json_kv_u64(w, "hostID", id);
	json_kv_u64(w, "size", 1);
	json_object_end(w);
	json_array_end(w);
}

static void write_process(struct json_writer *w)
{
	json_key(w, "process");
	json_object_begin(w);
	json_kv_string(w, "cwd", "/");
	json_key(w, "args");
	json_array_begin(w);
	json_string(w, PROGRAM);
	json_string(w, "--nothing");
	json_array_end(w);
	json_object_end(w);
}

static void write_mount(struct json_writer *w, const char *target, const char *type,
			const char *source, const char *flag)
{
	json_object_begin(w);
	json_kv_string(w, "destination", target);
	json_kv_string(w, "type", type);
	json_kv_string(w, "source", source);
	json_key(w, "options");
	json_array_begin(w);
	json_string(w, flag);
	json_string(w, "nosuid");
	json_array_end(w);
	json_object_end(w);
}

/* Our own executable on an empty file of the root filesystem; and a tmpfs for the devices that
 * every container has, so that they are not made in the bundle, where they would stay. */
static void write_mounts(struct json_writer *w, const char *self)
{
	json_key(w, "mounts");
	json_array_begin(w);
	write_mount(w, PROGRAM, "bind", self, "bind");
	write_mount(w, "/dev", "tmpfs", "tmpfs", "noexec");
	json_array_end(w);
}

/* The configuration of a container of one file. */
static int compose(const struct doctor *d, const char *self, const char **ret, size_t *ret_len)
{
	bool rootless = d->uid != 0;
	struct json_writer w;

	json_writer_init(&w, d->arena, false);
	json_object_begin(&w);
	json_kv_string(&w, "ociVersion", "1.0.2");
	json_key(&w, "root");
	json_object_begin(&w);
	json_kv_string(&w, "path", "rootfs");
	json_object_end(&w);
	write_process(&w);
	write_mounts(&w, self);
	json_key(&w, "linux");
	json_object_begin(&w);
	write_namespaces(&w, rootless);
	if (rootless) {
		write_mapping(&w, "uidMappings", d->uid);
		write_mapping(&w, "gidMappings", d->gid);
	}
	json_object_end(&w);
	json_object_end(&w);
	return json_writer_finish(&w, ret, ret_len);
}

/* --- the bundle --------------------------------------------------------------------------------
 */

/* A directory that nobody else has, in memory where there is some. */
static const char *make_bundle(const struct doctor *d)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *const places[] = {d->uid == 0 ? "/run" : xdg ? xdg : "", "/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *path = arena_format(d->arena, "%s/%s", places[i], d->name);

		if (places[i][0] == '/' && path && sys_mkdirat(AT_FDCWD, path, 0711) == 0)
			return path;
	}
	return NULL;
}

static int fill_bundle(const struct doctor *d, int dir)
{
	_cleanup_close_ int file = -EBADF;
	char self[PATH_SIZE];
	const char *text;
	size_t len;
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self/exe", self, sizeof(self) - 1);
	int r = n < 0 ? (int)n : sys_mkdirat(dir, "rootfs", 0755);

	if (r < 0)
		return r;
	self[n] = '\0';
	r = sys_mkdirat(dir, "rootfs/dev", 0755);
	if (r < 0)
		return r;
	file = sys_openat(dir, "rootfs" PROGRAM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0)
		return file;
	r = compose(d, self, &text, &len);
	return r < 0 ? r : io_write_atomic_at(dir, "config.json", text, len, 0644);
}

static void remove_bundle(int dir, const char *path)
{
	(void)sys_unlinkat(dir, "config.json", 0);
	(void)sys_unlinkat(dir, "rootfs" PROGRAM, 0);
	(void)sys_unlinkat(dir, "rootfs/dev", AT_REMOVEDIR);
	(void)sys_unlinkat(dir, "rootfs", AT_REMOVEDIR);
	(void)sys_unlinkat(dir, "state", AT_REMOVEDIR);
	(void)sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- the run -----------------------------------------------------------------------------------
 */

static int run_container(const struct doctor *d, const char *bundle, struct child_result *ret)
{
	const char *const argv[] = {
		"coracle",  "--root", arena_format(d->arena, "%s/state", bundle),         "run",
		"--bundle", bundle,   arena_format(d->arena, "doctor-%d", (int)getpid()), NULL,
	};

	return doctor_run(doctor_runtime(d), argv, TIMEOUT_MS, ret);
}

void check_start(const struct doctor *d, struct finding *f)
{
	const char *bundle = make_bundle(d);
	_cleanup_close_ int dir = -EBADF;
	struct child_result result = {0};
	char words[24];
	int r;

	if (!bundle) {
		finding_set(f, VERDICT_SKIP, "there is no directory to make a bundle in");
		return;
	}
	dir = sys_openat(AT_FDCWD, bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	r = dir < 0 ? dir : fill_bundle(d, dir);
	if (r == 0)
		r = run_container(d, bundle, &result);
	remove_bundle(dir, bundle);
	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "could not be tried: %s", errno_words(r, words));
		return;
	}
	if (result.status == 0) {
		finding_set(f, VERDICT_OK, "it ran, and is gone");
		return;
	}
	finding_set(f, VERDICT_FAIL, "%s", result.output[0] ? result.output : "it ended badly");
	f->afterwards = "cure what failed above, and look again";
}
