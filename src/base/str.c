/* The formatter and strict number parsing. Runs in every process of ours; allocates nothing. */
#include "base/str.h"

#include <errno.h>

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_repeated(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_number(struct out *o, uint64_t v, bool negative, unsigned base, int width, char pad)
{
	char digits[24];
	int n = 0, total;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	total = n + negative;
	if (pad == ' ')
		put_repeated(o, ' ', width - total);
	if (negative)
		put(o, '-');
	if (pad == '0')
		put_repeated(o, '0', width - total);
	while (n > 0)
		put(o, digits[--n]);
}

static void put_string(struct out *o, const char *s, int width, int precision, bool left)
{
	size_t n = 0;

	if (!s)
		s = "(null)";
	/* The bound first: the bytes behind it may not be ours to read. */
	while ((precision < 0 || n < (size_t)precision) && s[n] != '\0')
		n++;
	if (!left)
		put_repeated(o, ' ', width - (int)n);
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	if (left)
		put_repeated(o, ' ', width - (int)n);
}

struct conversion {
	int width, precision, longs; /* longs: number of l; 2 for z, j and ll */
	char pad;
	bool left;
};

static const char *parse_conversion(const char *p, struct conversion *c, va_list *ap)
{
	*c = (struct conversion){.precision = -1, .pad = ' '};
	if (*p == '-') {
		c->left = true;
		p++;
	}
	if (*p == '0') {
		c->pad = '0';
		p++;
	}
	while (*p >= '0' && *p <= '9')
		c->width = c->width * 10 + (*p++ - '0');
	if (*p == '.') {
		p++;
		c->precision = 0;
		if (*p == '*') {
			c->precision = va_arg(*ap, int);
			p++;
		}
		while (*p >= '0' && *p <= '9')
			c->precision = c->precision * 10 + (*p++ - '0');
	}
	for (; *p == 'l' || *p == 'h'; p++)
		c->longs += *p == 'l';
	if (*p == 'z' || *p == 'j') {
		c->longs = 2;
		p++;
	}
	return p;
}

static void put_integer(struct out *o, char kind, const struct conversion *c, va_list *ap)
{
	unsigned base = kind == 'x' ? 16 : kind == 'o' ? 8 : 10;

	/* long and long long have one size on the 64-bit targets; on 32-bit ones ll does not. */
	if (kind == 'd' || kind == 'i') {
		int64_t v = c->longs == 0   ? va_arg(*ap, int)
			    : c->longs == 1 ? va_arg(*ap, long)
					    : va_arg(*ap, long long);
		uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;

		put_number(o, magnitude, v < 0, base, c->width, c->pad);
	} else {
		uint64_t v = c->longs == 0   ? va_arg(*ap, unsigned)
			     : c->longs == 1 ? va_arg(*ap, unsigned long)
					     : va_arg(*ap, unsigned long long);

		put_number(o, v, false, base, c->width, c->pad);
	}
}

size_t str_vformat(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = {.buf = buf, .size = size};
	struct conversion c;
	va_list ap;

	va_copy(ap, args);
	for (const char *p = fmt; *p; p++) {
		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		p = parse_conversion(p + 1, &c, &ap);
		switch (*p) {
		case 's':
			put_string(&o, va_arg(ap, const char *), c.width, c.precision, c.left);
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case 'p':
			put_number(&o, (uintptr_t)va_arg(ap, void *), false, 16, 0, ' ');
			break;
		case 'd':
		case 'i':
		case 'u':
		case 'x':
		case 'o':
			put_integer(&o, *p, &c, &ap);
			break;
		case '\0':
			p--;
			break;
		default:
			put(&o, *p);
		}
	}
	va_end(ap);
	if (size > 0)
		buf[MIN(o.len, size - 1)] = '\0';
	return o.len;
}

size_t str_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = str_vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

size_t str_copy(char *buf, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (size > 0) {
		size_t cut = MIN(n, size - 1);

		memcpy(buf, src, cut);
		buf[cut] = '\0';
	}
	return n;
}

int str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		unsigned digit = (unsigned)(*s - '0');

		if (digit > 9)
			return -EINVAL;
		if (v > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	*ret = v;
	return 0;
}

int str_to_u32(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = str_to_u64(s, &v);

	if (r < 0)
		return r;
	if (v > max)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}
