/* coracle-doctor: does this machine do what containers need, and if not, what would cure it? Runs
 * on the host's side as whoever asks, started by `coracle doctor`; the runtime never needs it, so
 * it is a program of its own. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/ledger.h"
#include "doctor/report.h"

/* What the exit status says, beside 0. */
#define STATUS_USAGE  1
#define STATUS_FAILED 2

#define CHECKS_MAX 40

const struct check checks[] = {
	{"surroundings", FOR_CONTAINERS,
	 "compared our namespaces with the first ones, and asked for filters",
	 "what is around us holds for our containers too", check_surroundings},
	{"kernel", FOR_CONTAINERS,
	 "called what containers are made with, with arguments that do nothing",
	 "coracle needs Linux 5.10 and its system calls", check_kernel_calls},
	{"sealed-init", FOR_CONTAINERS, "executed a sealed memory file",
	 "the program that enters containers is never a file that a container could change",
	 check_sealed_init},
	{"namespaces", FOR_ROOT, "made one namespace of each kind, and mounted a file system in it",
	 "a container is a process in namespaces of its own", check_namespaces},
	{"user-namespace", FOR_ROOTLESS,
	 "made a user namespace and, in it, one namespace of each other kind, and mounted a tmpfs",
	 "without privileges, a user namespace is what gives a container its root",
	 check_user_namespace},
	{"subordinate-ids", FOR_ROOTLESS,
	 "had newuidmap and newgidmap give a user namespace the ids of /etc/subuid and /etc/subgid",
	 "with one id alone, files of other owners in images cannot be unpacked or used",
	 check_subordinate_ids},
	{"subid-audit", FOR_CONTAINERS,
	 "compared every range of /etc/subuid and /etc/subgid with the others, with /etc/passwd and with the ledger",
	 "whoever is given an id that was somebody else's owns what that one's containers left behind",
	 check_subid_audit},
	{"set-id-files", FOR_CONTAINERS, "looked for set-id files that belong to subordinate ids",
	 "anybody who reaches such a file becomes the id that it belongs to", check_setid_files},
	{"id-mapped-mounts", FOR_CONTAINERS,
	 "mounted a file system with the ids of another user namespace",
	 "containers with other ids share images and volumes by it, without a copy",
	 check_idmapped_mounts},
	{"security-module", FOR_CONTAINERS, "asked for a label for a program",
	 "a container is confined by AppArmor or SELinux through it", check_security_module},
	{"landlock", FOR_CONTAINERS, "restricted a process, and had it refused a file",
	 "rules for a container's files (run.oci.coracle.landlock) are refused without it",
	 check_landlock},
	{"procfs", FOR_ROOTLESS, "mounted a procfs in a new pid namespace",
	 "a container sees its own processes; where it cannot have a procfs it gets the host's",
	 check_procfs},
	{"cgroup-layout", FOR_CONTAINERS, "asked what is mounted on /sys/fs/cgroup",
	 "an ordinary user's limits need cgroup v2 alone; on hybrid hosts they are root's",
	 check_cgroup_layout},
	{"cgroup", FOR_ROOT,
	 "made a cgroup and a process in it, froze and killed that, and removed the cgroup",
	 "limits, pausing and killing all of a container go by its cgroup", check_cgroup},
	{"delegation", FOR_ROOTLESS,
	 "made a cgroup where coracle would, and a process in it, froze and killed that, and removed the cgroup",
	 "limits, pausing and killing all of a container go by its cgroup", check_delegation},
	{"device-policy", FOR_ROOT, "loaded a device program, without attaching it",
	 "it is what keeps a container from the host's devices", check_device_policy},
	{"user-manager", FOR_ROOTLESS, "connected to the user's systemd",
	 "it makes cgroups for --cgroup-manager systemd, and keeps containers after a logout",
	 check_user_manager},
	{"runtime-directory", FOR_CONTAINERS, "looked at the directory for the state of containers",
	 "the state of containers lives there, and has to go with a reboot",
	 check_runtime_directory},
	{"stale-state", FOR_CONTAINERS,
	 "read the state of every container, and asked for its process",
	 "what is left of a container keeps its id, its cgroup and its mounts", check_stale_state},
	{"limits", FOR_CONTAINERS, "asked for the limits that hold for us",
	 "each container costs a few of each; the kernel's own words for it rarely say which",
	 check_limits},
	{"leftovers", FOR_CONTAINERS,
	 "looked for cgroups without a container, and for the states of crun and runc",
	 "nothing ever takes them away but whoever looks", check_leftovers},
	{"inotify", FOR_CONTAINERS, "made as many watchers of files as a few containers do",
	 "all containers of a user share one small number of them", check_inotify},
	{"seccomp-filter", FOR_SECCOMP, "loaded a filter, and asked for every action",
	 "a profile with an action that the kernel lacks is refused", check_seccomp_filter},
	{"seccomp-notify", FOR_SECCOMP, "loaded a filter with a listener, and answered a call",
	 "profiles with SCMP_ACT_NOTIFY hand calls to an agent", check_seccomp_notify},
	{"ptrace", FOR_SECCOMP | FOR_CHECKPOINT, "opened the memory of a child",
	 "an agent reads what a call points to, and criu reads everything", check_ptrace},
	{"image-program", FOR_IMAGES, "ran coracle image", "it makes, verifies and mounts images",
	 check_image_program},
	{"overlay", FOR_IMAGES, "mounted an overlay of two tmpfs directories, and wrote into it",
	 "a container from an image gets a writable layer by it", check_overlay},
	{"overlay-store", FOR_IMAGES, "mounted an overlay that writes where the image store is",
	 "what containers write is kept there", check_overlay_store},
	{"fuse", FOR_IMAGES, "mounted a file system that is a process",
	 "engines use it where the kernel's overlay does not do (fuse-overlayfs)", check_fuse},
	{"erofs", FOR_IMAGES, "asked the kernel for the file system",
	 "sealed images are mounted with it", check_erofs},
	{"loop", FOR_IMAGES, "opened /dev/loop-control",
	 "kernels before 6.12 mount images through loop devices", check_loop},
	{"fs-verity", FOR_IMAGES, "sealed a nameless file where the image store is",
	 "with it the kernel proves every byte of an image when it is read", check_verity},
	{"clock", FOR_IMAGES,
	 "compared the clock with the day that coracle was made, and asked for random bytes",
	 "signatures are valid for a time", check_clock},
	{"criu", FOR_CHECKPOINT, "ran criu", "it writes and reads the images of processes",
	 check_criu},
	{"criu-kernel", FOR_CHECKPOINT, "ran criu check",
	 "it needs much of the kernel that nobody else does", check_criu_kernel},
	{"checkpoint", FOR_CHECKPOINT, "ran coracle checkpoint --help",
	 "engines ask the runtime to do it", check_checkpoint},
	{"start", FOR_CONTAINERS, "ran a container of one file that does nothing",
	 "everything together", check_start},
	{0},
};

