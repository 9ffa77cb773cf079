/* coracle-systemd: asks systemd for the scope of a container. A program of its own because it needs
 * a library (sd-bus); started by coracle for --systemd-cgroup only, on the host's side.
 *
 *     coracle-systemd system|user start    a request on standard input: lines of "TYPE NAME VALUE"
 *
 *     unit UNIT                 the scope's name
 *     pid PID                   its first process
 *     string|bool|u64 NAME VALUE    a property
 *     strings NAME VALUE        a property that is a list with this one item
 *
 * Returns when the job is done: the process is in its cgroup then. On failure a line on standard
 * error, and exit status 1. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SERVICE   "org.freedesktop.systemd1"
#define OBJECT    "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

#define LINES_MAX  256
#define TIMEOUT_US (25 * 1000000ULL)

struct request {
	const char *unit;
	uint32_t pid;
	char *lines[LINES_MAX]; /* of properties */
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

static int read_request(struct request *q)
{
	static char buf[LINES_MAX * 256];
	size_t len = fread(buf, 1, sizeof(buf) - 1, stdin);
	char *save = NULL;

	buf[len] = '\0';
	for (char *line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "unit ", 5) == 0)
			q->unit = line + 5;
		else if (strncmp(line, "pid ", 4) == 0)
			q->pid = (uint32_t)strtoul(line + 4, NULL, 10);
		else if (q->n < LINES_MAX)
			q->lines[q->n++] = line;
		else
			return -E2BIG;
	}
	return q->unit && q->pid > 0 ? 0 : -EINVAL;
}

/* "TYPE NAME VALUE", cut up. */
static int append_property(sd_bus_message *m, char *line)
{
	char *name = strchr(line, ' ');
	char *value = name ? strchr(name + 1, ' ') : NULL;

	if (!value)
		return -EINVAL;
	*name++ = '\0';
	*value++ = '\0';
	if (strcmp(line, "string") == 0)
		return sd_bus_message_append(m, "(sv)", name, "s", value);
	if (strcmp(line, "strings") == 0)
		return sd_bus_message_append(m, "(sv)", name, "as", 1, value);
	if (strcmp(line, "bool") == 0)
		return sd_bus_message_append(m, "(sv)", name, "b", strcmp(value, "true") == 0);
	if (strcmp(line, "u64") == 0)
		return sd_bus_message_append(m, "(sv)", name, "t",
					     (uint64_t)strtoull(value, NULL, 10));
	return -EINVAL;
}

/* --- the call ---------------------------------------------------------------------------------
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

static int make_call(sd_bus *bus, struct request *q, sd_bus_message **ret)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, INTERFACE,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", q->unit, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, q->pid);
	for (size_t i = 0; r >= 0 && i < q->n; i++)
		r = append_property(m, q->lines[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r < 0) {
		sd_bus_message_unref(m);
		return r;
	}
	*ret = m;
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

static int start(sd_bus *bus, struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL, *reply = NULL;
	struct job job = {0};
	int r = sd_bus_match_signal(bus, NULL, NULL, OBJECT, INTERFACE, "JobRemoved",
				    on_job_removed, &job);

	if (r >= 0)
		r = make_call(bus, q, &call);
	if (r < 0)
		return fail("make the request", r);
	r = sd_bus_call(bus, call, TIMEOUT_US, &error, &reply);
	sd_bus_message_unref(call);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job.path);
	if (r < 0) {
		(void)fprintf(stderr, "%s\n", error.message ? error.message : strerror(-r));
		sd_bus_error_free(&error);
		return 1;
	}
	if (strcmp(job.early, job.path) == 0)
		(void)snprintf(job.result, sizeof(job.result), "%s", job.last);
	r = wait_job(bus, &job);
	sd_bus_message_unref(reply);
	return r;
}

int main(int argc, char *argv[])
{
	struct request q = {0};
	sd_bus *bus = NULL;
	int r;

	if (argc != 3 || strcmp(argv[2], "start") != 0) {
		(void)fputs("usage: coracle-systemd system|user start\n", stderr);
		return 64;
	}
	r = read_request(&q);
	if (r < 0)
		return fail("read the request", r);
	r = connect_bus(argv[1], &bus);
	if (r < 0)
		return fail("connect to systemd", r);
	r = start(bus, &q);
	sd_bus_flush_close_unref(bus);
	return r;
}
