/* What all checks use: who asks, small files of the kernel's, findings and cures. */
#include "doctor/doctor.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define FILE_MAX ((size_t)1 << 20)

void finding_set(struct finding *f, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	f->verdict = verdict;
	va_start(ap, fmt);
	(void)str_vformat(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
}

void finding_cure(const struct doctor *d, struct finding *f, enum cure_shell shell, const char *fmt,
		  ...)
{
	char text[600];
	size_t n = 0;
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	while (n < CURES_MAX && f->cures[n])
		n++;
	if (n == CURES_MAX)
		return;
	f->cures[n] = arena_strdup(d->arena, text);
	f->shell = shell;
}

const char *doctor_read(const struct doctor *d, const char *path)
{
	char *text;
	size_t len;

	if (io_read_file_at(d->arena, AT_FDCWD, path, FILE_MAX, &text, &len) < 0)
		return "";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

int64_t doctor_read_number(const struct doctor *d, const char *path)
{
	uint64_t n;

	return str_to_u64(doctor_read(d, path), &n) == 0 && n <= INT64_MAX ? (int64_t)n : -1;
}

const char *doctor_find_program(const struct doctor *d, const char *program)
{
	const char *path = getenv("PATH");
	const char *places = arena_format(d->arena, "%s:/usr/sbin:/sbin:/usr/bin:/bin",
					  path ? path : "/usr/local/bin");

	while (places && *places) {
		size_t n = strcspn(places, ":");
		const char *file = arena_format(d->arena, "%.*s/%s", (int)n, places, program);

		if (n > 0 && file && sys_faccessat(AT_FDCWD, file, X_OK) == 0)
			return file;
		places += n + (places[n] == ':');
	}
	return NULL;
}

const char *doctor_runtime(const struct doctor *d)
{
	return str_eq(d->runtime, "coracle") ? doctor_find_program(d, "coracle") : d->runtime;
}

int doctor_run(const char *path, const char *const *argv, int timeout_ms, struct child_result *ret)
{
	_cleanup_close_ int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	struct child c = {
		.path = path,
		.argv = argv,
		.envp = environ,
		.cwd = "",
		.cwd_fd = -EBADF,
		.in_fd = null,
		.out_fd = -EBADF,
		.err_fd = -EBADF,
		.timeout_ms = timeout_ms,
		.dies_with_us = true,
	};

	return path ? child_run(&c, ret) : -ENOENT;
}

void doctor_cure_sysctl(const struct doctor *d, struct finding *f, const char *name,
			const char *value)
{
	finding_cure(d, f, CURE_ROOT, "sysctl -w %s=%s", name, value);
	finding_cure(d, f, CURE_ROOT, "echo %s=%s >>/etc/sysctl.d/60-coracle.conf", name, value);
}

void doctor_cure_boot(const struct doctor *d, struct finding *f, const char *parameter)
{
	finding_cure(d, f, CURE_ROOT, "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub",
		     parameter);
	finding_cure(d, f, CURE_ROOT, "update-grub");
	finding_cure(d, f, CURE_ROOT, "reboot");
	f->afterwards = arena_format(d->arena, "without GRUB: add %s to the kernel's command line",
				     parameter);
}

/* The default, as coracle-image takes it. */
static char *default_store(const struct doctor *d)
{
	const char *own = getenv("CORACLE_IMAGE_STORE"), *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (own && *own == '/')
		return arena_strdup(d->arena, own);
	if (d->uid == 0)
		return arena_strdup(d->arena, "/var/lib/coracle/images");
	if (data && *data == '/')
		return arena_format(d->arena, "%s/coracle/images", data);
	return arena_format(d->arena, "%s/.local/share/coracle/images",
			    home && *home == '/' ? home : "");
}

const char *doctor_store(const struct doctor *d)
{
	char *path = default_store(d);

	if (!path)
		return "/";
	while (path[1] != '\0' && sys_faccessat(AT_FDCWD, path, X_OK) < 0) {
		char *slash = strrchr(path, '/');

		slash[slash == path] = '\0';
	}
	return path;
}

/* Does a line of /etc/os-release, ID= or ID_LIKE=, hold @word? */
static bool is_like(const char *release, const char *word)
{
	for (const char *line = release; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");

		if (str_starts(line, "ID=") || str_starts(line, "ID_LIKE=")) {
			const char *at = memmem(line, len, word, strlen(word));

			if (at)
				return true;
		}
	}
	return false;
}

const char *doctor_install_command(const struct doctor *d, const struct package_names *names)
{
	const struct {
		const char *word, *command, *package;
	} rows[] = {
		{"debian", "apt-get install", names->debian},
		{"ubuntu", "apt-get install", names->debian},
		{"fedora", "dnf install", names->fedora},
		{"rhel", "dnf install", names->fedora},
		{"alpine", "apk add", names->alpine},
		{"arch", "pacman -S", names->arch},
		{"suse", "zypper install", names->suse},
	};
	char *release;
	size_t len;

	if (io_read_file_at(d->arena, AT_FDCWD, "/etc/os-release", FILE_MAX, &release, &len) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].package && is_like(release, rows[i].word))
			return arena_format(d->arena, "%s %s", rows[i].command, rows[i].package);
	return NULL;
}

/* The state directory that coracle takes by default (container/directory.c). */
static const char *default_root(const struct doctor *d)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
	const char *root;

	if (d->uid == 0 && !(d->nested && xdg && *xdg == '/' && !(user && str_eq(user, "root"))))
		return "/run/coracle";
	root = xdg && *xdg == '/' ? arena_format(d->arena, "%s/coracle", xdg)
				  : arena_format(d->arena, "/tmp/coracle-%u", d->uid);
	return root ? root : "";
}

void doctor_init(struct doctor *d, struct arena *a)
{
	const struct passwd *pw = getpwuid(geteuid());
	char *text;
	size_t len;
	struct stat st;
	int fd;

	*d = (struct doctor){.arena = a, .uid = geteuid(), .gid = getegid(), .runtime = "coracle"};
	d->user = pw ? arena_strdup(a, pw->pw_name) : arena_format(a, "#%u", d->uid);
	d->name = arena_format(a, "coracle-doctor-%d-%u", (int)getpid(),
			       (unsigned)(sys_now_ns() % 1000000));
	if (!d->user)
		d->user = "";
	if (!d->name)
		d->name = "coracle-doctor";
	/* The first user namespace maps everything to itself (user_namespaces(7)). */
	d->nested = !strstr(doctor_read(d, "/proc/self/uid_map"), " 4294967295");
	if (io_read_file_at(a, AT_FDCWD, "/proc/self/status", FILE_MAX, &text, &len) == 0)
		d->filtered = strstr(text, "\nSeccomp:\t2") != NULL;
	fd = sys_openat(AT_FDCWD, "/run/systemd/system", O_PATH | O_CLOEXEC, 0);
	d->has_systemd = fd >= 0 && sys_fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	if (fd >= 0)
		(void)sys_close(fd);
	d->root = default_root(d);
	d->purposes = d->uid == 0 && !d->nested ? FOR_ROOT : FOR_ROOTLESS;
}
