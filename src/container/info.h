/* What is to be told about a container. */
#pragma once

#include "container/container.h"
#include "container/live.h"

/* Tell about @l, which was looked at; *@ret has its texts, and lives as long as they do. */
void info_fill(const struct live *l, struct container_info *ret);
