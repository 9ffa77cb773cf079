/* What the reader's files share. */
#pragma once

#include "image/erofs-internal.h"

struct erofs_seen {
	uint64_t nid;
	struct image_node *node;
};

/* Where the parts of an inode are, in bytes of the image. */
struct erofs_place {
	unsigned layout;
	uint32_t u;
	uint64_t size; /* i_size */
	uint64_t xattr_pos, head_end;
	uint32_t head_size, xattr_bytes, tail;
	uint64_t block_pos, blocks, tail_pos; /* blocks: bytes there */
};

/* A directory to be read. */
struct erofs_dir {
	struct image_node *node;
	uint64_t nid, parent_nid;
	struct erofs_place place;
	bool has_self, has_parent;
	const char *last; /* the name before */
	size_t last_len;
	struct erofs_dir *next;
};

struct erofs_reader {
	const uint8_t *image;
	size_t len;
	unsigned flags;
	struct image_tree *tree;
	struct err *e;
	struct erofs_info info;
	uint64_t xattr_base, root_nid;
	bool filtered;           /* inodes have name filters */
	uint8_t *claimed;        /* a bit a slot */
	struct erofs_seen *seen; /* by nid */
	uint32_t seen_mask, n_seen;
	struct erofs_dir *dirs; /* still to read */
};

/* Describe what is wrong with @n (or with the whole, if NULL). Returns -EINVAL. */
int erofs_bad(struct erofs_reader *rd, const struct image_node *n, const char *fmt, ...)
	_printf_(3, 4);
int erofs_no_memory(struct erofs_reader *rd);

bool erofs_is_zero(const uint8_t *p, size_t len);

/* Take the slots from @pos to @end for @n (NULL: the superblock): nothing else may be there.
 * -EINVAL or 0. erofs-inode.c */
int erofs_claim(struct erofs_reader *rd, const struct image_node *n, uint64_t pos, uint64_t end)
	_must_check_;

/* Claim the inode at @nid and its attributes, and fill in @n, up to its data, and @p. */
int erofs_read_inode(struct erofs_reader *rd, uint64_t nid, struct image_node *n,
		     struct erofs_place *p) _must_check_;

/* The content or target of @n that lies at @p, if it is short. */
int erofs_read_content(struct erofs_reader *rd, struct image_node *n, const struct erofs_place *p)
	_must_check_;

/* The attributes of @n, whose space is known to lie in the image. erofs-xattr.c */
int erofs_read_xattrs(struct erofs_reader *rd, struct image_node *n, const struct erofs_place *p)
	_must_check_;

/* Undo what the writer did for overlayfs. erofs-restore.c */
int erofs_restore(struct erofs_reader *rd) _must_check_;
