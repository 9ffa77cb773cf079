/* libseccomp's pseudo code, read and followed. For oracle-seccomp.
 *
 * libseccomp can say in words what its program is to do (seccomp_export_pfc()). Where the program
 * does something else, the words count: its code generator keeps wrong track of what the
 * accumulator holds behind some comparisons. */
#pragma once

#include <seccomp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "seccomp/compile/table.h"

#define PREFIX "SCMP_ARCH_"

struct pseudo {
	char *lines[200000];
	size_t n;
	char *text;
};

static inline void pseudo_read(struct pseudo *p, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		abort();
	p->n = 0;
	p->text = realloc(p->text, (size_t)size + 1);
	if (!p->text || pread(fd, p->text, (size_t)size, 0) != size)
		abort();
	p->text[size] = '\0';
	for (char *line = strtok(p->text, "\n"); line; line = strtok(NULL, "\n")) {
		if (p->n == ARRAY_SIZE(p->lines))
			abort();
		p->lines[p->n++] = line;
	}
}

static inline size_t indent_of(const char *line)
{
	return strspn(line, " ");
}

static inline uint32_t pseudo_action(const char *s)
{
	if (str_starts(s, "ALLOW"))
		return SCMP_ACT_ALLOW;
	if (str_starts(s, "ERRNO("))
		return SCMP_ACT_ERRNO(strtoul(s + 6, NULL, 10));
	if (str_starts(s, "TRACE("))
		return SCMP_ACT_TRACE(strtoul(s + 6, NULL, 10));
	if (str_starts(s, "TRAP"))
		return SCMP_ACT_TRAP;
	if (str_starts(s, "LOG"))
		return SCMP_ACT_LOG;
	if (str_starts(s, "NOTIFY"))
		return SCMP_ACT_NOTIFY;
	return str_starts(s, "KILL_PROCESS") ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL;
}

/* "($a0.hi32 & 0x0000000f == 3)" and the like. */
static inline bool pseudo_holds(const char *s, uint32_t nr, const uint64_t args[6])
{
	uint32_t value = nr, mask = UINT32_MAX, datum;

	if (str_starts(s, "($a") && s[3] >= '0' && s[3] <= '5') {
		uint64_t arg = args[s[3] - '0'];

		value = (uint32_t)(str_starts(s + 4, ".hi32") ? arg >> 32 : arg);
	}
	s = strchr(s, ' ');
	if (str_starts(s, " & ")) {
		mask = (uint32_t)strtoul(s + 3, NULL, 16);
		s = strchr(s + 3, ' ');
	}
	datum = (uint32_t)strtoul(strrchr(s, ' ') + 1, NULL, 10);
	if (str_starts(s, " == "))
		return (value & mask) == datum;
	return str_starts(s, " >= ") ? value >= datum : value > datum;
}

/* From line *@i on, as long as it is indented by @indent or more. Returns whether it decides. */
static inline bool pseudo_run(const struct pseudo *p, size_t *i, size_t indent, bool live,
			      uint32_t nr, const uint64_t args[6], uint32_t *ret)
{
	while (*i < p->n) {
		const char *line = p->lines[*i];
		size_t depth = indent_of(line);
		bool holds;

		line += depth;
		if (*line == '#') {
			++*i;
			continue;
		}
		if (depth < indent || str_starts(line, "else"))
			return false;
		++*i;
		if (str_starts(line, "action ")) {
			*ret = pseudo_action(line + 7);
			if (live)
				return true;
			continue;
		}
		holds = pseudo_holds(line + 3, nr, args);
		if (pseudo_run(p, i, depth + 1, live && holds, nr, args, ret))
			return true;
		if (*i < p->n && indent_of(p->lines[*i]) == depth &&
		    str_starts(p->lines[*i] + depth, "else")) {
			++*i;
			if (pseudo_run(p, i, depth + 1, live && !holds, nr, args, ret))
				return true;
		}
	}
	return false;
}

/* What the words say, or false where they do not name the architecture. */
static inline bool pseudo_verdict(const struct pseudo *p, enum seccomp_arch arch, uint32_t nr,
				  const uint64_t args[6], uint32_t *ret)
{
	char start[64] = "# filter for arch ";
	size_t at = strlen(start);

	for (const char *s = seccomp_arch_info(arch)->name + strlen(PREFIX); *s; s++)
		start[at++] = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
	start[at++] = ' ';
	start[at] = '\0';
	for (size_t i = 0; i < p->n; i++) {
		if (!str_starts(p->lines[i], start))
			continue;
		i += 2; /* the comparison of the architecture */
		return pseudo_run(p, &i, 1, true, nr, args, ret);
	}
	return false;
}
