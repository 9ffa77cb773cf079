/* Devices and links in /dev: the defaults of config-linux.md, and linux.devices. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/build.h"

/* config-linux.md, "Default Devices": always supplied. (/dev/console comes with a terminal,
 * /dev/ptmx is a link into devpts.) */
static const struct {
	const char *path;
	uint32_t major, minor;
} defaults[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

struct node {
	const char *path, *origin;
	uint32_t mode, major, minor, uid, gid;
};

static bool configured(const struct builder *b, const char *path)
{
	for (size_t n = 0; n < b->spec->linux_.n_devices; n++)
		if (str_eq(b->spec->linux_.devices[n].path, path))
			return true;
	return false;
}

static uint32_t type_bits(const char *type)
{
	return type[0] == 'b' ? S_IFBLK : type[0] == 'p' ? S_IFIFO : S_IFCHR;
}

/* All nodes to make, defaults first. Returns their number. */
static size_t collect(struct builder *b, struct node *nodes)
{
	size_t count = 0;

	for (size_t n = 0; n < ARRAY_SIZE(defaults); n++)
		if (!configured(b, defaults[n].path))
			nodes[count++] = (struct node){
				.path = defaults[n].path,
				.origin = "",
				.mode = S_IFCHR | 0666,
				.major = defaults[n].major,
				.minor = defaults[n].minor,
			};
	for (size_t n = 0; n < b->spec->linux_.n_devices; n++) {
		const struct spec_device *d = &b->spec->linux_.devices[n];

		nodes[count++] = (struct node){
			.path = d->path,
			.origin = plan_origin(b, "linux.devices[%u]", (unsigned)n),
			.mode = type_bits(d->type) |
				(d->has_file_mode ? d->file_mode & 07777 : 0666),
			.major = (uint32_t)d->major,
			.minor = (uint32_t)d->minor,
			.uid = d->uid,
			.gid = d->gid,
		};
	}
	return count;
}

static size_t directory_length(const char *path)
{
	size_t slash = 0;

	for (size_t n = 0; path[n] != '\0'; n++)
		if (path[n] == '/')
			slash = n;
	return slash;
}

#define CAP_MKNOD 27

/* The id on the host. False where nothing is known about the container's mappings. */
static bool host_id(const struct spec_id_mappings *m, uint32_t id, uint32_t *ret)
{
	for (size_t n = 0; n < m->n; n++) {
		uint32_t into = id - m->items[n].container_id;

		if (id >= m->items[n].container_id && into < m->items[n].size) {
			*ret = m->items[n].host_id + into;
			return true;
		}
	}
	return false;
}

/* Where a device comes from that init cannot make: the default ones are the host's own, which all
 * may use; a configured one has a mode and an owner, and need not exist on the host at all. */
static plan_slot device_slot(struct builder *b, const struct node *node)
{
	const struct spec_linux *l = &b->spec->linux_;
	struct plan_slot_source s = {
		.kind = SLOT_TREE,
		.path = node->path,
		.origin = node->origin,
		.device = {.mode = node->mode, .major = node->major, .minor = node->minor},
	};
	bool known = host_id(b->new_user_ns ? &b->plan->idmap.uid : &l->uid_mappings, node->uid,
			     &s.device.uid) &&
		     host_id(b->new_user_ns ? &b->plan->idmap.gid : &l->gid_mappings, node->gid,
			     &s.device.gid);

	if (node->origin[0] != '\0' && (b->facts->capabilities & (1ULL << CAP_MKNOD))) {
		if (known)
			s.kind = SLOT_DEVICE;
		else if (b->new_user_ns)
			plan_warn(b, node->origin,
				  "owner %u:%u is not mapped: the host's \"%s\" is bound as it is",
				  node->uid, node->gid, node->path);
	}
	return plan_add_slot(b, s);
}

static struct plan_device operand(struct builder *b, const struct node *node)
{
	struct plan_device d = {
		.name = block_string(&b->block, node->path + directory_length(node->path) + 1),
		.mode = node->mode,
		.major = node->major,
		.minor = node->minor,
		.uid = node->uid,
		.gid = node->gid,
		.slot = PLAN_NO_SLOT,
	};
	bool user_ns = b->new_user_ns || b->joined_user_ns || b->facts->nested;

	/* A fifo can be made by anyone; devices only in the first user namespace. If nobody looked
	 * whether we are in that one, it shows when mknod is refused. */
	if ((node->mode & S_IFMT) != S_IFIFO) {
		d.source = block_string(&b->block, node->path);
		d.bind = user_ns;
		if (b->host_opens)
			d.slot = device_slot(b, node);
	}
	return d;
}

/* One step for each run of nodes in the same directory, which init opens once. @links go to the
 * last one, since what stands at their names already is left there. */
static void add_nodes(struct builder *b, const struct node *nodes, size_t count,
		      struct plan_array links)
{
	struct plan_device *devices = arena_newn(b->arena, struct plan_device, count);
	const struct plan_array none = {0};
	bool in_dev = false;

	if (!devices) {
		b->block.failed = true;
		return;
	}
	for (size_t from = 0; from < count;) {
		size_t len = directory_length(nodes[from].path), to = from;
		const char *directory = arena_strndup(b->arena, nodes[from].path, len);

		while (to < count && directory_length(nodes[to].path) == len &&
		       strncmp(nodes[to].path, nodes[from].path, len) == 0 &&
		       str_eq(nodes[to].origin, nodes[from].origin)) {
			devices[to - from] = operand(b, &nodes[to]);
			to++;
		}
		in_dev = str_eq(directory, "/dev");
		plan_add_DEVICES(&b->block, nodes[from].origin,
				 (struct plan_devices){
					 .directory = block_string(&b->block, directory),
					 .devices = block_array(&b->block, devices, to - from,
								sizeof(*devices)),
					 .links = to == count && in_dev ? links : none,
				 });
		from = to;
	}
	if (!in_dev)
		plan_add_DEVICES(&b->block, "",
				 (struct plan_devices){
					 .directory = block_string(&b->block, "/dev"),
					 .links = links,
				 });
}

/* runtime-linux.md, "Dev symbolic links". */
static struct plan_array default_links(struct builder *b)
{
	static const char *const links[][2] = {
		{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"ptmx", "pts/ptmx"},          {"core", "/proc/kcore"},
	};
	struct plan_symlink list[ARRAY_SIZE(links)];

	for (size_t n = 0; n < ARRAY_SIZE(links); n++)
		list[n] = (struct plan_symlink){
			.name = block_string(&b->block, links[n][0]),
			.target = block_string(&b->block, links[n][1]),
		};
	return block_array(&b->block, list, ARRAY_SIZE(list), sizeof(list[0]));
}

/* Somebody who binds the host's /dev brings everything along; writing there would change the host.
 */
static bool dev_is_bound(const struct builder *b)
{
	for (size_t n = 0; n < b->spec->n_mounts; n++) {
		const struct spec_mount *m = &b->spec->mounts[n];
		bool bind = str_eq(m->type, "bind");

		for (size_t k = 0; k < m->options.n; k++)
			bind = bind || str_eq(m->options.items[k], "bind") ||
			       str_eq(m->options.items[k], "rbind");
		if (bind && (str_eq(m->destination, "/dev") || str_eq(m->destination, "/dev/")))
			return true;
	}
	return false;
}

int plan_devices(struct builder *b)
{
	size_t max = ARRAY_SIZE(defaults) + b->spec->linux_.n_devices;
	struct node *nodes = arena_newn(b->arena, struct node, max);
	size_t count;

	if (!nodes)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (dev_is_bound(b))
		return 0;
	count = collect(b, nodes);
	add_nodes(b, nodes, count, default_links(b));
	return 0;
}
