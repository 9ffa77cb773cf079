/* The two services' own protocols: fields for the journal (systemd's "Native Journal Protocol"), a
 * priority and a tag for syslog (RFC 3164; services stamp the time themselves). Runs in the
 * command-line half only. */
#include "cli/log-service.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cli/log.h"

#define JOURNAL "/run/systemd/journal/socket"
#define SYSLOG  "/dev/log"

#define LOG_USER_FACILITY (1 << 3)
#define PRIORITY_ERROR    3
#define PRIORITY_WARNING  4

static struct {
	int fd; /* 0 for none: descriptor 0 is never free for it */
	bool journal;
	const char *name;
} service;

int log_service_open(const char *target, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = strchr(target, ':') + 1;
	bool journal = str_starts(target, "journald:");
	_cleanup_close_ int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd;

	(void)str_copy(address.sun_path, sizeof(address.sun_path), journal ? JOURNAL : SYSLOG);
	if (r >= 0)
		r = sys_connect(fd, &address, sizeof(address));
	if (r < 0)
		return err_sys(e, ERR_IO, r, "option --log: connect to %s", address.sun_path);
	service.fd = TAKE_FD(fd);
	service.journal = journal;
	service.name = *name ? name : "coracle";
	return 0;
}

/* NAME=VALUE and a line feed, if there is a value. */
static size_t add_field(char *buf, size_t size, size_t len, const char *name, const char *value)
{
	if (value[0] == '\0' || len + strlen(name) + 2 >= size)
		return len;
	len = log_append_clean(buf, size - 1, len, name);
	buf[len++] = '=';
	len = log_append_clean(buf, size - 1, len, value);
	buf[len++] = '\n';
	return len;
}

void log_service_send(const struct err *e, const char *level)
{
	int priority = str_eq(level, "error") ? PRIORITY_ERROR : PRIORITY_WARNING;
	char message[sizeof(e->where) + sizeof(e->text) + 128], packet[4096], head[64];
	struct iovec iov = {.iov_base = packet};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (service.fd == 0)
		return;
	err_message(e, message, sizeof(message));
	if (service.journal) {
		(void)str_format(head, sizeof(head), "%d", priority);
		iov.iov_len = add_field(packet, sizeof(packet), 0, "MESSAGE", message);
		iov.iov_len = add_field(packet, sizeof(packet), iov.iov_len, "PRIORITY", head);
		iov.iov_len = add_field(packet, sizeof(packet), iov.iov_len, "SYSLOG_IDENTIFIER",
					service.name);
		iov.iov_len = add_field(packet, sizeof(packet), iov.iov_len, "CORACLE_CODE",
					err_name(e->id));
		iov.iov_len =
			add_field(packet, sizeof(packet), iov.iov_len, "CORACLE_WHERE", e->where);
		iov.iov_len =
			add_field(packet, sizeof(packet), iov.iov_len, "CORACLE_HINT", e->hint);
	} else {
		(void)str_format(head, sizeof(head), "<%d>%.*s[%d]: ", LOG_USER_FACILITY | priority,
				 32, service.name, sys_getpid());
		iov.iov_len = log_append_clean(packet, sizeof(packet), 0, head);
		iov.iov_len = log_append_clean(packet, sizeof(packet), iov.iov_len, message);
	}
	/* Nobody can be told that telling failed. */
	(void)sys_sendmsg(service.fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}
