/* The hooks that the host half runs, in the runtime's namespaces. */
#pragma once

#include "container/container.h"
#include "container/live.h"
#include "container/state.h"

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
};

/* Run the hooks of @kind in order; they read @s with @status on stdin. The first that fails ends
 * it, but for poststop: there failures are warnings (runtime.md, "Lifecycle"). */
int hooks_run(struct runtime *rt, const struct spec *spec, const struct state *s,
	      enum hook_kind kind, enum container_status status, struct err *e) _must_check_;

/* Which hooks of @spec later commands must run: enum state_hook bits. */
uint32_t hooks_for_later(const struct spec *spec);

/* A file with the state document that a hook reads, sealed. Returns a descriptor or -errno. */
int hooks_make_state(struct arena *a, const struct state *s, enum container_status status,
		     struct err *e) _must_check_;

/* How long init's startContainer hooks may take, in seconds; 0 is for ever. */
unsigned hooks_start_seconds(const struct spec *spec, unsigned more);

/* The configuration that create saved, for the hooks in it. Its text is in rt->arena. */
int hooks_load(struct runtime *rt, const struct directory *d, struct spec *ret, struct err *e)
	_must_check_;
