/* The file is ours, in a directory that only its owner may enter; reading it is strict all the
 * same. Pure, host side. */
#include "seccomp/compile/saved.h"

#include <errno.h>
#include <linux/bpf_common.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"

#define SAVED_MAGIC   0x46535343u /* "CSSF" */
#define SAVED_VERSION 1

/* LOG, SPEC_ALLOW, NEW_LISTENER, WAIT_KILLABLE_RECV (linux/seccomp.h) */
#define FLAGS_KNOWN (1 << 1 | 1 << 2 | 1 << 3 | 1 << 5)

/* Instructions follow, then both strings with their NUL. */
struct saved_header {
	uint32_t magic, version;
	uint32_t n_insns, flags;
	uint32_t receiver_size, metadata_size; /* with the NUL */
};

int seccomp_saved_format(struct arena *a, const struct seccomp_saved *s, char **ret,
			 size_t *ret_len)
{
	size_t program = s->program.n * sizeof(*s->program.insns);
	struct saved_header h = {
		.magic = SAVED_MAGIC,
		.version = SAVED_VERSION,
		.n_insns = (uint32_t)s->program.n,
		.flags = s->program.flags,
		.receiver_size = (uint32_t)strlen(s->receiver) + 1,
		.metadata_size = (uint32_t)strlen(s->metadata) + 1,
	};
	size_t len = sizeof(h) + program + h.receiver_size + h.metadata_size;
	char *bytes = arena_alloc(a, len), *p = bytes;

	if (!bytes)
		return -ENOMEM;
	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	memcpy(p, s->program.insns, program);
	p += program;
	memcpy(p, s->receiver, h.receiver_size);
	p += h.receiver_size;
	memcpy(p, s->metadata, h.metadata_size);
	*ret = bytes;
	*ret_len = len;
	return 0;
}

static int damaged(const char *what, struct err *e)
{
	return err_set(e, ERR_STATE_DOCUMENT, -EBADMSG, "the saved seccomp filter %s", what);
}

/* Does the header fit the file, and do the strings end where they should? */
static int check_sizes(const struct saved_header *h, const char *bytes, size_t len, struct err *e)
{
	uint64_t program = (uint64_t)h->n_insns * sizeof(struct sock_filter);
	const char *receiver;

	if (h->magic != SAVED_MAGIC || h->version != SAVED_VERSION)
		return damaged("is none, or of another version", e);
	if (h->n_insns == 0 || h->n_insns > BPF_MAXINSNS || h->receiver_size == 0 ||
	    h->metadata_size == 0 ||
	    sizeof(*h) + program + h->receiver_size + h->metadata_size != len)
		return damaged("is damaged", e);
	receiver = bytes + sizeof(*h) + program;
	if (strlen(receiver) + 1 != h->receiver_size ||
	    strlen(receiver + h->receiver_size) + 1 != h->metadata_size)
		return damaged("is damaged", e);
	return 0;
}

int seccomp_saved_parse(struct arena *a, const char *bytes, size_t len, struct seccomp_saved *ret,
			struct err *e)
{
	struct seccomp_saved s = {0};
	struct sock_filter *insns;
	struct saved_header h;
	int r;

	if (len < sizeof(h) || bytes[len - 1] != '\0')
		return damaged("is cut short", e);
	memcpy(&h, bytes, sizeof(h));
	r = check_sizes(&h, bytes, len, e);
	if (r < 0)
		return r;
	insns = arena_newn(a, struct sock_filter, h.n_insns);
	if (!insns)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	memcpy(insns, bytes + sizeof(h), h.n_insns * sizeof(*insns));
	s.program.insns = insns;
	s.program.n = h.n_insns;
	s.program.flags = h.flags;
	s.receiver = bytes + sizeof(h) + h.n_insns * sizeof(*insns);
	s.metadata = s.receiver + h.receiver_size;
	r = seccomp_raw_check(a, insns, h.n_insns, &s.program.notify, e);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || (h.flags & ~(uint32_t)FLAGS_KNOWN) != 0 ||
	    s.program.flags != seccomp_final_flags(h.flags, s.program.notify) ||
	    (s.program.notify && s.receiver[0] != '/'))
		return damaged("is damaged", e);
	*ret = s;
	return 0;
}
