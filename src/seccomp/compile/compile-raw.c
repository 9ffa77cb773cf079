/* Programs that somebody else compiled: base64 and the kernel's rules for them. Pure, host side.
 *
 * The kernel checks again; doing it here gives an error with words, before anything was set up, and
 * tells whether the program can ask for a listener. */
#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <sys/types.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"

/* --- base64 ----------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Decode all of @text, padded as RFC 4648 wants it. @buf has room for 3 bytes in 4. Returns the
 * length or -EINVAL. */
static ssize_t base64_decode(const char *text, uint8_t *buf)
{
	size_t len = strlen(text), n = 0, padding = 0;

	if (len % 4)
		return -EINVAL;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t group = 0;
		size_t digits = i + 4 == len ? 4 - padding : 4;

		for (size_t k = 0; k < 4; k++) {
			int digit = k < digits ? base64_digit(text[i + k]) : 0;

			if (digit < 0)
				return -EINVAL;
			group = group << 6 | (uint32_t)digit;
		}
		for (size_t k = 0; k + 1 < digits; k++)
			buf[n++] = (uint8_t)(group >> (16 - 8 * k));
	}
	return (ssize_t)n;
}

/* --- the kernel's rules ------------------------------------------------------------------------
 */

static int refuse(size_t pc, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "instruction %zu of the seccomp filter %s",
		       pc, what);
}

static bool needs_no_check(unsigned code)
{
	/* NOLINTBEGIN(misc-redundant-expression): some of the names mean 0 */
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_LEN,  BPF_LDX | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,
		BPF_LDX | BPF_IMM,         BPF_MISC | BPF_TAX,        BPF_MISC | BPF_TXA,
		BPF_RET | BPF_K,           BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_ADD | BPF_X,
		BPF_ALU | BPF_SUB | BPF_K, BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_MUL | BPF_X, BPF_ALU | BPF_DIV | BPF_X, BPF_ALU | BPF_AND | BPF_K,
		BPF_ALU | BPF_AND | BPF_X, BPF_ALU | BPF_OR | BPF_K,  BPF_ALU | BPF_OR | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_X,
		BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_NEG,
	};
	/* NOLINTEND(misc-redundant-expression) */

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* The rules for one instruction by itself. Scratch memory: @known says which words were written on
 * all ways here. */
static int check_instruction(const struct sock_filter *f, size_t pc, size_t n, uint16_t *known,
			     struct err *e)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (f->k >= sizeof(struct seccomp_data) || f->k % 4)
			return refuse(pc, "loads from outside of struct seccomp_data", e);
		return 0;
	case BPF_ST:
	case BPF_STX:
		if (f->k >= BPF_MEMWORDS)
			return refuse(pc, "uses scratch memory that does not exist", e);
		*known |= (uint16_t)(1U << f->k);
		return 0;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		if (f->k >= BPF_MEMWORDS || !(*known >> f->k & 1))
			return refuse(pc, "reads scratch memory that was not written", e);
		return 0;
	case BPF_ALU | BPF_DIV | BPF_K:
		return f->k ? 0 : refuse(pc, "divides by zero", e);
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return f->k < 32 ? 0 : refuse(pc, "shifts by more than 31", e);
	case BPF_JMP | BPF_JA:
		return f->k < n - pc - 1 ? 0 : refuse(pc, "jumps past the end", e);
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		if (pc + f->jt + 1 >= n || pc + f->jf + 1 >= n)
			return refuse(pc, "jumps past the end", e);
		return 0;
	case BPF_RET | BPF_A:
		return refuse(pc, "returns the accumulator, which could be any verdict", e);
	default:
		return needs_no_check(f->code) ? 0 : refuse(pc, "is none that seccomp allows", e);
	}
}

/* Carry what is known of scratch memory to where @f may go; the kernel lets a return go on to the
 * next instruction. All jumps go forward, and the last instruction is no jump. */
static void spread(const struct sock_filter *f, size_t pc, size_t n, uint16_t known,
		   uint16_t *states)
{
	if (BPF_CLASS(f->code) != BPF_JMP) {
		if (pc + 1 < n)
			states[pc + 1] &= known;
	} else if (BPF_OP(f->code) == BPF_JA) {
		states[pc + 1 + f->k] &= known;
	} else {
		states[pc + 1 + f->jt] &= known;
		states[pc + 1 + f->jf] &= known;
	}
}

int seccomp_raw_check(struct arena *a, const struct sock_filter *insns, size_t n, bool *ret_notify,
		      struct err *e)
{
	uint16_t *states = arena_newn(a, uint16_t, n);

	if (!states)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "check the seccomp filter");
	*ret_notify = false;
	for (size_t pc = 0; pc < n; pc++)
		states[pc] = pc ? UINT16_MAX : 0;
	if (BPF_CLASS(insns[n - 1].code) != BPF_RET)
		return refuse(n - 1, "is the last, and no return", e);
	for (size_t pc = 0; pc < n; pc++) {
		uint16_t known = states[pc];
		int r = check_instruction(&insns[pc], pc, n, &known, e);

		if (r < 0)
			return r;
		spread(&insns[pc], pc, n, known, states);
		if (insns[pc].code == (BPF_RET | BPF_K) &&
		    (insns[pc].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			*ret_notify = true;
	}
	return 0;
}

int seccomp_raw_from_base64(struct arena *a, const char *text, uint32_t flags,
			    struct seccomp_program *ret, struct err *e)
{
	struct sock_filter *insns;
	ssize_t size;
	bool notify;
	size_t n;
	int r;

	if (strlen(text) > (BPF_MAXINSNS * sizeof(*insns) + 2) / 3 * 4)
		return err_set(e, ERR_CONFIG_INVALID, -E2BIG,
			       "the seccomp filter has more than the %d instructions that the "
			       "kernel takes",
			       BPF_MAXINSNS);
	insns = arena_alloc(a, strlen(text) / 4 * 3 + sizeof(*insns));
	if (!insns)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the seccomp filter");
	size = base64_decode(text, (uint8_t *)insns);
	if (size < 0)
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "the seccomp filter is not base64");
	n = (size_t)size / sizeof(*insns);
	if (n == 0 || n > BPF_MAXINSNS || (size_t)size % sizeof(*insns))
		return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
			       "the seccomp filter has %zu bytes, which are no whole number of "
			       "instructions from 1 to %d",
			       (size_t)size, BPF_MAXINSNS);
	r = seccomp_raw_check(a, insns, n, &notify, e);
	if (r < 0)
		return r;
	*ret = (struct seccomp_program){
		.insns = insns,
		.n = n,
		.flags = seccomp_final_flags(flags, notify),
		.notify = notify,
	};
	return 0;
}
