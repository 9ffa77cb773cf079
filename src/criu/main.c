/* coracle-criu: checkpoints and restores by libcriu. A program of its own because it needs a
 * library; started by coracle, in a container's cgroup for a restore, on the host's side.
 *
 *     coracle-criu dump|pre-dump|restore    with a SOCK_SEQPACKET socket as standard input
 *
 * coracle sends options (criu/options.c), one a message, and "go". A message is words that end in
 * NUL, and at most one descriptor. Answers:
 *
 *     turn ACTION PID    CRIU waits: restore only. "yes" lets it go on, anything else ends it
 *     console            with the master of the terminal
 *     done PID           PID of the restored process, our child; 0 otherwise
 *     failed TEXT
 *
 * What is restored belongs to whoever adopts our children: coracle, or its caller. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criu/criu.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/sys.h"
#include "criu/log.h"
#include "criu/options.h"

#define MESSAGE_MAX 16384

/* The socket; libcriu's callback has no argument for it. */
static int channel = -EBADF;

/* Send @n words and perhaps a descriptor. Returns 0 or -errno. */
static int say(const char *const words[], size_t n, int fd)
{
	char message[MESSAGE_MAX];
	size_t len = 0;
	ssize_t sent;

	for (size_t i = 0; i < n; i++) {
		size_t size = strlen(words[i]) + 1;

		if (size > sizeof(message) - len)
			return -E2BIG;
		memcpy(message + len, words[i], size);
		len += size;
	}
	sent = socket_send(channel, message, len, &fd, fd >= 0);
	return sent < 0 ? (int)sent : 0;
}

/* Receive one message into @m. Returns 1, 0 at the end, or -errno. */
static int hear(char m[static MESSAGE_MAX], struct criu_message *ret)
{
	struct iovec iov = {.iov_base = m, .iov_len = MESSAGE_MAX};
	ssize_t n;

	do
		n = socket_receive(channel, &iov, 1, 0, &ret->fd);
	while (n == -EINTR);
	if (n <= 0)
		return (int)n;
	if (m[n - 1] != '\0')
		return -EBADMSG;
	ret->n = 0;
	for (const char *p = m; p < m + n && ret->n < CRIU_WORDS; p += strlen(p) + 1)
		ret->words[ret->n++] = p;
	return 1;
}

/* coracle hears it once all that it had to say has been taken: a socket that is closed before loses
 * what was on its way to the other side. */
static int fail(const char *text)
{
	static char m[MESSAGE_MAX];
	struct criu_message rest;

	(void)say((const char *const[]){"failed", text}, 2, -EBADF);
	while (hear(m, &rest) > 0)
		(void)fd_close(rest.fd);
	return 1;
}

/* CRIU has come to @action, and waits. */
static int take_turn(const char *action, int pid)
{
	char number[16], answer[MESSAGE_MAX] = "";
	struct criu_message m;

	(void)snprintf(number, sizeof(number), "%d", pid);
	if (say((const char *const[]){"turn", action, number}, 3, -EBADF) < 0 ||
	    hear(answer, &m) <= 0)
		return -1;
	return strcmp(m.words[0], "yes") == 0 ? 0 : -1;
}

static int on_notify(char *action, criu_notify_arg_t argument)
{
	if (strcmp(action, "orphan-pts-master") == 0)
		return say((const char *const[]){"console"}, 1, criu_get_orphan_pts_master_fd());
	if (strcmp(action, "setup-namespaces") == 0 || strcmp(action, "post-restore") == 0)
		return take_turn(action, criu_notify_pid(argument));
	return 0;
}

/* Take options until "go". Returns 0 or an exit status. */
static int take_options(void)
{
	static char m[MESSAGE_MAX];
	struct criu_message message;
	char text[256];
	int r;

	while ((r = hear(m, &message)) > 0) {
		if (strcmp(message.words[0], "go") == 0)
			return 0;
		r = options_take(&message);
		if (r == 0)
			continue;
		(void)snprintf(text, sizeof(text), "%s %s: %s", message.words[0],
			       message.n > 1 ? message.words[1] : "",
			       r == -EOPNOTSUPP ? "libcriu has no such option" : strerror(-r));
		return fail(text);
	}
	return 1;
}

/* libcriu's words for its answers are in its header only. */
static int explain(int r)
{
	char text[512];

	if (r == -EBADE &&
	    log_first_error(options_work_dir(), options_log_file(), text, sizeof(text)) == 0)
		return fail(text);
	(void)snprintf(text, sizeof(text), "CRIU failed without telling why (%d)", r);
	return fail(r == -ECONNREFUSED || r == -ECOMM ? "CRIU ended without an answer" : text);
}

static int act(criu_opts *options, const char *verb)
{
	char number[16] = "0";
	int r;

	if (strcmp(verb, "dump") == 0)
		r = criu_local_dump(options);
	else if (strcmp(verb, "pre-dump") == 0)
		r = criu_local_pre_dump(options);
	else
		r = criu_local_restore_child(options);
	if (r < 0)
		return explain(r);
	(void)snprintf(number, sizeof(number), "%d", r);
	return say((const char *const[]){"done", number}, 2, -EBADF) < 0;
}

/* libcriu writes to a criu that may have ended at once. It must not find the signal ignored. */
static bool has_criu(criu_opts *options)
{
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	r = criu_local_get_version(options);
	(void)signal(SIGPIPE, SIG_DFL);
	return r >= 0;
}

int main(int argc, char *argv[])
{
	bool restores = argc == 2 && strcmp(argv[1], "restore") == 0;
	criu_opts *options;

	if (argc != 2 ||
	    (!restores && strcmp(argv[1], "dump") != 0 && strcmp(argv[1], "pre-dump") != 0)) {
		(void)fputs("usage: coracle-criu dump|pre-dump|restore\n", stderr);
		return 64;
	}
	/* Standard input may become the container's terminal. */
	channel = sys_fcntl(0, F_DUPFD_CLOEXEC, 3);
	options = options_make(restores);
	if (channel < 0 || !options)
		return 1;
	if (!has_criu(options))
		return fail("the program criu cannot be executed");
	if (restores)
		criu_local_set_notify_cb(options, on_notify);
	if (take_options() != 0)
		return 1;
	return act(options, argv[1]);
}
