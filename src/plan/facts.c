/* Facts as JSON: written for `coracle plan --facts` on another host, read there. Pure. */
#include "plan/facts.h"

#include <errno.h>

#include "base/str.h"
#include "oci/names.h"

#define SIGNAL_MAX 64

static const char *const arrangement_names[] = {
	[CGROUP_NONE] = "none",
	[CGROUP_UNIFIED] = "unified",
	[CGROUP_HYBRID] = "hybrid",
	[CGROUP_V1] = "v1",
};

/* --- reading -----------------------------------------------------------------------------------
 */

struct reader {
	struct json json;
	struct arena *arena;
	struct err *err;
};

/* One key: how its value gets into the struct that the table is for. */
struct fact {
	const char *key;
	enum json_type type; /* JSON_TRUE: either boolean */
	int (*read)(struct reader *r, const struct json_value *v, void *field);
	size_t offset;
};

static int fail_type(struct reader *r, const struct json_value *v, const char *want)
{
	return err_set(r->err, ERR_CONFIG_TYPE, -EINVAL, "line %u: expected %s, got %s", v->line,
		       want, json_type_words(v->type));
}

/* Put @key before the path that is there. */
static int fail_below(struct reader *r, const char *key)
{
	char inner[sizeof(r->err->where)];

	(void)str_copy(inner, sizeof(inner), r->err->where);
	(void)str_format(r->err->where, sizeof(r->err->where), "%s%s%s", key, inner[0] ? "." : "",
			 inner);
	return r->err->code;
}

static bool has_type(const struct json_value *v, enum json_type type)
{
	return v->type == type || (type == JSON_TRUE && v->type == JSON_FALSE);
}

static int read_value(struct reader *r, enum json_type type, struct json_value *ret)
{
	int q = json_read(&r->json, ret, r->err);

	if (q < 0 || has_type(ret, type))
		return q;
	return fail_type(r, ret, type == JSON_TRUE ? "a boolean" : json_type_words(type));
}

static int read_object(struct reader *r, const struct fact *facts, size_t n, void *base)
{
	const struct fact *f;
	struct json_value v;
	uint64_t seen = 0;
	char *key;
	int q;

	for (bool first = true; (q = json_next_key(&r->json, first, &key, r->err)) > 0;
	     first = false) {
		for (f = facts; f < facts + n && !str_eq(f->key, key); f++)
			;
		if (f == facts + n) {
			q = json_read(&r->json, &v, r->err);
			q = q < 0 ? q : json_skip(&r->json, &v, r->err);
		} else if (seen & 1ULL << (f - facts)) {
			q = err_set(r->err, ERR_CONFIG_TYPE, -EINVAL, "the key is there twice");
		} else {
			seen |= 1ULL << (f - facts);
			q = read_value(r, f->type, &v);
			q = q < 0 ? q : f->read(r, &v, (char *)base + f->offset);
		}
		if (q < 0)
			return fail_below(r, key);
	}
	return q;
}

static int read_bool(_unused_ struct reader *r, const struct json_value *v, void *field)
{
	*(bool *)field = v->type == JSON_TRUE;
	return 0;
}

static int read_string(_unused_ struct reader *r, const struct json_value *v, void *field)
{
	*(const char **)field = v->text;
	return 0;
}

static int read_u64(struct reader *r, const struct json_value *v, void *field)
{
	if (json_to_u64(v, field) < 0)
		return fail_type(r, v, "a number of 64 bits without sign");
	return 0;
}

