/* Checkpoints: the runtime, and the program that writes them. */
#include <errno.h>

#include "base/str.h"
#include "doctor/doctor.h"

#define TIMEOUT_MS       2000
#define CHECK_TIMEOUT_MS 4000

void check_criu(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"criu", "--version", NULL};
	static const struct package_names names = {"criu", "criu", "criu", "criu", "criu"};
	const char *path = doctor_find_program(d, "criu");
	const char *install = doctor_install_command(d, &names);
	struct child_result result;

	if (path && doctor_run(path, argv, TIMEOUT_MS, &result) == 0 && result.status == 0) {
		finding_set(f, VERDICT_OK, "%s", result.output);
		return;
	}
	finding_set(f, VERDICT_FAIL, path ? "%s does not run" : "criu is not installed", path);
	if (!path && install)
		finding_cure(d, f, CURE_ROOT, "%s", install);
}

/* Its own trial of the kernel: it needs root, and takes its time. */
void check_criu_kernel(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"criu", "check", NULL};
	const char *path = doctor_find_program(d, "criu");
	struct child_result result = {0};
	const char *said;
	char words[24];
	int r;

	if (!path || d->uid != 0) {
		finding_set(f, VERDICT_SKIP,
			    path ? "only root may: look as root" : "there is no criu");
		return;
	}
	r = doctor_run(path, argv, CHECK_TIMEOUT_MS, &result);
	if (r == 0 && result.status == 0) {
		finding_set(f, VERDICT_OK, "%s",
			    result.output[0] ? result.output : "it is content");
		return;
	}
	/* The output may begin in the middle of a line. */
	said = strstr(result.output, "Error (");
	finding_set(f, VERDICT_FAIL, "%s",
		    r < 0  ? errno_words(r, words)
		    : said ? said
			   : result.output);
	f->afterwards = "`criu check --all` tells more; a criu that is older than the kernel wants "
			"to be a newer one, a kernel needs CONFIG_CHECKPOINT_RESTORE";
}

/* The help of a verb that is not there yet says so. */
void check_checkpoint(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"coracle", "checkpoint", "--help", NULL};
	struct child_result result = {0};

	if (doctor_run(doctor_runtime(d), argv, TIMEOUT_MS, &result) < 0) {
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
