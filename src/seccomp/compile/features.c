/* A test holds these lists against the front end. Pure data, host side. */
#include "seccomp/compile/features.h"

#include <stddef.h>

#include "seccomp/compile/table.h"

static const char *const actions[] = {
	"SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO",
	"SCMP_ACT_KILL",        "SCMP_ACT_LOG",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_TRAP",        "SCMP_ACT_TRACE",
	"SCMP_ACT_NOTIFY",      NULL,
};

static const char *const operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

static const char *const archs[] = {
#define X(name, ...) "SCMP_ARCH_" #name,
	SECCOMP_ARCH_LIST(X)
#undef X
		NULL,
};

static const char *const flags[] = {
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};

const struct features_seccomp seccomp_features = {actions, operators, archs, flags};
