/* PKCS#7 by libcrypto. */
#include "image/signature.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "image/verity.h"

#define SIGNED_MAX    (8 + 2 + 2 + IMAGE_DIGEST_MAX)
#define SIGNATURE_MAX 65536

struct signer {
	EVP_PKEY *key;
	X509 *cert;
};

struct trusted {
	STACK_OF(X509) * certs;
};

/* What libcrypto says, once. */
static int crypto_error(struct err *e, int code, const char *what, const char *path)
{
	unsigned long why = ERR_peek_last_error();
	const char *words = why ? ERR_reason_error_string(why) : NULL;

	ERR_clear_error();
	return err_set(e, ERR_DIGEST, code, "%s%s%s: %s", what, path[0] ? " " : "", path,
		       words ? words : "it is not one");
}

/* What is signed for a digest; returns its length. */
static size_t format_digest(enum image_hash hash, const uint8_t *digest,
			    uint8_t ret[static SIGNED_MAX])
{
	size_t len = verity_digest_size(hash);

	memcpy(ret, "FSVerity", 8);
	ret[8] = (uint8_t)hash;
	ret[9] = 0;
	ret[10] = (uint8_t)len;
	ret[11] = 0;
	memcpy(ret + 12, digest, len);
	return 12 + len;
}

static BIO *open_file(const char *path, struct err *e)
{
	BIO *b = BIO_new_file(path, "r");

	if (!b)
		(void)err_sys(e, ERR_IO, errno ? -errno : -EIO, "open %s", path);
	ERR_clear_error();
	return b;
}

/* --- signing --------------------------------------------------------------------------------- */

int signer_open(const char *key, const char *cert, struct signer **ret, struct err *e)
{
	struct signer *s = calloc(1, sizeof(*s));
	BIO *key_file = s ? open_file(key, e) : NULL, *cert_file = NULL;
	int r = 0;

	if (!s)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "sign");
	cert_file = key_file ? open_file(cert, e) : NULL;
	if (!cert_file)
		r = e->code;
	if (r == 0) {
		s->key = PEM_read_bio_PrivateKey(key_file, NULL, NULL, NULL);
		s->cert = PEM_read_bio_X509(cert_file, NULL, NULL, NULL);
		if (!s->key || !s->cert)
			r = crypto_error(e, -EINVAL, s->key ? "the certificate" : "the private key",
					 s->key ? cert : key);
		else if (X509_check_private_key(s->cert, s->key) != 1)
			r = crypto_error(e, -EINVAL, "the key does not belong to the certificate",
					 "");
	}
	BIO_free(key_file);
	BIO_free(cert_file);
	if (r < 0) {
		signer_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	X509_free(s->cert);
	free(s);
}

/* As base64. */
static int encode(PKCS7 *p7, struct arena *a, const char **ret)
{
	unsigned char *der = NULL;
	int len = i2d_PKCS7(p7, &der);
	bool fits = len > 0 && len <= SIGNATURE_MAX / 4 * 3;
	char *text = fits ? arena_alloc(a, 4 * (size_t)len / 3 + 8) : NULL;

	if (text)
		(void)EVP_EncodeBlock((unsigned char *)text, der, len);
	OPENSSL_free(der);
	*ret = text;
	return text ? 0 : -ENOMEM;
}

int signer_sign(const struct signer *s, enum image_hash hash, const uint8_t *digest,
		struct arena *a, const char **ret, struct err *e)
{
	const int flags = PKCS7_BINARY | PKCS7_DETACHED | PKCS7_NOATTR | PKCS7_NOCERTS |
			  PKCS7_NOSMIMECAP | PKCS7_PARTIAL;
	uint8_t text[SIGNED_MAX];
	size_t len = format_digest(hash, digest, text);
	BIO *b = BIO_new_mem_buf(text, (int)len);
	PKCS7 *p7 = b ? PKCS7_sign(NULL, NULL, NULL, b, flags) : NULL;
	const EVP_MD *md = hash == IMAGE_SHA512 ? EVP_sha512() : EVP_sha256();
	int r = -EIO;

	if (p7 && PKCS7_sign_add_signer(p7, s->cert, s->key, md, flags) &&
	    PKCS7_final(p7, b, flags) == 1)
		r = encode(p7, a, ret);
	if (r < 0)
		(void)crypto_error(e, r, "sign the digest", "");
	PKCS7_free(p7);
	BIO_free(b);
	return r;
}

/* --- trusting -------------------------------------------------------------------------------- */

int trusted_new(struct trusted **ret)
{
	struct trusted *t = calloc(1, sizeof(*t));

	if (t)
		t->certs = sk_X509_new_null();
	if (!t || !t->certs) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void trusted_free(struct trusted *t)
{
	if (!t)
		return;
	sk_X509_pop_free(t->certs, X509_free);
	free(t);
}

int trusted_add(struct trusted *t, const char *path, struct err *e)
{
	BIO *b = open_file(path, e);
	unsigned n = 0;
	X509 *cert;

	if (!b)
		return e->code;
	while ((cert = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
		if (!sk_X509_push(t->certs, cert)) {
			X509_free(cert);
			break;
		}
		n++;
	}
	BIO_free(b);
	if (n == 0)
		return crypto_error(e, -EINVAL, "the certificate", path);
	/* The end of the file is no failure. */
	ERR_clear_error();
	return 0;
}

/* The bytes of @base64, or NULL. Freed by the caller. */
static uint8_t *decode(const char *base64, size_t *ret_len)
{
	size_t len = strlen(base64), padding = 0;
	uint8_t *der;

	if (len == 0 || len % 4 || len > SIGNATURE_MAX)
		return NULL;
	while (padding < 2 && base64[len - 1 - padding] == '=')
		padding++;
	der = malloc(len);
	if (!der || EVP_DecodeBlock(der, (const unsigned char *)base64, (int)len) < 0) {
		free(der);
		return NULL;
	}
	*ret_len = len / 4 * 3 - padding;
	return der;
}

int trusted_check(const struct trusted *t, enum image_hash hash, const uint8_t *digest,
		  const char *base64, struct err *e)
{
	const int flags = PKCS7_BINARY | PKCS7_NOVERIFY | PKCS7_NOINTERN;
	uint8_t text[SIGNED_MAX], *der;
	size_t der_len = 0, len = format_digest(hash, digest, text);
	const unsigned char *at;
	PKCS7 *p7 = NULL;
	BIO *b = NULL;
	bool good = false;

	der = decode(base64, &der_len);
	at = der;
	if (der)
		p7 = d2i_PKCS7(NULL, &at, (long)der_len);
	/* A content of its own would be checked in place of the digest. */
	if (p7 && at == der + der_len && PKCS7_type_is_signed(p7) && PKCS7_is_detached(p7)) {
		b = BIO_new_mem_buf(text, (int)len);
		good = b && PKCS7_verify(p7, t->certs, NULL, b, NULL, flags) == 1;
	}
	BIO_free(b);
	PKCS7_free(p7);
	free(der);
	if (good)
		return 0;
	return crypto_error(e, -EKEYREJECTED, "the signature is not by a trusted key", "");
}
