/* Users of an image, as its /etc/passwd and /etc/group have them. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

#define USERS_GROUPS_MAX 64

struct user {
	uint32_t uid, gid;
	uint32_t groups[USERS_GROUPS_MAX];
	unsigned n_groups;
	char home[256]; /* "" if the image does not say */
};

/* What @who means: "", "user", "uid", "user:group" and so on (config.md of the image
 * specification). @passwd and @group are the files' texts, "" without. Groups that a user is a
 * member of count unless one is named. -ENOENT with *@e set for a name that is not there. */
int users_find(const char *who, const char *passwd, const char *group, struct user *ret,
	       struct err *e) _must_check_;
