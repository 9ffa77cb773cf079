/* Signatures of fs-verity digests: PKCS#7, DER, detached, of the bytes that the kernel takes for a
 * file's built-in signature (struct fsverity_formatted_digest): "FSVerity", the number of the hash
 * and the length of the digest as little-endian 16 bits, the digest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/tree.h"

/* A private key with its certificate, or certificates that are trusted. */
struct signer;
struct trusted;

/* Read the key and the certificate from PEM files. A key may be encrypted: the passphrase is asked
 * for on the terminal. */
int signer_open(const char *key, const char *cert, struct signer **ret, struct err *e) _must_check_;
void signer_free(struct signer *s);

/* Sign a digest: base64 of at most 64 KiB, in @a. */
int signer_sign(const struct signer *s, enum image_hash hash, const uint8_t *digest,
		struct arena *a, const char **ret, struct err *e) _must_check_;

/* Start with nobody; add all certificates in a PEM file. */
int trusted_new(struct trusted **ret) _must_check_;
void trusted_free(struct trusted *t);
int trusted_add(struct trusted *t, const char *path, struct err *e) _must_check_;

/* Is @base64 the signature of the digest by one of those? Certificates in the signature itself,
 * their dates and who issued them do not count: it is these keys or none, as in the kernel's
 * keyring. -EKEYREJECTED with *@e set if not. */
int trusted_check(const struct trusted *t, enum image_hash hash, const uint8_t *digest,
		  const char *base64, struct err *e) _must_check_;
