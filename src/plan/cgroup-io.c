/* linux.resources.blockIO to values of cgroup files. Pure.
 *
 * Which scheduler a disk has decides whose weights count, and so which files there are: bfq has its
 * own in both versions, with the specification's range; the others are those of the cost model in
 * v2 (io.weight, 1 to 10000) and of kernels before 5.0 in v1. */
#include <errno.h>

#include "base/str.h"
#include "plan/cgroup-internal.h"

#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

uint64_t plan_io_weight(uint32_t weight)
{
	return 1 + (uint64_t)(weight - WEIGHT_MIN) * 9999 / 990;
}

static bool weight_valid(uint32_t w)
{
	return w >= WEIGHT_MIN && w <= WEIGHT_MAX;
}

static int weight_invalid(const struct limits *l, const char *key)
{
	return limits_invalid(l, key, "expected a weight from 10 to 1000");
}

static int limit_weight(struct limits *l, bool v1)
{
	const struct spec_block_io *b = &l->asked->block_io;
	static const char key[] = "blockIO.weight";
	struct plan_cgroup_write *w;

	if (!b->has_weight || b->weight == 0)
		return 0;
	if (!weight_valid(b->weight))
		return weight_invalid(l, key);
	w = limits_add(l, v1 ? "blkio" : "io", v1 ? "blkio.bfq.weight" : "io.bfq.weight", key, "%u",
		       b->weight);
	if (!w)
		return -ENOMEM;
	w->else_file = v1 ? "blkio.weight" : "io.weight";
	w->else_value =
		v1 ? w->value
		   : arena_format(l->arena, "%llu", (unsigned long long)plan_io_weight(b->weight));
	return w->else_value ? 0 : err_sys(l->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

static int limit_leaf_weight(struct limits *l, const char *key, bool v1, const char *file,
			     const char *device, uint32_t weight)
{
	if (!v1)
		return limits_refuse(l, key, "processes and cgroups do not compete in cgroup v2",
				     "cgroup v2 has no leaf weights");
	if (!weight_valid(weight))
		return weight_invalid(l, key);
	return limits_add(l, "blkio", file, key, "%s%u", device, weight) ? 0 : -ENOMEM;
}

static int limit_weight_device(struct limits *l, bool v1, size_t i)
{
	const struct spec_weight_device *d = &l->asked->block_io.weight_device[i];
	struct plan_cgroup_write *w;
	char key[64], device[48];

	(void)str_format(key, sizeof(key), "blockIO.weightDevice[%zu].weight", i);
	(void)str_format(device, sizeof(device), "%lld:%lld ", (long long)d->major,
			 (long long)d->minor);
	if (d->has_weight && d->weight != 0) {
		if (!weight_valid(d->weight))
			return weight_invalid(l, key);
		w = limits_add(l, v1 ? "blkio" : "io",
			       v1 ? "blkio.bfq.weight_device" : "io.bfq.weight", key, "%s%u",
			       device, d->weight);
		if (!w)
			return -ENOMEM;
		w->else_file = v1 ? "blkio.weight_device" : "io.weight";
		w->else_value = v1 ? w->value
				   : arena_format(l->arena, "%s%llu", device,
						  (unsigned long long)plan_io_weight(d->weight));
		if (!w->else_value)
			return err_sys(l->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
	}
	if (!d->has_leaf_weight || d->leaf_weight == 0)
		return 0;
	(void)str_format(key, sizeof(key), "blockIO.weightDevice[%zu].leafWeight", i);
	return limit_leaf_weight(l, key, v1, "blkio.leaf_weight_device", device, d->leaf_weight);
}

/* A rate of 0 is no limit. */
static int limit_throttle(struct limits *l, bool v1, const struct spec_throttle_list *list,
			  const char *name, const char *v1_file, const char *v2_key)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct spec_throttle_device *d = &list->items[i];
		long long major = d->major, minor = d->minor;
		unsigned long long rate = d->rate;
		struct plan_cgroup_write *w;
		char key[64];

		if (rate == 0 && !l->update)
			continue;
		(void)str_format(key, sizeof(key), "blockIO.%s[%zu]", name, i);
		if (v1)
			w = limits_add(l, "blkio", v1_file, key, "%lld:%lld %llu", major, minor,
				       rate);
		else if (rate == 0)
			w = limits_add(l, "io", "io.max", key, "%lld:%lld %s=max", major, minor,
				       v2_key);
		else
			w = limits_add(l, "io", "io.max", key, "%lld:%lld %s=%llu", major, minor,
				       v2_key, rate);
		if (!w)
			return -ENOMEM;
	}
	return 0;
}

static int limit_throttles(struct limits *l, bool v1)
{
	const struct spec_block_io *b = &l->asked->block_io;
	const struct {
		const struct spec_throttle_list *list;
		const char *name, *v1_file, *v2_key;
	} rows[] = {
		{&b->read_bps, "throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
		{&b->write_bps, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device",
		 "wbps"},
		{&b->read_iops, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
		 "riops"},
		{&b->write_iops, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device",
		 "wiops"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++)
		r = limit_throttle(l, v1, rows[i].list, rows[i].name, rows[i].v1_file,
				   rows[i].v2_key);
	return r;
}

int limits_block_io(struct limits *l)
{
	const struct spec_block_io *b = &l->asked->block_io;
	bool v1 = limits_on_v1(l, "blkio");
	int r = limit_weight(l, v1);

	if (r == 0 && b->has_leaf_weight && b->leaf_weight != 0)
		r = limit_leaf_weight(l, "blockIO.leafWeight", v1, "blkio.leaf_weight", "",
				      b->leaf_weight);
	for (size_t i = 0; r == 0 && i < b->n_weight_device; i++)
		r = limit_weight_device(l, v1, i);
	return r < 0 ? r : limit_throttles(l, v1);
}
