/* guest — the program inside the containers of the benchmarks: static, and nothing but its start
 * and its end. It is /bin/true there; as /bin/pause it waits to be killed. */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	while (name && strcmp(name, "/pause") == 0)
		(void)pause();
	return 0;
}
