/* xxHash, 32 bits: the hash that EROFS's name filter is defined by. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The hash of @len bytes at @data (Yann Collet's specification of XXH32, version 0.1.1). */
uint32_t xxhash32(const void *data, size_t len, uint32_t seed);
