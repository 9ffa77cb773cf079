/* Inodes of an image, their space and their content. Every number in them may be hostile: it is
 * checked before it is used, and every byte belongs to one thing only. Pure. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/erofs-read.h"

/* --- words ----------------------------------------------------------------------------------- */

int erofs_bad(struct erofs_reader *rd, const struct image_node *n, const char *fmt, ...)
{
	char text[200], excerpt[IMAGE_EXCERPT_MAX];
	struct image_path path = {0};
	va_list ap;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n && image_node_path(n, &path) == 0)
		(void)err_set(rd->e, ERR_IMAGE, -EINVAL, "%s: %s",
			      image_excerpt(path.text, path.len, excerpt), text);
	else
		(void)err_set(rd->e, ERR_IMAGE, -EINVAL, "%s", text);
	image_path_done(&path);
	return -EINVAL;
}

int erofs_no_memory(struct erofs_reader *rd)
{
	return err_sys(rd->e, ERR_IMAGE, -ENOMEM, "read the image");
}

/* --- space ----------------------------------------------------------------------------------- */

/* Take the slots from @pos to @end: nothing else may be there. */
int erofs_claim(struct erofs_reader *rd, const struct image_node *n, uint64_t pos, uint64_t end)
{
	if (pos > end || end > rd->len)
		return erofs_bad(rd, n, "reaches beyond the image");
	for (uint64_t slot = pos / EROFS_SLOT; slot < (end + EROFS_SLOT - 1) / EROFS_SLOT; slot++) {
		uint8_t bit = (uint8_t)(1U << (slot & 7));

		if (rd->claimed[slot >> 3] & bit)
			return erofs_bad(rd, n, "overlaps with something else");
		rd->claimed[slot >> 3] |= bit;
	}
	return 0;
}

bool erofs_is_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* --- inodes ---------------------------------------------------------------------------------- */

/* Where the data of a file lies: @blocks bytes at block_pos, then @tail bytes at tail_pos. */
static int read_data_place(struct erofs_reader *rd, const struct image_node *n,
			   struct erofs_place *p)
{
	uint64_t whole = p->size / EROFS_BLOCK, rest = p->size % EROFS_BLOCK, n_blocks = whole;
	int r;

	if (p->layout == EROFS_FLAT_PLAIN) {
		n_blocks += rest != 0;
	} else {
		p->tail = (uint32_t)rest;
		if (rest == 0)
			return erofs_bad(rd, n, "an inline tail without bytes");
		if (p->head_end % EROFS_BLOCK + rest > EROFS_BLOCK)
			return erofs_bad(rd, n, "an inline tail that crosses a block");
	}
	p->tail_pos = p->head_end;
	p->block_pos = (uint64_t)p->u * EROFS_BLOCK;
	if (n_blocks > rd->len / EROFS_BLOCK)
		return erofs_bad(rd, n, "larger than the image");
	if (n_blocks == 0)
		return 0;
	p->blocks = p->size - p->tail;
	r = erofs_claim(rd, n, p->block_pos, p->block_pos + n_blocks * EROFS_BLOCK);
	if (r == 0 && !erofs_is_zero(rd->image + p->block_pos + p->blocks,
				     (size_t)(n_blocks * EROFS_BLOCK - p->blocks)))
		return erofs_bad(rd, n, "bytes behind the content that should be zero");
	return r;
}

/* The fields of an inode into @n and @p. */
static void read_fields(const struct erofs_reader *rd, const uint8_t *b, struct image_node *n,
			struct erofs_place *p)
{
	n->mode = get16(b + 4);
	if (p->head_size == EROFS_EXTENDED_SIZE) {
		p->size = get64(b + IX_SIZE);
		p->u = get32(b + IX_U);
		n->uid = get32(b + IX_UID);
		n->gid = get32(b + IX_GID);
		n->mtime = (int64_t)get64(b + IX_MTIME);
		n->mtime_nsec = get32(b + IX_NSEC);
		n->nlink = get32(b + IX_NLINK);
	} else {
		p->size = get32(b + IC_SIZE);
		p->u = get32(b + IC_U);
		n->uid = get16(b + IC_UID);
		n->gid = get16(b + IC_GID);
		n->nlink = get16(b + IC_NLINK);
		n->mtime = rd->info.build_time;
		n->mtime_nsec = rd->info.build_time_nsec;
	}
}

