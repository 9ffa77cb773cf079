/* coracle-systemd: asks systemd for the scope of a container, and tells it when limits change. A
 * program of its own because it needs a library (sd-bus); started by coracle for containers whose
 * cgroup is systemd's only, on the host's side.
 *
 *     coracle-systemd system|user start|set    a request on standard input, in lines:
 *
 *     unit UNIT             the scope's name
 *     pid PID               its first process (start)
 *     TYPE NAME VALUE       a property:
 *         string|bool       a value
 *         i32|u32|i64|u64   a number of so many bits
 *         strings           a list with this one item
 *         bits              a set of small numbers, as "0-3,7"
 *         disk              "PATH NUMBER": a limit of one disk
 *
 * With a dash in front of TYPE the property is left out if this systemd does not take it: its files
 * are written otherwise too. start returns when the job is done: the process is in its cgroup then.
 * On failure a line on standard error, and exit status 1. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SERVICE   "org.freedesktop.systemd1"
#define OBJECT    "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

#define PROPERTIES_MAX 272
#define LINE_SIZE      256
#define BITS_MAX       8192
#define TIMEOUT_US     (25 * 1000000ULL)

struct property {
	const char *type, *name, *value;
	bool optional;
};

struct request {
	const char *unit;
	uint32_t pid;
	struct property properties[PROPERTIES_MAX];
	size_t n;
};

struct job {
	const char *path; /* of the one that we started; NULL before the answer */
	char early[256];  /* one that ended before we knew its name */
	char result[32];  /* "" while it runs */
	char last[32];    /* the result of @early */
};

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(-r));
	return 1;
}

/* --- the request ------------------------------------------------------------------------------ */

/* "[-]TYPE NAME VALUE", cut up. */
static int read_property(struct request *q, char *line)
{
	struct property *p = &q->properties[q->n];
	char *name = strchr(line, ' ');
	char *value = name ? strchr(name + 1, ' ') : NULL;

	if (!value)
		return -EINVAL;
	if (q->n == PROPERTIES_MAX)
		return -E2BIG;
	*name++ = '\0';
	*value++ = '\0';
	p->optional = line[0] == '-';
	p->type = line + p->optional;
	p->name = name;
	p->value = value;
	q->n++;
	return 0;
}

static int read_request(struct request *q)
{
	static char buf[PROPERTIES_MAX * LINE_SIZE];
	size_t len = fread(buf, 1, sizeof(buf) - 1, stdin);
	char *save = NULL;
	int r = 0;

	buf[len] = '\0';
	for (char *line = strtok_r(buf, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "unit ", 5) == 0)
			q->unit = line + 5;
		else if (strncmp(line, "pid ", 4) == 0)
			q->pid = (uint32_t)strtoul(line + 4, NULL, 10);
		else
			r = read_property(q, line);
	}
	return r == 0 && !q->unit ? -EINVAL : r;
}

/* --- values -----------------------------------------------------------------------------------
 */

/* "0-3,7" as bytes, the lowest number in the lowest bit of the first. */
static int append_bits(sd_bus_message *m, const struct property *p)
{
	uint8_t bits[BITS_MAX / 8] = {0};
	const char *s = p->value;
	size_t n = 0;
	int r;

	while (*s) {
		char *end;
		unsigned long low = strtoul(s, &end, 10), high = low;

		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		if (end == s || low > high || high >= BITS_MAX || (*end && *end != ','))
			return -EINVAL;
		for (unsigned long i = low; i <= high; i++)
			bits[i / 8] |= (uint8_t)(1U << i % 8);
		n = high / 8 + 1 > n ? high / 8 + 1 : n;
		s = end + (*end == ',');
	}
	r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", p->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', bits, n);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_disk(sd_bus_message *m, const struct property *p)
{
	const char *number = strchr(p->value, ' ');
	char path[LINE_SIZE];

	if (!number)
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(number - p->value), p->value);
	return sd_bus_message_append(m, "(sv)", p->name, "a(st)", 1, path,
				     (uint64_t)strtoull(number + 1, NULL, 10));
}

static int append_property(sd_bus_message *m, const struct property *p)
{
	if (strcmp(p->type, "string") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "s", p->value);
	if (strcmp(p->type, "strings") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "as", 1, p->value);
	if (strcmp(p->type, "bool") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "b",
					     strcmp(p->value, "true") == 0);
	if (strcmp(p->type, "i32") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "i",
					     (int32_t)strtol(p->value, NULL, 10));
	if (strcmp(p->type, "u32") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "u",
					     (uint32_t)strtoul(p->value, NULL, 10));
	if (strcmp(p->type, "i64") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "x",
					     (int64_t)strtoll(p->value, NULL, 10));
	if (strcmp(p->type, "u64") == 0)
		return sd_bus_message_append(m, "(sv)", p->name, "t",
					     (uint64_t)strtoull(p->value, NULL, 10));
	if (strcmp(p->type, "bits") == 0)
		return append_bits(m, p);
	return strcmp(p->type, "disk") == 0 ? append_disk(m, p) : -EINVAL;
}

/* An array of all properties into the open message. */
static int append_properties(sd_bus_message *m, const struct request *q)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0 && q->pid > 0)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, q->pid);
	for (size_t i = 0; r >= 0 && i < q->n; i++)
		r = append_property(m, &q->properties[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* --- the connection ---------------------------------------------------------------------------
 */

/* root's systemd listens at a socket of its own, without a broker between; so does a user's. */
static int connect_bus(const char *which, sd_bus **ret)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	char address[512];
	sd_bus *bus = NULL;
	int r;

	if (strcmp(which, "system") == 0)
		(void)snprintf(address, sizeof(address), "unix:path=/run/systemd/private");
	else if (folder && strlen(folder) < 256)
		(void)snprintf(address, sizeof(address), "unix:path=%s/systemd/private", folder);
	else
		return sd_bus_open_user(ret);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0) {
		*ret = bus;
		return 0;
	}
	sd_bus_unref(bus);
	return strcmp(which, "system") == 0 ? sd_bus_open_system(ret) : sd_bus_open_user(ret);
}

