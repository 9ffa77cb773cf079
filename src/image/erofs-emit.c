/* Step 12 of the canonical writer: the bytes, from the first to the last. Pure but for the output.
 */
#include <string.h>
#include <sys/stat.h>

#include "image/erofs-internal.h"

static void fill_to(struct output *out, uint64_t pos)
{
	if (pos > out->offset)
		output_fill(out, 0, (size_t)(pos - out->offset));
}

static void emit_head(struct erofs_writer *w)
{
	uint8_t header[CFS_HEADER_SIZE] = {0}, sb[EROFS_SUPER_SIZE] = {0};

	put32(header, CFS_MAGIC);
	put32(header + 4, CFS_HEADER_VERSION);
	put32(header + 8, w->has_acl ? CFS_FLAG_ACL : 0);
	put32(header + 12, w->version);
	output_write(w->out, header, sizeof(header));
	fill_to(w->out, EROFS_SUPER_OFFSET);

	put32(sb + SB_MAGIC, EROFS_MAGIC);
	put32(sb + SB_FEATURE_COMPAT, EROFS_COMPAT_MTIME | EROFS_COMPAT_XATTR_FILTER);
	sb[SB_BLOCK_BITS] = EROFS_BLOCK_BITS;
	put16(sb + SB_ROOT_NID, (uint16_t)(w->inodes[0].pos / EROFS_SLOT));
	put64(sb + SB_INODES, w->n_inodes);
	put64(sb + SB_BUILD_TIME, (uint64_t)w->min_mtime);
	put32(sb + SB_BUILD_NSEC, w->min_mtime_nsec);
	put32(sb + SB_BLOCKS, (uint32_t)(w->data_start / EROFS_BLOCK + w->n_data_blocks));
	put32(sb + SB_XATTR_BLKADDR, (uint32_t)((w->inodes_end - w->shared_base) / EROFS_BLOCK));
	/* No feature is called incompatible, chunks included: the kernel does not ask. */
	output_write(w->out, sb, sizeof(sb));
}

static void emit_entry(struct output *out, const struct image_key *key, const void *value,
		       uint32_t len)
{
	uint32_t name_len = key->len - (uint32_t)key->prefix_len;
	uint8_t entry[EROFS_XATTR_ENTRY] = {(uint8_t)name_len, key->index};

	put16(entry + 2, (uint16_t)len);
	output_write(out, entry, sizeof(entry));
	output_write(out, key->name + key->prefix_len, name_len);
	output_write(out, value, len);
	output_fill(out, 0, erofs_xattr_entry_size(key, len) - EROFS_XATTR_ENTRY - name_len - len);
}

static void emit_xattrs(struct erofs_writer *w, const struct image_node *n)
{
	uint8_t header[EROFS_XATTR_HEADER + 4 * 128] = {0};
	uint32_t filter = 0;
	unsigned refs = 0, skip = 0;

	if (n->n_xattrs == 0)
		return;
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		filter |= x->key->filter;
		if (erofs_xattr_is_reference(w, x, refs)) {
			put32(header + EROFS_XATTR_HEADER + (size_t)4 * refs,
			      (w->shared_base + w->values[x->shared].offset) / 4);
			refs++;
		}
	}
	put32(header, ~filter);
	header[4] = (uint8_t)refs;
	output_write(w->out, header, EROFS_XATTR_HEADER + (size_t)4 * refs);
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		if (erofs_xattr_is_reference(w, x, skip))
			skip++;
		else
			emit_entry(w->out, x->key, x->value, x->value_len);
	}
}

/* What the field `u` says: a block, a device or the size of chunks. */
static uint32_t inode_u(const struct erofs_inode *in, uint32_t block)
{
	uint32_t u = in->n_blocks ? block : 0;

	if (in->chunk_bits)
		/* Only the low half: where the addresses went to a block of their own, the high
		 * half of its address stays, and has no meaning. */
		return (u & 0xffff0000U) | (in->chunk_bits - EROFS_BLOCK_BITS);
	if (S_ISCHR(in->node->mode) || S_ISBLK(in->node->mode))
		return in->node->rdev;
	return u;
}

