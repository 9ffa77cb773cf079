/* Checkpoints: the runtime, and the program that writes them. */
#include <errno.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"

#define TIMEOUT_MS 2000

static int run(const char *path, const char *const *argv, struct child_result *ret)
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
		.timeout_ms = TIMEOUT_MS,
	};

	return child_run(&c, ret);
}

void check_criu(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"criu", "--version", NULL};
	static const struct package_names names = {"criu", "criu", "criu", "criu", "criu"};
	const char *path = doctor_find_program(d, "criu");
	const char *install = doctor_install_command(d, &names);
	struct child_result result;

	if (path && run(path, argv, &result) == 0 && result.status == 0) {
		finding_set(f, VERDICT_OK, "%s", result.output);
		return;
	}
	finding_set(f, VERDICT_FAIL, path ? "%s does not run" : "criu is not installed", path);
	if (!path && install)
		finding_cure(d, f, CURE_ROOT, "%s", install);
}

/* The help of a verb that is not there yet says so. */
void check_checkpoint(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"coracle", "checkpoint", "--help", NULL};
	const char *path =
		str_eq(d->runtime, "coracle") ? doctor_find_program(d, "coracle") : d->runtime;
	struct child_result result = {0};

	if (!path || run(path, argv, &result) < 0) {
		finding_set(f, VERDICT_SKIP, "coracle was not found");
		return;
	}
	if (result.status == 0 && !strstr(result.output, "ot implemented")) {
		finding_set(f, VERDICT_OK, "coracle knows it");
		return;
	}
	finding_set(f, VERDICT_FAIL, "this coracle does not do it yet");
	f->afterwards = "use crun or runc for containers that are to be checkpointed";
}
