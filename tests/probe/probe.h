/* What the parts of the probe share. Actions end the process with FAILED if they cannot be done. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#define FAILED 97 /* an action that must not fail did */

/* Has one of the signals to "catch" come? */
extern volatile sig_atomic_t caught;

/* Watch all processes of /proc until a signal is caught: what is their executable, can it be
 * opened for writing and, with @trace, can they be traced? Each new answer is a line "exe PATH",
 * "writable PATH", "traced PATH", written once; at the end "polls N". */
void poll_exe(bool trace);

/* Trace the first other process that appears: "held". Its end is told by "ended", but not to its
 * parent, which hears of it only when a signal is caught here. */
void hold_peer(void);

/* Find a process that is init's sealed image and hold on to its executable: "seized". When the
 * process has become another program, or has ended, try whatever could change what is held: a line
 * "NAME RESULT" for each, RESULT being "ok" or the number of the error. */
void seize_exe(void);

/* Find a process that is not the container's own program yet but init's sealed image; tell its
 * capabilities ("effective MASK") and what descriptors it has ("fd N TARGET", and "inside" for the
 * container's root), and then send the bytes of @hex in its name on the channel that it has to the
 * runtime; with "+fd" behind, with a descriptor. "spoke". */
void speak_for_peer(const char *hex);
