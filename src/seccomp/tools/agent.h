/* What a policy says about its agent. Pure. */
#pragma once

#include "base/json.h"
#include "seccomp/policy/language.h"

/* Write a configuration for `coracle notify` (coracle-notify(1)): the profile "default", with the
 * handlers that rules name, and the calls of rules that say "audit". Returns whether any rule says
 * who is to answer; *@w is to be finished only then. */
bool agent_write_profile(const struct policy_map *map, struct json_writer *w);
