/* Checkpoints: the runtime, and the program that writes them. */
#include <errno.h>

#include "base/str.h"
#include "doctor/doctor.h"

#define TIMEOUT_MS 2000

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
