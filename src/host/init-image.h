/* The bytes of coracle-init, embedded at build time (scripts/embed-image). */
#pragma once

extern const char coracle_init_image_start[];
extern const char coracle_init_image_end[];
