/* Network devices by rtnetlink. Moving a device takes its addresses from it; the permanent ones of
 * global scope are read before and given back inside (config-linux.md, "Network Devices"). The host
 * half never enters a container's namespace: init opened the socket that is used for the other
 * side. */
#include "host/netdev.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define ADDRESSES_MAX 256
#define ATTRIBUTES    192 /* bytes of them that an address has */

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	};
	char attributes[ATTRIBUTES + 64];
};

struct address {
	struct ifaddrmsg head;
	size_t len;
	char attributes[ATTRIBUTES];
};

struct addresses {
	int index; /* of the device */
	size_t n;
	struct address items[ADDRESSES_MAX];
};

/* Called for each message of an answer. Returns 0 or -errno. */
typedef int (*answer_fn)(const struct nlmsghdr *h, void *data);

/* --- messages --------------------------------------------------------------------------------- */

static void add_attribute(struct nlmsghdr *h, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
}

static void request_init(struct request *q, unsigned short type, unsigned short flags, size_t size)
{
	memset(q, 0, sizeof(*q));
	q->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	q->head.nlmsg_type = type;
	q->head.nlmsg_flags = NLM_F_REQUEST | flags;
}

static int send_request(int fd, struct nlmsghdr *h)
{
	struct iovec iov = {.iov_base = h, .iov_len = h->nlmsg_len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	static uint32_t sequence;
	ssize_t n;

	h->nlmsg_seq = ++sequence;
	do
		n = sys_sendmsg(fd, &m, 0);
	while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

/* One part of an answer. Returns 1 when it was the last, 0 to go on, or -errno. */
static int take_part(const struct nlmsghdr *h, answer_fn fn, void *data)
{
	bool more = h->nlmsg_flags & NLM_F_MULTI;
	int r;

	if (h->nlmsg_type == NLMSG_DONE)
		return 1;
	if (h->nlmsg_type == NLMSG_ERROR) {
		r = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		return r < 0 ? r : 1;
	}
	r = fn ? fn(h, data) : 0;
	return r < 0 ? r : !more;
}

/* Ask, and hand every message of the answer to @fn. */
static int talk(int fd, struct request *q, answer_fn fn, void *data)
{
	_Alignas(struct nlmsghdr) static char buf[32768];
	int r = send_request(fd, &q->head);

	while (r == 0) {
		struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = sys_recvmsg(fd, &m, 0);
		uint32_t left = (uint32_t)MAX(n, (ssize_t)0);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, left) && r == 0;
		     h = NLMSG_NEXT(h, left))
			if (h->nlmsg_seq == q->head.nlmsg_seq)
				r = take_part(h, fn, data);
	}
	return r < 0 ? r : 0;
}

/* --- links ------------------------------------------------------------------------------------ */

static int take_index(const struct nlmsghdr *h, void *data)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		*(int *)data = ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
	return 0;
}

static int link_find(int fd, const char *name, int *ret_index)
{
	struct request q;

	request_init(&q, RTM_GETLINK, 0, sizeof(q.link));
	add_attribute(&q.head, IFLA_IFNAME, name, strlen(name) + 1);
	return talk(fd, &q, take_index, ret_index);
}

static int link_move(int fd, int index, pid_t pid, const char *name)
{
	uint32_t target = (uint32_t)pid;
	struct request q;

	request_init(&q, RTM_NEWLINK, NLM_F_ACK, sizeof(q.link));
	q.link.ifi_index = index;
	add_attribute(&q.head, IFLA_NET_NS_PID, &target, sizeof(target));
	add_attribute(&q.head, IFLA_IFNAME, name, strlen(name) + 1);
	return talk(fd, &q, NULL, NULL);
}

static int link_up(int fd, int index)
{
	struct request q;

	request_init(&q, RTM_NEWLINK, NLM_F_ACK, sizeof(q.link));
	q.link.ifi_index = index;
	q.link.ifi_flags = q.link.ifi_change = IFF_UP;
	return talk(fd, &q, NULL, NULL);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* The attributes that say what an address is; the others (a label that begins with the old name,
 * times) belong to where it was. */
static bool is_kept(unsigned short type)
{
	return type == IFA_ADDRESS || type == IFA_LOCAL || type == IFA_BROADCAST ||
	       type == IFA_FLAGS || type == IFA_RT_PRIORITY;
}

static int take_address(const struct nlmsghdr *h, void *data)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct addresses *list = data;
	struct address *a;
	uint32_t flags = m->ifa_flags;
	int left = (int)IFA_PAYLOAD(h);

	if (h->nlmsg_type != RTM_NEWADDR || (int)m->ifa_index != list->index ||
	    m->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	if (list->n == ADDRESSES_MAX)
		return -E2BIG;
	a = &list->items[list->n];
	*a = (struct address){.head = *m};
	for (const struct rtattr *r = IFA_RTA(m); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
		if (r->rta_type == IFA_FLAGS)
			memcpy(&flags, RTA_DATA(r), sizeof(flags));
		if (!is_kept(r->rta_type))
			continue;
		if (a->len + RTA_ALIGN(r->rta_len) > sizeof(a->attributes))
			return -E2BIG;
		memcpy(a->attributes + a->len, r, r->rta_len);
		a->len += RTA_ALIGN(r->rta_len);
	}
	if (flags & IFA_F_PERMANENT)
		list->n++;
	return 0;
}

static int addresses_read(int fd, struct addresses *list)
{
	struct request q;

	list->n = 0;
	request_init(&q, RTM_GETADDR, NLM_F_DUMP, sizeof(q.address));
	return talk(fd, &q, take_address, list);
}

static int addresses_write(int fd, int index, const struct addresses *list)
{
	for (size_t n = 0; n < list->n; n++) {
		const struct address *a = &list->items[n];
		struct request q;
		int r;

		request_init(&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
			     sizeof(q.address));
		q.address = a->head;
		q.address.ifa_index = (uint32_t)index;
		memcpy((char *)&q + NLMSG_ALIGN(q.head.nlmsg_len), a->attributes, a->len);
		q.head.nlmsg_len += (uint32_t)a->len;
		r = talk(fd, &q, NULL, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int move_one(int host_fd, int net_fd, pid_t pid, const struct spec_net_device *d,
		    struct err *e)
{
	static struct addresses list;
	const char *name = d->name[0] != '\0' ? d->name : d->host_name;
	int index = 0, r = link_find(host_fd, d->host_name, &list.index);

	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "find the network device");
	/* The kernel would move it first, and refuse the name then. */
	if (link_find(net_fd, name, &index) == 0)
		return err_set(e, ERR_NAMESPACE, -EEXIST,
			       "the container has a network device \"%s\" already", name);
	r = addresses_read(host_fd, &list);
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "read the addresses of the network device");
	r = link_move(host_fd, list.index, pid, name);
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "move the network device");
	r = link_find(net_fd, name, &index);
	if (r == 0)
		r = addresses_write(net_fd, index, &list);
	if (r == 0)
		r = link_up(net_fd, index);
	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "configure the network device \"%s\"", name)
		     : 0;
}

int netdev_move(const struct spec_net_device *devices, size_t n, pid_t pid, int net_fd,
		struct err *e)
{
	_cleanup_close_ int fd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return err_sys(e, ERR_NAMESPACE, fd, "open a netlink socket");
	for (size_t k = 0; k < n; k++) {
		int r = move_one(fd, net_fd, pid, &devices[k], e);

		if (r < 0)
			return err_where(e, "linux.netDevices[\"%s\"]", devices[k].host_name);
	}
	return 0;
}
