/* Device rules to a BPF_PROG_TYPE_CGROUP_DEVICE program, or to the lists of cgroup v1. Pure:
 * cgroup/devices.c loads and writes them.
 *
 * What the rules mean. Each of read, write and mknod is decided by itself: by the last rule that
 * matches the device and names that access; where no rule does, it is denied. A request (an open
 * for reading and writing asks for two at once) passes when every access it asks for does. The
 * kernel's cgroup v1 wanted one exception to hold all of a request; deciding by access gives the
 * same answers wherever v1 took the rules at all, and honours a denial of one access where runc
 * and crun let a request for two slip past it.
 *
 * The devices that every container has are allowed behind each rule for all devices of a type: the
 * rules of every engine begin with "deny everything" and rely on that. Rules further down may take
 * them away; runc and crun do not let them. Without these devices, where that is asked for, the
 * rules are all there is.
 *
 * The program walks the rules from the last to the first with the accesses that are still open in
 * a register. Character and block devices have a section each. Rules for all devices are not
 * walked: what they allow is a mask. The verifier takes 3 to 4 us for each conditional jump (6.18),
 * which is most of what a policy costs, so jumps are saved: majors are compared once, neighbouring
 * minors as a range, and the mask is applied once at the beginning where no rule objects. */
#include <linux/bpf.h>

#include "base/str.h"
#include "plan/cgroup.h"

#include <errno.h>

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

#define ANY -1

/* A rule in one section: type is implied, and never for all devices. */
struct rule {
	bool allow;
	uint8_t access;
	int64_t major, minor; /* or ANY; not both */
	/* No other access can be open here, or the verdict on it is the same anyway. */
	bool ends;
};

struct section {
	int type;           /* BPF_DEVCG_DEV_* */
	struct rule *rules; /* what decides first stands first */
	size_t n;
	uint8_t open;    /* accesses that no rule for all devices has decided yet */
	uint8_t allowed; /* accesses that are allowed where no rule decides */
};

/* A rule of the configuration, understood. */
struct parsed {
	bool allow, chars, blocks;
	uint8_t access;
	int64_t major, minor;
};

static const struct {
	int type;
	struct rule rule;
} default_rules[] = {
	/* clang-format off */
	{BPF_DEVCG_DEV_CHAR,  {true, BPF_DEVCG_ACC_MKNOD, ANY, ANY, false}},
	{BPF_DEVCG_DEV_BLOCK, {true, BPF_DEVCG_ACC_MKNOD, ANY, ANY, false}},
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 1, 3, false}},     /* null */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 1, 5, false}},     /* zero */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 1, 7, false}},     /* full */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 1, 8, false}},     /* random */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 1, 9, false}},     /* urandom */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 5, 0, false}},     /* tty */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 5, 1, false}},     /* console */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 5, 2, false}},     /* ptmx */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 10, 200, false}},  /* tun */
	{BPF_DEVCG_DEV_CHAR,  {true, ACCESS_ALL, 136, ANY, false}}, /* pts */
	/* clang-format on */
};

/* --- from the configuration to sections ------------------------------------------------------- */

static int invalid(struct err *e, size_t index, const char *key, const char *text)
{
	err_set(e, ERR_CONFIG_INVALID, -EINVAL, "%s", text);
	return err_where(e, "linux.resources.devices[%zu].%s", index, key);
}

static int parse_number(bool present, int64_t value, int64_t *ret)
{
	*ret = present ? value : ANY;
	return *ret < ANY || *ret > UINT32_MAX ? -EINVAL : 0;
}

static int parse_rule(const struct spec_device_rule *in, size_t index, struct parsed *ret,
		      struct err *e)
{
	bool all = in->type[0] == '\0' || str_eq(in->type, "a");

	*ret = (struct parsed){
		.allow = in->allow,
		.chars = all || str_eq(in->type, "c") || str_eq(in->type, "u"),
		.blocks = all || str_eq(in->type, "b"),
	};
	if (!ret->chars && !ret->blocks)
		return invalid(e, index, "type", "a device rule's type is \"a\", \"b\" or \"c\"");
	for (const char *p = in->access; *p; p++) {
		switch (*p) {
		case 'r':
			ret->access |= BPF_DEVCG_ACC_READ;
			break;
		case 'w':
			ret->access |= BPF_DEVCG_ACC_WRITE;
			break;
		case 'm':
			ret->access |= BPF_DEVCG_ACC_MKNOD;
			break;
		default:
			return invalid(e, index, "access",
				       "a device rule's access is made of \"r\", \"w\" and \"m\"");
		}
	}
	if (ret->access == 0)
		return invalid(e, index, "access", "a device rule needs at least one access");
	if (parse_number(in->has_major, in->major, &ret->major) < 0)
		return invalid(e, index, "major", "the device number is out of range");
	if (parse_number(in->has_minor, in->minor, &ret->minor) < 0)
		return invalid(e, index, "minor", "the device number is out of range");
	return 0;
}

