/* The bytes of coracle-init, embedded at build time (scripts/embed-image). */
#pragma once

#include <stdint.h>

extern const char coracle_init_image_start[];
extern const uint32_t coracle_init_image_size;
