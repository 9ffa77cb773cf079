/* One loop over the socket, its connections, the workers and signals. It reads no document: what a
 * runtime sends goes to a worker as it came, so that nothing in it can end the others. */
#include "notify/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/audit.h"
#include "notify/state.h"
#include "notify/worker.h"

#define CONNECTIONS_MAX 64
#define CONTAINERS_MAX  4096
#define RESTARTS_MAX    5 /* of one container's worker */
#define RECEIVE_MS      10000
#define NS_PER_MS       1000000ULL
#define CHUNK           65536

/* How far a document is, by its brackets: crun keeps the connection when all is said. */
struct whole {
	size_t depth;
	bool in_string, escaped, done;
};

/* A runtime that is sending. */
struct connection {
	int fd, listener_fd; /* fd -EBADF: free */
	char *text;
	size_t len, cap;
	uint64_t deadline_ns;
	struct whole whole;
};

struct container {
	char *text; /* what the runtime sent */
	size_t len;
	int listener_fd, pidfd;
	unsigned restarts;
	struct board *board;
};

struct server {
	const struct server_options *options;
	struct arena arena; /* of the configuration */
	struct config config;
	int proc_fd, socket_fd, log_fd, signal_fd;
	char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct connection connections[CONNECTIONS_MAX];
	struct container *containers;
	size_t n, cap;
	bool ends;
};

/* --- the socket, the log, signals ------------------------------------------------------------ */

int server_default_socket(char *buf, size_t size, struct err *e)
{
	const char *folder = sys_geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");

	if (!folder || !folder[0]) {
		(void)err_set(e, ERR_USAGE, -ENOENT, "XDG_RUNTIME_DIR is not set");
		return err_hint(e, "say where the socket is, with --socket");
	}
	if (str_format(buf, size, "%s/coracle/notify.sock", folder) >= size)
		return err_set(e, ERR_USAGE, -ENAMETOOLONG, "the socket's path is too long");
	return 0;
}

static int choose_socket(struct server *s, struct err *e)
{
	const char *path = s->options->socket ? s->options->socket : s->config.socket;
	char *slash;
	int r;

	if (path) {
		if (str_copy(s->socket_path, sizeof(s->socket_path), path) >=
		    sizeof(s->socket_path))
			return err_set(e, ERR_USAGE, -ENAMETOOLONG,
				       "the socket's path is too long");
		return 0;
	}
	r = server_default_socket(s->socket_path, sizeof(s->socket_path), e);
	if (r < 0)
		return r;
	slash = strrchr(s->socket_path, '/');
	*slash = '\0';
	r = sys_mkdirat(AT_FDCWD, s->socket_path, 0700);
	*slash = '/';
	return r < 0 && r != -EEXIST
		       ? err_sys(e, ERR_IO, r, "make the folder of %s", s->socket_path)
		       : 0;
}

/* Bound under another name first: when the name is there, somebody listens. */
static int listen_at(struct server *s, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r = socket_connect(s->socket_path, 1);
	mode_t mask;

	if (r >= 0) {
		(void)fd_close(r);
		return err_set(e, ERR_IO, -EADDRINUSE, "an agent listens on %s already",
			       s->socket_path);
	}
	if (str_format(addr.sun_path, sizeof(addr.sun_path), "%s~", s->socket_path) >=
	    sizeof(addr.sun_path))
		return err_set(e, ERR_USAGE, -ENAMETOOLONG, "the socket's path is too long");
	(void)sys_unlinkat(AT_FDCWD, addr.sun_path, 0);
	s->socket_fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = s->socket_fd;
	mask = sys_umask(0177);
	if (r >= 0)
		r = sys_bind(s->socket_fd, &addr, sizeof(addr));
	(void)sys_umask(mask);
	if (r == 0)
		r = sys_listen(s->socket_fd, 128);
	if (r == 0)
		r = sys_renameat2(AT_FDCWD, addr.sun_path, AT_FDCWD, s->socket_path, 0);
	return r < 0 ? err_sys(e, ERR_IO, r, "listen on %s", s->socket_path) : 0;
}

static int open_log(struct server *s, struct err *e)
{
	const char *path = s->options->log ? s->options->log : s->config.log;
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
	int fd = path ? sys_openat(AT_FDCWD, path, flags, 0600)
		      : sys_fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open the log %s", path ? path : "");
	(void)fd_close(s->log_fd);
	s->log_fd = fd;
	return 0;
}