static int read_u32(struct reader *r, const struct json_value *v, void *field)
{
	uint64_t n;

	if (json_to_u64(v, &n) < 0 || n > UINT32_MAX)
		return fail_type(r, v, "a number of 32 bits without sign");
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

/* An array of capability names, or of signal numbers: the bit for @v, or 0. */
static uint64_t capability_bit(const struct json_value *v)
{
	int n = v->type == JSON_STRING ? capability_from_name(v->text) : -EINVAL;

	return n < 0 ? 0 : 1ULL << n;
}

static uint64_t signal_bit(const struct json_value *v)
{
	uint64_t n;

	if (v->type != JSON_NUMBER || json_to_u64(v, &n) < 0 || n < 1 || n > SIGNAL_MAX)
		return 0;
	return 1ULL << (n - 1);
}

static int read_mask(struct reader *r, uint64_t (*bit)(const struct json_value *v),
		     const char *want, uint64_t *ret)
{
	struct json_value v;
	uint64_t mask = 0;
	int q;

	for (bool first = true; (q = json_next_item(&r->json, first, r->err)) > 0; first = false) {
		q = json_read(&r->json, &v, r->err);
		if (q < 0)
			return q;
		if (bit(&v) == 0)
			return err_set(r->err, ERR_CONFIG_TYPE, -EINVAL, "line %u: expected %s",
				       v.line, want);
		mask |= bit(&v);
	}
	if (q == 0)
		*ret = mask;
	return q;
}

static int read_capabilities(struct reader *r, _unused_ const struct json_value *v, void *field)
{
	return read_mask(r, capability_bit, "the names of capabilities", field);
}

static int read_signals(struct reader *r, _unused_ const struct json_value *v, void *field)
{
	return read_mask(r, signal_bit, "the numbers of signals", field);
}

struct limit {
	uint64_t soft, hard;
};

static int read_rlimits(struct reader *r, _unused_ const struct json_value *v, void *field)
{
	static const struct fact facts[] = {
		{"soft", JSON_NUMBER, read_u64, offsetof(struct limit, soft)},
		{"hard", JSON_NUMBER, read_u64, offsetof(struct limit, hard)},
	};
	struct facts *f = field;
	struct json_value value;
	char *key;
	int q;

	for (bool first = true; (q = json_next_key(&r->json, first, &key, r->err)) > 0;
	     first = false) {
		struct limit l = {UINT64_MAX, UINT64_MAX};
		int n = rlimit_from_name(key);

		if (n < 0)
			q = err_set(r->err, ERR_CONFIG_TYPE, -EINVAL, "expected a resource limit");
		else
			q = read_value(r, JSON_OBJECT, &value);
		if (q == 0)
			q = read_object(r, facts, ARRAY_SIZE(facts), &l);
		if (q < 0)
			return fail_below(r, key);
		f->rlimits[n].soft = l.soft;
		f->rlimits[n].hard = l.hard;
	}
	return q;
}

static int read_architecture(struct reader *r, const struct json_value *v, void *field)
{
	int arch = seccomp_arch_from_name(v->text);

	if (arch < 0)
		return fail_type(r, v, "an architecture, \"SCMP_ARCH_X86_64\"");
	*(int *)field = arch;
	return 0;
}

static int read_arrangement(struct reader *r, const struct json_value *v, void *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(arrangement_names); i++) {
		if (!str_eq(v->text, arrangement_names[i]))
			continue;
		*(enum cgroup_arrangement *)field = (enum cgroup_arrangement)i;
		return 0;
	}
	return fail_type(r, v, "\"unified\", \"hybrid\", \"v1\" or \"none\"");
}

/* A list of unknown length: the array doubles. */
static int read_v1(struct reader *r, _unused_ const struct json_value *v, void *field)
{
	static const struct fact facts[] = {
		{"controllers", JSON_STRING, read_string,
		 offsetof(struct cgroup_hierarchy, controllers)},
		{"mountPoint", JSON_STRING, read_string,
		 offsetof(struct cgroup_hierarchy, mount_point)},
		{"selfPath", JSON_STRING, read_string,
		 offsetof(struct cgroup_hierarchy, self_path)},
	};
	struct facts_cgroup *f = field;
	struct json_value value;
	size_t cap = 0;
	int q;

	f->n_v1 = 0;
	for (bool first = true; (q = json_next_item(&r->json, first, r->err)) > 0; first = false) {
		struct cgroup_hierarchy h = {"", "", "/"};

		q = read_value(r, JSON_OBJECT, &value);
		q = q < 0 ? q : read_object(r, facts, ARRAY_SIZE(facts), &h);
		if (q < 0)
			return q;
		if (f->n_v1 == cap) {
			struct cgroup_hierarchy *grown;

			cap = cap ? cap * 2 : 16;
			grown = arena_newn(r->arena, struct cgroup_hierarchy, cap);
			if (!grown)
				return err_sys(r->err, ERR_INTERNAL, -ENOMEM, "read facts");
			if (f->n_v1 > 0)
				memcpy(grown, f->v1, f->n_v1 * sizeof(*grown));
			f->v1 = grown;
		}
		f->v1[f->n_v1++] = h;
	}
	return q;
}