static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *path, *unit, *result;
	struct job *job = data;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (!job->path) {
		(void)snprintf(job->early, sizeof(job->early), "%s", path);
		(void)snprintf(job->last, sizeof(job->last), "%s", result);
	} else if (strcmp(path, job->path) == 0) {
		(void)snprintf(job->result, sizeof(job->result), "%s", result);
	}
	return 0;
}

static int wait_job(sd_bus *bus, struct job *job)
{
	while (job->result[0] == '\0') {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			return fail("talk to systemd", r);
		if (r > 0)
			continue;
		r = sd_bus_wait(bus, TIMEOUT_US);
		if (r < 0)
			return fail("talk to systemd", r);
		if (r == 0) {
			(void)fputs("systemd does not answer\n", stderr);
			return 1;
		}
	}
	if (strcmp(job->result, "done") == 0)
		return 0;
	(void)fprintf(stderr, "systemd's job ended with \"%s\"\n", job->result);
	return 1;
}

/* --- the call ---------------------------------------------------------------------------------
 */

static int make_start(sd_bus_message *m, const struct request *q)
{
	int r = sd_bus_message_append(m, "ss", q->unit, "fail");

	if (r >= 0)
		r = append_properties(m, q);
	return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

/* Until systemd's end: it writes them down for as long as the unit lives. */
static int make_set(sd_bus_message *m, const struct request *q)
{
	int r = sd_bus_message_append(m, "sb", q->unit, 1);

	return r < 0 ? r : append_properties(m, q);
}

/* What systemd does not know, or not with this value, it names. Returns true if that may be left
 * out, and now is. */
static bool leave_out(struct request *q, const char *message)
{
	for (size_t i = 0; message && i < q->n; i++) {
		const char *name = q->properties[i].name, *at = strstr(message, name);
		char behind = at ? at[strlen(name)] : 'x';
		size_t kept = 0;

		if (!at || !q->properties[i].optional || (behind | 0x20) >= 'a')
			continue;
		/* It may be there twice: the later one counts. */
		for (size_t k = 0; k < q->n; k++) {
			if (!q->properties[k].optional || strcmp(q->properties[k].name, name) != 0)
				q->properties[kept++] = q->properties[k];
		}
		q->n = kept;
		return true;
	}
	return false;
}

/* Call @member until systemd takes all that is left of @q. Returns 1 after words, or 0. */
static int call(sd_bus *bus, struct request *q, const char *member,
		int (*make)(sd_bus_message *m, const struct request *q), sd_bus_message **ret)
{
	for (;;) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		sd_bus_message *m = NULL;
		bool again;
		int r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, INTERFACE, member);

		if (r >= 0)
			r = make(m, q);
		if (r < 0) {
			sd_bus_message_unref(m);
			return fail("make the request", r);
		}
		r = sd_bus_call(bus, m, TIMEOUT_US, &error, ret);
		sd_bus_message_unref(m);
		if (r >= 0)
			return 0;
		again = leave_out(q, error.message);
		if (!again)
			(void)fprintf(stderr, "%s\n", error.message ? error.message : strerror(-r));
		sd_bus_error_free(&error);
		if (!again)
			return 1;
	}
}

static int start(sd_bus *bus, struct request *q)
{
	sd_bus_message *reply = NULL;
	struct job job = {0};
	int r = sd_bus_match_signal(bus, NULL, NULL, OBJECT, INTERFACE, "JobRemoved",
				    on_job_removed, &job);

	if (r < 0)
		return fail("watch systemd's jobs", r);
	r = call(bus, q, "StartTransientUnit", make_start, &reply);
	if (r != 0)
		return r;
	r = sd_bus_message_read(reply, "o", &job.path);
	if (r < 0) {
		sd_bus_message_unref(reply);
		return fail("read systemd's answer", r);
	}
	if (strcmp(job.early, job.path) == 0)
		(void)snprintf(job.result, sizeof(job.result), "%s", job.last);
	r = wait_job(bus, &job);
	sd_bus_message_unref(reply);
	return r;
}

/* It answers before it writes the files. What it is asked next it answers behind that. */
static int set(sd_bus *bus, struct request *q)
{
	sd_bus_message *reply = NULL;
	int r = call(bus, q, "SetUnitProperties", make_set, &reply);

	sd_bus_message_unref(reply);
	if (r != 0)
		return r;
	r = sd_bus_call_method(bus, SERVICE, OBJECT, "org.freedesktop.DBus.Peer", "Ping", NULL,
			       NULL, "");
	return r < 0 ? fail("talk to systemd", r) : 0;
}

int main(int argc, char *argv[])
{
	static struct request q;
	sd_bus *bus = NULL;
	bool starts;
	int r;

	if (argc != 3 || (strcmp(argv[2], "start") != 0 && strcmp(argv[2], "set") != 0)) {
		(void)fputs("usage: coracle-systemd system|user start|set\n", stderr);
		return 64;
	}
	starts = strcmp(argv[2], "start") == 0;
	r = read_request(&q);
	if (r == 0 && starts != (q.pid > 0))
		r = -EINVAL;
	if (r < 0)
		return fail("read the request", r);
	r = connect_bus(argv[1], &bus);
	if (r < 0)
		return fail("connect to systemd", r);
	r = starts ? start(bus, &q) : set(bus, &q);
	sd_bus_flush_close_unref(bus);
	return r;
}
