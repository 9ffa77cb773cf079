/* What the readers of layouts share. */
#pragma once

#include "image/layout.h"

/* One more layer on top. */
int layout_add_layer(struct layout *l, struct layout_layer layer, struct err *e) _must_check_;

/* Take the layers' diff_ids from config_text, of config.size bytes: as many as there are layers. */
int layout_read_config(struct layout *l, struct err *e) _must_check_;

/* Find and read the image @reference (NULL: the only one) in a docker archive. */
int layout_read_docker(struct layout *l, const char *reference, struct err *e) _must_check_;
