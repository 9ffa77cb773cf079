/* The process of an exec, from --process or from options. */
#pragma once

#include "container/container.h"

/* What exec will run: the process of o->process_file, or the container's own with the changes of
 * @o. Checked.
 */
int process_build(struct runtime *rt, const struct spec *spec, const struct exec_options *o,
		  struct spec_process *ret, struct err *e) _must_check_;

/* Change *@p, the container's process, as the options say. */
int process_apply_options(struct arena *a, const struct exec_options *o, struct spec_process *p,
			  struct err *e) _must_check_;
