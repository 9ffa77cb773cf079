/* Any bytes as the documents of an image layout: index.json, a manifest or index, a config, with
 * NUL bytes between them. In each, %d stands for the digest of the next and %s for its size, so
 * that they prove each other. What is accepted has layers with digests. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "base/str.h"
#include "image/layout.h"

#define DOCUMENTS 3
#define TEXT_MAX  65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];

static void write_file(const char *name, const char *text, size_t len)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void remove_file(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	(void)unlink(path);
}

/* At the end; not after a crash, whose input is what counts. */
static void remove_root(void)
{
	remove_file("oci-layout");
	for (const char *const *name = (const char *const[]){"/blobs/sha256", "/blobs", "", NULL};
	     *name; name++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s%s", root, *name);
		(void)rmdir(path);
	}
}

static void make_root(void)
{
	char path[128];

	if (root[0])
		return;
	(void)atexit(remove_root);
	(void)snprintf(root, sizeof(root), "/dev/shm/fuzz-layout-%d", (int)getpid());
	(void)snprintf(path, sizeof(path), "%s/blobs/sha256", root);
	for (char *p = path + strlen("/dev/shm/"); (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	if (mkdir(path, 0700) < 0)
		abort();
	write_file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

/* @in with the words of what it leads to. Returns the length in @out. */
static size_t expand(const char *in, size_t len, const char *hex, size_t next_size, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 100 < TEXT_MAX; i++) {
		if (in[i] != '%' || i + 1 == len)
			out[n++] = in[i];
		else if (in[++i] == 'd')
			n += (size_t)sprintf(out + n, "sha256:%s", hex);
		else if (in[i] == 's')
			n += (size_t)sprintf(out + n, "%zu", next_size);
	}
	return n;
}

static void hex_of(const char *text, size_t len, char hex[65])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)text, len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)sprintf(hex + 2 * i, "%02x", digest[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TEXT_MAX];
	char names[DOCUMENTS][128], hex[65] = "";
	const char *at[DOCUMENTS] = {0};
	size_t len[DOCUMENTS] = {0}, next_size = 0;
	unsigned n = 0;
	struct layout l;
	struct err e;

	make_root();
	for (const char *p = (const char *)data, *end = p + size; n < DOCUMENTS && p <= end; n++) {
		const char *nul = size && p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;

		at[n] = p;
		len[n] = (size_t)((nul ? nul : end) - p);
		p += len[n] + 1;
	}
	/* From the last to the first: each names the one behind it. */
	for (unsigned i = n; i-- > 0;) {
		size_t expanded = expand(at[i], len[i], hex, next_size, text);

		hex_of(text, expanded, hex);
		next_size = expanded;
		(void)snprintf(names[i], sizeof(names[i]), i ? "blobs/sha256/%s" : "index.json",
			       hex);
		write_file(names[i], text, expanded);
	}
	if (layout_open(root, NULL, -EBADF, &l, &e) == 0) {
		for (size_t i = 0; i < l.n_layers; i++)
			if (!blob_is_digest(l.layers[i].diff_id) ||
			    !blob_is_digest(l.layers[i].blob.digest))
				abort();
		layout_close(&l);
	} else if (!e.text[0]) {
		abort();
	}
	for (unsigned i = 0; i < n; i++)
		remove_file(names[i]);
	return 0;
}
