/* Reading extended attributes: an inode's own entries, and references to the shared table. Pure. */
#include <errno.h>
#include <string.h>

#include "image/erofs-read.h"

/* EROFS's prefixes by number; what is missing is not used by any writer. */
static const char *const prefixes[] = {
	"",        "user.",     "system.posix_acl_access", "system.posix_acl_default", "trusted.",
	"lustre.", "security.",
};

/* One entry at @pos, which ends at @end or before; *@ret_next is where the next one would be. */
static int read_entry(struct erofs_reader *rd, struct image_node *n, uint64_t pos, uint64_t end,
		      uint64_t *ret_next)
{
	const uint8_t *b = rd->image + pos;
	char name[IMAGE_XATTR_NAME_MAX + 64];
	size_t name_len, value_len, prefix_len;
	const struct image_key *key;
	unsigned before = n->n_xattrs;
	int r;

	if (end - pos < EROFS_XATTR_ENTRY)
		return erofs_bad(rd, n, "an extended attribute cut short");
	name_len = b[0];
	value_len = get16(b + 2);
	if (end - pos - EROFS_XATTR_ENTRY < name_len + value_len)
		return erofs_bad(rd, n, "an extended attribute cut short");
	if (b[1] >= ARRAY_SIZE(prefixes))
		return erofs_bad(rd, n, "an extended attribute with prefix %u", b[1]);
	prefix_len = strlen(prefixes[b[1]]);
	memcpy(name, prefixes[b[1]], prefix_len);
	memcpy(name + prefix_len, b + EROFS_XATTR_ENTRY, name_len);
	if (prefix_len + name_len == 0 || memchr(name, 0, prefix_len + name_len))
		return erofs_bad(rd, n, "an extended attribute with a bad name");
	key = image_tree_key(rd->tree, name, prefix_len + name_len);
	if (!key)
		return erofs_no_memory(rd);
	/* A prefix that has a number is never spelled out, and only those of the format are used.
	 */
	if (key->index != b[1])
		return erofs_bad(rd, n, "an extended attribute with a wrong prefix");
	r = image_node_set_xattr(rd->tree, n, key, b + EROFS_XATTR_ENTRY + name_len, value_len);
	if (r == -ENOMEM)
		return erofs_no_memory(rd);
	if (r < 0 || n->n_xattrs == before)
		return erofs_bad(rd, n, "an extended attribute twice, or too many");
	*ret_next = pos + align32(EROFS_XATTR_ENTRY + (uint32_t)(name_len + value_len), 4);
	return 0;
}

static int check_filter(struct erofs_reader *rd, const struct image_node *n, uint32_t stored)
{
	uint32_t filter = 0;

	for (unsigned i = 0; i < n->n_xattrs; i++)
		filter |= n->xattrs[i].key->filter;
	if (rd->filtered && stored != ~filter)
		return erofs_bad(rd, n, "a wrong filter of attributes' names");
	return 0;
}

int erofs_read_xattrs(struct erofs_reader *rd, struct image_node *n, const struct erofs_place *p)
{
	uint64_t pos = p->xattr_pos, end = p->head_end, ignored;
	const uint8_t *header = rd->image + pos;
	unsigned shared;
	int r = 0;

	if (p->xattr_bytes == 0)
		return 0;
	shared = header[4];
	if (memcmp(header + 5, "\0\0\0\0\0\0\0", 7) != 0)
		return erofs_bad(rd, n, "reserved bytes before the extended attributes");
	pos += EROFS_XATTR_HEADER;
	if ((end - pos) / 4 < shared)
		return erofs_bad(rd, n, "extended attributes cut short");
	for (unsigned i = 0; i < shared && r == 0; i++, pos += 4) {
		uint64_t at = rd->xattr_base + (uint64_t)get32(rd->image + pos) * 4;

		if (at >= rd->len)
			return erofs_bad(rd, n, "an extended attribute beyond the image");
		r = read_entry(rd, n, at, rd->len, &ignored);
	}
	while (r == 0 && pos < end)
		r = read_entry(rd, n, pos, end, &pos);
	if (r < 0)
		return r;
	if (n->n_xattrs == 0)
		return erofs_bad(rd, n, "an empty list of extended attributes");
	image_node_sort_xattrs(n);
	return check_filter(rd, n, get32(header));
}
