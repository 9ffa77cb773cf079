/* A file system tree in memory: what every reader of images, dumps and directories makes, and every
 * writer takes. Names and contents are what a mount would show; how an image encodes them (escaped
 * attributes, stand-ins for whiteouts) is the business of its reader and writer.
 *
 * All memory belongs to the tree's arena, or to a buffer that outlives the tree. Byte strings have
 * a length and no NUL at the end. Trees may be deep: nothing here recurses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"

#define IMAGE_NAME_MAX        255
#define IMAGE_SYMLINK_MAX     4095
#define IMAGE_CONTENT_MAX     5000 /* what a dump may hold in line */
#define IMAGE_INLINE_MAX      64   /* what we put in line ourselves; part of the format: see docs */
#define IMAGE_XATTR_NAME_MAX  255
#define IMAGE_XATTR_VALUE_MAX 65535
#define IMAGE_XATTR_SPACE_MAX 32767 /* of one inode: 12 + the sum of name + value + 7 */
#define IMAGE_DEPTH_MAX       2048  /* a longer path does not fit into PATH_MAX */
#define IMAGE_FILE_SIZE_MAX   (1ULL << 53)

/* fs-verity's numbers (include/uapi/linux/fsverity.h). */
enum image_hash {
	IMAGE_SHA256 = 1,
	IMAGE_SHA512 = 2,
};

#define IMAGE_DIGEST_MAX 64

/* A name of an extended attribute, once per tree. */
struct image_key {
	const char *name;   /* the full name, "user.a"; NUL-terminated, and no NUL inside */
	uint16_t len;       /* of the full name */
	uint8_t index;      /* EROFS's number for the prefix; 0: none */
	uint8_t prefix_len; /* of the part that the number stands for */
	uint32_t filter;    /* its bit in the inode's name filter */
	struct image_key *next_hash;
};

struct image_xattr {
	const struct image_key *key;
	const void *value;
	uint32_t value_len;
	uint32_t shared; /* for the writer: its row in the table of values */
};

struct image_node {
	struct image_node *parent; /* the root is its own */
	struct image_node *target; /* of a hard link: the real one, never a link; NULL otherwise */
	struct image_node **children; /* of a directory; sorted by image_tree_sort() */
	const char *name;             /* "" for the root */
	const void *data;             /* target of a symbolic link, content in line; NULL: none */
	const char *payload;          /* path of the object with the content; NULL: none */
	const uint8_t *digest;        /* fs-verity digest of the content; NULL: unknown */
	struct image_xattr *xattrs;   /* no key twice */
	uint64_t size;                /* of a regular file, in bytes */
	int64_t mtime;                /* seconds since the epoch */
	uint32_t mtime_nsec;
	uint32_t mode; /* type and permissions */
	uint32_t nlink, uid, gid;
	uint32_t rdev;  /* of a device: minor 7:0, major 19:8, minor 31:20, as the kernel encodes it
			 */
	uint32_t index; /* among the parent's children, once sorted */
	uint32_t id;    /* counts up as nodes are made; for the writer: the inode number */
	uint32_t n_children, cap_children;
	uint16_t n_xattrs, cap_xattrs;
	uint16_t name_len, depth;
	uint16_t data_len;    /* content and targets are short */
	uint16_t payload_len; /* as are paths of objects */
	uint8_t digest_len;   /* 0, 32 or 64 */
};

struct image_tree {
	struct arena arena;
	struct image_node *root;
	uint32_t n_nodes;
	struct image_key **keys; /* by hash; a power of two of chains */
	uint32_t n_keys, keys_mask;
	struct image_node **names; /* by parent and name; NULL unless lookups were asked for */
	uint32_t names_mask;
	uint32_t seed;
	bool lustre; /* see image_tree_number_lustre() */
};

/* An empty tree. @lookups keeps an index for image_tree_find(). -ENOMEM or 0. */
int image_tree_init(struct image_tree *t, bool lookups) _must_check_;

/* Free everything. A tree of zeros is fine. */
void image_tree_done(struct image_tree *t);

