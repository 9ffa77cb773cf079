/* struct err: how failures are described. Runs in every process of ours; allocates nothing. */
#include "base/err.h"

#include <errno.h>

#include "base/str.h"

static int fill(struct err *e, enum err_id id, int code, bool is_errno, const char *fmt, va_list ap)
{
	e->code = code;
	e->id = (uint16_t)id;
	e->is_errno = is_errno;
	e->where[0] = '\0';
	e->hint[0] = '\0';
	(void)str_vformat(e->text, sizeof(e->text), fmt, ap);
	return code;
}

int err_set(struct err *e, enum err_id id, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fill(e, id, code, false, fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *e, enum err_id id, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fill(e, id, code, true, fmt, ap);
	va_end(ap);
	return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->text)];
	va_list ap;
	size_t n;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	n = str_vformat(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n + 2 < sizeof(e->text))
		(void)str_format(e->text + n, sizeof(e->text) - n, ": %s", inner);
	return e->code;
}

int err_where(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->where[0] == '\0') {
		va_start(ap, fmt);
		(void)str_vformat(e->where, sizeof(e->where), fmt, ap);
		va_end(ap);
	}
	return e->code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->hint[0] == '\0') {
		va_start(ap, fmt);
		(void)str_vformat(e->hint, sizeof(e->hint), fmt, ap);
		va_end(ap);
	}
	return e->code;
}

/* Lower case, as runc's users and the engines' matchers know them. */
static const struct {
	int code;
	const char *words;
} errno_table[] = {
	{E2BIG, "argument list too long"},
	{EACCES, "permission denied"},
	{EAGAIN, "resource temporarily unavailable"},
	{EBADF, "bad file descriptor"},
	{EBUSY, "device or resource busy"},
	{ECHILD, "no child processes"},
	{ECONNREFUSED, "connection refused"},
	{ECONNRESET, "connection reset by peer"},
	{EDQUOT, "disk quota exceeded"},
	{EEXIST, "file exists"},
	{EFAULT, "bad address"},
	{EFBIG, "file too large"},
	{EINTR, "interrupted system call"},
	{EINVAL, "invalid argument"},
	{EIO, "input/output error"},
	{EISDIR, "is a directory"},
	{ELIBBAD, "accessing a corrupted shared library"},
	{ELOOP, "too many levels of symbolic links"},
	{EMFILE, "too many open files"},
	{ENAMETOOLONG, "file name too long"},
	{ENFILE, "too many open files in system"},
	{ENODEV, "no such device"},
	{ENOENT, "no such file or directory"},
	{ENOEXEC, "exec format error"},
	{ENOMEM, "cannot allocate memory"},
	{ENOSPC, "no space left on device"},
	{ENOSYS, "function not implemented"},
	{ENOTCONN, "transport endpoint is not connected"},
	{ENOTDIR, "not a directory"},
	{ENOTEMPTY, "directory not empty"},
	{ENOTTY, "inappropriate ioctl for device"},
	{ENXIO, "no such device or address"},
	{EOPNOTSUPP, "operation not supported"},
	{EOVERFLOW, "value too large for defined data type"},
	{EPERM, "operation not permitted"},
	{EPIPE, "broken pipe"},
	{ERANGE, "numerical result out of range"},
	{EROFS, "read-only file system"},
	{ESRCH, "no such process"},
	{ETIMEDOUT, "connection timed out"},
	{ETXTBSY, "text file busy"},
	{EUSERS, "too many users"},
	{EXDEV, "invalid cross-device link"},
};

const char *errno_words(int code, char buf[static 24])
{
	if (code < 0)
		code = -code;
	for (size_t i = 0; i < ARRAY_SIZE(errno_table); i++)
		if (errno_table[i].code == code)
			return errno_table[i].words;
	(void)str_format(buf, 24, "errno %d", code);
	return buf;
}

void err_message(const struct err *e, char *buf, unsigned long size)
{
	char number[24];

	(void)str_format(buf, size, "%s%s%s%s%s", e->where, e->where[0] ? ": " : "", e->text,
			 e->is_errno ? ": " : "", e->is_errno ? errno_words(e->code, number) : "");
}
