/* The values of operands as words, the same for text and for JSON. */
#include "plan/print-words.h"

#include <linux/seccomp.h>
#include <stdarg.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"

/* --- values ----------------------------------------------------------------------------------- */

void print_add_word(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (w->n > 0 && w->n < sizeof(w->text) - 1)
		w->text[w->n++] = ',';
	va_start(ap, fmt);
	w->n += str_vformat(w->text + w->n, sizeof(w->text) - w->n, fmt, ap);
	va_end(ap);
	w->n = MIN(w->n, sizeof(w->text) - 1);
}

struct bit_name {
	uint64_t bits;
	const char *name;
};

static void add_bits(struct words *w, uint64_t value, const struct bit_name *names, size_t n,
		     const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (value & names[i].bits)
			print_add_word(w, "%s%s", prefix, names[i].name);
}

static const struct bit_name attr_names[] = {
	{MOUNT_ATTR_RDONLY, "ro"},
	{MOUNT_ATTR_NOSUID, "nosuid"},
	{MOUNT_ATTR_NODEV, "nodev"},
	{MOUNT_ATTR_NOEXEC, "noexec"},
	{MOUNT_ATTR_NODIRATIME, "nodiratime"},
	{MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
};

static const struct bit_name ms_names[] = {
	{MS_REC, "rec"},           {MS_PRIVATE, "private"},       {MS_SLAVE, "slave"},
	{MS_SHARED, "shared"},     {MS_UNBINDABLE, "unbindable"}, {MS_RDONLY, "ro"},
	{MS_SYNCHRONOUS, "sync"},  {MS_DIRSYNC, "dirsync"},       {MS_MANDLOCK, "mand"},
	{MS_LAZYTIME, "lazytime"}, {MS_I_VERSION, "iversion"},    {MS_SILENT, "silent"},
};

static const struct bit_name target_names[] = {
	{PLAN_MOUNT_NO_SYMLINKS, "no-symlinks"},
	{PLAN_MOUNT_RECURSIVE, "recursive"},
	{PLAN_MOUNT_ROOT, "root"},
	{PLAN_MOUNT_SOURCE_NOFOLLOW, "source-nofollow"},
	{PLAN_MOUNT_TARGET_NOFOLLOW, "target-nofollow"},
	{PLAN_MOUNT_COPY_SYMLINK, "copy-symlink"},
	{PLAN_MOUNT_COPY_UP, "copy-up"},
	{PLAN_MOUNT_COPY_MODE, "copy-mode"},
	{PLAN_MOUNT_COPY_OWNER, "copy-owner"},
	{PLAN_MOUNT_LABEL_ROOT, "label-root"},
};

static const struct bit_name filter_names[] = {
	{SECCOMP_FILTER_FLAG_LOG, "log"},
	{SECCOMP_FILTER_FLAG_SPEC_ALLOW, "spec-allow"},
	{SECCOMP_FILTER_FLAG_NEW_LISTENER, "new-listener"},
	{1 << 5, "wait-killable-recv"}, /* 5.19 */
};

static void add_attrs(struct words *w, uint64_t set, uint64_t clear, const char *prefix)
{
	char minus[8];

	add_bits(w, set, attr_names, ARRAY_SIZE(attr_names), prefix);
	switch (set & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_NOATIME:
		print_add_word(w, "%snoatime", prefix);
		break;
	case MOUNT_ATTR_STRICTATIME:
		print_add_word(w, "%sstrictatime", prefix);
		break;
	default:
		if (clear & MOUNT_ATTR__ATIME)
			print_add_word(w, "%srelatime", prefix);
	}
	(void)str_format(minus, sizeof(minus), "%s-", prefix);
	add_bits(w, clear, attr_names, ARRAY_SIZE(attr_names), minus);
}

static void words_attr(struct words *w, const struct plan_mount_attr *a)
{
	add_attrs(w, a->rec_set, a->rec_clear, "r:");
	add_attrs(w, a->set, a->clear, "");
	add_bits(w, a->propagation, ms_names, ARRAY_SIZE(ms_names), "");
}

void print_words_clone(struct words *w, uint64_t flags)
{
	for (enum ns_type t = 0; t < NS_MAX; t++)
		if (flags & ns_clone_flag(t))
			print_add_word(w, "%s", ns_type_name(t));
}

static void words_caps(struct words *w, uint64_t mask)
{
	for (unsigned cap = 0; cap < CAPABILITY_MAX; cap++)
		if (mask & (1ULL << cap))
			print_add_word(w, "%s", capability_name(cap));
}

static void words_signals(struct words *w, uint64_t mask)
{
	for (unsigned sig = 1; sig <= 64; sig++)
		if (mask & (1ULL << (sig - 1)))
			print_add_word(w, "%u", sig);
}

void print_words_mode(struct words *w, uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFCHR:
		print_add_word(w, "c%04o", mode & 07777);
		break;
	case S_IFBLK:
		print_add_word(w, "b%04o", mode & 07777);
		break;
	case S_IFIFO:
		print_add_word(w, "p%04o", mode & 07777);
		break;
	default:
		print_add_word(w, "%04o", mode & 07777);
	}
}

