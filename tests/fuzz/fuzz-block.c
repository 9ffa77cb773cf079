/* Init's reader of the plan. The planner is trusted, but a defect in it must end init, not make it
 * read or write elsewhere. The input is a list of changes, an index of a 32-bit word and its new
 * value each, to a plan with many kinds of steps; with a last byte that is odd, a block itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/spec.h"
#include "plan/build.h"

#include "read-block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"hostname\":\"h\","
	"\"process\":{\"cwd\":\"/\",\"args\":[\"a\",\"b\"],\"env\":[\"A=b\",\"C=d\"],\"user\":{\"uid\":1,"
	"\"gid\":2,\"additionalGids\":[3,4]},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":64,\"hard\":64}],\"noNewPrivileges\":true},"
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"size=1m\","
	"\"tmpcopyup\",\"nosuid\"]},{\"destination\":\"/b\",\"source\":\"/etc\",\"options\":[\"rbind\","
	"\"ro\"]}],\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"uts\"}],"
	"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],\"sysctl\":{"
	"\"kernel.domainname\":\"x\"},\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,"
	"\"minor\":3}]},\"hooks\":{\"createContainer\":[{\"path\":\"/h\",\"args\":[\"h\"],\"env\":[\"E=f\"]}]"
	"}}";

/* Made once; lives as long as the process. */
static const struct plan_block *example(void)
{
	static const struct plan_block *block;
	static struct arena a;
	struct plan_parameters o = {
		.purpose = PURPOSE_CREATE,
		.id = "id",
		.bundle = "/bundle",
		.rootfs = "/bundle/rootfs",
	};
	struct spec *spec;
	struct facts facts;
	struct plan *plan;
	struct err e = {0};
	char *text, *nothing;

	if (block)
		return block;
	arena_init(&a, NULL, 0);
	text = arena_strdup(&a, config);
	nothing = arena_strdup(&a, "{}");
	spec = arena_new(&a, struct spec);
	plan = arena_new(&a, struct plan);
	if (!text || !nothing || !spec || !plan || facts_parse(&a, nothing, 2, &facts, &e) < 0 ||
	    spec_parse(&a, text, strlen(config), spec, &e) < 0 || spec_check(spec, &e) < 0 ||
	    plan_build(&a, spec, &facts, &o, plan, &e) < 0)
		abort();
	block = plan->block;
	if (!read_block(block, block->size))
		abort();
	return block;
}

/* What map_plan() sees to before anything is read: the size is the memory's, the end is a NUL. */
static void read_bounded(struct plan_block *b, size_t size)
{
	b->size = (uint32_t)size;
	((char *)b)[size - 1] = '\0';
	(void)read_block(b, size);
}

static void read_changed(const uint8_t *data, size_t size)
{
	const struct plan_block *b = example();
	uint8_t *copy = malloc(b->size);

	if (!copy)
		return;
	memcpy(copy, b, b->size);
	for (; size >= 6; data += 6, size -= 6) {
		size_t at = (size_t)(data[0] | data[1] << 8) % (b->size / 4) * 4;

		memcpy(copy + at, data + 2, 4);
	}
	read_bounded((struct plan_block *)copy, b->size);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > sizeof(struct plan_block) && data[size - 1] & 1) {
		struct plan_block *copy = malloc(size);

		if (!copy)
			return 0;
		memcpy(copy, data, size);
		read_bounded(copy, size);
		free(copy);
		return 0;
	}
	read_changed(data, size);
	return 0;
}
