/* The report. Nothing else of coracle-doctor prints, but for main.c what is wrong with its command
 * line. */
#include "doctor/report.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"

static const char *const words[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_WARN] = "warning",
	[VERDICT_FAIL] = "fail",
	[VERDICT_SKIP] = "skipped",
};

/* A terminal's colour for a verdict. */
static const char *const colours[] = {
	[VERDICT_OK] = "\033[32m",
	[VERDICT_WARN] = "\033[33m",
	[VERDICT_FAIL] = "\033[31m",
	[VERDICT_SKIP] = "\033[2m",
};

static void print_cure(const struct finding *f)
{
	const char *label = "cure";

	for (size_t i = 0; i < CURES_MAX && f->cures[i]; i++) {
		printf("           %-6s %c %s\n", label, f->shell == CURE_ROOT ? '#' : '$',
		       f->cures[i]);
		label = "";
	}
	if (f->afterwards)
		printf("           %-6s %s\n", label, f->afterwards);
}

static void print_result(const struct result *r, bool colour, bool verbose)
{
	const struct finding *f = &r->finding;

	printf("%s%-8s%s %s: %s\n", colour ? colours[f->verdict] : "", words[f->verdict],
	       colour ? "\033[0m" : "", r->check->id, f->found);
	if (f->verdict == VERDICT_WARN || f->verdict == VERDICT_FAIL || verbose)
		printf("           tried  %s\n           why    %s\n", r->check->tried,
		       r->check->why);
	print_cure(f);
}

static void count(const struct result *results, size_t n, unsigned counts[static 4])
{
	for (size_t i = 0; i < n; i++)
		counts[results[i].finding.verdict]++;
}

static int print_text(const struct result *results, size_t n, bool verbose)
{
	bool colour = isatty(STDOUT_FILENO);
	unsigned counts[4] = {0};
	bool as_root = false;

	for (size_t i = 0; i < n; i++) {
		print_result(&results[i], colour, verbose);
		as_root |= results[i].finding.cures[0] && results[i].finding.shell == CURE_ROOT;
	}
	count(results, n, counts);
	printf("\n%u in order, %u with a warning, %u failed, %u skipped\n", counts[VERDICT_OK],
	       counts[VERDICT_WARN], counts[VERDICT_FAIL], counts[VERDICT_SKIP]);
	if (as_root)
		printf("Commands behind # are for root, those behind $ for you.\n");
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static void write_result(struct json_writer *w, const struct result *r)
{
	const struct finding *f = &r->finding;

	json_object_begin(w);
	json_kv_string(w, "id", r->check->id);
	json_kv_string(w, "verdict", words[f->verdict]);
	json_kv_string(w, "tried", r->check->tried);
	json_kv_string(w, "found", f->found);
	json_kv_string(w, "why", r->check->why);
	if (f->cures[0] || f->afterwards) {
		json_key(w, "cure");
		json_object_begin(w);
		json_kv_string(w, "as", f->shell == CURE_ROOT ? "root" : "user");
		json_key(w, "commands");
		json_array_begin(w);
		for (size_t i = 0; i < CURES_MAX && f->cures[i]; i++)
			json_string(w, f->cures[i]);
		json_array_end(w);
		if (f->afterwards)
			json_kv_string(w, "then", f->afterwards);
		json_object_end(w);
	}
	json_object_end(w);
}

static int print_json(const struct doctor *d, const struct result *results, size_t n,
		      unsigned took_ms)
{
	unsigned counts[4] = {0};
	struct json_writer w;
	const char *text;
	size_t len;

	count(results, n, counts);
	json_writer_init(&w, d->arena, true);
	json_object_begin(&w);
	json_kv_bool(&w, "works", counts[VERDICT_FAIL] == 0);
	json_kv_u64(&w, "milliseconds", took_ms);
	json_key(&w, "checks");
	json_array_begin(&w);
	for (size_t i = 0; i < n; i++)
		write_result(&w, &results[i]);
	json_array_end(&w);
	json_object_end(&w);
	if (json_writer_finish(&w, &text, &len) < 0)
		return -ENOMEM;
	return io_write_all(STDOUT_FILENO, text, len);
}

int report_print(const struct doctor *d, const struct result *results, size_t n, bool json,
		 bool verbose, unsigned took_ms)
{
	return json ? print_json(d, results, n, took_ms) : print_text(results, n, verbose);
}
