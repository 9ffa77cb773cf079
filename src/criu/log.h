/* What CRIU has written down about its failure. */
#pragma once

#include <stddef.h>

/* The first error in @name of the directory @dir_fd, without its time stamp and place, into @buf:
 * those that follow are its consequences. Returns 0 or -ENOENT. */
int log_first_error(int dir_fd, const char *name, char *buf, size_t size);
