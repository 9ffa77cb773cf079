/* Steps 5, 6 and 8 to 11 of the canonical writer: inode numbers, shapes and places.
 * Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/erofs-internal.h"

/* A tail of more than half a block gets a block of its own. */
#define TAIL_MAX (EROFS_BLOCK / 2)

/* --- entries of directories ------------------------------------------------------------------ */

bool erofs_next_dirent(struct erofs_dirents *it, struct erofs_dirent *ret)
{
	struct image_node *dir = it->dir, *n = NULL;
	const char *name = "..";
	uint32_t len = 2;

	if (it->next < dir->n_children) {
		n = dir->children[it->next];
		name = n->name;
		len = n->name_len;
	}
	/* Names that start with a character before '.' come before these two. */
	if (!it->self_done && (!n || image_bytes_compare(name, len, ".", 1) > 0)) {
		it->self_done = true;
		*ret = (struct erofs_dirent){.name = ".", .len = 1, .node = dir};
		return true;
	}
	if (!it->parent_done && (!n || image_bytes_compare(name, len, "..", 2) > 0)) {
		it->parent_done = true;
		*ret = (struct erofs_dirent){.name = "..", .len = 2, .node = dir->parent};
		return true;
	}
	if (!n)
		return false;
	it->next++;
	*ret = (struct erofs_dirent){.name = name, .len = len, .node = image_node_real(n)};
	return true;
}

/* --- order ----------------------------------------------------------------------------------- */

/* All nodes that are no hard links, breadth first. */
static int number_inodes(struct erofs_writer *w)
{
	uint32_t n = 0, done = 0;

	w->inodes = calloc((size_t)w->tree->n_nodes, sizeof(*w->inodes));
	if (!w->inodes)
		return -ENOMEM;
	w->inodes[n++].node = w->tree->root;
	while (done < n) {
		struct image_node *dir = w->inodes[done].node;

		dir->id = done++;
		for (uint32_t i = 0; i < dir->n_children; i++)
			if (!dir->children[i]->target)
				w->inodes[n++].node = dir->children[i];
	}
	w->n_inodes = n;
	return 0;
}

/* What the header and the superblock say about all inodes; links of directories. */
static void summarize(struct erofs_writer *w)
{
	w->min_mtime = w->tree->root->mtime;
	w->min_mtime_nsec = w->tree->root->mtime_nsec;
	for (uint32_t i = 0; i < w->n_inodes; i++) {
		struct image_node *n = w->inodes[i].node;

		if (n->mtime < w->min_mtime ||
		    (n->mtime == w->min_mtime && n->mtime_nsec < w->min_mtime_nsec)) {
			w->min_mtime = n->mtime;
			w->min_mtime_nsec = n->mtime_nsec;
		}
		if (S_ISDIR(n->mode)) {
			n->nlink = 2;
			for (uint32_t c = 0; c < n->n_children; c++)
				n->nlink += S_ISDIR(n->children[c]->mode);
		}
		for (unsigned x = 0; x < n->n_xattrs; x++) {
			const struct image_key *key = n->xattrs[x].key;

			/* The names themselves, not what begins like them. */
			w->has_acl |=
				(key->index == 2 || key->index == 3) && key->len == key->prefix_len;
		}
	}
}

/* --- shapes ---------------------------------------------------------------------------------- */

static int shape_directory(struct erofs_inode *in)
{
	struct erofs_dirents it = {.dir = in->node};
	struct erofs_dirent entry;
	uint32_t used = 0;

	while (erofs_next_dirent(&it, &entry)) {
		uint32_t need = EROFS_DIRENT + entry.len;

		if (used + need > EROFS_BLOCK) {
			in->n_blocks++;
			used = 0;
		}
		used += need;
	}
	if (used > TAIL_MAX) {
		in->n_blocks++;
		used = 0;
	}
	in->tail = used;
	return 0;
}

/* Chunks of the largest size that the file fills at most one of, so far as the format goes. Their
 * addresses are all null: overlayfs never asks for the data. */
static int shape_external(struct erofs_inode *in)
{
	uint64_t last = in->node->size - 1, chunks;
	unsigned bits = EROFS_BLOCK_BITS;

	while (bits < EROFS_CHUNK_MAX_BITS && last >> bits)
		bits++;
	chunks = (last >> bits) + 1;
	if (chunks > EROFS_CHUNKS_MAX)
		return -EFBIG;
	in->chunk_bits = (uint8_t)bits;
	in->tail = 4 * (uint32_t)chunks;
	return 0;
}

static int shape_inode(struct erofs_inode *in)
{
	const struct image_node *n = in->node;

	if (S_ISDIR(n->mode))
		return shape_directory(in);
	if (S_ISLNK(n->mode)) {
		in->tail = n->data_len;
	} else if (image_node_is_external(n)) {
		return shape_external(in);
	} else if (S_ISREG(n->mode) && n->size > 0) {
		in->n_blocks = n->data_len / EROFS_BLOCK;
		in->tail = n->data_len % EROFS_BLOCK;
		if (in->tail > TAIL_MAX) {
			in->n_blocks++;
			in->tail = 0;
		}
	}
	return 0;
}

