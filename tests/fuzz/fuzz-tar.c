/* Any bytes as layers: the first byte says how many there are and how they are cut. What is
 * accepted is a tree that can be written as a dump and read again. Sums of headers are put right,
 * since hardly any input would come further. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/dump.h"
#include "image/layers.h"

#define BLOCK 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *data;
	size_t len, at, portion;
};

static ssize_t give(void *ctx, void *buf, size_t len, struct err *e)
{
	struct source *s = ctx;
	size_t n = s->len - s->at;

	(void)e;
	n = n < len ? n : len;
	n = n < s->portion ? n : s->portion;
	memcpy(buf, s->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* Every block that is not zero gets the sum that it would have as a header, where the input has the
 * letter S in place of it. */
static void put_sums(uint8_t *data, size_t len)
{
	for (size_t at = 0; at + BLOCK <= len; at += BLOCK) {
		uint8_t *block = data + at;
		unsigned sum = 0;
		char text[8];

		if (block[148] != 'S')
			continue;
		memset(block + 148, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += block[i];
		(void)snprintf(text, sizeof(text), "%06o", sum);
		memcpy(block + 148, text, 7);
	}
}

static void check_tree(struct image_tree *t)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	struct image_tree back;
	struct output out;
	struct err e;

	if (fd < 0 || output_init(&out, fd) < 0 || dump_write(t, 0, &out) < 0 ||
	    output_finish(&out) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (dump_read_fd(fd, 0, &back, &e) == 0)
		image_tree_done(&back);
	else if (!strstr(e.text, "extended attribute") && !strstr(e.text, "longer than"))
		abort();
	output_done(&out);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct progress progress = {0};
	struct scan_options o = {.hash = IMAGE_SHA256, .progress = &progress};
	struct image_tree tree;
	struct layers *l;
	unsigned layers;
	uint8_t *copy;
	struct err e;
	int r = 0;

	if (size < 2)
		return 0;
	layers = 1 + (data[0] & 3);
	copy = malloc(size - 1);
	if (!copy || layers_new(&o, &l) < 0)
		abort();
	memcpy(copy, data + 1, size - 1);
	put_sums(copy, size - 1);
	for (unsigned i = 0; i < layers && r == 0; i++) {
		size_t blocks = (size - 1) / BLOCK, from = blocks * i / layers * BLOCK,
		       to = i + 1 == layers ? size - 1 : blocks * (i + 1) / layers * BLOCK;
		struct source s = {copy + from, to - from, 0, data[0] & 0x80 ? 7 : SIZE_MAX};

		r = layers_add(l, give, &s, &e);
	}
	if (r == 0 && layers_finish(l, data[0] & 0x40, &tree, &e) == 0) {
		check_tree(&tree);
		image_tree_done(&tree);
	}
	layers_free(l);
	free(copy);
	return 0;
}
