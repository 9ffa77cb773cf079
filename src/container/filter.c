/* The saved filter lies beside the state document. Host half. */
#include "container/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/companion.h"
#include "oci/names.h"
#include "seccomp/compile/compile.h"
#include "seccomp/listen/handover.h"

#define FILTER_MAX (1 << 20)

/* Policies are compiled in milliseconds. */
#define POLICY_TIMEOUT_MS 20000

int filter_save(struct runtime *rt, const struct directory *d, const struct plan *plan,
		struct err *e)
{
	char *bytes;
	size_t len;
	int r;

	if (plan->filter.program.n == 0)
		return 0;
	r = seccomp_saved_format(rt->arena, &plan->filter, &bytes, &len);
	return r < 0 ? err_set(e, ERR_INTERNAL, r, "out of memory")
		     : directory_write_filter(d, bytes, len, e);
}

/* Whatever else lies at that name, a fifo say, must not hold us up. */
static int read_stored(const char *folder, const char *name, size_t max, struct arena *a,
		       char **ret, size_t *ret_len)
{
	_cleanup_close_ int dir = sys_openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (dir < 0)
		return dir;
	fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	return S_ISREG(st.st_mode) ? io_read_fd(a, fd, max, ret, ret_len) : -EBADF;
}

static int write_stored(const char *folder, const char *name, const void *data, size_t len)
{
	_cleanup_close_ int dir = sys_openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	/* No fsync: what a power failure leaves is compiled anew. */
	return dir < 0 ? dir : io_write_atomic_at(dir, name, data, len, 0644);
}

const struct seccomp_store *filter_store(bool keep)
{
	static const struct seccomp_store reads = {.load = read_stored};
	static const struct seccomp_store keeps = {.load = read_stored, .save = write_stored};

	return keep ? &keeps : &reads;
}

/* CAP_A,CAP_B,… as an argument. */
static const char *capability_list(struct arena *a, uint64_t capabilities)
{
	const char *list = "";

	for (unsigned i = 0; i < CAPABILITY_MAX && list; i++)
		if (capabilities >> i & 1)
			list = arena_format(a, "%s%s%s", list, list[0] ? "," : "",
					    capability_name(i));
	return list;
}

int filter_compile_policy(struct arena *a, const char *path, uint64_t capabilities,
			  enum seccomp_arch arch, char **ret, size_t *ret_len, struct err *e)
{
	_cleanup_close_ int null = sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
	_cleanup_close_ int out = sys_memfd_create("coracle-policy", MFD_CLOEXEC);
	const char *list = capability_list(a, capabilities);
	const char *const argv[] = {"coracle-seccomp",
				    "compile",
				    "--format=saved",
				    "--log-format=line",
				    "--cap",
				    list,
				    "--arch",
				    seccomp_arch_info(arch)->name,
				    "--",
				    path,
				    NULL};
	struct child_result result;
	int r;

	if (!list || out < 0 || null < 0)
		return err_sys(e, ERR_SECCOMP, list ? MIN(out, null) : -ENOMEM,
			       "compile the policy");
	r = companion_run("seccomp", argv, null, out, POLICY_TIMEOUT_MS, &result, e);
	if (r < 0)
		return r;
	if (result.status != 0)
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "%s", result.output);
	r = (int)sys_lseek(out, 0, SEEK_SET);
	if (r == 0)
		r = io_read_fd(a, out, FILTER_MAX, ret, ret_len);
	return r < 0 ? err_sys(e, ERR_SECCOMP, r, "read the compiled policy") : 0;
}

int filter_check_agent(const struct plan *plan, struct err *e)
{
	return plan->filter.receiver[0] == '\0' ? 0 : listen_check_agent(plan->filter.receiver, e);
}

int filter_load(struct runtime *rt, const struct directory *d, struct seccomp_saved *ret,
		struct err *e)
{
	char *bytes;
	size_t len;
	int r = directory_read_filter(rt->arena, d, FILTER_MAX, &bytes, &len, e);

	return r < 0 ? r : seccomp_saved_parse(rt->arena, bytes, len, ret, e);
}

/* config-linux.md, "The Container Process State". What is filtered is about to become the
 * container's process, so its status is "creating" whichever command lets it. */
static int process_state(struct arena *a, const struct state *s, const struct seccomp_saved *filter,
			 pid_t pid, bool exec, const char **ret, size_t *ret_len)
{
	struct json_writer w;

	json_writer_init(&w, a, false);
	json_object_begin(&w);
	json_kv_string(&w, "ociVersion", s->oci_version);
	json_key(&w, "fds");
	json_array_begin(&w);
	json_string(&w, "seccompFd");
	json_array_end(&w);
	json_kv_i64(&w, "pid", pid);
	if (filter->metadata[0] != '\0')
		json_kv_string(&w, "metadata", filter->metadata);
	json_key(&w, "state");
	state_write_oci(&w, s, exec ? CONTAINER_RUNNING : CONTAINER_CREATING);
	json_object_end(&w);
	return json_writer_finish(&w, ret, ret_len);
}

int filter_hand_over(struct runtime *rt, const struct state *s, const struct seccomp_saved *filter,
		     pid_t pid, bool exec, int fd, struct err *e)
{
	const char *text;
	size_t len;
	int r = process_state(rt->arena, s, filter, pid, exec, &text, &len);

	return r < 0 ? err_set(e, ERR_INTERNAL, r, "out of memory")
		     : listen_hand_over(filter->receiver, text, len, fd, e);
}
