/* coracle image list. */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "image/command.h"
#include "image/repo.h"

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	CLI_LONG_OPTIONS,
};

/* An image under one of its names; "" where it has none. */
struct row {
	const char *name;
	struct repo_record record;
	bool damaged;
};

static void format_time(int64_t seconds, char *buf, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	(void)strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
}

/* "12.3 MB" */
static void format_size(uint64_t size, char *buf, size_t max)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	size_t unit = 0;
	uint64_t tenths = size * 10;

	if (size >= UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10000 && unit + 1 < ARRAY_SIZE(units)) {
		tenths /= 1000;
		unit++;
	}
	(void)str_format(buf, max, "%llu.%llu %s", (unsigned long long)(tenths / 10),
			 (unsigned long long)(tenths % 10), units[unit]);
}

static void print_row(const struct row *row)
{
	char when[40] = "", size[40] = "?";

	if (!row->damaged) {
		format_time(row->record.imported, when, sizeof(when));
		format_size(row->record.size, size, sizeof(size));
	}
	printf("%-40s %.12s %10s %s\n", row->name[0] ? row->name : "<none>",
	       row->record.manifest.digest + 7, size, row->damaged ? "damaged" : when);
}

static void write_row(struct json_writer *w, const struct repo *r, const struct row *row)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1], when[40];

	json_object_begin(w);
	json_key(w, "name");
	if (row->name[0])
		json_string(w, row->name);
	else
		json_null(w);
	json_kv_string(w, "manifest", row->record.manifest.digest);
	if (row->damaged) {
		json_kv_bool(w, "damaged", true);
	} else {
		image_hex(row->record.image, verity_digest_size(r->objects.hash), hex);
		format_time(row->record.imported, when, sizeof(when));
		json_kv_string(w, "image", hex);
		json_kv_string(w, "transform", repo_transform_name(row->record.transform));
		json_kv_u64(w, "size", row->record.size);
		json_kv_string(w, "imported", when);
	}
	json_object_end(w);
}

struct listing {
	struct cli *cli;
	struct repo *repo;
	struct json_writer w;
};

static void show(struct listing *l, const char *name, const char *digest)
{
	struct row row = {.name = name};
	struct err e;

	row.damaged = repo_get_record(l->repo, digest, &row.record, &e) < 0;
	(void)str_copy(row.record.manifest.digest, DIGEST_TEXT_MAX, digest);
	if (l->cli->json)
		write_row(&l->w, l->repo, &row);
	else
		print_row(&row);
}

static int show_all(struct listing *l, struct arena *a, struct err *e)
{
	struct repo_name *names, *digests;
	size_t n_names, n_digests;
	int r = repo_names(l->repo, a, &names, &n_names, NULL, e);

	if (r == 0)
		r = repo_digests(l->repo, a, &digests, &n_digests, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_names; i++)
		show(l, names[i].name, names[i].digest);
	for (size_t i = 0; i < n_digests; i++) {
		size_t k = 0;

		while (k < n_names && !str_eq(names[k].digest, digests[i].digest))
			k++;
		if (k == n_names)
			show(l, "", digests[i].digest);
	}
	return 0;
}

static int run_list(struct cli *c)
{
	struct listing l = {.cli = c};
	struct err e = {0};
	struct arena a;
	struct repo r;
	int status = 0, code;

	code = repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, &r, &e);
	if (code < 0)
		return cli_fail(c, &e);
	l.repo = &r;
	arena_init(&a, NULL, 0);
	json_writer_init(&l.w, &a, false);
	json_array_begin(&l.w);
	if (!c->json)
		printf("%-40s %-12s %10s %s\n", "NAME", "MANIFEST", "SIZE", "IMPORTED");
	code = show_all(&l, &a, &e);
	json_array_end(&l.w);
	if (code < 0)
		status = cli_fail(c, &e);
	else if (c->json)
		status = cli_print_json(c, &l.w);
	arena_done(&a);
	repo_close(&r);
	return status;
}

int command_list(struct cli *c, int argc, char **argv)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc != optind)
		return cli_usage(c, "expected no argument");
	return run_list(c);
}
