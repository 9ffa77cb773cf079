/* Groups of system calls that policies can name: @@file-system. Pure data, host side. */
#pragma once

/* "aio", "io_cancel io_destroy …": calls, and other groups with an @ before; both are empty in the
 * last one. */
struct policy_group_row {
	const char *name, *members;
};

extern const struct policy_group_row policy_group_rows[];
