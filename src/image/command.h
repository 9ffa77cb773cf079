/* The commands of coracle-image. Each returns an exit status. */
#pragma once

#include "image/cli.h"

int command_build(struct cli *c, int argc, char **argv);
int command_info(struct cli *c, int argc, char **argv);
int command_dump(struct cli *c, int argc, char **argv);
int command_diff(struct cli *c, int argc, char **argv);
int command_check(struct cli *c, int argc, char **argv);
int command_mount(struct cli *c, int argc, char **argv);
int command_umount(struct cli *c, int argc, char **argv);

/* Other programs' names for us, with their arguments and outputs. */
int compat_mkcomposefs(int argc, char **argv);
int compat_composefs_info(int argc, char **argv);
int compat_mount_composefs(int argc, char **argv);
