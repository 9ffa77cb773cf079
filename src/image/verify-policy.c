/* Policies: a document with rules, of which the first that is for the name decides. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "image/document.h"
#include "image/verify.h"

#define POLICY_MAX ((size_t)1024 * 1024)

struct rule {
	struct strings names, certs, digests;
	const char *require;
};

struct policy {
	const struct verify *v;
	const char *name, *path;
	struct arena arena;
	uint64_t version;
	struct rule rule; /* the first for the name */
	bool found;
};

/* --- reading --------------------------------------------------------------------------------- */

struct rule_context {
	struct arena *arena;
	struct rule *rule;
};

static int rule_member(void *ctx, const char *key, struct json *j, struct json_value *v,
		       struct err *e)
{
	struct rule_context *c = ctx;

	if (str_eq(key, "names"))
		return document_strings(j, v, c->arena, &c->rule->names, e);
	if (str_eq(key, "require"))
		return members_string(v, &c->rule->require, e);
	if (str_eq(key, "certs"))
		return document_strings(j, v, c->arena, &c->rule->certs, e);
	if (str_eq(key, "digests"))
		return document_strings(j, v, c->arena, &c->rule->digests, e);
	/* A word that is not understood might be the one that forbids. */
	return err_set(e, ERR_IMAGE, -EINVAL, "an unknown key \"%.40s\"", key);
}

static int add_rule(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct policy *p = ctx;
	struct rule rule = {0};
	struct rule_context c = {&p->arena, &rule};
	int r = members_object(j, v, rule_member, &c, e);

	(void)key;
	if (r < 0)
		return r;
	if (!rule.require || rule.names.n == 0)
		return document_bad(e, "a rule without names, or that requires nothing at all");
	for (size_t i = 0; i < rule.names.n && !p->found; i++) {
		p->found = fnmatch(rule.names.items[i], p->name, 0) == 0;
		if (p->found)
			p->rule = rule;
	}
	return 0;
}

static int policy_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e)
{
	struct policy *p = ctx;

	if (str_eq(key, "version"))
		return v->type == JSON_NUMBER && json_to_u64(v, &p->version) == 0
			       ? 0
			       : document_bad(e, "expected a number");
	if (str_eq(key, "rules"))
		return members_array(j, v, add_rule, p, e);
	return err_set(e, ERR_IMAGE, -EINVAL, "an unknown key \"%.40s\"", key);
}

static int read_policy(struct policy *p, struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_file_at(&p->arena, AT_FDCWD, p->path, POLICY_MAX, &text, &len);

	if (r < 0)
		return err_sys(e, ERR_IO, r, "open the policy %s", p->path);
	r = document_read(text, len, policy_member, p, e);
	if (r == 0 && p->version != 1)
		r = document_bad(e, "not a policy of version 1");
	return r < 0 ? err_wrap(e, "policy %s", p->path) : 0;
}

/* --- deciding -------------------------------------------------------------------------------- */

/* Certificates lie where the policy does, unless their path begins with a slash. */
static int check_keys(struct policy *p, struct err *e)
{
	const char *slash = strrchr(p->path, '/');
	struct trusted *t;
	int r = trusted_new(&t);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read the policy");
	for (size_t i = 0; i < p->rule.certs.n && r == 0; i++) {
		const char *file = p->rule.certs.items[i];

		if (file[0] != '/' && slash)
			file = arena_format(&p->arena, "%.*s/%s", (int)(slash - p->path), p->path,
					    file);
		r = file ? trusted_add(t, file, e) : err_sys(e, ERR_IMAGE, -ENOMEM, "policy");
	}
	if (r == 0)
		r = verify_keys(p->v, t, e);
	trusted_free(t);
	return r;
}

/* The image's own digest or the manifest's must be in the list. */
static int check_digests(struct policy *p, struct err *e)
{
	enum image_hash hash = p->v->repo->objects.hash;
	char hex[2 * IMAGE_DIGEST_MAX + 1];

	image_hex(p->v->record.image, verity_digest_size(hash), hex);
	for (size_t i = 0; i < p->rule.digests.n; i++)
		if (str_eq(p->rule.digests.items[i], hex) ||
		    str_eq(p->rule.digests.items[i], p->v->record.manifest.digest))
			return 0;
	return err_set(e, ERR_DIGEST, -EBADMSG, "neither its digest nor the manifest's is listed");
}

static int decide(struct policy *p, struct err *e)
{
	if (!p->found)
		return err_set(e, ERR_DIGEST, -EPERM, "no rule is for it");
	if (str_eq(p->rule.require, "signature"))
		return check_keys(p, e);
	if (str_eq(p->rule.require, "digest"))
		return check_digests(p, e);
	if (str_eq(p->rule.require, "nothing"))
		return 0;
	if (str_eq(p->rule.require, "reject"))
		return err_set(e, ERR_DIGEST, -EPERM, "it is rejected");
	return err_set(e, ERR_IMAGE, -EINVAL, "an unknown requirement \"%.40s\"", p->rule.require);
}

int verify_policy(const struct verify *v, const char *path, const char *name, struct err *e)
{
	struct policy p = {.v = v, .path = path, .name = name};
	int r;

	arena_init(&p.arena, NULL, 0);
	r = read_policy(&p, e);
	if (r == 0) {
		r = decide(&p, e);
		if (r < 0)
			(void)err_wrap(e, "the policy does not allow %s", name);
	}
	arena_done(&p.arena);
	return r;
}