static int measure_xattrs(const struct erofs_writer *w, struct erofs_inode *in)
{
	const struct image_node *n = in->node;
	uint64_t bytes = EROFS_XATTR_HEADER;
	unsigned refs = 0;

	if (n->n_xattrs == 0)
		return 0;
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		if (erofs_xattr_is_reference(w, x, refs)) {
			refs++;
			bytes += 4;
		} else {
			bytes += erofs_xattr_entry_size(x->key, x->value_len);
		}
	}
	if ((bytes - EROFS_XATTR_HEADER) / 4 + 1 > UINT16_MAX)
		return -E2BIG;
	in->xattr_bytes = (uint32_t)bytes;
	return 0;
}

/* i_size, which for a directory depends on where its tail went. */
static void size_inode(const struct erofs_writer *w, struct erofs_inode *in)
{
	const struct image_node *n = in->node;

	if (S_ISDIR(n->mode))
		in->size = (uint64_t)in->n_blocks * EROFS_BLOCK + in->tail;
	else if (S_ISREG(n->mode))
		in->size = n->size;
	else if (S_ISLNK(n->mode))
		in->size = n->data_len;
	in->extended = n->mtime != w->min_mtime || n->mtime_nsec != w->min_mtime_nsec ||
		       n->nlink > UINT16_MAX || n->uid > UINT16_MAX || n->gid > UINT16_MAX ||
		       in->size > UINT32_MAX;
}

/* --- places ---------------------------------------------------------------------------------- */

/* A tail must not cross a block. Returns where the inode goes, at @pos or later. */
static uint64_t place_inode(struct erofs_inode *in, uint64_t pos)
{
	uint32_t head = (in->extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE) + in->xattr_bytes;
	uint32_t left, pad;

	if (S_ISLNK(in->node->mode)) {
		/* A link's inode, attributes and target share a block if they fit into one. The
		 * length that decides is the one from before the target was moved out. */
		uint32_t whole = head + in->tail;

		if (whole >= EROFS_BLOCK) {
			in->n_blocks++;
			in->tail = 0;
		}
		if (pos / EROFS_BLOCK != (pos + whole - 1) / EROFS_BLOCK)
			pos = align64(pos, EROFS_BLOCK);
		return pos;
	}
	left = EROFS_BLOCK - (uint32_t)((pos + head) % EROFS_BLOCK);
	if (left >= in->tail)
		return pos;
	/* Move so far that the tail begins a block; or else it gets a block of its own. */
	pad = align32(left, EROFS_SLOT);
	if (in->tail <= EROFS_BLOCK - (uint32_t)((pos + head + pad) % EROFS_BLOCK))
		return pos + pad;
	in->n_blocks++;
	in->tail = 0;
	return align64(pos, EROFS_BLOCK);
}

int erofs_shape(const struct erofs_writer *w, struct erofs_inode *in)
{
	int r = shape_inode(in);

	return r < 0 ? r : measure_xattrs(w, in);
}

int erofs_finish_layout(struct erofs_writer *w, uint64_t pos)
{
	w->inodes_end = align64(pos, EROFS_SLOT);
	w->data_start = align64(w->inodes_end + w->shared_bytes, EROFS_BLOCK);
	if (w->data_start / EROFS_BLOCK + w->n_data_blocks > UINT32_MAX ||
	    w->inodes[0].pos / EROFS_SLOT > UINT16_MAX)
		return -EFBIG;
	return 0;
}

static int place_inodes(struct erofs_writer *w)
{
	uint64_t pos = EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE;
	int r;

	for (uint32_t i = 0; i < w->n_inodes; i++) {
		struct erofs_inode *in = &w->inodes[i];

		r = erofs_shape(w, in);
		if (r < 0)
			return r;
		size_inode(w, in);
		in->pos = place_inode(in, align64(pos, EROFS_SLOT));
		if (S_ISDIR(in->node->mode))
			in->size = (uint64_t)in->n_blocks * EROFS_BLOCK + in->tail;
		pos = in->pos + (in->extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE) +
		      in->xattr_bytes + in->tail;
		w->n_data_blocks += in->n_blocks;
	}
	r = erofs_finish_layout(w, pos);
	w->shared_base = (uint32_t)(w->inodes_end % EROFS_BLOCK);
	return r;
}

int erofs_layout(struct erofs_writer *w, struct err *e)
{
	int r = number_inodes(w);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "lay out the image");
	summarize(w);
	r = erofs_share(w, e);
	if (r < 0)
		return r;
	r = place_inodes(w);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "lay out the image");
	return 0;
}