static int read_cgroup(struct reader *r, _unused_ const struct json_value *v, void *field)
{
	static const struct fact facts[] = {
		{"arrangement", JSON_STRING, read_arrangement,
		 offsetof(struct facts_cgroup, arrangement)},
		{"unifiedMountPoint", JSON_STRING, read_string,
		 offsetof(struct facts_cgroup, unified_mount_point)},
		{"unifiedSelfPath", JSON_STRING, read_string,
		 offsetof(struct facts_cgroup, unified_self_path)},
		{"selfWritable", JSON_TRUE, read_bool,
		 offsetof(struct facts_cgroup, self_writable)},
		{"parentWritable", JSON_TRUE, read_bool,
		 offsetof(struct facts_cgroup, parent_writable)},
		{"v1", JSON_ARRAY, read_v1, 0},
	};
	struct facts_cgroup *f = field;
	int q;

	f->unified_mount_point = NULL;
	q = read_object(r, facts, ARRAY_SIZE(facts), f);
	if (q == 0 && !f->unified_mount_point)
		f->unified_mount_point = f->arrangement == CGROUP_UNIFIED ? "/sys/fs/cgroup"
					 : f->arrangement == CGROUP_HYBRID
						 ? "/sys/fs/cgroup/unified"
						 : "";
	return q;
}

static struct facts privileged(void)
{
	struct facts f = {
		.admin = true,
		.may_map_ids = true,
		.may_bpf = true,
		.capabilities = (1ULL << CAPABILITY_MAX) - 1,
		.last_cap = CAPABILITY_MAX - 1,
		.architecture = SECCOMP_ARCH_X86_64,
		.cgroup =
			{
				.arrangement = CGROUP_UNIFIED,
				.unified_mount_point = "/sys/fs/cgroup",
				.unified_self_path = "/",
				.self_writable = true,
			},
	};

	for (size_t i = 0; i < ARRAY_SIZE(f.rlimits); i++)
		f.rlimits[i].soft = f.rlimits[i].hard = UINT64_MAX;
	return f;
}

