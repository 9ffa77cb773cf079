/* coracle image inspect. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "image/command.h"
#include "image/oci-config.h"
#include "image/repo.h"

enum {
	OPT_MANIFEST = CLI_OWN,
	OPT_CONFIG,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"manifest", no_argument, NULL, OPT_MANIFEST},
	{"config", no_argument, NULL, OPT_CONFIG},
	CLI_LONG_OPTIONS,
};

struct inspect {
	struct cli *cli;
	bool manifest, config; /* only this, as it is */
	struct repo repo;
	struct arena arena;
	struct repo_record record;
	struct layout layout;
	struct json_writer w;
};

static void write_text(struct json_writer *w, const char *key, const char *text)
{
	if (text[0])
		json_kv_string(w, key, text);
}

static void write_strings(struct json_writer *w, const char *key, const struct strings *s)
{
	if (s->n == 0)
		return;
	json_key(w, key);
	json_array_begin(w);
	for (size_t i = 0; i < s->n; i++)
		json_string(w, s->items[i]);
	json_array_end(w);
}

static void write_config(struct json_writer *w, const struct oci_config *c)
{
	json_key(w, "config");
	json_object_begin(w);
	write_text(w, "architecture", c->architecture);
	write_text(w, "os", c->os);
	write_text(w, "created", c->created);
	write_text(w, "user", c->user);
	write_strings(w, "env", &c->env);
	write_strings(w, "entrypoint", &c->entrypoint);
	write_strings(w, "cmd", &c->cmd);
	write_text(w, "cwd", c->cwd);
	write_strings(w, "volumes", &c->volumes);
	write_strings(w, "ports", &c->ports);
	write_text(w, "stopSignal", c->stop_signal);
	if (c->n_labels) {
		json_key(w, "labels");
		json_object_begin(w);
		for (size_t i = 0; i < c->n_labels; i++)
			json_kv_string(w, c->labels[i].key, c->labels[i].value);
		json_object_end(w);
	}
	json_object_end(w);
}

static int write_names(struct inspect *n, struct err *e)
{
	struct repo_name *names;
	size_t count;
	int r = repo_names(&n->repo, &n->arena, &names, &count, NULL, e);

	if (r < 0)
		return r;
	json_key(&n->w, "names");
	json_array_begin(&n->w);
	for (size_t i = 0; i < count; i++)
		if (str_eq(names[i].digest, n->record.manifest.digest))
			json_string(&n->w, names[i].name);
	json_array_end(&n->w);
	return 0;
}

static void write_record(struct inspect *n)
{
	const struct repo_record *rec = &n->record;
	char hex[2 * IMAGE_DIGEST_MAX + 1], when[40];
	time_t imported = (time_t)rec->imported;
	struct json_writer *w = &n->w;
	struct tm tm;

	image_hex(rec->image, verity_digest_size(n->repo.objects.hash), hex);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&imported, &tm));
	json_kv_string(w, "manifest", rec->manifest.digest);
	json_kv_string(w, "mediaType", rec->manifest.media_type);
	json_kv_string(w, "hash", verity_hash_name(n->repo.objects.hash));
	json_kv_string(w, "image", hex);
	json_kv_string(w, "transform", repo_transform_name(rec->transform));
	json_kv_u64(w, "size", rec->size);
	json_kv_u64(w, "inodes", rec->inodes);
	json_kv_string(w, "imported", when);
	json_kv_bool(w, "layersKept", rec->has_layers);
	json_key(w, "layers");
	json_array_begin(w);
	for (size_t i = 0; i < n->layout.n_layers; i++) {
		const struct layout_layer *layer = &n->layout.layers[i];

		json_object_begin(w);
		json_kv_string(w, "mediaType", layer->blob.media_type);
		json_kv_string(w, "digest", layer->blob.digest);
		json_kv_u64(w, "size", layer->blob.size);
		json_kv_string(w, "diffId", layer->diff_id);
		json_object_end(w);
	}
	json_array_end(w);
}

static int print_all(struct inspect *n, struct err *e)
{
	struct oci_config config;
	const char *text;
	size_t len;
	int r = oci_config_read(n->layout.config_text, (size_t)n->layout.config.size, &n->arena,
				&config, e);

	if (r < 0)
		return r;
	json_writer_init(&n->w, &n->arena, !n->cli->json);
	json_object_begin(&n->w);
	r = write_names(n, e);
	if (r < 0)
		return r;
	write_record(n);
	write_config(&n->w, &config);
	json_object_end(&n->w);
	r = json_writer_finish(&n->w, &text, &len);
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, text, len);
	return r < 0 ? err_sys(e, ERR_IO, r, "write the result") : 0;
}

static int print_text(const char *text, uint64_t len, struct err *e)
{
	int r = io_write_all(STDOUT_FILENO, text, (size_t)len);

	return r < 0 ? err_sys(e, ERR_IO, r, "write the result") : 0;
}

static int inspect(struct inspect *n, const char *word, struct err *e)
{
	char digest[DIGEST_TEXT_MAX];
	int r = repo_resolve(&n->repo, word, digest, e);

	if (r == 0)
		r = repo_get_record(&n->repo, digest, &n->record, e);
	if (r == 0)
		r = repo_open_layout(&n->repo, &n->record, &n->layout, e);
	if (r < 0)
		return r;
	if (n->manifest)
		r = print_text(n->layout.manifest_text, n->layout.manifest.size, e);
	else if (n->config)
		r = print_text(n->layout.config_text, n->layout.config.size, e);
	else
		r = print_all(n, e);
	layout_close(&n->layout);
	return r;
}

int command_inspect(struct cli *c, int argc, char **argv)
{
	struct inspect n = {.cli = c};
	struct err e = {0};
	int opt, r;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1) {
		if (opt == OPT_MANIFEST)
			n.manifest = true;
		else if (opt == OPT_CONFIG)
			n.config = true;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return cli_usage(c, "expected one NAME");
	r = repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, &n.repo, &e);
	if (r < 0)
		return cli_fail(c, &e);
	arena_init(&n.arena, NULL, 0);
	r = inspect(&n, argv[optind], &e);
	arena_done(&n.arena);
	repo_close(&n.repo);
	return r < 0 ? cli_fail(c, &e) : 0;
}
