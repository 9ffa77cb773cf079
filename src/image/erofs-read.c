/* Reading images, strictly: what comes in may be hostile. The image is one buffer; every number in
 * it is checked before it is used; every byte belongs to one thing only, which keeps the work in
 * proportion to the size. First the tree as the bytes say, then (erofs-restore.c) as a mount shows
 * it. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/erofs-read.h"
#include "image/xxhash.h"

/* --- superblock ------------------------------------------------------------------------------ */

static int read_header(struct erofs_reader *rd)
{
	const uint8_t *h = rd->image;

	if (rd->len < EROFS_BLOCK || rd->len % EROFS_BLOCK)
		return erofs_bad(rd, NULL, "not an image: its size is no multiple of 4096");
	if (get32(h) != CFS_MAGIC)
		return erofs_bad(rd, NULL, "not an image: no composefs header");
	if (get32(h + 4) != CFS_HEADER_VERSION)
		return erofs_bad(rd, NULL, "composefs header version %u", get32(h + 4));
	if (get32(h + 8) & ~CFS_FLAG_ACL)
		return erofs_bad(rd, NULL, "unknown flags 0x%x", get32(h + 8));
	if (get32(h + 12) > EROFS_VERSION_MAX)
		return erofs_bad(rd, NULL, "format %u, later than %d", get32(h + 12),
				 EROFS_VERSION_MAX);
	if (!erofs_is_zero(h + 16, EROFS_SUPER_OFFSET - 16))
		return erofs_bad(rd, NULL, "bytes before the superblock that should be zero");
	rd->info.has_acl = get32(h + 8) & CFS_FLAG_ACL;
	rd->info.version = get32(h + 12);
	return 0;
}

static int read_superblock(struct erofs_reader *rd)
{
	const uint8_t *sb = rd->image + EROFS_SUPER_OFFSET;
	uint32_t known = EROFS_COMPAT_MTIME | EROFS_COMPAT_XATTR_FILTER;

	if (get32(sb + SB_MAGIC) != EROFS_MAGIC)
		return erofs_bad(rd, NULL, "no EROFS superblock");
	if (sb[SB_BLOCK_BITS] != EROFS_BLOCK_BITS)
		return erofs_bad(rd, NULL, "blocks of 2^%u bytes", sb[SB_BLOCK_BITS]);
	if (get32(sb + SB_FEATURE_COMPAT) & ~known)
		return erofs_bad(rd, NULL, "unexpected features 0x%x",
				 get32(sb + SB_FEATURE_COMPAT));
	if (get32(sb + SB_INCOMPAT) & ~EROFS_INCOMPAT_CHUNKED)
		return erofs_bad(rd, NULL, "unexpected incompatible features 0x%x",
				 get32(sb + SB_INCOMPAT));
	if (sb[SB_EXTSLOTS] || get32(sb + SB_CHECKSUM) || get32(sb + SB_META_BLKADDR) ||
	    !erofs_is_zero(sb + SB_UUID, SB_INCOMPAT - SB_UUID) ||
	    !erofs_is_zero(sb + SB_REST, EROFS_SUPER_SIZE - SB_REST))
		return erofs_bad(rd, NULL, "fields of the superblock that should be zero");
	if ((uint64_t)get32(sb + SB_BLOCKS) * EROFS_BLOCK != rd->len)
		return erofs_bad(rd, NULL, "%u blocks, but %zu bytes", get32(sb + SB_BLOCKS),
				 rd->len);
	rd->xattr_base = (uint64_t)get32(sb + SB_XATTR_BLKADDR) * EROFS_BLOCK;
	rd->filtered = get32(sb + SB_FEATURE_COMPAT) & EROFS_COMPAT_XATTR_FILTER;
	rd->root_nid = get16(sb + SB_ROOT_NID);
	rd->info.inodes = get64(sb + SB_INODES);
	rd->info.size = rd->len;
	rd->info.build_time = (int64_t)get64(sb + SB_BUILD_TIME);
	rd->info.build_time_nsec = get32(sb + SB_BUILD_NSEC);
	if (rd->info.build_time_nsec > 999999999)
		return erofs_bad(rd, NULL, "a build time that is none");
	return erofs_claim(rd, NULL, 0, EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE);
}

/* --- node ids -------------------------------------------------------------------------------- */

/* A table nid → node; the node of a nid is made when the first entry for it is read. */

