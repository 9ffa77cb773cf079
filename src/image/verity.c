/* The Merkle tree as a stream: one block of hashes a level, so a file of any size takes 4 KiB a
 * level. libcrypto hashes. Measuring and enabling are ioctls on the caller's descriptor. */
#include "image/verity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fsverity.h>
#include <openssl/evp.h>

#include "base/str.h"
#include "base/sys.h"

/* 128 or 64 hashes fit into a block: 2^64 bytes need 8 levels (sha256) or 9 (sha512). */
#define LEVELS_MAX 10

#define READ_SIZE ((size_t)256 * 1024)

struct level {
	uint8_t block[VERITY_BLOCK];
	size_t used;
	bool filled_once; /* has passed a hash to the level above */
};

struct verity {
	enum image_hash hash;
	size_t digest_size;
	const EVP_MD *md;
	EVP_MD_CTX *ctx;
	bool failed;
	uint64_t size;
	size_t partial; /* bytes of the data block at hand */
	uint8_t data[VERITY_BLOCK];
	uint8_t *io; /* READ_SIZE, once a file was read */
	unsigned n_levels;
	struct level levels[LEVELS_MAX];
};

/* The descriptor that the digest is the hash of; struct fsverity_descriptor, which is not exported.
 * Little-endian. */
struct descriptor {
	uint8_t version, hash_algorithm, log_blocksize, salt_size;
	uint8_t reserved0[4];
	uint8_t data_size[8];
	uint8_t root[64];
	uint8_t salt[32];
	uint8_t reserved[144];
};
_Static_assert(sizeof(struct descriptor) == 256, "fixed by the kernel");

size_t verity_digest_size(enum image_hash hash)
{
	return hash == IMAGE_SHA512 ? 64 : 32;
}

const char *verity_hash_name(enum image_hash hash)
{
	return hash == IMAGE_SHA512 ? "sha512" : "sha256";
}

int verity_hash_parse(const char *name, enum image_hash *ret)
{
	if (str_eq(name, "sha256"))
		*ret = IMAGE_SHA256;
	else if (str_eq(name, "sha512"))
		*ret = IMAGE_SHA512;
	else
		return -EINVAL;
	return 0;
}

int verity_new(enum image_hash hash, struct verity **ret)
{
	struct verity *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->hash = hash;
	v->digest_size = verity_digest_size(hash);
	v->md = hash == IMAGE_SHA512 ? EVP_sha512() : EVP_sha256();
	v->ctx = EVP_MD_CTX_new();
	/* The first start looks the implementation up; the others only reset it. */
	if (!v->ctx || EVP_DigestInit_ex(v->ctx, v->md, NULL) != 1) {
		verity_free(v);
		return -ENOMEM;
	}
	*ret = v;
	return 0;
}

void verity_free(struct verity *v)
{
	if (!v)
		return;
	EVP_MD_CTX_free(v->ctx);
	free(v->io);
	free(v);
}