static bool covers(const struct rule *a, const struct rule *b)
{
	return (a->major == ANY || a->major == b->major) &&
	       (a->minor == ANY || a->minor == b->minor);
}

/* Add a rule below those that are there; what they decide already is cut away. */
static void section_add(struct section *s, struct rule rule)
{
	uint8_t decided = (uint8_t)~s->open;
	uint8_t same = rule.allow ? s->allowed : decided & (uint8_t)~s->allowed;

	rule.access &= s->open;
	if (rule.major == ANY && rule.minor == ANY) {
		s->open &= (uint8_t)~rule.access;
		if (rule.allow)
			s->allowed |= rule.access;
		return;
	}
	for (size_t i = 0; i < s->n && rule.access != 0; i++) {
		if (!covers(&s->rules[i], &rule))
			continue;
		same |= s->rules[i].access;
		rule.access &= (uint8_t)~s->rules[i].access;
	}
	rule.ends = ((rule.access | same) & ACCESS_ALL) == ACCESS_ALL;
	if (rule.access != 0)
		s->rules[s->n++] = rule;
}

static void section_add_defaults(struct section *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_rules); i++) {
		if (default_rules[i].type == s->type)
			section_add(s, default_rules[i].rule);
	}
}

/* Drop the lowest rules as long as they say what holds without them. */
static void section_trim(struct section *s)
{
	size_t kept;
	bool allow;

	while (s->n > 0) {
		size_t first = s->n - 1;

		allow = s->rules[first].allow;
		while (first > 0 && s->rules[first - 1].allow == allow)
			first--;
		kept = first;
		/* Rules of one verdict commute, so any of the lowest run may go. */
		for (size_t i = first; i < s->n; i++) {
			uint8_t without = allow ? s->allowed : (uint8_t)~s->allowed;

			if ((s->rules[i].access & ~without) != 0)
				s->rules[kept++] = s->rules[i];
		}
		s->n = kept;
		if (kept > first)
			return;
	}
}

/* The order within a run of one verdict is free: majors together make a group of one comparison,
 * and minors in order make ranges. A rule for all minors of a major comes last: what would come
 * after it might never be reached, and the verifier refuses that. */
static bool goes_before(const struct rule *a, const struct rule *b)
{
	if (a->allow != b->allow)
		return false;
	if (a->major != b->major)
		return a->major < b->major;
	return a->minor != ANY && (b->minor == ANY || a->minor < b->minor);
}

static void section_sort(struct section *s)
{
	for (size_t i = 1; i < s->n; i++) {
		struct rule rule = s->rules[i];
		size_t k = i;

		for (; k > 0 && goes_before(&rule, &s->rules[k - 1]); k--)
			s->rules[k] = s->rules[k - 1];
		s->rules[k] = rule;
	}
}

static int section_build(struct arena *a, int type, const struct parsed *rules, size_t n,
			 bool builtin, struct section *ret)
{
	bool with_defaults = !builtin;

	*ret = (struct section){.type = type, .open = ACCESS_ALL};
	ret->rules = arena_newn(a, struct rule, n + ARRAY_SIZE(default_rules));
	if (!ret->rules)
		return -ENOMEM;
	for (size_t i = n; i-- > 0 && ret->open != 0;) {
		const struct parsed *p = &rules[i];

		if (!(type == BPF_DEVCG_DEV_CHAR ? p->chars : p->blocks))
			continue;
		if (p->major == ANY && p->minor == ANY && !with_defaults) {
			with_defaults = true;
			section_add_defaults(ret);
		}
		section_add(ret, (struct rule){p->allow, p->access, p->major, p->minor, false});
	}
	if (!with_defaults)
		section_add_defaults(ret);
	section_trim(ret);
	section_sort(ret);
	return 0;
}