static struct erofs_seen *find_nid(struct erofs_reader *rd, uint64_t nid)
{
	uint32_t i = xxhash32(&nid, sizeof(nid), rd->tree->seed);

	while (rd->seen[i & rd->seen_mask].node && rd->seen[i & rd->seen_mask].nid != nid)
		i++;
	return &rd->seen[i & rd->seen_mask];
}

static int grow_seen(struct erofs_reader *rd)
{
	struct erofs_seen *old = rd->seen;
	uint32_t n = old ? rd->seen_mask + 1 : 0;

	if (rd->n_seen < n / 2)
		return 0;
	rd->seen = calloc(n ? 2 * (size_t)n : 1024, sizeof(*rd->seen));
	if (!rd->seen) {
		rd->seen = old;
		return erofs_no_memory(rd);
	}
	rd->seen_mask = n ? 2 * n - 1 : 1023;
	for (uint32_t i = 0; i < n; i++)
		if (old[i].node)
			*find_nid(rd, old[i].nid) = old[i];
	free(old);
	return 0;
}

/* --- directories ----------------------------------------------------------------------------- */

/* Remember to read a directory. */
static int push_dir(struct erofs_reader *rd, struct image_node *n, uint64_t nid,
		    const struct erofs_place *p)
{
	struct erofs_dir *d;

	if (n->depth > IMAGE_DEPTH_MAX)
		return erofs_bad(rd, n, "deeper than %d directories", IMAGE_DEPTH_MAX);
	if (p->size > UINT32_MAX)
		return erofs_bad(rd, n, "a directory of %llu bytes", (unsigned long long)p->size);
	d = arena_new(&rd->tree->arena, struct erofs_dir);
	if (!d)
		return erofs_no_memory(rd);
	*d = (struct erofs_dir){.node = n, .nid = nid, .place = *p, .next = rd->dirs};
	rd->dirs = d;
	return 0;
}

/* Make the node that an entry @name of @parent stands for, or a link to the one that is there. */
static int read_node(struct erofs_reader *rd, struct image_node *parent, const char *name,
		     size_t len, uint64_t nid, struct image_node **ret)
{
	struct erofs_seen *seen;
	struct erofs_place place = {0};
	struct image_node *n;
	int r = grow_seen(rd);

	if (r < 0)
		return r;
	n = image_tree_add(rd->tree, parent, name, len);
	if (!n)
		return erofs_no_memory(rd);
	seen = find_nid(rd, nid);
	if (seen->node) {
		if (S_ISDIR(seen->node->mode))
			return erofs_bad(rd, n, "a second name of a directory");
		if (image_node_is_whiteout(seen->node))
			return erofs_bad(rd, n, "a second name of a whiteout");
		n->target = seen->node;
		*ret = n;
		return 0;
	}
	*seen = (struct erofs_seen){.nid = nid, .node = n};
	rd->n_seen++;
	r = erofs_read_inode(rd, nid, n, &place);
	if (r == 0)
		r = erofs_read_xattrs(rd, n, &place);
	if (r == 0 && S_ISDIR(n->mode))
		r = push_dir(rd, n, nid, &place);
	else if (r == 0)
		r = erofs_read_content(rd, n, &place);
	*ret = n;
	return r;
}

/* "." and "..", which must be there and right. */
static int read_dot(struct erofs_reader *rd, struct erofs_dir *d, size_t len, uint64_t nid)
{
	bool *done = len == 1 ? &d->has_self : &d->has_parent;

	if (*done || nid != (len == 1 ? d->nid : d->parent_nid))
		return erofs_bad(rd, d->node, "a wrong or second entry '%s'",
				 len == 1 ? "." : "..");
	*done = true;
	return 0;
}

static int read_entry(struct erofs_reader *rd, struct erofs_dir *d, const uint8_t *b,
		      const char *name, size_t len)
{
	struct erofs_dir *top = rd->dirs;
	uint64_t nid = get64(b);
	struct image_node *n;
	int r;

	if (len == 0 || len > IMAGE_NAME_MAX || memchr(name, '/', len) || memchr(name, 0, len))
		return erofs_bad(rd, d->node, "an entry with a bad name");
	if (d->last && image_bytes_compare(d->last, d->last_len, name, len) >= 0)
		return erofs_bad(rd, d->node, "entries out of order");
	d->last = name;
	d->last_len = len;
	if (b[11])
		return erofs_bad(rd, d->node, "an entry with a reserved byte");
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return b[10] == 2 ? read_dot(rd, d, len, nid)
				  : erofs_bad(rd, d->node, "a wrong type of '.' or '..'");
	r = read_node(rd, d->node, name, len, nid, &n);
	if (r < 0)
		return r;
	if (b[10] != erofs_file_type(image_node_real(n)->mode))
		return erofs_bad(rd, n, "the entry's type is not the inode's");
	if (rd->dirs != top)
		rd->dirs->parent_nid = d->nid;
	return 0;
}

