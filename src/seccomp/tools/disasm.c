/* The disassembler. It follows all jumps forward to know what is loaded and which architectures can
 * be meant at each instruction: only then does a number have a name. Pure, host side. */
#include "seccomp/tools/disasm.h"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "base/str.h"
#include "seccomp/tools/describe.h"

#define LINE_MAX_LEN 240
#define ALL_ARCHS    ((1U << SECCOMP_ARCH_MAX) - 1)

/* What the accumulator holds: an offset in struct seccomp_data, or not one thing. */
#define HOLDS_NOTHING 0xfff0U
#define HOLDS_OTHER   0xfff1U

struct state {
	bool reached, is_target;
	uint32_t archs; /* that can be meant here */
	uint32_t holds;
	bool masked;
};

struct disasm {
	const struct sock_filter *insns;
	size_t n;
	struct state *states;
	char *text;
	size_t len, size;
};

static void flow(struct disasm *d, size_t to, const struct state *from, uint32_t archs)
{
	struct state *s;

	if (to >= d->n)
		return;
	s = &d->states[to];
	if (!s->reached) {
		s->holds = from->holds;
		s->masked = from->masked;
	} else if (s->holds != from->holds || s->masked != from->masked) {
		s->holds = HOLDS_OTHER;
	}
	s->reached = true;
	s->archs |= archs;
}

/* The architectures whose identity is @audit. */
static uint32_t archs_of(uint32_t audit)
{
	uint32_t archs = 0;

	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (seccomp_arch_info(i)->audit == audit)
			archs |= 1U << i;
	return archs;
}

static void follow(struct disasm *d, size_t pc)
{
	const struct sock_filter *f = &d->insns[pc];
	struct state s = d->states[pc];
	size_t yes = pc + 1 + f->jt, no = pc + 1 + f->jf;
	uint32_t named = 0;

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		s.holds = BPF_MODE(f->code) == BPF_ABS ? f->k : HOLDS_OTHER;
		s.masked = false;
		break;
	case BPF_ALU:
		s.masked = f->code == (BPF_ALU | BPF_AND | BPF_K);
		if (!s.masked)
			s.holds = HOLDS_OTHER;
		break;
	case BPF_MISC:
		if (f->code == (BPF_MISC | BPF_TXA))
			s.holds = HOLDS_OTHER;
		break;
	case BPF_RET:
		return;
	case BPF_JMP:
		if (BPF_OP(f->code) == BPF_JA) {
			d->states[MIN(pc + 1 + f->k, d->n - 1)].is_target = true;
			flow(d, pc + 1 + f->k, &s, s.archs);
			return;
		}
		if (f->jt)
			d->states[MIN(yes, d->n - 1)].is_target = true;
		if (f->jf)
			d->states[MIN(no, d->n - 1)].is_target = true;
		if (f->code == (BPF_JMP | BPF_JEQ | BPF_K) && !s.masked &&
		    s.holds == offsetof(struct seccomp_data, arch))
			named = archs_of(f->k);
		flow(d, yes, &s, named ? s.archs & named : s.archs);
		flow(d, no, &s, s.archs & ~named);
		return;
	default:
		break;
	}
	flow(d, pc + 1, &s, s.archs);
}

/* What is compared with @k, by name if it has one here. */
static const char *operand(const struct state *s, uint32_t k, char buf[static DESCRIBE_MAX])
{
	char name[POLICY_ARCH_MAX];
	uint32_t archs = s->archs;
	int arch = -1, call;

	if (s->holds == offsetof(struct seccomp_data, arch) && !s->masked && archs_of(k)) {
		(void)str_copy(
			buf, DESCRIBE_MAX,
			policy_arch_name((enum seccomp_arch)__builtin_ctz(archs_of(k)), name));
		return buf;
	}
	/* x86_64 and x32 have one identity, and a bit that tells them apart. */
	if (archs == (1U << SECCOMP_ARCH_X86_64 | 1U << SECCOMP_ARCH_X32))
		arch = k & SECCOMP_X32_BIT ? SECCOMP_ARCH_X32 : SECCOMP_ARCH_X86_64;
	else if (archs && !(archs & (archs - 1)))
		arch = __builtin_ctz(archs);
	if (s->holds == offsetof(struct seccomp_data, nr) && !s->masked && arch >= 0) {
		call = describe_find_call((enum seccomp_arch)arch, k);
		if (call >= 0) {
			(void)str_format(buf, DESCRIBE_MAX, "%u  ; %s", k,
					 syscall_name((unsigned)call));
			return buf;
		}
	}
	(void)str_format(buf, DESCRIBE_MAX, k < 1000 ? "%u" : "0x%x", k);
	return buf;
}

