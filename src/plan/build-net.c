/* Network devices that are moved in: the host half does it while init waits. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

static const char *inner_name(const struct spec_net_device *d)
{
	return d->name[0] != '\0' ? d->name : d->host_name;
}

int plan_net_devices(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;

	for (size_t n = 0; n < l->n_net_devices; n++) {
		const char *name = inner_name(&l->net_devices[n]);
		bool taken = str_eq(name, "lo");

		for (size_t k = 0; k < n; k++)
			taken |= str_eq(name, inner_name(&l->net_devices[k]));
		if (!taken)
			continue;
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "two network devices cannot both be \"%s\"", name);
		return err_where(b->e, "linux.netDevices[\"%s\"]", l->net_devices[n].host_name);
	}
	b->plan->net_devices = l->net_devices;
	b->plan->n_net_devices = l->n_net_devices;
	return 0;
}
