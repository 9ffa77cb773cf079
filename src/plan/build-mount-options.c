/* The options of mounts: each is resolved here, once. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/build-mount.h"
#include "plan/mount-options.h"

int mount_bad(struct builder *b, const struct resolved_mount *m, const char *what,
	      const char *option)
{
	(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "%s \"%s\"", what, option);
	return err_where(b->e, "%s.options", m->origin);
}

void mount_add_word(struct resolved_mount *m, const char *word)
{
	m->words[m->n_words++] = word;
}

static void merge(uint64_t *set, uint64_t *clear, const struct mount_option *o)
{
	*set = (*set & ~o->clear) | o->set;
	*clear = (*clear & ~o->set) | o->clear;
	/* The field of access times is cleared as a whole whenever it is set. */
	if (o->clear == MOUNT_ATTR__ATIME)
		*clear |= MOUNT_ATTR__ATIME;
}

/* "idmap=uids=…;gids=…", crun's way to give mappings. Returns whether @text is that. */
static bool take_mappings(struct resolved_mount *m, const char *text)
{
	bool recursive = str_starts(text, "ridmap=");

	if (!recursive && !str_starts(text, "idmap="))
		return false;
	m->has_idmap = true;
	m->recursive_idmap = recursive;
	m->idmap = strchr(text, '=') + 1;
	return true;
}

/* crun knows these names; the kernel has nothing to do what they say. */
static const char *const not_recursive[] = {"rasync", "rdirsync", "rmand", "rnomand", "rsync"};

static int apply_option(struct builder *b, struct resolved_mount *m, const char *text)
{
	const struct mount_option *o = mount_option_find(text);

	if (!o) {
		if (take_mappings(m, text))
			return 0;
		for (size_t n = 0; n < ARRAY_SIZE(not_recursive); n++)
			if (str_eq(text, not_recursive[n]))
				return mount_bad(
					b, m,
					"it belongs to a file system, not to the mounts of "
					"a tree:",
					text);
		if (m->bind)
			return mount_bad(b, m, "a bind mount has no file system to take", text);
		mount_add_word(m, text);
		return 0;
	}
	switch ((enum mount_option_kind)o->kind) {
	case OPTION_ATTR:
		merge(&m->attr.set, &m->attr.clear, o);
		m->super_ro = m->attr.set & MOUNT_ATTR_RDONLY;
		break;
	case OPTION_REC_ATTR:
		merge(&m->attr.rec_set, &m->attr.rec_clear, o);
		break;
	case OPTION_PROPAGATION:
		m->attr.propagation = o->set;
		break;
	case OPTION_SUPER:
		m->ms = (m->ms & ~o->clear) | o->set;
		if (!m->bind)
			mount_add_word(m, text);
		break;
	case OPTION_OLD:
		m->old_ms = (m->old_ms & ~o->clear) | o->set;
		break;
	case OPTION_EXTRA:
		m->flags |= (uint32_t)o->set;
		break;
	case OPTION_IDMAP:
		m->has_idmap = true;
		m->recursive_idmap = o->set & MS_REC;
		break;
	case OPTION_REMOUNT:
		m->remount = true;
		break;
	case OPTION_BIND:
	case OPTION_IGNORED:
		break;
	}
	return 0;
}

/* What only makes sense for one kind of mount is wrong on another, not ignored. */
static int check_flags(struct builder *b, const struct resolved_mount *m)
{
	const uint32_t links = PLAN_MOUNT_COPY_SYMLINK | PLAN_MOUNT_SOURCE_NOFOLLOW;

	if (!m->bind && (m->flags & links))
		return mount_bad(b, m, "only a bind mount has a source to take",
				 m->flags & PLAN_MOUNT_COPY_SYMLINK ? "copy-symlink"
								    : "src-nofollow");
	if ((m->flags & PLAN_MOUNT_COPY_UP) && (m->bind || !str_eq(m->mount->type, "tmpfs")))
		return mount_bad(b, m, "only a tmpfs takes", "tmpcopyup");
	if ((m->flags & PLAN_MOUNT_COPY_UP) && (m->flags & PLAN_MOUNT_ROOT))
		return mount_bad(b, m, "the whole root filesystem is too much for", "tmpcopyup");
	return 0;
}

/* "remount": the mount is there already, by an earlier entry. */
static int check_remount(struct builder *b, const struct resolved_mount *m, size_t index)
{
	if (m->n_words > 0 || m->ms != 0 || m->old_ms != 0 || m->has_idmap ||
	    (m->flags & ~(uint32_t)PLAN_MOUNT_ROOT))
		return mount_bad(b, m, "only flags of the mount can be changed by", "remount");
	for (size_t n = 0; n < index; n++)
		if (str_eq(b->spec->mounts[n].destination, m->mount->destination))
			return 0;
	return mount_bad(b, m, "there is no earlier mount at the same destination for", "remount");
}

/* Is @path the root, whatever the root filesystem holds? */
static bool is_root(const char *path)
{
	while (*path == '/' || (*path == '.' && (path[1] == '/' || path[1] == '\0')))
		path++;
	return *path == '\0';
}

bool mount_is_bind(const struct spec_mount *m, bool *ret_recursive)
{
	bool bind = str_eq(m->type, "bind");

	*ret_recursive = false;
	for (size_t k = 0; k < m->options.n; k++) {
		const struct mount_option *o = mount_option_find(m->options.items[k]);

		if (o && o->kind == OPTION_BIND) {
			bind = true;
			*ret_recursive = o->set & MS_REC;
		}
	}
	return bind;
}

int mount_resolve(struct builder *b, size_t n, struct resolved_mount *m)
{
	const struct spec_mount *mount = &b->spec->mounts[n];
	int r = 0;

	*m = (struct resolved_mount){
		.mount = mount,
		.origin = plan_origin(b, "mounts[%u]", (unsigned)n),
		.flags = is_root(mount->destination) ? PLAN_MOUNT_ROOT : 0,
		.has_idmap = mount->uid_mappings.n > 0,
		.words = arena_newn(b->arena, const char *, mount->options.n + 3),
	};
	if (!m->words)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	/* Whether it is a bind decides what the other options mean. Podman 5 writes empty ones, for
	 * a container with systemd. */
	m->bind = mount_is_bind(mount, &m->recursive);
	for (size_t k = 0; k < mount->options.n && r == 0; k++)
		if (mount->options.items[k][0] != '\0')
			r = apply_option(b, m, mount->options.items[k]);
	if (r == 0 && m->remount)
		return check_remount(b, m, n);
	if (r == 0 && !m->bind && mount->type[0] == '\0') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "needs a type, or the option \"bind\" or \"rbind\"");
		return err_where(b->e, "%s", m->origin);
	}
	if (m->flags & PLAN_MOUNT_ROOT)
		b->root_mounts++;
	return r < 0 ? r : check_flags(b, m);
}
