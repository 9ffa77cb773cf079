/* What the writer's files share. */
#pragma once

#include "image/erofs-format.h"
#include "image/erofs.h"

/* Names of attributes with a meaning to overlayfs or to the format. */
#define XATTR_OVERLAY  "trusted.overlay."
#define XATTR_ESCAPED  "trusted.overlay.overlay."
#define XATTR_METACOPY "trusted.overlay.metacopy"
#define XATTR_REDIRECT "trusted.overlay.redirect"
#define XATTR_OPAQUE   "trusted.overlay.opaque"
#define XATTR_SELINUX  "security.selinux"

/* Inside a composefs mount a whiteout is a regular file with these, so that a nested overlay takes
 * it for one; and its directory carries marks. */
#define XATTR_WHITEOUT_TRUSTED  "trusted.overlay.overlay.whiteout"
#define XATTR_WHITEOUT_USER     "user.overlay.whiteout"
#define XATTR_WHITEOUTS_TRUSTED "trusted.overlay.overlay.whiteouts"
#define XATTR_WHITEOUTS_USER    "user.overlay.whiteouts"
#define XATTR_OPAQUE_TRUSTED    "trusted.overlay.overlay.opaque"
#define XATTR_OPAQUE_USER       "user.overlay.opaque"

/* The value of trusted.overlay.metacopy with a digest: a header (version 0, its length, flags 0,
 * fs-verity's number of the hash) and the digest. */
#define METACOPY_HEADER 4U

/* An inode on its way into the image. */
struct erofs_inode {
	struct image_node *node;
	uint64_t pos;         /* of the inode in the file; a multiple of EROFS_SLOT */
	uint64_t size;        /* i_size */
	uint32_t tail;        /* bytes right behind inode and attributes */
	uint32_t n_blocks;    /* blocks in the data area */
	uint32_t xattr_bytes; /* 0 or header, references and entries */
	uint8_t chunk_bits;   /* of an external file; 0 otherwise */
	bool extended;
};

/* A (name, value) pair that occurs. */
struct erofs_value {
	const struct image_key *key;
	const void *value;
	uint32_t len;
	uint32_t count;  /* inodes that have it */
	uint32_t offset; /* in the table of shared ones, if count >= 2 */
};

struct erofs_writer {
	struct image_tree *tree;
	struct output *out;
	unsigned version;
	struct erofs_inode *inodes; /* breadth first; the index is the inode number */
	uint32_t n_inodes;
	struct erofs_value *values;
	uint32_t n_values, cap_values;
	uint32_t *value_table; /* index + 1 in values, by hash */
	uint32_t value_mask;
	uint32_t *shared; /* indices of the shared ones, in the order of the table */
	uint32_t n_shared, shared_bytes;
	int64_t min_mtime;
	uint32_t min_mtime_nsec;
	bool has_acl;
	uint64_t inodes_end, data_start, n_data_blocks;
	uint32_t shared_base; /* what references to shared attributes count from, in bytes */
};

/* Make the tree what the image shows below overlayfs: escape, annotate external files, replace
 * whiteouts, mark the root, hide the objects' directories. erofs-rewrite.c */
int erofs_rewrite(struct erofs_writer *w, struct err *e) _must_check_;

/* Its parts that format 2 has too: -ENOMEM or 0. */
int erofs_escape_xattrs(struct erofs_writer *w, struct image_node *n) _must_check_;
int erofs_annotate_external(struct erofs_writer *w, struct image_node *n) _must_check_;

/* The inodes in their order, with numbers, sizes and places, and the table of shared attributes.
 * erofs-layout.c */
int erofs_layout(struct erofs_writer *w, struct err *e) _must_check_;

/* The shape of @n's data, and the space of its attributes. -EFBIG, -E2BIG or 0. */
int erofs_shape(const struct erofs_writer *w, struct erofs_inode *in) _must_check_;

/* Where things are once the inodes end at @pos. -EFBIG or 0. */
int erofs_finish_layout(struct erofs_writer *w, uint64_t pos) _must_check_;

/* Can this attribute of an inode be a reference, as the @refs-th? */
bool erofs_xattr_is_reference(const struct erofs_writer *w, const struct image_xattr *x,
			      unsigned refs);

/* Bytes of an entry with its padding. */
uint32_t erofs_xattr_entry_size(const struct image_key *key, uint32_t value_len);

/* Shared attributes: collect, count, sort. erofs-share.c */
int erofs_share(struct erofs_writer *w, struct err *e) _must_check_;
void erofs_share_done(struct erofs_writer *w);

/* Everything, in the order of the file. erofs-emit.c */
void erofs_emit(struct erofs_writer *w);

/* Format 2: rewriting and layout in one. erofs-legacy.c */
int erofs_legacy_layout(struct erofs_writer *w, struct err *e) _must_check_;

/* One entry of a directory, "." and ".." included, in the order of the format. */
struct erofs_dirent {
	const char *name;
	uint32_t len;
	struct image_node *node; /* the real one, never a hard link */
};

/* Walk the entries of a directory: children, "." and "..", by bytes. */
struct erofs_dirents {
	struct image_node *dir;
	uint32_t next; /* child */
	bool self_done, parent_done;
};
bool erofs_next_dirent(struct erofs_dirents *it, struct erofs_dirent *ret);