static int catch_signals(struct server *s, struct err *e)
{
	const int caught[] = {SIGTERM, SIGINT, SIGHUP};
	uint64_t mask = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		mask |= 1ULL << (caught[i] - 1);
	r = sys_sigprocmask(SIG_BLOCK, &mask, NULL);
	s->signal_fd = r < 0 ? r : sys_signalfd(mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? err_sys(e, ERR_INTERNAL, s->signal_fd, "catch signals") : 0;
}

static void log_event(const struct server *s, const char *container, const char *event,
		      const struct err *e)
{
	struct audit a = {.fd = s->log_fd, .container = container, .profile = ""};

	audit_event(&a, event, e, NULL);
}

/* What is there keeps what it was started with; what comes gets the new. */
static void reload(struct server *s)
{
	struct err e = {0};
	struct config c;
	struct arena a;

	arena_init(&a, NULL, 0);
	if (config_load(&a, s->options->config_path, &c, &e) < 0) {
		log_event(s, "", "failed", &e);
		arena_done(&a);
		return;
	}
	arena_done(&s->arena);
	s->arena = a;
	s->config = c;
	s->config.arena = &s->arena;
	if (open_log(s, &e) < 0)
		log_event(s, "", "failed", &e);
	else
		log_event(s, "", "reloaded", NULL);
}

static void take_signal(struct server *s)
{
	struct signalfd_siginfo info;

	if (sys_read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload(s);
	else
		s->ends = true;
}

/* --- containers ------------------------------------------------------------------------------ */

static void free_container(struct container *c)
{
	c->listener_fd = fd_close(c->listener_fd);
	c->pidfd = fd_close(c->pidfd);
	free(c->text);
	(void)sys_munmap(c->board, sizeof(*c->board));
}

static int start_worker(struct server *s, struct container *c)
{
	struct worker_task task = {
		.config = &s->config,
		.text = c->text,
		.len = c->len,
		.listener_fd = c->listener_fd,
		.proc_fd = s->proc_fd,
		.log_fd = s->log_fd,
		.board = c->board,
		.resumes = c->restarts > 0,
	};
	uint64_t none = 0;
	pid_t us = sys_getpid(), pid = fork();

	if (pid == 0) {
		(void)fd_close(s->socket_fd);
		/* Others' listeners must not live longer because of us. */
		for (size_t i = 0; i < s->n; i++)
			if (&s->containers[i] != c)
				(void)fd_close(s->containers[i].listener_fd);
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			(void)fd_close(s->connections[i].fd);
			(void)fd_close(s->connections[i].listener_fd);
		}
		(void)sys_sigprocmask(SIG_SETMASK, &none, NULL);
		if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || sys_getppid() != us)
			_exit(WORKER_FAILED);
		_exit(worker_run(&task));
	}
	c->pidfd = pid < 0 ? -EAGAIN : sys_pidfd_open(pid, 0);
	return MIN(c->pidfd, 0);
}

/* Room for one more; NULL if there is none. */
static struct container *add_container(struct server *s)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct container *grown =
			cap > CONTAINERS_MAX ? NULL
					     : reallocarray(s->containers, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		s->containers = grown;
		s->cap = cap;
	}
	return &s->containers[s->n++];
}

/* All that a runtime had to say: it becomes a container. */
static void attach(struct server *s, struct connection *from)
{
	const int shared = MAP_SHARED | MAP_ANONYMOUS;
	struct container c = {
		.text = from->text,
		.len = from->len,
		.listener_fd = from->listener_fd,
		.pidfd = -EBADF,
	};
	struct container *place = NULL;
	int r = -ENOMEM;

	from->text = NULL;
	from->listener_fd = -EBADF;
	c.board = sys_mmap(NULL, sizeof(*c.board), PROT_READ | PROT_WRITE, shared, -1, 0);
	if (!sys_mmap_failed(c.board))
		place = add_container(s);
	if (place) {
		*place = c;
		r = start_worker(s, place);
	}
	if (r < 0) {
		struct err e = {0};

		(void)err_sys(&e, ERR_INTERNAL, r, "start a worker");
		log_event(s, "", "failed", &e);
		s->n -= place != NULL;
		c.pidfd = -EBADF;
		free_container(&c);
	}
}