struct options {
	bool json, verbose, record;
};

static int usage(const char *text, const char *word)
{
	(void)fprintf(stderr, "coracle: doctor: %s%s\n", text, word);
	return STATUS_USAGE;
}

/* The purpose called @name replaces the one that we would take. */
static int parse_purpose(struct doctor *d, const char *name)
{
	static const struct {
		const char *name;
		enum purpose purpose;
	} names[] = {
		{"rootless", FOR_ROOTLESS},     {"root", FOR_ROOT},
		{"seccomp", FOR_SECCOMP},       {"images", FOR_IMAGES},
		{"checkpoint", FOR_CHECKPOINT},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names) && !str_eq(names[i].name, name); i++)
		;
	if (i == ARRAY_SIZE(names))
		return usage("unknown purpose: ", name);
	d->purposes = names[i].purpose;
	return 0;
}

static int parse(int argc, char **argv, struct doctor *d, struct options *o)
{
	static const struct option longs[] = {
		{"for", required_argument, NULL, 'f'},  {"json", no_argument, NULL, 'j'},
		{"verbose", no_argument, NULL, 'v'},    {"scan", required_argument, NULL, 's'},
		{"record", no_argument, NULL, 'r'},     {"runtime", required_argument, NULL, 'R'},
		{"root", required_argument, NULL, 'D'}, {NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		int r = 0;

		switch (opt) {
		case 'f':
			r = parse_purpose(d, optarg);
			break;
		case 'j':
			o->json = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'r':
			o->record = true;
			break;
		case 's':
			d->scan_dir = optarg;
			break;
		case 'R':
			d->runtime = optarg;
			break;
		case 'D':
			d->root = optarg;
			break;
		default:
			r = STATUS_USAGE;
			break;
		}
		if (r != 0)
			return r;
	}
	return optind < argc ? usage("too many arguments: ", argv[optind]) : 0;
}

static int examine(const struct doctor *d, const struct options *o)
{
	static struct result results[CHECKS_MAX];
	uint64_t start = sys_now_ms();
	bool failed = false;
	size_t n = 0;
	int r;

	for (const struct check *c = checks; c->id && n < CHECKS_MAX; c++) {
		if (!(c->purposes & d->purposes))
			continue;
		results[n].check = c;
		results[n].finding.verdict = VERDICT_OK;
		c->run(d, &results[n].finding);
		failed |= results[n].finding.verdict == VERDICT_FAIL;
		n++;
	}
	r = report_print(d, results, n, o->json, o->verbose, (unsigned)(sys_now_ms() - start));
	if (r < 0)
		return usage("cannot write the report", "");
	return failed ? STATUS_FAILED : 0;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct doctor d;
	struct arena a;
	struct err e;
	int r;

	/* As the program of a sealed memory file, and as a container's: see kernel.c and start.c.
	 */
	if (argc == 2 && str_eq(argv[1], "--nothing"))
		return 0;
	arena_init(&a, NULL, 0);
	doctor_init(&d, &a);
	r = parse(argc, argv, &d, &o);
	if (r != 0)
		return r;
	if (!o.record)
		return examine(&d, &o);
	r = ledger_record(&d, &e);
	if (r < 0) {
		char text[600];

		err_message(&e, text, sizeof(text));
		return usage(text, "");
	}
	return 0;
}
