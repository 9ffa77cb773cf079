/* Running filters. Pure, host side. */
#include "seccomp/tools/machine.h"

#include <errno.h>
#include <linux/bpf_common.h>

struct machine {
	const struct machine_data *d;
	uint32_t a, x, memory[BPF_MEMWORDS];
	size_t pc;
};

static int load(const struct machine *m, uint32_t offset, uint32_t *ret)
{
	const struct machine_data *d = m->d;
	uint64_t wide;

	if (offset % 4 || offset >= 64)
		return -EINVAL;
	if (offset < 8) {
		*ret = offset ? d->arch : d->nr;
		return 0;
	}
	wide = offset < 16 ? d->ip : d->args[(offset - 16) / 8];
	*ret = (uint32_t)((offset % 8 == 4) != d->big_endian ? wide >> 32 : wide);
	return 0;
}

/* LD and LDX into *@into. */
static int load_into(const struct machine *m, const struct sock_filter *f, uint32_t *into)
{
	switch (BPF_MODE(f->code)) {
	case BPF_ABS:
		return load(m, f->k, into);
	case BPF_IMM:
		*into = f->k;
		return 0;
	case BPF_LEN:
		*into = 64;
		return 0;
	case BPF_MEM:
		if (f->k >= BPF_MEMWORDS)
			return -EINVAL;
		*into = m->memory[f->k];
		return 0;
	default:
		return -EINVAL;
	}
}

/* A division by zero ends the program with 0, which kills. Returns 1 then. */
static int compute(struct machine *m, const struct sock_filter *f)
{
	uint32_t with = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		m->a += with;
		return 0;
	case BPF_SUB:
		m->a -= with;
		return 0;
	case BPF_MUL:
		m->a *= with;
		return 0;
	case BPF_DIV:
		if (with == 0)
			return 1;
		m->a /= with;
		return 0;
	case BPF_AND:
		m->a &= with;
		return 0;
	case BPF_OR:
		m->a |= with;
		return 0;
	case BPF_XOR:
		m->a ^= with;
		return 0;
	case BPF_LSH:
		m->a <<= with & 31;
		return 0;
	case BPF_RSH:
		m->a >>= with & 31;
		return 0;
	case BPF_NEG:
		m->a = -m->a;
		return 0;
	default:
		return -EINVAL;
	}
}

static int jump(struct machine *m, const struct sock_filter *f)
{
	uint32_t with = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	bool yes;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		m->pc += f->k;
		return 0;
	case BPF_JEQ:
		yes = m->a == with;
		break;
	case BPF_JGT:
		yes = m->a > with;
		break;
	case BPF_JGE:
		yes = m->a >= with;
		break;
	case BPF_JSET:
		yes = m->a & with;
		break;
	default:
		return -EINVAL;
	}
	m->pc += yes ? f->jt : f->jf;
	return 0;
}

int machine_run(const struct sock_filter *insns, size_t n, const struct machine_data *d,
		uint32_t *ret)
{
	struct machine m = {.d = d};

	while (m.pc < n) {
		const struct sock_filter *f = &insns[m.pc++];
		int r = 0;

		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			r = load_into(&m, f, &m.a);
			break;
		case BPF_LDX:
			r = load_into(&m, f, &m.x);
			break;
		case BPF_ST:
		case BPF_STX:
			if (f->k >= BPF_MEMWORDS)
				return -EINVAL;
			m.memory[f->k] = BPF_CLASS(f->code) == BPF_ST ? m.a : m.x;
			break;
		case BPF_ALU:
			r = compute(&m, f);
			break;
		case BPF_JMP:
			r = jump(&m, f);
			break;
		case BPF_RET:
			*ret = f->code == (BPF_RET | BPF_A) ? m.a : f->k;
			return 0;
		default:
			if (f->code == (BPF_MISC | BPF_TAX))
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
		if (r == 1) {
			*ret = 0;
			return 0;
		}
		if (r < 0)
			return r;
	}
	return -EINVAL;
}