/* --- operands --------------------------------------------------------------------------------- */

const char *print_string_at(const struct plan_block *k, plan_str s)
{
	return s == 0 ? "" : (const char *)k + s;
}

const void *print_array_at(const struct plan_block *k, struct plan_array a)
{
	return (const char *)k + a.offset;
}

static void words_device(struct words *w, const struct plan_block *k, const struct plan_device *d)
{
	struct words mode = {0};

	print_words_mode(&mode, d->mode);
	print_add_word(w, "%s %s %u:%u", print_string_at(k, d->name), mode.text, d->major,
		       d->minor);
	if (d->uid != 0 || d->gid != 0)
		w->n += str_format(w->text + w->n, sizeof(w->text) - w->n, " owner %u:%u", d->uid,
				   d->gid);
	if (d->slot != PLAN_NO_SLOT)
		w->n += str_format(w->text + w->n, sizeof(w->text) - w->n, " slot %d", d->slot);
	else if (d->bind)
		w->n += str_format(w->text + w->n, sizeof(w->text) - w->n, " bind %s",
				   print_string_at(k, d->source));
	w->n = MIN(w->n, sizeof(w->text) - 1);
}

static void words_rule(struct words *w, const struct plan_block *k,
		       const struct plan_landlock_rule *r)
{
	unsigned long long access = r->access;

	if (r->path != 0)
		print_add_word(w, "%s:0x%llx", print_string_at(k, r->path), access);
	else
		print_add_word(w, "%llu:0x%llx", (unsigned long long)r->port, access);
}

static void words_array(struct words *w, const struct plan_block *k, enum print_kind kind,
			struct plan_array a)
{
	const void *items = print_array_at(k, a);

	for (uint32_t n = 0; n < a.n; n++) {
		const struct plan_option *o = (const struct plan_option *)items + n;
		const struct plan_symlink *l = (const struct plan_symlink *)items + n;

		if (kind == PRINT_BITS) {
			for (unsigned bit = 0; bit < 64; bit++)
				if (((const uint64_t *)items)[n] >> bit & 1)
					print_add_word(w, "%u", n * 64 + bit);
		} else if (kind == PRINT_POINTERS) {
			if (((const uint64_t *)items)[n] != 0)
				print_add_word(w, "%s",
					       (const char *)k + ((const uint64_t *)items)[n]);
		} else if (kind == PRINT_STRINGS)
			print_add_word(w, "%s", print_string_at(k, ((const plan_str *)items)[n]));
		else if (kind == PRINT_U32S)
			print_add_word(w, "%u", ((const uint32_t *)items)[n]);
		else if (kind == PRINT_DEVICES)
			words_device(w, k, (const struct plan_device *)items + n);
		else if (kind == PRINT_RULES)
			words_rule(w, k, (const struct plan_landlock_rule *)items + n);
		else if (kind == PRINT_LINKS)
			print_add_word(w, "%s -> %s", print_string_at(k, l->name),
				       print_string_at(k, l->target));
		else if (o->value != 0)
			print_add_word(w, "%s=%s", print_string_at(k, o->key),
				       print_string_at(k, o->value));
		else
			print_add_word(w, "%s", print_string_at(k, o->key));
	}
}