/* The worker of container @i has ended: because all is done, or it must have another one. */
static void end_worker(struct server *s, size_t i)
{
	struct container *c = &s->containers[i];
	siginfo_t info = {0};
	bool done = sys_wait_pidfd(c->pidfd, &info, WEXITED) < 0 || info.si_code == CLD_EXITED;

	c->pidfd = fd_close(c->pidfd);
	if (!done && c->restarts++ < RESTARTS_MAX && start_worker(s, c) == 0)
		return;
	if (!done) {
		struct err e = {0};

		(void)err_set(&e, ERR_INTERNAL, -EIO, "its worker died once too often");
		log_event(s, c->board->container, "failed", &e);
	}
	free_container(c);
	*c = s->containers[--s->n];
}

/* --- connections ----------------------------------------------------------------------------- */

static void end_connection(struct connection *c)
{
	c->fd = fd_close(c->fd);
	c->listener_fd = fd_close(c->listener_fd);
	free(c->text);
	*c = (struct connection){.fd = -EBADF, .listener_fd = -EBADF};
}

/* May this peer give us listeners? Root and we ourselves; the socket's mode says the same. */
static bool is_welcome(int fd)
{
	struct ucred peer;
	unsigned len = sizeof(peer);

	return SYS5(getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == sys_geteuid());
}

static void take_connection(struct server *s)
{
	int fd = sys_accept4(s->socket_fd, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; i < CONNECTIONS_MAX && fd >= 0 && is_welcome(fd); i++) {
		struct connection *c = &s->connections[i];

		if (c->fd < 0) {
			c->deadline_ns = sys_now_ns() + RECEIVE_MS * NS_PER_MS;
			c->fd = TAKE_FD(fd);
		}
	}
	(void)fd_close(fd);
}

static void send_status(struct server *s, int fd)
{
	struct json_writer w;
	const char *text;
	struct arena a;
	size_t len;

	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_array_begin(&w);
	for (size_t i = 0; i < s->n; i++) {
		const struct container *c = &s->containers[i];

		json_object_begin(&w);
		json_kv_string(&w, "container", c->board->container);
		json_kv_string(&w, "profile", c->board->profile);
		json_kv_u64(&w, "restarts", c->restarts);
		audit_counters(&w, c->board);
		json_object_end(&w);
	}
	json_array_end(&w);
	/* Who does not read has lost: we wait for nobody. */
	if (json_writer_finish(&w, &text, &len) == 0)
		(void)socket_send(fd, text, len, NULL, 0);
	arena_done(&a);
}

/* Look at @n more bytes of the document; what it means is for the worker to find out. */
static void look_for_end(struct whole *w, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !w->done; i++) {
		if (w->in_string) {
			w->in_string = w->escaped || text[i] != '"';
			w->escaped = !w->escaped && text[i] == '\\';
		} else if (text[i] == '"') {
			w->in_string = true;
		} else if (text[i] == '{') {
			w->depth++;
		} else if (text[i] == '}') {
			w->done = w->depth <= 1;
			w->depth -= w->depth > 0;
		}
	}
}

static int make_room(struct connection *c)
{
	size_t cap = c->cap ? 2 * c->cap : CHUNK;
	char *grown;

	if (c->cap - c->len >= CHUNK / 2)
		return 0;
	if (c->len > STATE_MAX)
		return -EFBIG;
	grown = realloc(c->text, cap);
	if (!grown)
		return -ENOMEM;
	c->text = grown;
	c->cap = cap;
	return 0;
}

/* Read what is there. When it is whole, or the connection ends, it is a state document, if a
 * descriptor came. */
static void read_connection(struct server *s, struct connection *c)
{
	struct iovec iov;
	ssize_t n;
	int fd = -EBADF;

	if (make_room(c) < 0) {
		end_connection(c);
		return;
	}
	iov = (struct iovec){.iov_base = c->text + c->len, .iov_len = c->cap - c->len};
	n = socket_receive(c->fd, &iov, 1, MSG_CMSG_CLOEXEC, &fd);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (fd >= 0) {
		/* With the first bytes, or it does not count. */
		if (c->len == 0 && c->listener_fd < 0)
			c->listener_fd = TAKE_FD(fd);
		(void)fd_close(fd);
	}
	if (n > 0) {
		look_for_end(&c->whole, c->text + c->len, (size_t)n);
		c->len += (size_t)n;
		if (c->whole.done && c->listener_fd >= 0) {
			attach(s, c);
			end_connection(c);
			return;
		}
		if (c->listener_fd < 0 && c->len == strlen(SERVER_STATUS) &&
		    memcmp(c->text, SERVER_STATUS, c->len) == 0) {
			send_status(s, c->fd);
			end_connection(c);
		}
		return;
	}
	if (n == 0 && c->listener_fd >= 0)
		attach(s, c);
	end_connection(c);
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Until the first connection has taken too long, in milliseconds; those that have are ended. */
static int end_late(struct server *s)
{
	uint64_t at = sys_now_ns(), wait = UINT64_MAX;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd >= 0 && c->deadline_ns <= at)
			end_connection(c);
		if (c->fd >= 0)
			wait = MIN(wait, c->deadline_ns - at);
	}
	return wait == UINT64_MAX ? -1 : (int)(wait / NS_PER_MS) + 1;
}

