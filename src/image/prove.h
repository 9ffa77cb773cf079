/* Proofs: that the objects of an image are what it says, and that a mount shows what is in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/progress.h"
#include "image/tree.h"

/* What was found. The callback is told of each thing that is wrong. */
struct prove {
	void (*wrong)(void *ctx, const char *path, const char *what);
	void *ctx;
	struct progress *progress;
	bool require_verity; /* an object that the kernel does not measure is wrong */
	bool read_sealed; /* read sealed objects too: the kernel checks blocks when they are read */
	uint64_t checked, bad, sealed;
	uint64_t bytes; /* read */
};

/* Every object of @t below @store (a directory's descriptor): there, of the right size, and of the
 * right digest by the kernel's measurement or by reading it. Only failures that are about the check
 * itself are returned; what is wrong with objects is counted. */
int prove_objects(const struct image_tree *t, int store, struct prove *p, struct err *e)
	_must_check_;

/* The directory @fd shows exactly @t: each name, type, owner, mode, time, size, target and content,
 * and nothing else. Contents are read and hashed: this is what the kernel lets through. */
int prove_mount(const struct image_tree *t, int fd, struct prove *p, struct err *e) _must_check_;
