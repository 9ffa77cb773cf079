/* Any bytes as an image. What is accepted can be dumped, and the dump is accepted; written again,
 * it never breaks anything. Inputs are padded to whole blocks and get the header and superblock
 * that they need to come further than the first check, unless their first byte says otherwise. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/dump.h"
#include "image/erofs-format.h"
#include "image/erofs.h"
#include "image/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Make it look like an image: most of what matters comes behind these fields. */
static void patch(uint8_t *image, size_t len, unsigned version)
{
	uint8_t *sb = image + EROFS_SUPER_OFFSET;

	memset(image, 0, EROFS_SUPER_OFFSET);
	put32(image, CFS_MAGIC);
	put32(image + 4, CFS_HEADER_VERSION);
	put32(image + 12, version);
	put32(sb + SB_MAGIC, EROFS_MAGIC);
	put32(sb + SB_FEATURE_COMPAT, EROFS_COMPAT_MTIME);
	sb[SB_BLOCK_BITS] = EROFS_BLOCK_BITS;
	sb[SB_EXTSLOTS] = 0;
	put32(sb + SB_CHECKSUM, 0);
	put32(sb + SB_META_BLKADDR, 0);
	put32(sb + SB_BLOCKS, (uint32_t)(len / EROFS_BLOCK));
	put32(sb + SB_INCOMPAT, 0);
	memset(sb + SB_UUID, 0, SB_INCOMPAT - SB_UUID);
	memset(sb + SB_REST, 0, EROFS_SUPER_SIZE - SB_REST);
}

static void use_tree(struct image_tree *t, const struct erofs_info *info)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	struct listing_objects objects;
	struct erofs_info again;
	struct image_tree back;
	struct output out;
	struct err e;
	int r;

	if (fd < 0 || output_init(&out, fd) < 0)
		abort();
	if (dump_write(t, DUMP_REPEAT_LINKS | DUMP_DIRECTORY_SIZES, &out) < 0 ||
	    output_finish(&out) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (listing_collect_objects(t, &objects) == 0)
		listing_objects_done(&objects);
	/* Attributes may take more space than a dump may have: that alone is a reason. */
	r = dump_read_fd(fd, 0, &back, &e);
	if (r == 0)
		image_tree_done(&back);
	else if (!strstr(e.text, "extended attribute") && !strstr(e.text, "longer than"))
		abort();
	output_done(&out);
	close(fd);
	if (output_init(&out, -EBADF) < 0)
		abort();
	(void)!erofs_write(t, info->version, info->version, &out, &again, &e);
	output_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct erofs_info info;
	struct image_tree t;
	uint8_t *image;
	size_t len;
	struct err e;

	if (size < 2)
		return 0;
	len = align64(size - 1, EROFS_BLOCK);
	image = calloc(1, len);
	if (!image)
		return 0;
	memcpy(image, data + 1, size - 1);
	if (data[0] & 0x80 && len >= EROFS_BLOCK)
		patch(image, len, data[0] % 3);
	if (erofs_read(image, len, 0, &t, &info, &e) == 0) {
		use_tree(&t, &info);
		image_tree_done(&t);
	}
	free(image);
	return 0;
}
