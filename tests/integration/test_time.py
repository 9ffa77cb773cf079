"""linux.timeOffsets."""
import os
import time

import pytest

import harness


def offsets(monotonic=None, boottime=None):
    found = {}
    for name, value in (("monotonic", monotonic), ("boottime", boottime)):
        if value is not None:
            found[name] = {"secs": value[0], "nanosecs": value[1]}
    return found


def seen(report):
    return {line.split()[0]: tuple(map(int, line.split()[1:]))
            for line in report.timens_offsets.splitlines()}


@pytest.mark.parametrize("values", [
    {"monotonic": (86400 * 365, 999999999)}, {"boottime": (-1, 5)},
    {"monotonic": (3, 0), "boottime": (7000, 1)}])
@pytest.mark.parametrize("user", ["host", "new", "joined"])
def test_offsets(runtime, bundle, new_bundle, world, values, user):
    if user == "host":
        world.need_root()
    if user == "new" and world.root:
        world.need_host_root()
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [
                {"containerID": 0, "hostID": 600000, "size": 65536}]
    if user == "joined":
        world.need_host_root()
        first = new_bundle()
        first.namespace("user")
        for kind in ("uid", "gid"):
            first.linux[f"{kind}Mappings"] = [
                {"containerID": 0, "hostID": 600000, "size": 65536}]
        bundle.namespace("user", f"/proc/{runtime.sleeping(first).pid}/ns/user")
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = offsets(**values)
    report = runtime.report(bundle)
    assert seen(report) == {"monotonic": (0, 0), "boottime": (0, 0), **values}
    uptime = float(runtime.run(bundle.args("/bin/cat", "/proc/uptime"), stdout=harness.ANY)
                   .stdout.split()[0])
    expected = time.clock_gettime(time.CLOCK_BOOTTIME) + values.get("boottime", (0, 0))[0]
    assert abs(uptime - expected) < 3


def test_exec_and_create(runtime, bundle, world):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = offsets(boottime=(5000, 0))
    container = runtime.create(bundle.probe("sleep"))
    if world.root:
        # In the namespace before the exec, with which kernels from 6.1 on would enter it.
        inside = os.readlink(f"/proc/{container.pid}/ns/time")
        assert inside != os.readlink("/proc/self/ns/time")
        assert inside == os.readlink(f"/proc/{container.pid}/ns/time_for_children")
    container.start()
    uptime = float(container.exec("/bin/cat", "/proc/uptime", stdout=harness.ANY)
                   .stdout.split()[0])
    assert abs(uptime - time.clock_gettime(time.CLOCK_BOOTTIME) - 5000) < 3


def test_impossible(runtime, bundle):
    """Before the machine's start, or not in a namespace of its own."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = offsets(boottime=(-10**9, 0))
    runtime.fails(bundle.probe("exit", 0),
                  r"linux\.timeOffsets: write the offsets of clocks: .*out of range")
    bundle.drop_namespace("time")
    runtime.fails(bundle, "linux.timeOffsets.*time namespace")