int facts_parse(struct arena *a, char *text, size_t len, struct facts *ret, struct err *e)
{
	static const struct fact table[] = {
		{"euid", JSON_NUMBER, read_u32, offsetof(struct facts, euid)},
		{"egid", JSON_NUMBER, read_u32, offsetof(struct facts, egid)},
		{"subUid", JSON_NUMBER, read_u32, offsetof(struct facts, sub_uid)},
		{"subUidCount", JSON_NUMBER, read_u32, offsetof(struct facts, sub_uid_count)},
		{"subGid", JSON_NUMBER, read_u32, offsetof(struct facts, sub_gid)},
		{"subGidCount", JSON_NUMBER, read_u32, offsetof(struct facts, sub_gid_count)},
		{"admin", JSON_TRUE, read_bool, offsetof(struct facts, admin)},
		{"mayMapIds", JSON_TRUE, read_bool, offsetof(struct facts, may_map_ids)},
		{"mayBpf", JSON_TRUE, read_bool, offsetof(struct facts, may_bpf)},
		{"treeNamespaces", JSON_TRUE, read_bool, offsetof(struct facts, tree_namespaces)},
		{"capabilities", JSON_ARRAY, read_capabilities,
		 offsetof(struct facts, capabilities)},
		{"lastCap", JSON_NUMBER, read_u32, offsetof(struct facts, last_cap)},
		{"architecture", JSON_STRING, read_architecture,
		 offsetof(struct facts, architecture)},
		{"cpusLimited", JSON_TRUE, read_bool, offsetof(struct facts, cpus_limited)},
		{"nested", JSON_TRUE, read_bool, offsetof(struct facts, nested)},
		{"userManager", JSON_TRUE, read_bool, offsetof(struct facts, user_manager)},
		{"ignoredSignals", JSON_ARRAY, read_signals,
		 offsetof(struct facts, ignored_signals)},
		{"rlimits", JSON_OBJECT, read_rlimits, 0},
		{"cgroup", JSON_OBJECT, read_cgroup, offsetof(struct facts, cgroup)},
	};
	struct reader r = {.arena = a, .err = e};
	struct facts f = privileged();
	struct json_value v;
	int q;

	json_init(&r.json, text, len);
	q = read_value(&r, JSON_OBJECT, &v);
	if (q == 0)
		q = read_object(&r, table, ARRAY_SIZE(table), &f);
	if (q == 0)
		q = json_finish(&r.json, e);
	if (q == 0)
		*ret = f;
	return q;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void write_rlimits(const struct facts *f, struct json_writer *w)
{
	json_key(w, "rlimits");
	json_object_begin(w);
	for (unsigned n = 0; n < RLIMIT_MAX; n++) {
		json_key(w, rlimit_name(n));
		json_object_begin(w);
		json_kv_u64(w, "soft", f->rlimits[n].soft);
		json_kv_u64(w, "hard", f->rlimits[n].hard);
		json_object_end(w);
	}
	json_object_end(w);
}

static void write_cgroup(const struct facts_cgroup *f, struct json_writer *w)
{
	json_key(w, "cgroup");
	json_object_begin(w);
	json_kv_string(w, "arrangement", arrangement_names[f->arrangement]);
	json_kv_string(w, "unifiedMountPoint", f->unified_mount_point);
	json_kv_string(w, "unifiedSelfPath", f->unified_self_path);
	json_kv_bool(w, "selfWritable", f->self_writable);
	json_kv_bool(w, "parentWritable", f->parent_writable);
	json_key(w, "v1");
	json_array_begin(w);
	for (size_t i = 0; i < f->n_v1; i++) {
		json_object_begin(w);
		json_kv_string(w, "controllers", f->v1[i].controllers);
		json_kv_string(w, "mountPoint", f->v1[i].mount_point);
		json_kv_string(w, "selfPath", f->v1[i].self_path);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}

void facts_write(const struct facts *f, struct json_writer *w)
{
	json_object_begin(w);
	json_kv_u64(w, "euid", f->euid);
	json_kv_u64(w, "egid", f->egid);
	json_kv_u64(w, "subUid", f->sub_uid);
	json_kv_u64(w, "subUidCount", f->sub_uid_count);
	json_kv_u64(w, "subGid", f->sub_gid);
	json_kv_u64(w, "subGidCount", f->sub_gid_count);
	json_kv_bool(w, "admin", f->admin);
	json_kv_bool(w, "mayMapIds", f->may_map_ids);
	json_kv_bool(w, "mayBpf", f->may_bpf);
	json_kv_bool(w, "treeNamespaces", f->tree_namespaces);
	json_key(w, "capabilities");
	json_array_begin(w);
	for (unsigned n = 0; n < CAPABILITY_MAX; n++) {
		if (f->capabilities & 1ULL << n)
			json_string(w, capability_name(n));
	}
	json_array_end(w);
	json_kv_u64(w, "lastCap", f->last_cap);
	if (f->architecture >= 0)
		json_kv_string(w, "architecture",
			       seccomp_arch_info((enum seccomp_arch)f->architecture)->name);
	json_kv_bool(w, "cpusLimited", f->cpus_limited);
	json_kv_bool(w, "nested", f->nested);
	json_kv_bool(w, "userManager", f->user_manager);
	json_key(w, "ignoredSignals");
	json_array_begin(w);
	for (unsigned n = 1; n <= SIGNAL_MAX; n++) {
		if (f->ignored_signals & 1ULL << (n - 1))
			json_u64(w, n);
	}
	json_array_end(w);
	write_rlimits(f, w);
	write_cgroup(&f->cgroup, w);
	json_object_end(w);
}
