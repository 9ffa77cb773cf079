/* coracle image seal. */
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "image/command.h"
#include "image/repo.h"
#include "image/seal.h"

enum {
	OPT_KEY = CLI_OWN,
	OPT_CERT,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"key", required_argument, NULL, OPT_KEY},
	{"cert", required_argument, NULL, OPT_CERT},
	CLI_LONG_OPTIONS,
};

struct sealing {
	struct cli *cli;
	const char *key, *cert; /* both or neither */
	const char *name, *new_name;
	struct repo repo;
};

/* The new manifest, its record, and its name. */
static int write_sealed(struct sealing *s, const struct repo_record *old, const struct layout *l,
			const struct signer *signer, struct arena *a, struct repo_record *ret,
			struct err *e)
{
	struct repo_record rec = *old;
	const char *text;
	size_t len;
	int r = seal_write(l, s->repo.objects.hash, old->image, signer, a, &text, &len, e);

	if (r < 0)
		return r;
	rec.manifest.size = len;
	r = blob_digest(text, len, rec.manifest.digest);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compute a digest");
	r = repo_put_blob(&s->repo, rec.manifest.digest, text, len, e);
	if (r == 0)
		r = repo_put_record(&s->repo, &rec, e);
	if (r == 0)
		r = repo_put_name(&s->repo, s->new_name, rec.manifest.digest, e);
	if (r == 0)
		*ret = rec;
	return r;
}

static int seal(struct sealing *s, const struct signer *signer, struct repo_record *ret,
		struct err *e)
{
	char digest[DIGEST_TEXT_MAX];
	struct repo_record rec;
	struct layout l;
	struct arena a;
	int r = repo_resolve(&s->repo, s->name, digest, e);

	if (r == 0)
		r = repo_get_record(&s->repo, digest, &rec, e);
	if (r < 0)
		return r;
	if (rec.transform != REPO_TRANSFORM_OCI_1) {
		(void)err_set(e, ERR_IMAGE, -EINVAL, "%s was imported with transform %s", s->name,
			      repo_transform_name(rec.transform));
		return err_hint(e, "its digest would be nobody else's: import it with oci-1");
	}
	r = repo_open_layout(&s->repo, &rec, &l, e);
	if (r < 0)
		return r;
	arena_init(&a, NULL, 0);
	r = write_sealed(s, &rec, &l, signer, &a, ret, e);
	arena_done(&a);
	layout_close(&l);
	return r;
}

static int print_result(const struct sealing *s, const struct repo_record *rec)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	int status;

	if (!s->cli->json) {
		puts(rec->manifest.digest);
		return 0;
	}
	image_hex(rec->image, verity_digest_size(s->repo.objects.hash), hex);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "name", s->new_name);
	json_kv_string(&w, "manifest", rec->manifest.digest);
	json_kv_string(&w, "hash", verity_hash_name(s->repo.objects.hash));
	json_kv_string(&w, "image", hex);
	json_kv_bool(&w, "signed", s->key != NULL);
	json_object_end(&w);
	status = cli_print_json(s->cli, &w);
	arena_done(&a);
	return status;
}

static int run_seal(struct sealing *s)
{
	struct signer *signer = NULL;
	struct repo_record rec;
	struct err e = {0};
	int status, r = 0;

	if (s->key)
		r = signer_open(s->key, s->cert, &signer, &e);
	if (r == 0)
		r = repo_open(s->cli->store, false, 0, VERITY_TRY, REPO_SHARED, &s->repo, &e);
	if (r < 0) {
		signer_free(signer);
		return cli_fail(s->cli, &e);
	}
	r = seal(s, signer, &rec, &e);
	status = r < 0 ? cli_fail(s->cli, &e) : print_result(s, &rec);
	repo_close(&s->repo);
	signer_free(signer);
	return status;
}

int command_seal(struct cli *c, int argc, char **argv)
{
	struct sealing s = {.cli = c};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1) {
		if (opt == OPT_KEY)
			s.key = optarg;
		else if (opt == OPT_CERT)
			s.cert = optarg;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(c, "expected a NAME and at most one NEW");
	if (!s.key != !s.cert)
		return cli_usage(c, "--key and --cert need each other");
	s.name = argv[optind];
	s.new_name = argc - optind == 2 ? argv[optind + 1] : s.name;
	return run_seal(&s);
}