/* Both sections of @rules. */
static int sections_build(struct arena *a, const struct spec_device_rule *rules, size_t n,
			  bool builtin, struct section *ret_chars, struct section *ret_blocks,
			  struct err *e)
{
	struct parsed *parsed = arena_newn(a, struct parsed, n + 1);

	for (size_t i = 0; parsed && i < n; i++) {
		int r = parse_rule(&rules[i], i, &parsed[i], e);

		if (r < 0)
			return r;
	}
	if (!parsed || section_build(a, BPF_DEVCG_DEV_CHAR, parsed, n, builtin, ret_chars) < 0 ||
	    section_build(a, BPF_DEVCG_DEV_BLOCK, parsed, n, builtin, ret_blocks) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compile device rules");
	return 0;
}

/* --- from sections to instructions ------------------------------------------------------------ */

/* Registers: r0 for scratch and the verdict, r1 the context as the kernel gives it. */
enum {
	/* The device's type, and from bit 16 on the accesses asked for and not allowed yet. */
	REG_OPEN = BPF_REG_2,
	REG_MAJOR = BPF_REG_4,
	REG_MINOR = BPF_REG_5,
};

#define OPEN_SHIFT 16

/* Offsets of jumps to the two ends of the program, until they are known. */
#define TO_ALLOW INT16_MIN
#define TO_DENY  (INT16_MIN + 1)

/* Jumps reach 32767 instructions. */
#define PROGRAM_MAX 32000

struct program {
	struct bpf_insn *insns;
	size_t n;
};

static void emit(struct program *p, int code, int dst, int src, int off, int64_t imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)dst,
		.src_reg = (uint8_t)src,
		.off = (int16_t)off,
		.imm = (int32_t)imm,
	};
}

/* Comparisons are of 32 bits (5.1): the immediate of a 64-bit one is sign-extended. */
static void emit_jump(struct program *p, int op, int reg, int64_t value, int off)
{
	emit(p, BPF_JMP32 | op | BPF_K, reg, 0, off, value);
}

static void emit_goto(struct program *p, int off)
{
	emit(p, BPF_JMP | BPF_JA, 0, 0, off, 0);
}

static void emit_load(struct program *p, int reg, size_t offset)
{
	emit(p, BPF_LDX | BPF_W | BPF_MEM, reg, BPF_REG_1, (int)offset, 0);
}

static void emit_done_if_nothing_open(struct program *p)
{
	emit_jump(p, BPF_JLT, REG_OPEN, 1 << OPEN_SHIFT, TO_ALLOW);
}

/* @access is allowed: strike it from what is open, and done if that was all (@ends: it was). */
static void emit_allow(struct program *p, uint8_t access, bool ends)
{
	if (ends) {
		emit_goto(p, TO_ALLOW);
		return;
	}
	emit(p, BPF_ALU | BPF_AND | BPF_K, REG_OPEN, 0, 0, ~(int64_t)(access << OPEN_SHIFT));
	emit_done_if_nothing_open(p);
}

/* The minor of @r is not looked at, or has been. */
static void emit_verdict(struct program *p, const struct rule *r)
{
	if (r->allow)
		emit_allow(p, r->access, r->ends);
	else
		emit_jump(p, BPF_JSET, REG_OPEN, r->access << OPEN_SHIFT, TO_DENY);
}

/* The verdict of @r where @reg is from @low to @high. Where it ends the matter, the comparison is
 * the jump to it. */
static void emit_compare(struct program *p, int reg, int64_t low, int64_t high,
			 const struct rule *r)
{
	bool range = low != high;

	if (range && low != 0) {
		emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, reg, 0, 0);
		emit(p, BPF_ALU | BPF_SUB | BPF_K, BPF_REG_0, 0, 0, low);
		high -= low;
		reg = BPF_REG_0;
	}
	if (r->ends) {
		emit_jump(p, range ? BPF_JLE : BPF_JEQ, reg, high, r->allow ? TO_ALLOW : TO_DENY);
	} else {
		emit_jump(p, range ? BPF_JGT : BPF_JNE, reg, high, r->allow ? 2 : 1);
		emit_verdict(p, r);
	}
}

/* The rule at @i, with those that say the same about the minors that follow. Returns the index
 * behind them. */