static void words_flags(struct words *w, enum print_kind kind, uint64_t v)
{
	if (kind == PRINT_CLONE_FLAGS)
		print_words_clone(w, v);
	else if (kind == PRINT_MS_FLAGS)
		add_bits(w, v, ms_names, ARRAY_SIZE(ms_names), "");
	else if (kind == PRINT_CAPS)
		words_caps(w, v);
	else
		words_signals(w, v);
}

static const char *const set_groups_names[] = {
	[PLAN_GROUPS_LEAVE] = "leave",
	[PLAN_GROUPS_SET] = "set",
	[PLAN_GROUPS_IF_ALLOWED] = "if-allowed",
};

/* The kinds whose value is 32 bits. */
static void words_u32(struct words *w, const struct plan_block *k, enum print_kind kind, uint32_t v)
{
	if (kind == PRINT_STRING && v != 0)
		print_add_word(w, "%s", print_string_at(k, v));
	else if (kind == PRINT_U32 || (kind == PRINT_SLOT && (plan_slot)v != PLAN_NO_SLOT))
		print_add_word(w, "%u", v);
	else if (kind == PRINT_BOOL && v)
		print_add_word(w, "yes");
	else if (kind == PRINT_GROUPS)
		print_add_word(w, "%s", set_groups_names[v]);
	else if (kind == PRINT_MODE)
		print_words_mode(w, v);
	else if (kind == PRINT_RESOURCE)
		print_add_word(w, "%s", rlimit_name(v));
	else if (kind == PRINT_FILTER_FLAGS)
		add_bits(w, v, filter_names, ARRAY_SIZE(filter_names), "");
	else if (kind == PRINT_TARGET)
		add_bits(w, v, target_names, ARRAY_SIZE(target_names), "");
}

/* The value of @f as words; empty when there is nothing to say. */
void print_words_field(struct words *w, const struct plan_block *k, const struct print_field *f,
		       const void *operand)
{
	const void *at = (const char *)operand + f->offset;

	*w = (struct words){0};
	switch (f->kind) {
	case PRINT_STRING:
	case PRINT_U32:
	case PRINT_MODE:
	case PRINT_BOOL:
	case PRINT_GROUPS:
	case PRINT_SLOT:
	case PRINT_TARGET:
	case PRINT_FILTER_FLAGS:
	case PRINT_RESOURCE:
		words_u32(w, k, f->kind, *(const uint32_t *)at);
		break;
	case PRINT_ATTR:
		words_attr(w, at);
		break;
	case PRINT_U64:
		print_add_word(w, "%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case PRINT_HEX:
		if (*(const uint64_t *)at != 0)
			print_add_word(w, "0x%llx", (unsigned long long)*(const uint64_t *)at);
		break;
	case PRINT_LIMIT:
		if (*(const uint64_t *)at == UINT64_MAX)
			print_add_word(w, "unlimited");
		else
			print_add_word(w, "%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case PRINT_CLONE_FLAGS:
	case PRINT_MS_FLAGS:
	case PRINT_CAPS:
	case PRINT_SIGNALS:
		words_flags(w, f->kind, *(const uint64_t *)at);
		break;
	case PRINT_STRINGS:
	case PRINT_POINTERS:
	case PRINT_BITS:
	case PRINT_U32S:
	case PRINT_OPTIONS:
	case PRINT_DEVICES:
	case PRINT_LINKS:
	case PRINT_RULES:
		words_array(w, k, f->kind, *(const struct plan_array *)at);
		break;
	}
}
