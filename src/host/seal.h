/* The image of init: a copy of the bytes embedded in coracle, in a memfd that nobody can change. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

/* How init's image is placed. */
enum seal_mode {
	SEAL_AUTO,
	SEAL_MEMFD,
	SEAL_FILE,
};

/* A sealed, executable descriptor of init's image, owned by the caller; or -errno. */
int seal_init_image(enum seal_mode mode, struct err *e) _must_check_;