static void hash_bytes(struct verity *v, const void *data, size_t len, uint8_t *ret)
{
	if (EVP_DigestInit_ex(v->ctx, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(v->ctx, data, len) != 1 || EVP_DigestFinal_ex(v->ctx, ret, NULL) != 1)
		v->failed = true;
}

/* Hash the block of @level, filled up with zeros, and empty it. */
static void hash_level(struct verity *v, unsigned level, uint8_t *ret)
{
	struct level *l = &v->levels[level];

	memset(l->block + l->used, 0, VERITY_BLOCK - l->used);
	hash_bytes(v, l->block, VERITY_BLOCK, ret);
	l->used = 0;
	l->filled_once = true;
}

/* Add a hash to @level; full levels empty into the next. */
static void add_hash(struct verity *v, unsigned level, const uint8_t *hash)
{
	uint8_t up[IMAGE_DIGEST_MAX], digest[IMAGE_DIGEST_MAX];

	memcpy(digest, hash, v->digest_size);
	for (;; level++) {
		struct level *l = &v->levels[level];
		bool full = l->used == VERITY_BLOCK;

		if (level >= v->n_levels) {
			v->n_levels = level + 1;
			l->used = 0;
			l->filled_once = false;
			full = false;
		}
		/* A full block waits for the next hash: it may have been the last one. */
		if (full)
			hash_level(v, level, up);
		memcpy(l->block + l->used, digest, v->digest_size);
		l->used += v->digest_size;
		if (!full)
			return;
		memcpy(digest, up, v->digest_size);
	}
}

static void add_block(struct verity *v, const uint8_t block[VERITY_BLOCK])
{
	uint8_t digest[IMAGE_DIGEST_MAX];

	hash_bytes(v, block, VERITY_BLOCK, digest);
	add_hash(v, 0, digest);
}

void verity_update(struct verity *v, const void *data, size_t len)
{
	const uint8_t *p = data;

	v->size += len;
	if (v->partial) {
		size_t n = MIN(len, VERITY_BLOCK - v->partial);

		memcpy(v->data + v->partial, p, n);
		v->partial += n;
		p += n;
		len -= n;
		if (v->partial < VERITY_BLOCK)
			return;
		add_block(v, v->data);
		v->partial = 0;
	}
	for (; len >= VERITY_BLOCK; p += VERITY_BLOCK, len -= VERITY_BLOCK)
		add_block(v, p);
	if (len) {
		memcpy(v->data, p, len);
		v->partial = len;
	}
}

/* The root of the tree. An empty file's is zeros, a single block's is its hash. */
static void finish_root(struct verity *v, uint8_t *root)
{
	if (v->partial) {
		memset(v->data + v->partial, 0, VERITY_BLOCK - v->partial);
		add_block(v, v->data);
		v->partial = 0;
	}
	for (unsigned level = 0; level < v->n_levels; level++) {
		struct level *l = &v->levels[level];

		/* The top level holds one hash and never passed one on: that hash is the root. */
		if (level + 1 == v->n_levels && !l->filled_once && l->used == v->digest_size) {
			memcpy(root, l->block, v->digest_size);
			return;
		}
		hash_level(v, level, root);
		add_hash(v, level + 1, root);
	}
}

int verity_finish(struct verity *v, uint8_t *ret_digest)
{
	struct descriptor d = {
		.version = 1,
		.hash_algorithm = (uint8_t)v->hash,
		.log_blocksize = 12,
	};
	uint8_t digest[IMAGE_DIGEST_MAX];
	bool failed;

	finish_root(v, d.root);
	for (unsigned i = 0; i < 8; i++)
		d.data_size[i] = (uint8_t)(v->size >> 8 * i);
	hash_bytes(v, &d, sizeof(d), digest);
	failed = v->failed;
	v->size = 0;
	v->n_levels = 0;
	v->failed = false;
	if (failed)
		return -EIO;
	memcpy(ret_digest, digest, v->digest_size);
	return 0;
}

int verity_compute_fd(struct verity *v, int fd, uint8_t *ret_digest, uint64_t *ret_size)
{
	uint64_t offset = 0;
	ssize_t n;

	if (!v->io)
		v->io = malloc(READ_SIZE);
	if (!v->io)
		return -ENOMEM;
	do {
		n = sys_pread(fd, v->io, READ_SIZE, offset);
		if (n == -EINTR)
			continue;
		if (n > 0) {
			verity_update(v, v->io, (size_t)n);
			offset += (uint64_t)n;
		}
	} while (n > 0 || n == -EINTR);
	if (ret_size)
		*ret_size = offset;
	if (n < 0) {
		v->size = 0; /* forget what was read */
		v->partial = 0;
		v->n_levels = 0;
		return (int)n;
	}
	return verity_finish(v, ret_digest);
}

int verity_measure_fd(int fd, enum image_hash *ret_hash, uint8_t *ret_digest)
{
	_Alignas(struct fsverity_digest)
		uint8_t buf[sizeof(struct fsverity_digest) + IMAGE_DIGEST_MAX] = {0};
	struct fsverity_digest *m = (struct fsverity_digest *)buf;
	int r;

	m->digest_size = IMAGE_DIGEST_MAX;
	r = sys_ioctl(fd, FS_IOC_MEASURE_VERITY, m);
	if (r < 0)
		return r;
	if ((m->digest_algorithm != IMAGE_SHA256 && m->digest_algorithm != IMAGE_SHA512) ||
	    m->digest_size != verity_digest_size((enum image_hash)m->digest_algorithm))
		return -EBADMSG;
	*ret_hash = (enum image_hash)m->digest_algorithm;
	memcpy(ret_digest, buf + sizeof(*m), m->digest_size);
	return 0;
}

bool verity_is_absent(int r)
{
	return r == -ENODATA || r == -ENOTTY || r == -EOPNOTSUPP;
}

int verity_enable_fd(int fd, enum image_hash hash, const char **ret_why)
{
	struct fsverity_enable_arg arg = {
		.version = 1,
		.hash_algorithm = hash,
		.block_size = VERITY_BLOCK,
	};
	const char *why = NULL;
	int r;

	do
		r = sys_ioctl(fd, FS_IOC_ENABLE_VERITY, &arg);
	while (r == -EINTR);
	switch (r) {
	case -EEXIST:
		r = 0;
		break;
	case -ENOTTY:
		why = "its filesystem has no fs-verity";
		break;
	case -EOPNOTSUPP:
		why = "fs-verity is off on its filesystem (ext4: tune2fs -O verity) or in the kernel";
		break;
	case -EINVAL:
		why = "its filesystem's blocks are smaller than 4096 bytes";
		break;
	case -ETXTBSY:
		why = "something has it open for writing";
		break;
	default:
		break;
	}
	if (ret_why)
		*ret_why = why;
	return r;
}