static int check_fields(struct erofs_reader *rd, const struct image_node *n,
			const struct erofs_place *p)
{
	bool regular = S_ISREG(n->mode);

	if (!erofs_file_type(n->mode))
		return erofs_bad(rd, n, "no file type in mode 0%o", n->mode);
	if (n->mtime_nsec > 999999999)
		return erofs_bad(rd, n, "a time that is none");
	if (p->layout != EROFS_FLAT_PLAIN && p->layout != EROFS_FLAT_INLINE &&
	    !(p->layout == EROFS_CHUNK_BASED && regular && p->size))
		return erofs_bad(rd, n, "unexpected data layout %u", p->layout);
	if (S_ISLNK(n->mode) && (p->size == 0 || p->size > IMAGE_SYMLINK_MAX))
		return erofs_bad(rd, n, "a symbolic link of %llu bytes",
				 (unsigned long long)p->size);
	if (!regular && !S_ISDIR(n->mode) && !S_ISLNK(n->mode) &&
	    (p->size || p->layout != EROFS_FLAT_PLAIN))
		return erofs_bad(rd, n, "a device, fifo or socket with a size");
	if (regular && p->layout != EROFS_CHUNK_BASED && p->size > IMAGE_CONTENT_MAX)
		return erofs_bad(rd, n, "%llu bytes of content in line",
				 (unsigned long long)p->size);
	if (p->layout == EROFS_CHUNK_BASED && p->size > IMAGE_FILE_SIZE_MAX)
		return erofs_bad(rd, n, "a file of more than 2^53 bytes");
	if (S_ISCHR(n->mode) && p->u == 0 && n->nlink > 1)
		return erofs_bad(rd, n, "a whiteout with %u names", n->nlink);
	return 0;
}

/* Claim the inode at @nid and its attributes, and fill in @n and @p. */
int erofs_read_inode(struct erofs_reader *rd, uint64_t nid, struct image_node *n,
		     struct erofs_place *p)
{
	uint64_t pos;
	uint16_t format, icount;
	const uint8_t *b;
	int r;

	if (nid > rd->len / EROFS_SLOT || nid * EROFS_SLOT + EROFS_COMPACT_SIZE > rd->len)
		return erofs_bad(rd, n, "an inode beyond the image");
	pos = nid * EROFS_SLOT;
	b = rd->image + pos;
	format = get16(b);
	icount = get16(b + 2);
	*p = (struct erofs_place){
		.layout = format >> 1,
		.head_size = format & 1 ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE,
		.xattr_pos = pos + (format & 1 ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE),
		.xattr_bytes = icount ? EROFS_XATTR_HEADER + (icount - 1U) * 4 : 0,
	};
	p->head_end = p->xattr_pos + p->xattr_bytes;
	if (p->head_end > rd->len)
		return erofs_bad(rd, n, "reaches beyond the image");
	read_fields(rd, b, n, p);
	r = check_fields(rd, n, p);
	if (r < 0)
		return r;
	n->id = get32(b + IC_INO); /* in the same place in both */
	if (S_ISDIR(n->mode))
		n->size = p->size;
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		n->rdev = p->u;
	else if (p->layout == EROFS_CHUNK_BASED)
		n->size = p->size; /* the addresses of the chunks are never looked at */
	else if (p->size)
		r = read_data_place(rd, n, p);
	if (r < 0)
		return r;
	return erofs_claim(rd, n, pos, p->head_end + p->tail);
}

/* --- contents -------------------------------------------------------------------------------- */

/* A short content that may lie in two places. */
int erofs_read_content(struct erofs_reader *rd, struct image_node *n, const struct erofs_place *p)
{
	uint8_t *joined;

	if (p->layout == EROFS_CHUNK_BASED || p->size == 0)
		return 0;
	if (S_ISREG(n->mode))
		n->size = p->size;
	n->data_len = (uint16_t)p->size;
	if (p->tail == 0 || p->blocks == 0) {
		n->data = rd->image + (p->tail ? p->tail_pos : p->block_pos);
	} else {
		joined = arena_alloc(&rd->tree->arena, (size_t)p->size);
		if (!joined)
			return erofs_no_memory(rd);
		memcpy(joined, rd->image + p->block_pos, (size_t)p->blocks);
		memcpy(joined + p->blocks, rd->image + p->tail_pos, p->tail);
		n->data = joined;
	}
	if (S_ISLNK(n->mode) && memchr(n->data, 0, n->data_len))
		return erofs_bad(rd, n, "a NUL byte in a symbolic link's target");
	return 0;
}
