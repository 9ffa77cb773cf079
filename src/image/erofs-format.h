/* Numbers of the on-disk format (fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst of the
 * kernel; images.md of the composefs project for its header). Everything is little-endian. */
#pragma once

#include <stdint.h>

#define EROFS_BLOCK      4096U
#define EROFS_BLOCK_BITS 12U
#define EROFS_SLOT       32U /* node ids count slots */

/* --- composefs' header, at 0 ----------------------------------------------------------------- */
#define CFS_MAGIC          0xd078629aU
#define CFS_HEADER_VERSION 1U  /* u32 at 4 */
#define CFS_FLAG_ACL       1U  /* u32 flags at 8: some inode has an access control list */
#define CFS_HEADER_SIZE    32U /* u32 composefs_version at 12, 16 bytes of zeros */

/* --- superblock, at 1024 --------------------------------------------------------------------- */
#define EROFS_SUPER_OFFSET 1024U
#define EROFS_SUPER_SIZE   128U
#define EROFS_MAGIC        0xE0F5E1E2U
enum {
	SB_MAGIC = 0,          /* u32 */
	SB_CHECKSUM = 4,       /* u32 */
	SB_FEATURE_COMPAT = 8, /* u32 */
	SB_BLOCK_BITS = 12,    /* u8 */
	SB_EXTSLOTS = 13,      /* u8 */
	SB_ROOT_NID = 14,      /* u16 */
	SB_INODES = 16,        /* u64 */
	SB_BUILD_TIME = 24,    /* u64 */
	SB_BUILD_NSEC = 32,    /* u32 */
	SB_BLOCKS = 36,        /* u32 */
	SB_META_BLKADDR = 40,  /* u32 */
	SB_XATTR_BLKADDR = 44, /* u32 */
	SB_UUID = 48,          /* 16 */
	SB_VOLUME = 64,        /* 16 */
	SB_INCOMPAT = 80,      /* u32 */
	SB_REST = 84,          /* to 128; zeros in what we write and accept */
};
#define EROFS_COMPAT_SB_CHKSUM    1U
#define EROFS_COMPAT_MTIME        2U
#define EROFS_COMPAT_XATTR_FILTER 4U
#define EROFS_INCOMPAT_CHUNKED    4U

/* --- inodes ---------------------------------------------------------------------------------- */
#define EROFS_COMPACT_SIZE  32U
#define EROFS_EXTENDED_SIZE 64U
enum erofs_layout {
	EROFS_FLAT_PLAIN = 0,
	EROFS_FLAT_INLINE = 2,
	EROFS_CHUNK_BASED = 4,
};
/* u16 format = layout << 1 | extended; u16 xattr count; u16 mode, in both. */
enum {
	/* compact */
	IC_NLINK = 6, /* u16 */
	IC_SIZE = 8,  /* u32 */
	IC_U = 16,    /* u32: block address, device number or chunk format */
	IC_INO = 20,  /* u32 */
	IC_UID = 24,  /* u16 */
	IC_GID = 26,  /* u16 */
	/* extended */
	IX_SIZE = 8,   /* u64 */
	IX_U = 16,     /* u32 */
	IX_INO = 20,   /* u32 */
	IX_UID = 24,   /* u32 */
	IX_GID = 28,   /* u32 */
	IX_MTIME = 32, /* u64 */
	IX_NSEC = 40,  /* u32 */
	IX_NLINK = 44, /* u32 */
};
#define EROFS_CHUNK_BITS_MASK 31U
#define EROFS_CHUNK_MAX_BITS  43U /* 31 above a block */
#define EROFS_CHUNKS_MAX      1024U

/* --- directories
 * ---------------------------------------------------------------------------------- u64 node id,
 * u16 offset of the name in the block, u8 type, u8 zero; then the names. */
#define EROFS_DIRENT 12U

/* --- attributes
 * ----------------------------------------------------------------------------------- u32 name
 * filter, u8 number of shared ones, 7 zeros; u32 ids of shared ones; then entries: u8 length of the
 * name, u8 index of its prefix, u16 length of the value, name, value, to 4 bytes. */
#define EROFS_XATTR_HEADER 12U
#define EROFS_XATTR_ENTRY  4U

static inline uint32_t align32(uint32_t v, uint32_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static inline uint64_t align64(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* The type in a directory entry (the kernel's FT_*), 0 for a mode that has none. */
static inline uint8_t erofs_file_type(uint32_t mode)
{
	static const uint8_t types[16] = {
		[8] = 1, [4] = 2, [2] = 3, [6] = 4, [1] = 5, [12] = 6, [10] = 7};

	return types[mode >> 12 & 15];
}
