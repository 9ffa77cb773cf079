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

/* Those on an image store. */
int command_import(struct cli *c, int argc, char **argv);
int command_list(struct cli *c, int argc, char **argv);
int command_inspect(struct cli *c, int argc, char **argv);
int command_tag(struct cli *c, int argc, char **argv);
int command_rm(struct cli *c, int argc, char **argv);
int command_gc(struct cli *c, int argc, char **argv);
int command_fsck(struct cli *c, int argc, char **argv);
int command_run(struct cli *c, int argc, char **argv);
int command_seal(struct cli *c, int argc, char **argv);
int command_verify(struct cli *c, int argc, char **argv);
int command_export(struct cli *c, int argc, char **argv);
int command_unpack(struct cli *c, int argc, char **argv);

/* What the runtime asks for; not in any help. */
int command_root(struct cli *c, int argc, char **argv);
int command_release(struct cli *c, int argc, char **argv);

/* Other programs' names for us, with their arguments and outputs. */
int compat_mkcomposefs(int argc, char **argv);
int compat_composefs_info(int argc, char **argv);
int compat_mount_composefs(int argc, char **argv);
