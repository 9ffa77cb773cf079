/* Strings to values. Runs in the command-line half only; no system calls. */
#include "cli/value.h"

#include <errno.h>
#include <signal.h>
#include <strings.h>

#include "base/str.h"

/* What engines and people mean by RTMIN. musl's own SIGRTMIN is 35: it keeps one for itself. */
#define RT_MIN 34
#define RT_MAX 64

int value_to_bool(const char *s, bool *ret)
{
	static const struct {
		char word[6];
		bool value;
	} words[] = {
		{"true", true},   {"1", true},  {"yes", true}, {"on", true},
		{"false", false}, {"0", false}, {"no", false}, {"off", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(s, words[i].word) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

/* By the numbers of this architecture. */
static const struct {
	char name[8];
	int number;
} signals[] = {
	{"ABRT", SIGABRT},     {"ALRM", SIGALRM}, {"BUS", SIGBUS},   {"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},      {"CONT", SIGCONT}, {"FPE", SIGFPE},   {"HUP", SIGHUP},
	{"ILL", SIGILL},       {"INT", SIGINT},   {"IO", SIGIO},     {"IOT", SIGABRT},
	{"KILL", SIGKILL},     {"PIPE", SIGPIPE}, {"POLL", SIGIO},   {"PROF", SIGPROF},
	{"PWR", SIGPWR},       {"QUIT", SIGQUIT}, {"RTMAX", RT_MAX}, {"RTMIN", RT_MIN},
	{"SEGV", SIGSEGV},     {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},
	{"TRAP", SIGTRAP},     {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
	{"URG", SIGURG},       {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM},
	{"WINCH", SIGWINCH},   {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
#ifdef SIGSTKFLT
	{"STKFLT", SIGSTKFLT},
#endif
};

static int realtime_signal(const char *s, int *ret)
{
	bool from_min = strncasecmp(s, "RTMIN+", 6) == 0;
	uint32_t n;
	int r;

	if (!from_min && strncasecmp(s, "RTMAX-", 6) != 0)
		return -EINVAL;
	r = str_to_u32(s + 6, RT_MAX - RT_MIN, &n);
	if (r < 0)
		return -EINVAL;
	*ret = from_min ? RT_MIN + (int)n : RT_MAX - (int)n;
	return 0;
}

int value_to_signal(const char *s, int *ret)
{
	uint32_t number;

	if (str_to_u32(s, RT_MAX, &number) == 0) {
		*ret = (int)number;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcasecmp(s, signals[i].name) == 0) {
			*ret = signals[i].number;
			return 0;
		}
	}
	return realtime_signal(s, ret);
}

/* @n bytes of @s as an id. (uid_t)-1 means "no change" to the kernel, so it is no id. */
static int to_id(const char *s, size_t n, uint32_t *ret)
{
	char digits[11];

	if (n == 0 || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n);
	digits[n] = '\0';
	return str_to_u32(digits, UINT32_MAX - 1, ret) < 0 ? -EINVAL : 0;
}

int value_to_user(const char *s, struct value_user *ret)
{
	const char *colon = strchr(s, ':');
	struct value_user user = {.has_gid = colon != NULL};
	int r;

	r = to_id(s, colon ? (size_t)(colon - s) : strlen(s), &user.uid);
	if (r == 0 && colon)
		r = to_id(colon + 1, strlen(colon + 1), &user.gid);
	if (r < 0)
		return r;
	*ret = user;
	return 0;
}

int value_to_i64(const char *s, int64_t *ret)
{
	bool negative = s[0] == '-';
	uint64_t v;
	int r = str_to_u64(s + negative, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX)
		return -ERANGE;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

int value_to_size(const char *s, int64_t *ret)
{
	static const char units[] = "kmgtp";
	size_t digits = strspn(s, "0123456789");
	char number[24];
	uint64_t v;
	int shift = 0, r;

	if (str_eq(s, "-1")) {
		*ret = -1;
		return 0;
	}
	if (str_format(number, sizeof(number), "%.*s", (int)digits, s) >= sizeof(number))
		return -ERANGE;
	r = str_to_u64(number, &v);
	if (r < 0)
		return r;
	s += digits;
	for (size_t i = 0; *s && shift == 0 && units[i]; i++) {
		if ((*s | 0x20) == units[i])
			shift = 10 * (int)(i + 1);
	}
	s += shift > 0;
	s += shift > 0 && (*s | 0x20) == 'i';
	s += (*s | 0x20) == 'b';
	if (*s)
		return -EINVAL;
	if (v > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*ret = (int64_t)(v << shift);
	return 0;
}

int value_to_rlimit(const char *s, uint64_t *ret)
{
	if (!str_eq(s, "unlimited") && !str_eq(s, "infinity") && !str_eq(s, "-1"))
		return str_to_u64(s, ret);
	*ret = UINT64_MAX;
	return 0;
}

int value_to_duration(const char *s, uint32_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	uint64_t total = 0;

	do {
		size_t digits = strspn(s, "0123456789"), letters = strspn(s + digits, "hms");
		char number[12];
		uint64_t v, ms = 0;

		if (str_format(number, sizeof(number), "%.*s", (int)digits, s) >= sizeof(number) ||
		    str_to_u64(number, &v) < 0)
			return -EINVAL;
		for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
			if (strlen(units[i].name) == letters &&
			    strncmp(s + digits, units[i].name, letters) == 0)
				ms = units[i].ms;
		}
		s += digits + letters;
		if (letters == 0 && *s == '\0' && total == 0)
			ms = 1000;
		if (ms == 0)
			return -EINVAL;
		total += v * ms;
	} while (*s && total <= INT32_MAX);
	if (total == 0 || total > INT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)total;
	return 0;
}
