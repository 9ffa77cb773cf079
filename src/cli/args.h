/* The one parser of options, driven by tables: a row an option. The same rows are the help, the
 * completion scripts and the JSON that the tests compare with the manual pages. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"

enum option_type {
	OPTION_FLAG,    /* bool; --name, --name=false */
	OPTION_STRING,  /* const char * */
	OPTION_CHOICE,  /* const char *, one of the words of @argument, "text|json" */
	OPTION_U32,     /* uint32_t, or unsigned */
	OPTION_LIST,    /* struct str_list; given once for each item */
	OPTION_NOTHING, /* a flag that is accepted and does nothing */
	OPTION_HELP,    /* stops parsing: struct args.help */
};

struct option {
	const char *name; /* without dashes */
	char letter;      /* '\0' for none */
	bool hidden;      /* accepted, but not shown */
	bool has_given;   /* @given is the offset of a bool that tells presence */
	uint8_t type;     /* enum option_type */
	uint16_t offset;  /* of the value in the structure of options */
	uint16_t given;
	const char *argument; /* what help calls the value: DIR, FILE, SOCKET, N, …; "" for flags */
	const char *fallback; /* the value when the option is not there; NULL for none */
	const char *help;     /* a phrase in lower case, without a full stop */
};

struct option_table {
	const struct option *rows;
	size_t n;
	size_t size; /* of the structure of options */
};

/* The initializer of a table: @array of rows, for the structure @type. */
#define OPTION_TABLE(array, type)                                                                  \
	{                                                                                          \
		(array), ARRAY_SIZE(array), sizeof(type)                                           \
	}

/* A parse: what goes in, and how far it came. */
struct args {
	struct arena *arena;
	const struct option_table *table;
	char **next;             /* the first word that is not parsed yet; ends with NULL */
	bool stop_at_positional; /* what follows belongs to somebody else */
	void *values;            /* table->size bytes */
	struct str_list positionals;
	bool help; /* --help was there; nothing behind it was parsed */
};

/* The row that every table has without naming it. */
extern const struct option option_help;

/* Whether the option is followed by a value. */
bool option_takes_value(const struct option *o);

/* Set all values to their fallbacks: "" for strings, 0 and false without one. @a->values must be
 * zeroed. Returns 0 or -errno. */
int args_set_fallbacks(struct args *a, struct err *e) _must_check_;

/* Parse words from @a->next on, as getopt_long and Go's flag package do: --name VALUE,
 * --name=VALUE, -name VALUE, -n VALUE, -nVALUE, -abn VALUE, --flag=false, and -- to end the
 * options. A word of one dash and more than one letter is a long option if one has this name.
 * Options may follow positional arguments unless @a->stop_at_positional. A later value replaces an
 * earlier one, except in lists.
 *
 * Returns 0, with a->next behind what was consumed, or -EINVAL with ERR_USAGE; values that came
 * before the mistake are set even then. */
int args_parse(struct args *a, struct err *e) _must_check_;

/* The option called @name in @table, or NULL. */
const struct option *args_find(const struct option_table *table, const char *name, size_t len);

/* Whether @word more likely meant @name than what *@best stands for, which starts as ARGS_FAR and
 * is lowered then. */
bool args_is_nearer(const char *word, const char *name, unsigned *best);
#define ARGS_FAR UINT32_MAX