/* One block, or the tail: @len bytes at @b. In a whole block, zeros may follow the last name. */
static int read_dir_block(struct erofs_reader *rd, struct erofs_dir *d, const uint8_t *b,
			  uint32_t len)
{
	uint32_t count, at;

	if (len < EROFS_DIRENT)
		return erofs_bad(rd, d->node, "a directory cut short");
	at = get16(b + 8);
	count = at / EROFS_DIRENT;
	if (at % EROFS_DIRENT || count == 0 || at > len)
		return erofs_bad(rd, d->node, "a bad number of entries");
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = b + (size_t)i * EROFS_DIRENT;
		uint32_t from = get16(entry + 8), to;
		int r;

		if (i + 1 < count)
			to = get16(entry + EROFS_DIRENT + 8);
		else
			to = from < len
				     ? from + (uint32_t)strnlen((const char *)b + from, len - from)
				     : len;
		if (from != at || to < from || to > len)
			return erofs_bad(rd, d->node, "an entry's name is out of place");
		r = read_entry(rd, d, entry, (const char *)b + from, to - from);
		if (r < 0)
			return r;
		at = to;
	}
	if (!erofs_is_zero(b + at, len - at))
		return erofs_bad(rd, d->node, "bytes behind the names that should be zero");
	return 0;
}

static int read_dir(struct erofs_reader *rd, struct erofs_dir *d)
{
	const struct erofs_place *p = &d->place;
	int r = 0;

	for (uint64_t at = 0; at < p->blocks && r == 0; at += EROFS_BLOCK)
		r = read_dir_block(rd, d, rd->image + p->block_pos + at,
				   (uint32_t)MIN(p->blocks - at, (uint64_t)EROFS_BLOCK));
	if (r == 0 && p->tail)
		r = read_dir_block(rd, d, rd->image + p->tail_pos, p->tail);
	if (r == 0 && (!d->has_self || !d->has_parent))
		return erofs_bad(rd, d->node, "a directory without '.' or '..'");
	return r;
}

/* All directories; the list grows as they are found. */
static int read_tree(struct erofs_reader *rd)
{
	struct image_node *root;
	int r = read_node(rd, NULL, "", 0, rd->root_nid, &root);

	if (r < 0)
		return r;
	if (!S_ISDIR(root->mode))
		return erofs_bad(rd, NULL, "the root is no directory");
	rd->dirs->parent_nid = rd->dirs->nid;
	while (rd->dirs) {
		struct erofs_dir *d = rd->dirs;

		rd->dirs = d->next;
		r = read_dir(rd, d);
		if (r < 0)
			return r;
	}
	if (rd->n_seen != rd->info.inodes)
		return erofs_bad(rd, NULL, "%llu inodes, not %llu", (unsigned long long)rd->n_seen,
				 (unsigned long long)rd->info.inodes);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

int erofs_read(const uint8_t *image, size_t len, unsigned flags, struct image_tree *ret,
	       struct erofs_info *ret_info, struct err *e)
{
	struct image_tree tree;
	struct erofs_reader rd = {
		.image = image, .len = len, .flags = flags, .tree = &tree, .e = e};
	int r = image_tree_init(&tree, false);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read the image");
	rd.claimed = calloc(len / EROFS_SLOT / 8 + 1, 1);
	r = rd.claimed ? read_header(&rd) : erofs_no_memory(&rd);
	if (r == 0)
		r = read_superblock(&rd);
	if (r == 0 && rd.info.version == 2)
		image_tree_number_lustre(&tree);
	if (r == 0)
		r = read_tree(&rd);
	if (r == 0)
		r = erofs_restore(&rd);
	free(rd.claimed);
	free(rd.seen);
	if (r < 0) {
		image_tree_done(&tree);
		return r;
	}
	*ret_info = rd.info;
	*ret = tree;
	return 0;
}