static size_t emit_minors(struct program *p, const struct section *s, size_t i, size_t end)
{
	const struct rule *first = &s->rules[i], *last = first;

	if (first->minor == ANY) {
		emit_verdict(p, first);
		return i + 1;
	}
	while (++i < end && s->rules[i].minor == last->minor + 1 &&
	       s->rules[i].access == first->access && s->rules[i].ends == first->ends)
		last = &s->rules[i];
	emit_compare(p, REG_MINOR, first->minor, last->minor, first);
	return i;
}

/* The rules of one verdict and one major from @i on. Returns the index behind them. */
static size_t emit_group(struct program *p, const struct section *s, size_t i)
{
	const struct rule *first = &s->rules[i];
	size_t end = i + 1, start = p->n;

	while (end < s->n && s->rules[end].allow == first->allow &&
	       s->rules[end].major == first->major)
		end++;
	if (end == i + 1 && first->minor == ANY) {
		emit_compare(p, REG_MAJOR, first->major, first->major, first);
		return end;
	}
	if (first->major != ANY)
		emit_jump(p, BPF_JNE, REG_MAJOR, first->major, 0);
	while (i < end)
		i = emit_minors(p, s, i, end);
	if (first->major != ANY)
		p->insns[start].off = (int16_t)(p->n - start - 1);
	return end;
}

static void emit_section(struct program *p, const struct section *s)
{
	for (size_t i = 0; i < s->n;)
		i = emit_group(p, s, i);
	if (s->allowed != 0)
		emit_allow(p, s->allowed, s->allowed == ACCESS_ALL);
	if (s->allowed != ACCESS_ALL)
		emit_goto(p, TO_DENY);
}

/* Does no rule deny what @s allows where no rule decides? */
static bool may_allow_first(const struct section *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!s->rules[i].allow && (s->rules[i].access & s->allowed))
			return false;
	}
	return true;
}

