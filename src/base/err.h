/* Errors: a caller-owned value, the same in the planner, in init and on the wire between them.
 *
 * A function that can fail returns 0 (or a documented outcome >= 0) or a negative errno, and
 * describes the failure in a struct err: which stable failure it is (id), where in the
 * configuration it comes from (where), what was tried (text) and what to do about it (hint). Each
 * layer adds its own context once. Nothing here allocates or prints. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/* Every distinct failure: id, the stable name that JSON logs carry, what it means. Append only:
 * the names are an interface (docs/errors.md is generated from this list). */
#define ERR_LIST(X)                                                                                \
	X(INTERNAL, "internal", "a defect in coracle itself, or an unexpected kernel answer")      \
	X(USAGE, "usage", "the command line is wrong")                                             \
	X(CONTAINER_ID, "container-id", "the container id is not valid")                           \
	X(CONTAINER_EXISTS, "container-exists", "a container with this id exists")                 \
	X(CONTAINER_MISSING, "container-missing", "no container with this id exists")              \
	X(CONTAINER_STATE, "container-state", "the container's status does not allow the command") \
	X(BUNDLE, "bundle", "the bundle directory or its root filesystem cannot be used")          \
	X(JSON_SYNTAX, "json-syntax", "a document is not well-formed JSON")                        \
	X(CONFIG_TYPE, "config-type", "a configuration value has the wrong type or range")         \
	X(CONFIG_INVALID, "config-invalid", "configuration values contradict each other")          \
	X(UNSUPPORTED, "unsupported", "the configuration asks for something not implemented")      \
	X(KERNEL, "kernel", "the kernel lacks something that is required")                         \
	X(PERMISSION, "permission", "the caller lacks a privilege that is required")               \
	X(STATE_DIR, "state-dir", "the state directory cannot be read or written")                 \
	X(STATE_DOCUMENT, "state-document", "a saved state document is damaged or too new")        \
	X(CGROUP, "cgroup", "the cgroup could not be made, entered, changed or removed")           \
	X(CGROUP_LIMIT, "cgroup-limit", "a resource limit cannot be applied")                      \
	X(DEVICE_POLICY, "device-policy", "the device policy could not be attached")               \
	X(NAMESPACE, "namespace", "a namespace could not be created or joined")                    \
	X(IDMAP, "idmap", "user or group id mappings could not be established")                    \
	X(ROOTFS, "rootfs", "the root filesystem could not be set up")                             \
	X(MOUNT, "mount", "a mount could not be made")                                             \
	X(DEVICE, "device", "a device node could not be made")                                     \
	X(MASK, "mask", "a path could not be masked or made read-only")                            \
	X(SYSCTL, "sysctl", "a kernel parameter could not be set")                                 \
	X(CONSOLE, "console", "the terminal could not be set up")                                  \
	X(PROCESS, "process", "a property of the process could not be set")                        \
	X(EXEC_MISSING, "exec-missing", "the program does not exist in the container")             \
	X(EXEC_FAILED, "exec-failed", "the program exists but cannot be executed")                 \
	X(CWD, "cwd", "the working directory cannot be entered")                                   \
	X(SECCOMP, "seccomp", "the seccomp filter cannot be applied")                              \
	X(INIT_DIED, "init-died", "the container's init ended before it was ready")                \
	X(TIMEOUT, "timeout", "something did not answer in time")                                  \
	X(SEAL, "seal", "init could not be placed in a sealed image")                              \
	X(IO, "io", "a file or socket could not be read or written")                               \
	X(IMAGE, "image", "an image or a dump is malformed, or cannot be expressed")               \
	X(DIGEST, "digest", "content does not have the digest that it must have")                  \
	X(HOOK, "hook", "a hook failed, could not be executed, or took too long")                  \
	X(EXIT_UNKNOWN, "exit-unknown", "how a container ended is not known any more")             \
	X(COMPANION, "companion", "a program that the command needs is not installed")             \
	X(RESCTRL, "resctrl", "a group of resctrl could not be made, entered or removed")          \
	X(CRIU, "criu", "the container could not be dumped or restored by CRIU")

enum err_id {
	ERR_NONE,
#define X(id, name, text) ERR_##id,
	ERR_LIST(X)
#undef X
	ERR_MAX
};

struct err {
	int32_t code;      /* negative errno; what functions return */
	uint16_t id;       /* enum err_id */
	uint16_t is_errno; /* the reader appends the words for code */
	char where[120];   /* configuration path, "mounts[3]"; empty if none */
	char text[380];    /* what was tried, outermost context first */
	char hint[200];    /* what to do about it; empty if there is nothing useful to say */
};

/* Describe a failure in words of our own. Returns @code, which must be a negative errno. */
int err_set(struct err *e, enum err_id id, int code, const char *fmt, ...) _printf_(4, 5);

/* Describe a failed system call: the words for @code (a negative errno) are appended when the
 * error is shown. Returns @code. */
int err_sys(struct err *e, enum err_id id, int code, const char *fmt, ...) _printf_(4, 5);

/* Put "fmt: " before the text that is there. Returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...) _printf_(2, 3);

/* Set the configuration path, unless an inner layer already did. Returns e->code. */
int err_where(struct err *e, const char *fmt, ...) _printf_(2, 3);

/* Set the hint, unless an inner layer already did. Returns e->code. */
int err_hint(struct err *e, const char *fmt, ...) _printf_(2, 3);

/* The words for an errno (positive or negative) as engines match them: "permission denied", "no
 * such file or directory". Never NULL; unknown numbers give "errno N" in @buf. */
const char *errno_words(int code, char buf[static 24]);

/* The stable name of a failure, "cgroup-limit"; "none" for an id out of range. */
const char *err_name(unsigned id);

/* Compose "where: text: words" in @buf, NUL-terminated and cut to @size. */
void err_message(const struct err *e, char *buf, unsigned long size);
