/* One hint for each kind of failure with a usual cause. Here and not where failures are found: init
 * carries no text that it can do without. Runs in the command-line half only. */
#include "cli/hints.h"

#include <stddef.h>

static const struct {
	enum err_id id;
	const char *text;
} hints[] = {
	{ERR_CONTAINER_EXISTS, "choose another id, or remove what is there: `coracle delete`"},
	{ERR_CONTAINER_MISSING,
	 "`coracle list` shows what exists; each user and each --root has containers of its own"},
	{ERR_JSON_SYNTAX,
	 "JSON has double quotes, no comments, and no comma behind the last value"},
	{ERR_ROOTFS, "root.path must be a directory; a relative one starts at the bundle"},
	{ERR_EXEC_MISSING,
	 "the program, and the interpreter or loader that it names, must be in the root filesystem"},
	{ERR_EXEC_FAILED,
	 "it must be a regular file that the process's user may execute, made for this machine"},
	{ERR_CWD,
	 "it must be a directory in the root filesystem that the process's user may enter"},
	{ERR_STATE_DOCUMENT,
	 "`coracle doctor` tells what is left of containers, and how to remove it"},
	{ERR_EXIT_UNKNOWN, "the kernel keeps it from Linux 6.15 on, for who may mount"},
};

void hints_complete(struct err *e)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		/* A document that is JSON up to some key has another problem there. */
		if (hints[i].id == e->id && !(e->id == ERR_JSON_SYNTAX && e->where[0] != '\0'))
			(void)err_hint(e, "%s", hints[i].text);
}