/* Nothing may be asked for, too: access(path, F_OK). */
static void emit_prologue(struct program *p, struct section *chars, struct section *blocks)
{
	emit_load(p, REG_OPEN, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(p, REG_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(p, REG_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	if (chars->allowed != 0 && chars->allowed == blocks->allowed && may_allow_first(chars) &&
	    may_allow_first(blocks)) {
		emit_allow(p, chars->allowed, false);
		chars->allowed = blocks->allowed = 0;
	} else {
		emit_done_if_nothing_open(p);
	}
}

/* Both sections behind one branch by type; to the end itself where the second has no rules. */
static void emit_sections(struct program *p, const struct section *chars,
			  const struct section *blocks)
{
	size_t branch = p->n;

	emit_jump(p, BPF_JSET, REG_OPEN, BPF_DEVCG_DEV_BLOCK, TO_DENY);
	emit_section(p, chars);
	if (blocks->n == 0 && blocks->allowed == 0)
		return;
	p->insns[branch].off = (int16_t)(p->n - branch - 1);
	emit_section(p, blocks);
}

/* The two ends, and the jumps to them. */
static void emit_epilogue(struct program *p)
{
	size_t deny = p->n, allow = p->n + 2;

	for (size_t i = 0; i < p->n; i++) {
		if (p->insns[i].off == TO_DENY)
			p->insns[i].off = (int16_t)(deny - i - 1);
		else if (p->insns[i].off == TO_ALLOW)
			p->insns[i].off = (int16_t)(allow - i - 1);
	}
	for (int verdict = 0; verdict <= 1; verdict++) {
		emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, verdict);
		emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
}

/* --- from sections to the lists of cgroup v1
 * ------------------------------------------------------
 */

/* "1:3", "136:*". */
static const char *format_number(char *buf, size_t size, const struct rule *r)
{
	char major[24] = "*", minor[24] = "*";

	if (r->major != ANY)
		(void)str_format(major, sizeof(major), "%lld", (long long)r->major);
	if (r->minor != ANY)
		(void)str_format(minor, sizeof(minor), "%lld", (long long)r->minor);
	(void)str_format(buf, size, "%s:%s", major, minor);
	return buf;
}

static int list_add(struct arena *a, struct str_list *list, bool allow, char type,
		    const char *number, uint8_t access)
{
	list->items[list->n] = arena_format(a, "%s %c %s %s%s%s", allow ? "allow" : "deny", type,
					    number, access & BPF_DEVCG_ACC_READ ? "r" : "",
					    access & BPF_DEVCG_ACC_WRITE ? "w" : "",
					    access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
	return list->items[list->n++] ? 0 : -ENOMEM;
}

/* What is not @by_default. One entry must hold all of a request, so each has what is allowed of all
 * devices, too. */
static int list_section(struct arena *a, struct str_list *list, const struct section *s,
			bool by_default)
{
	char type = s->type == BPF_DEVCG_DEV_CHAR ? 'c' : 'b';
	uint8_t always = by_default ? 0 : s->allowed;
	char number[64];
	int r = 0;

	if (always != 0)
		r = list_add(a, list, true, type, "*:*", always);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		uint8_t access = s->rules[i].access | always;
		size_t k = 0;

		if (s->rules[i].allow == by_default)
			continue;
		/* The same device again, with other accesses. */
		for (size_t n = 0; n < s->n; n++) {
			if (s->rules[n].allow != by_default && covers(&s->rules[n], &s->rules[i]))
				access |= s->rules[n].access;
		}
		while (k < i &&
		       !(covers(&s->rules[k], &s->rules[i]) && covers(&s->rules[i], &s->rules[k])))
			k++;
		if (k == i)
			r = list_add(a, list, !by_default, type,
				     format_number(number, sizeof(number), &s->rules[i]), access);
	}
	return r;
}

static bool overlaps(const struct rule *a, const struct rule *b)
{
	return (a->major == ANY || b->major == ANY || a->major == b->major) &&
	       (a->minor == ANY || b->minor == ANY || a->minor == b->minor);
}

/* Can a list of what is @listed (allowed or denied) say it? A rule of the other verdict says
 * nothing that the default does not, unless it takes part of what a rule below it lists. */
static bool is_list(const struct section *s, bool listed)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct rule *r = &s->rules[i];

		if (r->allow == listed)
			continue;
		if (listed && (r->access & s->allowed))
			return false;
		for (size_t k = i + 1; k < s->n; k++) {
			if (s->rules[k].allow == listed && overlaps(r, &s->rules[k]) &&
			    (r->access & s->rules[k].access))
				return false;
		}
	}
	return true;
}

int plan_device_list(struct arena *a, const struct spec_device_rule *rules, size_t n, bool builtin,
		     struct str_list *ret, struct err *e)
{
	struct section chars, blocks;
	bool by_default;
	int r = sections_build(a, rules, n, builtin, &chars, &blocks, e);

	if (r < 0)
		return r;
	by_default = chars.allowed == ACCESS_ALL && blocks.allowed == ACCESS_ALL;
	if (!is_list(&chars, !by_default) || !is_list(&blocks, !by_default)) {
		err_set(e, ERR_DEVICE_POLICY, -EOPNOTSUPP,
			"cgroup v1 cannot take single devices out of what is allowed");
		err_hint(e,
			 "it has a list of exceptions: either what is allowed or what is denied");
		return err_where(e, "linux.resources.devices");
	}
	*ret = (struct str_list){.items = arena_newn(a, const char *, chars.n + blocks.n + 3)};
	if (!ret->items)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compile device rules");
	ret->items[ret->n++] = by_default ? "allow a" : "deny a";
	r = list_section(a, ret, &chars, by_default);
	if (r == 0)
		r = list_section(a, ret, &blocks, by_default);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "compile device rules") : 0;
}

int plan_device_program(struct arena *a, const struct spec_device_rule *rules, size_t n,
			bool builtin, struct bpf_insn **ret, size_t *ret_n, struct err *e)
{
	struct section chars, blocks;
	struct program p = {0};
	size_t room;
	int r = sections_build(a, rules, n, builtin, &chars, &blocks, e);

	if (r < 0)
		return r;
	*ret = NULL;
	*ret_n = 0;
	if (chars.n + blocks.n == 0 && chars.allowed == ACCESS_ALL && blocks.allowed == ACCESS_ALL)
		return 0;
	/* At most four instructions a rule, and those around them. */
	room = (chars.n + blocks.n) * 4 + 32;
	if (room > PROGRAM_MAX) {
		err_set(e, ERR_DEVICE_POLICY, -E2BIG, "there are too many device rules");
		return err_where(e, "linux.resources.devices");
	}
	p.insns = arena_newn(a, struct bpf_insn, room);
	if (!p.insns)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compile device rules");
	emit_prologue(&p, &chars, &blocks);
	emit_sections(&p, &chars, &blocks);
	emit_epilogue(&p);
	*ret = p.insns;
	*ret_n = p.n;
	return 0;
}
