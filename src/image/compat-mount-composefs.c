/* mount.composefs: the arguments, messages and exit codes of composefs 1.0's mount helper. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/mount.h"
#include "image/trust.h"

#define PROGRAM "mount.composefs"

struct compat {
	struct mount_options o;
	struct trust_options trust;
	const char *idmap;
	bool ro;
};

static int usage(FILE *to, int status)
{
	fputs("usage: " PROGRAM " [-t type] [-o opt[,opts..]] IMAGE MOUNTPOINT\n\n"
	      "Options:\n"
	      "  basedir=PATH[:PATH]    object stores\n"
	      "  digest=DIGEST          the image must have this fs-verity digest\n"
	      "  verity                 every file must have a valid fs-verity digest\n"
	      "  tryverity              the same, if the kernel can\n"
	      "  idmap=PATH             a user namespace to map ids with\n"
	      "  upperdir=DIR           make it writable\n"
	      "  workdir=DIR            for upperdir\n"
	      "  ro, rw                 read-only, or not\n",
	      to);
	return status;
}

/* Cut @text at the first @separator that has no backslash before it; undo the backslashes. Returns
 * what follows, or NULL. */
static char *cut(char *text, char separator)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1]) {
			*out++ = *++text;
		} else if (*text == separator) {
			*out = '\0';
			return text + 1;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
	return NULL;
}

static int set_basedir(struct compat *m, char *value)
{
	while (value) {
		char *next = strchr(value, ':');

		if (next)
			*next++ = '\0';
		if (m->o.n_objects == MOUNT_OBJECTS_MAX) {
			fprintf(stderr, PROGRAM ": Too many object dirs\n");
			return -E2BIG;
		}
		m->o.objects[m->o.n_objects++] = value;
		value = next;
	}
	return 0;
}

static int set_option(struct compat *m, char *name, char *value)
{
	const struct {
		const char *name;
		const char **to;
	} strings[] = {{"upperdir", &m->o.upper}, {"workdir", &m->o.work}, {"idmap", &m->idmap}};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		if (!str_eq(name, strings[i].name))
			continue;
		if (!value || !*value) {
			fprintf(stderr, PROGRAM ": No value specified for %s option\n", name);
			return -EINVAL;
		}
		*strings[i].to = value;
		return 0;
	}
	if (str_eq(name, "basedir") && value && *value)
		return set_basedir(m, value);
	if (str_eq(name, "digest") && value &&
	    cli_parse_digest(value, &m->trust.hash, m->trust.digest)) {
		m->trust.has_digest = true;
	} else if (str_eq(name, "verity")) {
		m->o.verity = VERITY_REQUIRE;
	} else if (str_eq(name, "tryverity")) {
		m->o.verity = VERITY_TRY;
	} else if (str_eq(name, "ro")) {
		m->ro = true;
	} else if (str_eq(name, "rw")) {
		m->ro = false;
	} else {
		fprintf(stderr, PROGRAM ": Unsupported option %s\n", name);
		return -EINVAL;
	}
	return 0;
}

static int parse_options(struct compat *m, char *text)
{
	int r = 0;

	while (text && r == 0) {
		char *next = cut(text, ','), *value = strchr(text, '=');

		if (value)
			*value++ = '\0';
		if (*text)
			r = set_option(m, text, value);
		text = next;
	}
	return r;
}

static int run(struct compat *m, const char *image, const char *target)
{
	struct cli c = {.tool = {.program = PROGRAM, .failed = 1}};
	_cleanup_close_ int idmap = -EBADF;
	struct mount_report report;
	struct trust_result trust;
	struct image_file f;
	struct err e = {0};
	int r = 0;

	if (m->idmap)
		r = idmap = sys_openat(AT_FDCWD, m->idmap, O_RDONLY | O_CLOEXEC, 0);
	if (r < 0) {
		(void)err_sys(&e, ERR_IDMAP, r, "open %s", m->idmap);
		return cli_fail(&c, &e);
	}
	m->o.idmap_fd = idmap;
	/* A digest asks for the kernel's measurement; verity alone is about the objects. */
	m->trust.verity = m->trust.has_digest ? VERITY_REQUIRE : VERITY_OFF;
	if (m->trust.has_digest)
		m->o.verity = VERITY_REQUIRE;
	m->trust.objects = m->o.objects;
	m->trust.n_objects = m->o.n_objects;
	r = image_file_open_unread(image, &f, &e);
	if (r < 0)
		return cli_fail(&c, &e);
	r = trust_image(&f, &m->trust, &trust, &e);
	if (r == 0) {
		if (m->o.verity == VERITY_TRY && !trust.objects_sealed)
			m->o.verity = VERITY_OFF;
		m->o.image_fd = f.fd;
		m->o.has_acl = trust.has_acl;
		m->o.read_write = !m->ro;
		r = mount_image(&m->o, target, &report, &e);
	}
	image_file_done(&f);
	return r < 0 ? cli_fail(&c, &e) : 0;
}

int compat_mount_composefs(int argc, char **argv)
{
	struct compat m = {
		.o = {.verity = VERITY_OFF, .image_fd = -EBADF},
		.trust = {.hash = IMAGE_SHA256},
	};
	int opt;

	/* mount(8) calls helpers with the image first and options behind; it may add some. */
	while ((opt = getopt(argc, argv, "ht:o:sfnvN:")) != -1) {
		switch (opt) {
		case 'o':
			if (parse_options(&m, optarg) < 0)
				return 1;
			break;
		case 't':
			if (!str_eq(optarg, "composefs")) {
				fprintf(stderr, PROGRAM ": Unsupported fs type %s\n", optarg);
				return 1;
			}
			break;
		case 's':
		case 'f':
		case 'n':
		case 'v':
		case 'N':
			break;
		default:
			return usage(opt == 'h' ? stdout : stderr, opt != 'h');
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, PROGRAM ": No %s specified\n",
			argc - optind < 1 ? "source path" : "mount point");
		return usage(stderr, 1);
	}
	if (m.o.n_objects == 0) {
		fprintf(stderr, PROGRAM ": No object dirs specified\n");
		return usage(stderr, 1);
	}
	if (!m.o.upper != !m.o.work) {
		fprintf(stderr, PROGRAM ": Both workdir and upperdir must be specified if used\n");
		return usage(stderr, 1);
	}
	return run(&m, argv[optind], argv[optind + 1]);
}
