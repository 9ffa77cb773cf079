/* The stable names of failures. Apart from err.c because init needs no names: it sends numbers. */
#include "base/err.h"

static const char *const names[ERR_MAX] = {[ERR_NONE] = "none",
#define X(id, name, text) [ERR_##id] = name,
					   ERR_LIST(X)
#undef X
};

const char *err_name(unsigned id)
{
	return id < ERR_MAX ? names[id] : "none";
}
