/* coracle image verify. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "image/command.h"
#include "image/prove.h"
#include "image/verify.h"

enum {
	OPT_CERT = CLI_OWN,
	OPT_DIGEST,
	OPT_POLICY,
	OPT_READ,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"cert", required_argument, NULL, OPT_CERT},
	{"digest", required_argument, NULL, OPT_DIGEST},
	{"policy", required_argument, NULL, OPT_POLICY},
	{"read", no_argument, NULL, OPT_READ},
	CLI_LONG_OPTIONS,
};

#define CERTS_MAX 64

struct verifying {
	struct cli *cli;
	const char *certs[CERTS_MAX];
	size_t n_certs;
	bool has_digest, read;
	enum image_hash hash;
	uint8_t digest[IMAGE_DIGEST_MAX];
	const char *policy, *name;
};

static bool parse_option(struct verifying *m, int opt)
{
	switch (opt) {
	case OPT_CERT:
		if (m->n_certs == CERTS_MAX)
			return false;
		m->certs[m->n_certs++] = optarg;
		return true;
	case OPT_DIGEST:
		m->has_digest = cli_parse_digest(optarg, &m->hash, m->digest);
		return m->has_digest;
	case OPT_POLICY:
		m->policy = optarg;
		return true;
	case OPT_READ:
		m->read = true;
		return true;
	default:
		return cli_option(m->cli, opt);
	}
}

static int check_certs(const struct verifying *m, const struct verify *v, struct err *e)
{
	struct trusted *t;
	int r = trusted_new(&t);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "verify");
	for (size_t i = 0; i < m->n_certs && r == 0; i++)
		r = trusted_add(t, m->certs[i], e);
	if (r == 0)
		r = verify_keys(v, t, e);
	trusted_free(t);
	return r < 0 ? err_wrap(e, "%s", m->name) : 0;
}

/* The digest of the image, or that of the manifest. */
static int check_digest(const struct verifying *m, const struct verify *v, struct err *e)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];

	image_hex(m->digest, verity_digest_size(m->hash), hex);
	if ((m->hash == v->repo->objects.hash &&
	     memcmp(m->digest, v->record.image, verity_digest_size(m->hash)) == 0) ||
	    str_eq(v->record.manifest.digest + 7, hex))
		return 0;
	return err_set(e, ERR_DIGEST, -EBADMSG, "%s does not have that digest", m->name);
}

struct wrong {
	char what[200];
};

static void note_wrong(void *ctx, const char *path, const char *what)
{
	struct wrong *w = ctx;

	if (!w->what[0])
		(void)str_format(w->what, sizeof(w->what), "%.120s: %.70s", path, what);
}

static int check_contents(const struct verifying *m, struct verify *v, struct err *e)
{
	struct wrong w = {0};
	struct prove p = {
		.wrong = note_wrong, .ctx = &w, .progress = &m->cli->progress, .read_sealed = true};
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	int r = repo_load(v->repo, &v->record, &f, &t, e);

	if (r < 0)
		return r;
	r = prove_objects(&t, v->repo->objects.fd, &p, e);
	progress_end(&m->cli->progress);
	image_tree_done(&t);
	image_file_done(&f);
	return r == 0 && p.bad ? err_set(e, ERR_DIGEST, -EBADMSG, "%s", w.what) : r;
}

static int check(const struct verifying *m, struct verify *v, struct err *e)
{
	int r = 0;

	if (m->n_certs)
		r = check_certs(m, v, e);
	if (r == 0 && m->has_digest)
		r = check_digest(m, v, e);
	if (r == 0 && m->policy)
		r = verify_policy(v, m->policy, m->name, e);
	if (r == 0 && m->read)
		r = check_contents(m, v, e);
	if (r < 0 || v->sealed || m->has_digest || m->policy)
		return r;
	(void)err_set(e, ERR_DIGEST, -ENODATA, "%s says nothing about its digest", m->name);
	return err_hint(e, "'coracle image seal' makes it say so");
}

static int print_result(const struct verifying *m, const struct verify *v)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	int status;

	image_hex(v->record.image, verity_digest_size(v->repo->objects.hash), hex);
	if (!m->cli->json) {
		printf("%s: %s%s\n", m->name,
		       v->sealed ? "it is what it says" : "it is what it must be",
		       m->n_certs ? ", signed by a trusted key" : "");
		return 0;
	}
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "name", m->name);
	json_kv_string(&w, "manifest", v->record.manifest.digest);
	json_kv_string(&w, "hash", verity_hash_name(v->repo->objects.hash));
	json_kv_string(&w, "image", hex);
	json_kv_string(&w, "transform", repo_transform_name(v->record.transform));
	json_kv_bool(&w, "sealed", v->sealed);
	json_kv_bool(&w, "hasSignature", v->seal.merged.signature != NULL);
	json_kv_bool(&w, "trusted", m->n_certs > 0);
	json_object_end(&w);
	status = cli_print_json(m->cli, &w);
	arena_done(&a);
	return status;
}

static int run_verify(const struct verifying *m)
{
	struct err e = {0};
	struct verify v;
	struct repo r;
	int status, code;

	progress_init(&m->cli->progress, !m->cli->quiet);
	code = repo_open(m->cli->store, false, 0, VERITY_TRY, REPO_SHARED, &r, &e);
	if (code < 0)
		return cli_fail(m->cli, &e);
	code = verify_open(&r, m->name, &v, &e);
	if (code == 0) {
		code = check(m, &v, &e);
		status = code < 0 ? cli_fail(m->cli, &e) : print_result(m, &v);
		verify_close(&v);
	} else {
		status = cli_fail(m->cli, &e);
	}
	repo_close(&r);
	return status;
}

int command_verify(struct cli *c, int argc, char **argv)
{
	struct verifying m = {.cli = c};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!parse_option(&m, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind != 1)
		return cli_usage(c, "expected one NAME");
	m.name = argv[optind];
	return run_verify(&m);
}