static void describe_load(const struct sock_filter *f, uint32_t archs, char *line)
{
	uint32_t offset = f->k, arg = (offset - 16) / 8;
	bool big =
		archs && archs != ALL_ARCHS && seccomp_arch_info(__builtin_ctz(archs))->big_endian;

	if (f->code != (BPF_LD | BPF_W | BPF_ABS))
		(void)str_format(line, LINE_MAX_LEN, "A = %s%u",
				 BPF_MODE(f->code) == BPF_MEM ? "M" : "", f->k);
	else if (offset == offsetof(struct seccomp_data, nr))
		(void)str_copy(line, LINE_MAX_LEN, "A = nr");
	else if (offset == offsetof(struct seccomp_data, arch))
		(void)str_copy(line, LINE_MAX_LEN, "A = arch");
	else if (offset < 16)
		(void)str_format(line, LINE_MAX_LEN, "A = %s half of ip",
				 (offset == 8) != big ? "low" : "high");
	else
		(void)str_format(line, LINE_MAX_LEN, "A = %s half of arg%u",
				 (offset % 8 == 0) != big ? "low" : "high", arg);
}

static void describe_jump(const struct disasm *d, size_t pc, char *line)
{
	static const char signs[][4] = {"==", ">", ">=", "&"};
	const struct sock_filter *f = &d->insns[pc];
	unsigned op = BPF_OP(f->code) == BPF_JEQ   ? 0
		      : BPF_OP(f->code) == BPF_JGT ? 1
		      : BPF_OP(f->code) == BPF_JGE ? 2
						   : 3;
	char buf[DESCRIBE_MAX], *name;
	size_t n;

	if (BPF_SRC(f->code) == BPF_X)
		(void)str_copy(buf, sizeof(buf), "X");
	else
		(void)operand(&d->states[pc], f->k, buf);
	name = strstr(buf, "  ; ");
	if (name)
		*name = '\0';
	n = str_format(line, LINE_MAX_LEN, "if A %s %s goto %zu", signs[op], buf, pc + 1 + f->jt);
	if (f->jf)
		n += str_format(line + n, LINE_MAX_LEN - n, " else %zu", pc + 1 + f->jf);
	if (name)
		(void)str_format(line + n, LINE_MAX_LEN - n, "  ; %s", name + 4);
}

static void describe_other(const struct sock_filter *f, char *line)
{
	static const char operators[][4] = {"+", "-", "*", "/", "|", "&", "<<", ">>"};
	unsigned op = BPF_OP(f->code) >> 4;

	if (BPF_CLASS(f->code) == BPF_ALU && op < ARRAY_SIZE(operators)) {
		if (BPF_SRC(f->code) == BPF_X)
			(void)str_format(line, LINE_MAX_LEN, "A = A %s X", operators[op]);
		else
			(void)str_format(line, LINE_MAX_LEN, "A = A %s 0x%x", operators[op], f->k);
	} else if (f->code == (BPF_ALU | BPF_NEG)) {
		(void)str_copy(line, LINE_MAX_LEN, "A = -A");
	} else if (BPF_CLASS(f->code) == BPF_ALU) {
		(void)str_format(line, LINE_MAX_LEN, "A = A ^ 0x%x", f->k);
	} else if (BPF_CLASS(f->code) == BPF_ST) {
		(void)str_format(line, LINE_MAX_LEN, "M%u = A", f->k);
	} else if (BPF_CLASS(f->code) == BPF_STX) {
		(void)str_format(line, LINE_MAX_LEN, "M%u = X", f->k);
	} else if (BPF_CLASS(f->code) == BPF_LDX) {
		(void)str_format(line, LINE_MAX_LEN, "X = %s%u",
				 BPF_MODE(f->code) == BPF_MEM ? "M" : "", f->k);
	} else if (f->code == (BPF_MISC | BPF_TAX)) {
		(void)str_copy(line, LINE_MAX_LEN, "X = A");
	} else {
		(void)str_copy(line, LINE_MAX_LEN, "A = X");
	}
}

static void describe(const struct disasm *d, size_t pc, char *line)
{
	const struct sock_filter *f = &d->insns[pc];
	char buf[POLICY_ACTION_MAX];

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		describe_load(f, d->states[pc].archs, line);
		break;
	case BPF_JMP:
		if (BPF_OP(f->code) == BPF_JA)
			(void)str_format(line, LINE_MAX_LEN, "goto %zu", pc + 1 + f->k);
		else
			describe_jump(d, pc, line);
		break;
	case BPF_RET:
		(void)str_format(line, LINE_MAX_LEN, "return %s",
				 f->code == (BPF_RET | BPF_A) ? "A"
							      : policy_action_text(f->k, buf));
		break;
	default:
		describe_other(f, line);
	}
}

const char *disasm_text(struct arena *a, const struct sock_filter *insns, size_t n)
{
	struct disasm d = {.insns = insns, .n = n};
	size_t len = 0, size = n * (LINE_MAX_LEN + 16) + 1;
	char *text = arena_alloc(a, size);

	d.states = arena_newn(a, struct state, n);
	if (!d.states || !text)
		return NULL;
	d.states[0] = (struct state){.reached = true, .archs = ALL_ARCHS, .holds = HOLDS_NOTHING};
	for (size_t pc = 0; pc < n; pc++)
		if (d.states[pc].reached)
			follow(&d, pc);
	for (size_t pc = 0; pc < n; pc++) {
		char line[LINE_MAX_LEN] = "";

		describe(&d, pc, line);
		len += str_format(text + len, size - len, "%s%4zu  %s%s\n",
				  d.states[pc].is_target ? ">" : " ", pc, line,
				  d.states[pc].reached ? "" : "  ; never reached");
	}
	return text;
}
