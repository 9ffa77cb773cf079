/* A configuration through everything that is pure: parse, check, plan, print; as root and as an
 * ordinary user, for create and for run, by the first byte after the document or by its length. The
 * plan that comes out must be one that init's reader takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/spec.h"
#include "plan/print.h"

#include "read-block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *facts;
	enum plan_purpose purpose;
} hosts[] = {
	{"{}", PURPOSE_CREATE},
	{"{\"rlimits\":{\"RLIMIT_NOFILE\":{\"soft\":64,\"hard\":64}}}", PURPOSE_RUN},
	{"{\"euid\":1000,\"egid\":1000,\"admin\":false,\"mayMapIds\":false,\"mayBpf\":false,"
	 "\"capabilities\":[],\"subUid\":100000,\"subUidCount\":65536,\"subGid\":100000,"
	 "\"subGidCount\":65536}",
	 PURPOSE_CREATE},
	{"{\"euid\":1000,\"egid\":1000,\"admin\":false,\"mayMapIds\":false,\"mayBpf\":false,"
	 "\"capabilities\":[]}",
	 PURPOSE_RUN},
};

/* A failure must say what is wrong. */
static void proven(int r, const struct err *e)
{
	if (r < 0 && (e->code != r || e->id == ERR_NONE || !e->text[0]))
		abort();
}

static void show(struct arena *a, const struct plan *plan)
{
	struct json_writer w;
	const char *text;
	size_t len;

	if (plan_print_text(a, plan, &text) < 0)
		abort();
	json_writer_init(&w, a, true);
	plan_print_json(&w, plan);
	if (json_writer_finish(&w, &text, &len) < 0)
		abort();
}

static void build(struct arena *a, const struct spec *spec, size_t host)
{
	struct plan_parameters o = {
		.purpose = hosts[host].purpose,
		.id = "id",
		.bundle = "/bundle",
		.rootfs = "/bundle/rootfs",
	};
	struct err e = {0};
	struct facts facts;
	struct plan plan;
	char *text = arena_strdup(a, hosts[host].facts);
	int r;

	if (!text || facts_parse(a, text, strlen(text), &facts, &e) < 0)
		abort();
	r = plan_build(a, spec, &facts, &o, &plan, &e);
	proven(r, &e);
	if (r < 0)
		return;
	show(a, &plan);
	if (!read_block(plan.block, plan.block->size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* exact, so that a byte too far is seen */
	struct err e = {0};
	struct spec spec;
	struct arena a;
	int r;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	arena_init(&a, NULL, 0);
	r = spec_parse(&a, text, size, &spec, &e);
	if (r == 0)
		r = spec_check(&spec, &e);
	proven(r, &e);
	if (r == 0)
		build(&a, &spec, size % (sizeof(hosts) / sizeof(*hosts)));
	arena_done(&a);
	free(text);
	return 0;
}