static void emit_inode(struct erofs_writer *w, const struct erofs_inode *in, uint32_t ino,
		       uint32_t block)
{
	const struct image_node *n = in->node;
	uint8_t b[EROFS_EXTENDED_SIZE] = {0};
	unsigned layout = in->chunk_bits ? EROFS_CHUNK_BASED
			  : in->tail     ? EROFS_FLAT_INLINE
					 : EROFS_FLAT_PLAIN;

	put16(b, (uint16_t)(layout << 1 | in->extended));
	if (in->xattr_bytes)
		put16(b + 2, (uint16_t)((in->xattr_bytes - EROFS_XATTR_HEADER) / 4 + 1));
	put16(b + 4, (uint16_t)n->mode);
	if (in->extended) {
		put64(b + IX_SIZE, in->size);
		put32(b + IX_U, inode_u(in, block));
		put32(b + IX_INO, ino);
		put32(b + IX_UID, n->uid);
		put32(b + IX_GID, n->gid);
		put64(b + IX_MTIME, (uint64_t)n->mtime);
		put32(b + IX_NSEC, n->mtime_nsec);
		put32(b + IX_NLINK, n->nlink);
		output_write(w->out, b, EROFS_EXTENDED_SIZE);
	} else {
		put16(b + IC_NLINK, (uint16_t)n->nlink);
		put32(b + IC_SIZE, (uint32_t)in->size);
		put32(b + IC_U, inode_u(in, block));
		put32(b + IC_INO, ino);
		put16(b + IC_UID, (uint16_t)n->uid);
		put16(b + IC_GID, (uint16_t)n->gid);
		output_write(w->out, b, EROFS_COMPACT_SIZE);
	}
}

/* One block, or tail, of a directory: entries that @it comes to, packed as shape_directory() did.
 * Returns its bytes in @buf. @it stands at the first entry that did not fit. */
static uint32_t pack_dirents(const struct erofs_writer *w, struct erofs_dirents *it, uint8_t *buf)
{
	struct erofs_dirents probe = *it;
	struct erofs_dirent entry;
	uint32_t used = 0, count = 0, name_at;

	while (erofs_next_dirent(&probe, &entry) &&
	       used + EROFS_DIRENT + entry.len <= EROFS_BLOCK) {
		used += EROFS_DIRENT + entry.len;
		count++;
	}
	name_at = count * EROFS_DIRENT;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *d = buf + (size_t)i * EROFS_DIRENT;

		(void)erofs_next_dirent(it, &entry);
		put64(d, w->inodes[entry.node->id].pos / EROFS_SLOT);
		put16(d + 8, (uint16_t)name_at);
		d[10] = erofs_file_type(entry.node->mode);
		d[11] = 0;
		memcpy(buf + name_at, entry.name, entry.len);
		name_at += entry.len;
	}
	return used;
}

/* The part of the content behind the inode (@tail) or in the data area. */
static void emit_directory(struct erofs_writer *w, const struct erofs_inode *in, bool tail)
{
	struct erofs_dirents it = {.dir = in->node};
	uint8_t buf[EROFS_BLOCK];

	for (uint32_t i = 0; i < in->n_blocks; i++) {
		uint32_t used = pack_dirents(w, &it, buf);

		if (!tail) {
			output_write(w->out, buf, used);
			output_fill(w->out, 0, EROFS_BLOCK - used);
		}
	}
	if (tail)
		output_write(w->out, buf, pack_dirents(w, &it, buf));
}

static void emit_tail(struct erofs_writer *w, const struct erofs_inode *in)
{
	if (in->tail == 0)
		return;
	if (S_ISDIR(in->node->mode))
		emit_directory(w, in, true);
	else if (in->chunk_bits)
		output_fill(w->out, 0xff, in->tail);
	else
		output_write(w->out,
			     (const uint8_t *)in->node->data + in->node->data_len - in->tail,
			     in->tail);
}

static void emit_blocks(struct erofs_writer *w, const struct erofs_inode *in)
{
	uint64_t end = w->out->offset + (uint64_t)in->n_blocks * EROFS_BLOCK;

	if (in->n_blocks == 0)
		return;
	if (S_ISDIR(in->node->mode))
		emit_directory(w, in, false);
	else if (in->chunk_bits)
		output_fill(w->out, 0xff, (size_t)(end - w->out->offset));
	else
		output_write(w->out, in->node->data, in->node->data_len - in->tail);
	fill_to(w->out, end);
}

void erofs_emit(struct erofs_writer *w)
{
	uint32_t block = (uint32_t)(w->data_start / EROFS_BLOCK);

	emit_head(w);
	for (uint32_t i = 0; i < w->n_inodes; i++) {
		const struct erofs_inode *in = &w->inodes[i];

		fill_to(w->out, in->pos);
		emit_inode(w, in, w->version == 2 ? (uint32_t)(in->pos / EROFS_SLOT) : i, block);
		emit_xattrs(w, in->node);
		emit_tail(w, in);
		block += in->n_blocks;
	}
	fill_to(w->out, w->inodes_end);
	for (uint32_t i = 0; i < w->n_shared; i++) {
		const struct erofs_value *v = &w->values[w->shared[i]];

		emit_entry(w->out, v->key, v->value, v->len);
	}
	fill_to(w->out, w->data_start);
	for (uint32_t i = 0; i < w->n_inodes; i++)
		emit_blocks(w, &w->inodes[i]);
}
