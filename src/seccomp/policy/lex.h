/* A policy's text to tokens. Pure, host side; nothing is allocated. */
#pragma once

#include "seccomp/policy/source.h"

enum policy_token_kind {
	TOKEN_END,
	TOKEN_WORD,      /* let, ALLOW, O_CREAT, dirfd */
	TOKEN_CALL,      /* @openat, @openat@x86_64; without the first @ */
	TOKEN_SET,       /* @@file-system; without both @ */
	TOKEN_VARIABLE,  /* $syscall; without the $ */
	TOKEN_NUMBER,    /* number has it */
	TOKEN_VERSION,   /* 5.3, 5.10.1 */
	TOKEN_STRING,    /* "…"; without the quotes, and no escapes in it */
	TOKEN_DIRECTIVE, /* #ifdef; without # and blanks */
	TOKEN_SIGN,      /* sign has it */
};

enum policy_sign {
	SIGN_THEN, /* => */
	SIGN_AND,  /* && */
	SIGN_OR,   /* || */
	SIGN_EQ,
	SIGN_NE,
	SIGN_LE,
	SIGN_GE,
	SIGN_SHIFT, /* << */
	SIGN_LT,
	SIGN_GT,
	SIGN_NOT,    /* ! */
	SIGN_MASK,   /* & */
	SIGN_BITS,   /* | */
	SIGN_INVERT, /* ~ */
	SIGN_MINUS,
	SIGN_ASSIGN, /* = */
	SIGN_OPEN,
	SIGN_CLOSE,
	SIGN_OPEN_BLOCK,
	SIGN_CLOSE_BLOCK,
	SIGN_COMMA,
	SIGN_SEMICOLON,
};

struct policy_token {
	enum policy_token_kind kind;
	enum policy_sign sign;
	const char *text; /* in the file's text, not terminated */
	size_t len;
	uint64_t number;
	struct policy_place place;
};

struct policy_lexer {
	const struct policy_file *file;
	size_t at;
	uint32_t line;
	size_t line_start;
};

/* Start with the first token of @file, which must outlive the tokens. */
void policy_lexer_init(struct policy_lexer *l, const struct policy_file *file);

/* The next token. Returns 0, also at the end (TOKEN_END, again and again); or -EINVAL with an error
 * in @log, after which the next call goes on behind what was wrong. */
int policy_next_token(struct policy_lexer *l, struct policy_log *log, struct policy_token *ret)
	_must_check_;

/* Whether the token's text is @word. */
bool policy_token_is(const struct policy_token *t, const char *word);