/* Add a node called @name[@len] below @parent, or the root for a NULL @parent. The name is not
 * copied. Returns NULL when memory is exhausted. The caller has checked the name, that there is
 * none of that name, and the depth. */
struct image_node *image_tree_add(struct image_tree *t, struct image_node *parent, const char *name,
				  size_t len) _must_check_;

/* The child of @parent with that name, or NULL. Only for trees with lookups. */
struct image_node *image_tree_find(const struct image_tree *t, const struct image_node *parent,
				   const char *name, size_t len);

/* Copy bytes into the tree's arena. NULL when memory is exhausted. */
void *image_tree_copy(struct image_tree *t, const void *data, size_t len) _must_check_;

/* The key called @name[@len] (1 to 255 bytes, no NUL inside), made if it is new. @name is copied.
 * NULL when memory is exhausted. */
const struct image_key *image_tree_key(struct image_tree *t, const char *name, size_t len)
	_must_check_;

/* From now on "lustre." is a prefix with a number, 5, as in format 2 only. */
void image_tree_number_lustre(struct image_tree *t);

/* Set an attribute, in place of the one with that key if there is one. The value is not copied.
 * -ENOMEM, -E2BIG when there are too many, or 0. */
int image_node_set_xattr(struct image_tree *t, struct image_node *n, const struct image_key *key,
			 const void *value, size_t len) _must_check_;

/* The attribute of that name, or NULL. */
const struct image_xattr *image_node_xattr(const struct image_node *n, const char *name);

/* Remove an attribute of @n by its place. */
void image_node_drop_xattr(struct image_node *n, unsigned i);

/* The space that the attributes take by the rule of IMAGE_XATTR_SPACE_MAX. */
size_t image_node_xattr_space(const struct image_node *n);

/* Sort the attributes by name. */
void image_node_sort_xattrs(struct image_node *n);

/* Order the children of one directory, or of all, by bytes. */
void image_node_sort_children(struct image_node *dir);
void image_tree_sort(struct image_tree *t);

/* The node after @n, parents first, children in their order; NULL at the end. The tree is sorted.
 */
struct image_node *image_tree_next(const struct image_node *n);

/* The node itself, or what a hard link stands for. */
static inline struct image_node *image_node_real(struct image_node *n)
{
	return n->target ? n->target : n;
}

/* Is @n a whiteout, a character device 0:0? Not for hard links. */
bool image_node_is_whiteout(const struct image_node *n);

/* Is @n a regular file that has its content elsewhere? Not for hard links. */
bool image_node_is_external(const struct image_node *n);

/* Make the hard link @n the file, and the file that it stood for a link to it. Other links then
 * lead to a link: image_tree_shorten_links() afterwards. */
void image_node_make_real(struct image_node *n);
void image_tree_shorten_links(struct image_tree *t);

/* Make the first name, in the order of image_tree_next(), of each file with several names the real
 * one and the others links to it: an image depends on which of them is real. Sorts the tree.
 * -ENOMEM or 0. */
int image_tree_canonical_links(struct image_tree *t) _must_check_;

/* Unsigned bytes, and the shorter first among equal beginnings. */
int image_bytes_compare(const void *a, size_t a_len, const void *b, size_t b_len);

/* The path of @n from the root, "/a/b", in @buf, which grows from the heap and is freed by the
 * caller. -ENOMEM or 0. Not NUL-terminated. */
struct image_path {
	char *text;
	size_t len, cap;
};
int image_node_path(const struct image_node *n, struct image_path *buf) _must_check_;
void image_path_done(struct image_path *p);

/* A name, path or value for a message: in @buf, cut, bytes that do not print replaced by '?'. */
#define IMAGE_EXCERPT_MAX 64
const char *image_excerpt(const void *bytes, size_t len, char buf[static IMAGE_EXCERPT_MAX]);

/* @len bytes at @data as lower-case hexadecimal digits and a NUL into @buf of 2 * @len + 1. */
void image_hex(const void *data, size_t len, char *buf);

/* 2 * @len hexadecimal digits at @text into @ret. 0 or -EINVAL. */
int image_unhex(const char *text, size_t len, uint8_t *ret) _must_check_;
