/* What is left of containers that are gone, ours and other runtimes': states without a process, and
 * cgroups without either. Nothing is taken away here: that is the cure's to say. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/state.h"

#define STATE_MAX ((size_t)1 << 22)

/* Other runtimes: the directory below /run or the user's, and the file of each container in it with
 * the pid's name there. */
static const struct runtime_kind {
	const char *name, *file, *pid;
} kinds[] = {
	{"crun", "status", "pid"},
	{"runc", "state.json", "init_process_pid"},
};

struct search {
	const struct doctor *d;
	struct finding *f;
	const struct runtime_kind *kind; /* of the state directory that is searched */
	const char *place;               /* its path, or that of a cgroup */
	unsigned states, cgroups;
	const char *first; /* the first thing that was found */
};

static enum cure_shell own_shell(const struct doctor *d)
{
	return d->uid == 0 ? CURE_ROOT : CURE_USER;
}

/* --- states of other runtimes ------------------------------------------------------------------
 */

static void look_at_state(void *arg, int dir, const char *id)
{
	struct search *s = arg;
	struct arena *a = s->d->arena;
	const char *path = arena_format(a, "%s/%s", id, s->kind->file);
	int64_t pid;
	char *text;
	size_t len;

	if (!path || io_read_file_at(a, dir, path, STATE_MAX, &text, &len) < 0)
		return;
	pid = state_read_pid(text, len, s->kind->pid);
	if (pid < 0 || (pid > 0 && !state_has_ended(s->d, pid)))
		return;
	if (s->states++ == 0 && !s->first)
		s->first = arena_format(a, "%s/%s", s->place, id);
	finding_cure(s->d, s->f, own_shell(s->d), "%s --root %s delete --force %s", s->kind->name,
		     s->place, id);
}

static void search_states(struct search *s)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *top = s->d->uid == 0 && !s->d->nested ? "/run" : xdg;

	for (size_t i = 0; top && i < ARRAY_SIZE(kinds); i++) {
		_cleanup_close_ int dir = -EBADF;

		s->kind = &kinds[i];
		s->place = arena_format(s->d->arena, "%s/%s", top, kinds[i].name);
		if (s->place)
			dir = sys_openat(AT_FDCWD, s->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (dir >= 0)
			state_each(dir, look_at_state, s);
	}
}

/* --- cgroups -----------------------------------------------------------------------------------
 */

/* A cgroup of ours has the container's name. It is left over when it has no process and the
 * container no state. */
static void look_at_cgroup(void *arg, int dir, const char *id)
{
	struct search *s = arg;
	struct arena *a = s->d->arena;
	const char *events = arena_format(a, "%s/cgroup.events", id);
	const char *state = arena_format(a, "%s/%s", s->d->root, id);
	char *text;
	size_t len;

	if (!events || !state || io_read_file_at(a, dir, events, 4096, &text, &len) < 0 ||
	    !strstr(text, "populated 0") || sys_faccessat(AT_FDCWD, state, F_OK) == 0)
		return;
	if (s->cgroups++ == 0 && !s->first)
		s->first = arena_format(a, "%s/%s", s->place, id);
	finding_cure(s->d, s->f, CURE_ROOT, "rmdir %s/%s", s->place, id);
}

static void search_cgroups(struct search *s)
{
	static const char *const places[] = {"/sys/fs/cgroup/coracle",
					     "/sys/fs/cgroup/unified/coracle"};

	for (size_t i = 0; s->d->uid == 0 && i < ARRAY_SIZE(places); i++) {
		_cleanup_close_ int dir =
			sys_openat(AT_FDCWD, places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

		s->place = places[i];
		if (dir >= 0)
			state_each(dir, look_at_cgroup, s);
	}
}

void check_leftovers(const struct doctor *d, struct finding *f)
{
	struct search s = {.d = d, .f = f};

	search_states(&s);
	search_cgroups(&s);
	if (s.states + s.cgroups == 0) {
		finding_set(f, VERDICT_OK,
			    "no cgroups without a container, no ended containers of "
			    "crun or runc");
		return;
	}
	finding_set(f, VERDICT_WARN,
		    "%u ended containers of other runtimes and %u empty cgroups, %s among them",
		    s.states, s.cgroups, s.first ? s.first : "");
	f->afterwards = "an engine that still knows them is told instead: podman rm, docker rm";
}
