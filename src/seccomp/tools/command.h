/* The commands of coracle-seccomp. Each returns an exit status. */
#pragma once

#include "seccomp/tools/cli.h"

int command_compile(struct cli *c, int argc, char **argv);
int command_check(struct cli *c, int argc, char **argv);
int command_explain(struct cli *c, int argc, char **argv);
int command_disasm(struct cli *c, int argc, char **argv);
int command_diff(struct cli *c, int argc, char **argv);
int command_convert(struct cli *c, int argc, char **argv);
int command_trace(struct cli *c, int argc, char **argv);
int command_dump(struct cli *c, int argc, char **argv);
