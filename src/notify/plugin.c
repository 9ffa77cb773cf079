/* The process that plugins live in. It handles requests one after the other, as crun does. */
#include "notify/plugin.h"

#include <dlfcn.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"

#define PLUGINS_MAX 64

/* The interface, as plugins are compiled for it. */
struct start_configuration {
	const char *runtime_root_path, *name, *bundle_path, *oci_config_path;
};
typedef int (*start_fn)(void **opaque, struct start_configuration *conf, size_t size);
typedef int (*request_fn)(void *opaque, struct seccomp_notif_sizes *sizes,
			  struct seccomp_notif *request, struct seccomp_notif_resp *response,
			  int listener_fd, int *handled);
typedef int (*stop_fn)(void *opaque);
typedef int (*version_fn)(void);

struct plugin {
	void *opaque;
	request_fn request;
	stop_fn stop;
};

struct host {
	struct plugin plugins[PLUGINS_MAX];
	size_t n;
	int fd, listener_fd;
	struct seccomp_notif_sizes sizes;
};

/* --- in the process -------------------------------------------------------------------------- */

/* dlsym() answers with a pointer to data, whatever it is. */
#define LOOK_UP(type, handle, name) ((type)(uintptr_t)dlsym(handle, name))

static int load(struct host *h, const char *path, const struct container_state *state)
{
	char config[PATH_SIZE];
	struct start_configuration conf = {
		.runtime_root_path = "",
		.name = state->id,
		.bundle_path = state->bundle,
		.oci_config_path = config,
	};
	struct plugin *p = &h->plugins[h->n];
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	version_fn version;
	start_fn start;

	if (!handle || h->n == PLUGINS_MAX)
		return -ELIBACC;
	(void)str_format(config, sizeof(config), "%s/config.json", state->bundle);
	/* crun looks for one of the names, its header tells authors the other. */
	version = LOOK_UP(version_fn, handle, "run_oci_seccomp_notify_version");
	if (!version)
		version = LOOK_UP(version_fn, handle, "run_oci_seccomp_notify_plugin_version");
	if (version && version() != 1)
		return -ELIBBAD;
	p->request = LOOK_UP(request_fn, handle, "run_oci_seccomp_notify_handle_request");
	p->stop = LOOK_UP(stop_fn, handle, "run_oci_seccomp_notify_stop");
	start = LOOK_UP(start_fn, handle, "run_oci_seccomp_notify_start");
	if (!p->request)
		return -ELIBBAD;
	h->n++;
	return start ? start(&p->opaque, &conf, sizeof(conf)) : 0;
}

static void ask_each(struct host *h, struct seccomp_notif *request, struct plugin_answer *a)
{
	struct {
		struct seccomp_notif_resp resp;
		char more[64];
	} m;

	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < h->n && a->handled == PLUGIN_NOT_HANDLED; i++) {
		const struct plugin *p = &h->plugins[i];

		memset(&m, 0, sizeof(m));
		m.resp.id = request->id;
		if (p->request(p->opaque, &h->sizes, request, &m.resp, h->listener_fd,
			       &a->handled) < 0)
			_exit(1);
	}
	a->answer.kind = ANSWER_ERROR;
	a->answer.code = m.resp.error;
	if (a->handled == PLUGIN_CONTINUE || m.resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) {
		a->answer.kind = ANSWER_CONTINUE;
	} else if (m.resp.error == 0) {
		a->answer.kind = ANSWER_VALUE;
		a->answer.value = m.resp.val;
	}
}

static int run_host(struct host *h, const struct strings *paths,
		    const struct container_state *state)
{
	union {
		struct seccomp_notif request;
		char bytes[256];
	} m;
	int r = sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &h->sizes);

	for (size_t i = 0; i < paths->n && r >= 0; i++)
		r = load(h, paths->items[i], state);
	while (r >= 0) {
		struct plugin_answer a = {0};

		memset(&m, 0, sizeof(m));
		if (sys_read(h->fd, &m, sizeof(m)) < (ssize_t)sizeof(m.request))
			break;
		a.id = m.request.id;
		ask_each(h, &m.request, &a);
		if (sys_write(h->fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
			break;
	}
	for (size_t i = 0; i < h->n; i++)
		if (h->plugins[i].stop)
			(void)h->plugins[i].stop(h->plugins[i].opaque);
	return r < 0;
}

/* --- in the worker --------------------------------------------------------------------------- */

static int start_host(struct plugin_host *h, const struct strings *paths,
		      const struct container_state *state, int listener_fd)
{
	pid_t us = sys_getpid();
	int pair[2], r;

	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
	if (r < 0)
		return r;
	h->pid = fork();
	if (h->pid == 0) {
		struct host host = {.fd = pair[1], .listener_fd = listener_fd};

		(void)fd_close(pair[0]);
		if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || sys_getppid() != us)
			_exit(1);
		_exit(run_host(&host, paths, state));
	}
	(void)fd_close(pair[1]);
	h->fd = pair[0];
	h->pidfd = h->pid < 0 ? -EAGAIN : sys_pidfd_open(h->pid, 0);
	if (h->pidfd >= 0)
		return 0;
	h->fd = fd_close(h->fd);
	return h->pidfd;
}

int plugin_host_ask(struct plugin_host *h, const struct strings *paths,
		    const struct container_state *state, int listener_fd,
		    const struct seccomp_notif *request)
{
	ssize_t n;
	int r = h->fd < 0 ? start_host(h, paths, state, listener_fd) : 0;

	if (r < 0)
		return r;
	n = socket_send(h->fd, request, sizeof(*request), NULL, 0);
	return n < 0 ? (int)n : 0;
}

int plugin_host_receive(struct plugin_host *h, struct plugin_answer *ret)
{
	ssize_t n = sys_read(h->fd, ret, sizeof(*ret));

	if (n < 0)
		return (int)n;
	return n == (ssize_t)sizeof(*ret) ? 0 : -EPIPE;
}

void plugin_host_stop(struct plugin_host *h)
{
	h->fd = fd_close(h->fd);
	if (h->pidfd < 0)
		return;
	/* It has a moment to end by itself, which the end of the connection tells it. */
	(void)sys_poll(&(struct sys_pollfd){.fd = h->pidfd, .events = POLLIN}, 1, 100);
	(void)sys_pidfd_send_signal(h->pidfd, SIGKILL);
	(void)sys_wait_pidfd(h->pidfd, NULL, WEXITED);
	h->pidfd = fd_close(h->pidfd);
}
