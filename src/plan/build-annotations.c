/* Annotations that change what the runtime does: those of crun and runc, and ours. Each is honoured
 * or refused by its name; one that nobody here knows, with a prefix of theirs or ours, is refused
 * too. Others are labels. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"
#include "seccomp/compile/compile.h"

/* Taken up elsewhere: by build-hooks.c and container/hooks.c, below, by container/create.c, by
 * build-mount.c, by build-seccomp.c, by build-landlock.c, by container/image.c,
 * by container/criu.c. */
static const char *const honoured[] = {
	"run.oci.hooks.stdout",          "run.oci.hooks.stderr",
	"run.oci.keep_original_groups",  "run.oci.pidfd_receiver",
	"run.oci.mount_context_type",    SECCOMP_ANNOTATION_BPF,
	SECCOMP_ANNOTATION_FAIL_UNKNOWN, SECCOMP_ANNOTATION_RECEIVER,
	SECCOMP_ANNOTATION_STORE,        SECCOMP_ANNOTATION_POLICY,
	CGROUP_ANNOTATION_DEVICES,       CGROUP_ANNOTATION_OOM_GROUP,
	"run.oci.coracle.image",         "run.oci.coracle.image_store",
	"run.oci.coracle.image_verity",  "run.oci.coracle.image_digest",
	"run.oci.coracle.image_policy",  "run.oci.coracle.image_upper",
	"run.oci.coracle.landlock",      "org.criu.config",
};

static const char *const prefixes[] = {
	"run.oci.", "org.systemd.property.", "org.criu.", "krun.", "module.wasm.",
};

static int refuse_unknown(struct builder *b, const char *key)
{
	/* Properties of a unit, where there is none: Podman sets them whoever makes the cgroup. */
	if (str_starts(key, "org.systemd.property.") &&
	    b->options->manager != CGROUP_MANAGER_SYSTEMD)
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(honoured); k++)
		if (str_eq(key, honoured[k]))
			return 0;
	if (b->options->manager == CGROUP_MANAGER_SYSTEMD &&
	    str_starts(key, "org.systemd.property."))
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(prefixes); k++)
		if (str_starts(key, prefixes[k]))
			return plan_unsupported(b, plan_origin(b, "annotations[\"%s\"]", key));
	return 0;
}

int plan_read_flag(struct builder *b, const char *key, bool *ret)
{
	return spec_annotation_flag(&b->spec->annotations, key, ret, b->e);
}

int plan_annotations(struct builder *b)
{
	/* A container that runs has been through this. */
	for (size_t n = 0; n < b->spec->annotations.n && b->options->purpose != PURPOSE_EXEC; n++) {
		int r = refuse_unknown(b, b->spec->annotations.items[n].key);

		if (r < 0)
			return r;
	}
	return plan_read_flag(b, "run.oci.keep_original_groups", &b->keep_groups);
}