static int serve_once(struct server *s)
{
	size_t n = 2 + CONNECTIONS_MAX, n_containers = s->n;
	struct sys_pollfd *p = calloc(n + n_containers, sizeof(*p));
	int timeout = end_late(s), r;

	if (!p)
		return -ENOMEM;
	p[0] = (struct sys_pollfd){.fd = s->socket_fd, .events = POLLIN};
	p[1] = (struct sys_pollfd){.fd = s->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		p[2 + i] = (struct sys_pollfd){.fd = s->connections[i].fd, .events = POLLIN};
	for (size_t i = 0; i < n_containers; i++)
		p[n + i] = (struct sys_pollfd){.fd = s->containers[i].pidfd, .events = POLLIN};
	r = sys_poll(p, (unsigned)(n + n_containers), timeout);
	/* From the last on: one that ends is replaced by the last. */
	for (size_t i = n_containers; i-- > 0 && r > 0;)
		if (p[n + i].revents)
			end_worker(s, i);
	for (size_t i = 0; i < CONNECTIONS_MAX && r > 0; i++)
		if (p[2 + i].revents)
			read_connection(s, &s->connections[i]);
	if (r > 0 && p[0].revents)
		take_connection(s);
	if (r > 0 && p[1].revents)
		take_signal(s);
	free(p);
	return r == -EINTR ? 0 : r;
}

static int open_proc(struct server *s, struct err *e)
{
	struct sys_statfs fs;

	s->proc_fd = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (s->proc_fd < 0)
		return err_sys(e, ERR_KERNEL, s->proc_fd, "open /proc");
	if (sys_fstatfs(s->proc_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC_)
		return err_set(e, ERR_KERNEL, -ENODEV, "/proc is not a procfs");
	return 0;
}

static int prepare(struct server *s, struct err *e)
{
	int r = config_load(&s->arena, s->options->config_path, &s->config, e);

	if (r == 0)
		r = open_proc(s, e);
	if (r == 0)
		r = open_log(s, e);
	if (r == 0)
		r = catch_signals(s, e);
	if (r == 0)
		r = choose_socket(s, e);
	/* Nothing of ours ever executes a program. */
	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return r < 0 ? r : listen_at(s, e);
}

int server_run(const struct server_options *o, struct err *e)
{
	struct server s = {
		.options = o,
		.proc_fd = -EBADF,
		.socket_fd = -EBADF,
		.log_fd = -EBADF,
		.signal_fd = -EBADF,
	};
	int r;

	arena_init(&s.arena, NULL, 0);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		s.connections[i].fd = s.connections[i].listener_fd = -EBADF;
	r = prepare(&s, e);
	if (r == 0) {
		while (!s.ends && r >= 0)
			r = serve_once(&s);
		(void)sys_unlinkat(AT_FDCWD, s.socket_path, 0);
		if (r < 0)
			(void)err_sys(e, ERR_INTERNAL, r, "wait for requests");
	}
	for (size_t i = 0; i < s.n; i++) {
		(void)sys_pidfd_send_signal(s.containers[i].pidfd, SIGKILL);
		(void)sys_wait_pidfd(s.containers[i].pidfd, NULL, WEXITED);
		free_container(&s.containers[i]);
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		end_connection(&s.connections[i]);
	free(s.containers);
	(void)fd_close(s.socket_fd);
	(void)fd_close(s.signal_fd);
	(void)fd_close(s.log_fd);
	(void)fd_close(s.proc_fd);
	arena_done(&s.arena);
	return MIN(r, 0);
}
