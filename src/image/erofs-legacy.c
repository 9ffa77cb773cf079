/* Format 2, an early layout of another implementation, for images made by it up to 2026. Depth
 * first, whole seconds, no stand-ins for whiteouts, nothing that hides the objects' directories.
 * Shares the writer's other parts. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/erofs-internal.h"

/* An external file has one chunk, of the largest size. */
#define CHUNK_BITS EROFS_CHUNK_MAX_BITS

/* Longer tails would cross blocks; the other implementation refuses them too. */
#define TARGET_MAX  1024
#define CONTENT_MAX 512

/* Sorted attributes, but what overlayfs needs comes first. */
static void order_xattrs(struct image_node *n)
{
	static const char *const first[] = {XATTR_METACOPY, XATTR_REDIRECT};
	unsigned at = 0;

	image_node_sort_xattrs(n);
	for (unsigned f = 0; f < ARRAY_SIZE(first); f++) {
		for (unsigned i = at; i < n->n_xattrs; i++) {
			struct image_xattr keep = n->xattrs[i];

			if (!str_eq(keep.key->name, first[f]))
				continue;
			memmove(&n->xattrs[at + 1], &n->xattrs[at], (i - at) * sizeof(keep));
			n->xattrs[at++] = keep;
			break;
		}
	}
}

static int prepare_node(struct erofs_writer *w, struct image_node *n)
{
	int r = erofs_escape_xattrs(w, n);

	if (n->data_len > (S_ISLNK(n->mode) ? TARGET_MAX : CONTENT_MAX))
		return -EFBIG;
	if (r == 0 && image_node_is_external(n))
		r = erofs_annotate_external(w, n);
	if (r < 0)
		return r;
	order_xattrs(n);
	n->mtime_nsec = 0;
	n->nlink = S_ISDIR(n->mode) ? 2 : 1;
	return 0;
}

/* Number the inodes in the order of the walk; count the names of each. */
static int number_inodes(struct erofs_writer *w)
{
	struct image_node *root = w->tree->root;
	int r;

	w->inodes = calloc((size_t)w->tree->n_nodes, sizeof(*w->inodes));
	if (!w->inodes)
		return -ENOMEM;
	for (struct image_node *n = root; n; n = image_tree_next(n)) {
		if (n->target)
			continue;
		r = prepare_node(w, n);
		if (r < 0)
			return r;
		n->id = w->n_inodes;
		w->inodes[w->n_inodes++].node = n;
	}
	for (struct image_node *n = root; n; n = image_tree_next(n)) {
		if (n->target && image_node_is_whiteout(n->target))
			return -EMLINK;
		if (n->target)
			n->target->nlink++;
		else if (S_ISDIR(n->mode) && n != root)
			n->parent->nlink++;
	}
	return 0;
}

/* A tail must not cross a block: this rule moves the inode more often than it needs to. */
static uint64_t place_inode(const struct erofs_inode *in, uint64_t pos)
{
	uint64_t start = pos + EROFS_EXTENDED_SIZE + in->xattr_bytes;

	if (in->tail == 0 || in->chunk_bits)
		return pos;
	if ((start - 1) / EROFS_BLOCK != (start + in->size % EROFS_BLOCK) / EROFS_BLOCK)
		pos = align64(pos + EROFS_BLOCK - (start - 1) % EROFS_BLOCK, EROFS_SLOT);
	return pos;
}

static int place_inodes(struct erofs_writer *w)
{
	uint64_t pos = EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE;
	int r;

	for (uint32_t i = 0; i < w->n_inodes; i++) {
		struct erofs_inode *in = &w->inodes[i];
		const struct image_node *n = in->node;

		r = erofs_shape(w, in);
		if (r < 0)
			return r;
		in->extended = true;
		if (image_node_is_external(n)) {
			in->chunk_bits = CHUNK_BITS;
			in->tail = 4;
		}
		in->size = S_ISDIR(n->mode)   ? (uint64_t)in->n_blocks * EROFS_BLOCK + in->tail
			   : S_ISREG(n->mode) ? n->size
			   : S_ISLNK(n->mode) ? n->data_len
					      : 0;
		in->pos = place_inode(in, align64(pos, EROFS_SLOT));
		pos = in->pos + EROFS_EXTENDED_SIZE + in->xattr_bytes + in->tail;
		w->n_data_blocks += in->n_blocks;
	}
	r = erofs_finish_layout(w, pos);
	if (w->inodes_end > UINT32_MAX - w->shared_bytes)
		return -EFBIG;
	/* References are absolute. */
	w->shared_base = (uint32_t)w->inodes_end;
	return r;
}

int erofs_legacy_layout(struct erofs_writer *w, struct err *e)
{
	int r = image_tree_canonical_links(w->tree);

	image_tree_number_lustre(w->tree);
	if (r == 0)
		r = number_inodes(w);
	if (r == -EFBIG)
		return err_set(
			e, ERR_IMAGE, r,
			"format 2 holds targets of at most %d and contents of at most %d bytes",
			TARGET_MAX, CONTENT_MAX);
	if (r == -EMLINK)
		return err_set(e, ERR_IMAGE, r, "format 2 holds no whiteout with several names");
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "lay out the image");
	r = erofs_share(w, e);
	if (r < 0)
		return r;
	r = place_inodes(w);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "lay out the image");
	return 0;
}
