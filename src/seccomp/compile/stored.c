/* A file holds instructions as seccomp(2) takes them and nothing else, so that any tool can show
 * it. It is not believed: before it is used, the verifier proves it against the policy, as it does
 * with what the emitter made. Who can write to the store can waste time, and no more. */
#include "seccomp/compile/stored.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/verify.h"

#define FILE_MAX      (BPF_MAXINSNS * sizeof(struct sock_filter))
#define FILE_NAME_MAX (SHA256_TEXT_MAX + sizeof(".bpf"))

/* --- the digest ------------------------------------------------------------------------------- */

/* Counts go before what is counted, and numbers have fixed widths: no two policies have the same
 * bytes. */
static void take(struct sha256 *h, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	sha256_update(h, bytes, sizeof(bytes));
}

static void take_pair(struct sha256 *h, uint32_t high, uint32_t low)
{
	take(h, (uint64_t)high << 32 | low);
}

static void take_rule(struct sha256 *h, const struct seccomp_rule *rule)
{
	take_pair(h, rule->action, rule->n_conds);
	for (uint32_t i = 0; i < rule->n_conds; i++) {
		const struct seccomp_cond *c = &rule->conds[i];

		take_pair(h, c->arg, c->op);
		take(h, c->value);
		take(h, c->mask);
	}
}

/* Entries from @entry on that say the same of numbers that follow each other: how many. */
static size_t run_length(const struct seccomp_entry *entry, size_t left)
{
	size_t n = 1;

	while (!entry->rules && n < left && !entry[n].rules && entry[n].action == entry->action &&
	       entry[n].nr == entry[n - 1].last + 1)
		n++;
	return n;
}

/* As runs: engines' profiles have some hundred. Returns how many entries
 * that was. */
static size_t take_entries(struct sha256 *h, const struct seccomp_entry *entry, size_t left)
{
	size_t n = run_length(entry, left);
	uint32_t n_rules = 0;

	for (const struct seccomp_rule *r = entry->rules; r; r = r->next)
		n_rules++;
	take_pair(h, entry->nr, entry[n - 1].last - entry->nr + 1);
	take_pair(h, entry->action, n_rules);
	for (const struct seccomp_rule *r = entry->rules; r; r = r->next)
		take_rule(h, r);
	return n;
}

void seccomp_policy_digest(const struct seccomp_policy *policy, char ret[static SHA256_TEXT_MAX])
{
	static const char form[] = "coracle seccomp policy 2";
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, form, sizeof(form));
	take_pair(&h, policy->default_action, policy->bad_arch_action);
	take_pair(&h, policy->unknown_action, (uint32_t)policy->n_abis);
	for (size_t i = 0; i < policy->n_abis; i++) {
		const struct seccomp_abi *abi = &policy->abis[i];

		take_pair(&h, seccomp_arch_info(abi->arch)->audit, abi->arch == SECCOMP_ARCH_X32);
		take_pair(&h, abi->has_last, abi->has_last ? abi->last : 0);
		take_pair(&h, abi->has_last_private, abi->has_last_private ? abi->last_private : 0);
		take(&h, abi->n_entries);
		for (size_t k = 0; k < abi->n_entries;)
			k += take_entries(&h, &abi->entries[k], abi->n_entries - k);
	}
	sha256_finish(&h, ret);
}

/* --- the store -------------------------------------------------------------------------------- */

int seccomp_emit_proven(struct arena *a, const struct seccomp_policy *policy,
			struct seccomp_program *ret, bool *ret_complete, struct err *e)
{
	int r = seccomp_emit(a, policy, ret, e);

	return r < 0 ? r : seccomp_verify(a, policy, ret, SECCOMP_VERIFY_QUICK, ret_complete, e);
}

/* Is what was kept the program of this policy? -EBADMSG if it is not, or may not be: a proof at the
 * edges is good enough for what the emitter made, and not for what anybody wrote. */
static int prove(struct arena *a, const struct seccomp_policy *policy, const char *bytes,
		 size_t len, struct seccomp_program *ret, struct err *e)
{
	size_t n = len / sizeof(*ret->insns);
	struct sock_filter *insns;
	bool notify, complete;
	int r;

	if (n == 0 || len % sizeof(*insns))
		return err_set(e, ERR_CONFIG_INVALID, -EBADMSG,
			       "%zu bytes are no whole number of instructions", len);
	insns = arena_newn(a, struct sock_filter, n);
	if (!insns)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	memcpy(insns, bytes, len);
	*ret = (struct seccomp_program){
		.insns = insns, .n = n, .flags = policy->flags, .notify = policy->notify};
	r = seccomp_raw_check(a, insns, n, &notify, e);
	if (r == 0)
		r = seccomp_verify(a, policy, ret, SECCOMP_VERIFY_QUICK, &complete, e);
	return r == -EINVAL || (r == 0 && !complete) ? -EBADMSG : r;
}

static void complain(struct arena *a, const struct seccomp_store *store, const char *name,
		     const char *what, struct seccomp_program *program)
{
	/* Out of memory: then there are more pressing matters than this warning. */
	program->complaint = arena_format(a, "\"%s/%s\" %s", store->folder, name, what);
}

/* -ENOENT where there is nothing of use, with or without a complaint in @ret. */
static int fetch(struct arena *a, const struct seccomp_policy *policy,
		 const struct seccomp_store *store, const char *name, struct seccomp_program *ret,
		 struct err *e)
{
	struct err problem = {0};
	char *bytes, words[24];
	size_t len;
	int r = store->load(store->folder, name, FILE_MAX, a, &bytes, &len);

	if (r == -ENOENT)
		return r;
	if (r < 0) {
		complain(a, store, name, errno_words(r, words), ret);
		return -ENOENT;
	}
	r = prove(a, policy, bytes, len, ret, &problem);
	if (r == -EBADMSG) {
		*ret = (struct seccomp_program){0};
		complain(a, store, name, "is not the program of this profile: compiled anew", ret);
		return -ENOENT;
	}
	if (r < 0)
		*e = problem;
	return r;
}

int seccomp_from_store(struct arena *a, const struct seccomp_policy *policy,
		       const struct seccomp_store *store, struct seccomp_program *ret,
		       struct err *e)
{
	char digest[SHA256_TEXT_MAX], name[FILE_NAME_MAX], words[24];
	const char *complaint;
	bool complete;
	int r;

	seccomp_policy_digest(policy, digest);
	(void)str_format(name, sizeof(name), "%s.bpf", digest);
	r = fetch(a, policy, store, name, ret, e);
	if (r != -ENOENT)
		return r;
	complaint = ret->complaint;
	r = seccomp_emit_proven(a, policy, ret, &complete, e);
	ret->complaint = complaint;
	if (r < 0 || !complete || !store->save)
		return r;
	r = store->save(store->folder, name, ret->insns, ret->n * sizeof(*ret->insns));
	if (r < 0 && !complaint)
		complain(a, store, name, errno_words(r, words), ret);
	return 0;
}
