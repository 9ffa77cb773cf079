"""Scheduler, I/O priority, processors, memory policy, personality."""
import ctypes
import json
import os
import struct

import pytest

import harness
import worlds
from harness import ANY

SCHED_GETATTR, IOPRIO_GET = {"x86_64": (315, 252), "aarch64": (275, 31)}[os.uname().machine]
OTHER, FIFO, RR, BATCH, IDLE, DEADLINE = 0, 1, 2, 3, 5, 6
RESET_ON_FORK = 1


def attributes(pid):
    """(policy, flags, nice, priority, runtime, deadline, period) of a process."""
    buffer = ctypes.create_string_buffer(48)
    assert worlds.syscall(SCHED_GETATTR, pid, buffer, 48, 0) == 0
    return struct.unpack("=IIQiIQQQ", buffer.raw)[1:]


def io_priority(pid):
    value = worlds.syscall(IOPRIO_GET, 1, pid)
    return value >> 13, value & 0x1fff


def numa_policy(pid):
    with open(f"/proc/{pid}/numa_maps") as f:
        return {line.split()[1] for line in f}


def need_nice(world):
    world.need_host_root("needs CAP_SYS_NICE")


def exec_and(runtime, container, look, *args):
    pid = runtime.exec_detached(container, *args, container, "/probe", "sleep")
    try:
        return look(pid)
    finally:
        os.kill(pid, 9)
        runtime.wait_process(pid)


@pytest.mark.parametrize("settings, policy, nice, priority", [
    ({"policy": "SCHED_OTHER", "nice": 7}, OTHER, 7, 0),
    ({"policy": "SCHED_BATCH", "nice": 13}, BATCH, 13, 0),
    ({"policy": "SCHED_IDLE"}, IDLE, os.nice(0), 0),
    ({"policy": "SCHED_FIFO", "priority": 5}, FIFO, 0, 5),
    ({"policy": "SCHED_RR", "priority": 99}, RR, 0, 99)])
def test_policy(runtime, bundle, world, settings, policy, nice, priority):
    if priority:
        need_nice(world)
    bundle.process["scheduler"] = settings
    container = runtime.sleeping(bundle)
    assert attributes(container.pid)[:4] == (policy, 0, nice, priority)
    # exec inherits it from the configuration.
    assert exec_and(runtime, container, attributes)[:4] == (policy, 0, nice, priority)


@pytest.mark.parametrize("shape", ["direct", "bridge"])
def test_deadline(runtime, bundle, world, shape):
    need_nice(world)
    if shape == "bridge":
        userns(bundle)
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 1000000,
                                   "deadline": 20000000, "period": 50000000,
                                   "flags": ["SCHED_FLAG_RECLAIM"]}
    container = runtime.sleeping(bundle)
    assert attributes(container.pid) == (DEADLINE, 2, 0, 0, 1000000, 20000000, 50000000)
    assert exec_and(runtime, container, attributes)[:2] == (DEADLINE, 2)


def userns(bundle):
    bundle.namespace("user")
    for kind in ("uid", "gid"):
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": 500000, "size": 65536}]


def test_reset_on_fork(runtime, bundle, world):
    """The flag is the process's own, and not lost on the way to it."""
    need_nice(world)
    bundle.process["scheduler"] = {"policy": "SCHED_RR", "priority": 3,
                                   "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    for change in (lambda b: None, userns):
        change(bundle)
        container = runtime.sleeping(bundle)
        assert attributes(container.pid)[:4] == (RR, RESET_ON_FORK, 0, 3)
        assert exec_and(runtime, container, attributes)[:4] == (RR, RESET_ON_FORK, 0, 3)
        container.delete("--force")


def test_realtime_in_a_user_namespace(runtime, bundle, world):
    need_nice(world)
    userns(bundle)
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 2}
    assert attributes(runtime.sleeping(bundle).pid)[:4] == (FIFO, 0, 0, 2)


@pytest.mark.parametrize("settings, words", [
    ({"policy": "SCHED_DEADLINE", "runtime": 100, "deadline": 1000}, "runtime of at least 1024"),
    ({"policy": "SCHED_DEADLINE", "runtime": 20000, "deadline": 10000}, "not below runtime"),
    ({"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 10000, "period": 5000},
     "not below deadline"),
    ({"policy": "SCHED_FIFO"}, "priority from 1 to 99"),
    ({"policy": "SCHED_ISO"}, "invalid argument")])
def test_impossible_policy(runtime, bundle, settings, words):
    bundle.process["scheduler"] = settings
    runtime.fails(bundle.probe("exit", 0), rf"process\.scheduler.*{words}")


def test_deadline_refused(runtime, bundle, world):
    """More than the kernel can guarantee: its reason, not its number."""
    need_nice(world)
    world.need(os.cpu_count() <= 8, "needs few processors")
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 9 * 10**7,
                                   "deadline": 10**8, "period": 10**8}
    for _ in range(os.cpu_count()):
        runtime.sleeping(bundle)
    runtime.fails(bundle.probe("exit", 0), r"process\.scheduler: set the scheduling policy: .*busy")


def test_deadline_with_start_hooks(runtime, bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 10**6,
                                   "deadline": 10**7, "period": 10**7}
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    runtime.fails(bundle.probe("exit", 0), "RESET_ON_FORK")


@pytest.mark.parametrize("name, number, level", [("BE", 2, 6), ("IDLE", 3, 0), ("RT", 1, 3)])
def test_io_priority(runtime, bundle, world, name, number, level):
    if name == "RT":
        need_nice(world)
    bundle.process["ioPriority"] = {"class": f"IOPRIO_CLASS_{name}", "priority": level}
    container = runtime.sleeping(bundle)
    assert io_priority(container.pid) == (number, level)
    assert exec_and(runtime, container, io_priority) == (number, level)


# --- processors -----------------------------------------------------------------------------------


@pytest.fixture
def one_cpu():
    """We, and so the runtime, are bound to one processor."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("needs two processors")
    os.sched_setaffinity(0, {min(before)})
    yield before
    os.sched_setaffinity(0, before)


def test_processors_reset(runtime, bundle, world, one_cpu):
    """What binds the runtime does not bind the container, which has a cgroup for that."""
    world.need_cgroups()
    container = runtime.sleeping(bundle)
    assert os.sched_getaffinity(container.pid) == one_cpu
    assert exec_and(runtime, container, os.sched_getaffinity) == one_cpu


@pytest.mark.parametrize("settings", [{"final": "1"}, {"initial": "0", "final": "1"},
                                      {"initial": "1"}, {"initial": "0-1", "final": " 0 , 1-1"}])
def test_exec_affinity(runtime, bundle, world, settings):
    world.need_cgroups()
    all = os.sched_getaffinity(0)
    if not {0, 1} <= all:
        pytest.skip("needs processors 0 and 1")
    bundle.process["execCPUAffinity"] = settings
    container = runtime.sleeping(bundle)
    assert os.sched_getaffinity(container.pid) == all, "not for the container's own process"
    expected = {"1": {1}, "0-1": all, " 0 , 1-1": {0, 1}}.get(settings.get("final"), all)
    assert exec_and(runtime, container, os.sched_getaffinity) == expected


def test_exec_initial_affinity(runtime, bundle, folder, world):
    """The runtime runs there while it enters the container's cgroup."""
    world.need(os.sched_getaffinity(0) >= {0, 1}, "needs processors 0 and 1")
    container = runtime.sleeping(bundle)
    process = dict(bundle.process, args=["/probe", "exit", "0"],
                   execCPUAffinity={"initial": "1", "final": "0"})
    (folder / "process.json").write_text(json.dumps(process))
    log = folder / "trace"
    try:
        done = runtime.popen("exec", "--process", str(folder / "process.json"), container.id)
    finally:
        assert done.wait(10) == 0
    runtime("exec", "--process", folder / "process.json", container)
    bad = dict(process, execCPUAffinity={"initial": "900"})
    (folder / "process.json").write_text(json.dumps(bad))
    runtime("exec", "--process", folder / "process.json", container, code=255,
            error=r"execCPUAffinity\.initial.*invalid argument")
    assert not log.exists()


@pytest.mark.parametrize("key", ["initial", "final"])
@pytest.mark.parametrize("text", ["x", "1-", "3-1", "99999999", "0,,1", "0-1,"])
def test_bad_list(runtime, bundle, folder, key, text):
    container = runtime.sleeping(bundle)
    process = dict(bundle.process, args=["/probe"], execCPUAffinity={key: text})
    (folder / "process.json").write_text(json.dumps(process))
    runtime("exec", "--process", folder / "process.json", container, code=255,
            error=rf"process\.execCPUAffinity\.{key}: expected a list")


# --- personality, memory policy -------------------------------------------------------------------


@pytest.mark.parametrize("domain, machine", [("LINUX32", "i686"), ("LINUX", "x86_64")])
def test_personality(runtime, bundle, domain, machine):
    if os.uname().machine != "x86_64":
        pytest.skip("needs x86_64")
    bundle.linux["personality"] = {"domain": domain}
    runtime.run(bundle.args("/bin/busybox", "uname", "-m"), stdout=machine + "\n")
    container = runtime.sleeping(bundle)
    runtime("exec", container, "/bin/busybox", "uname", "-m", stdout=machine + "\n")


def test_personality_flags(runtime, bundle):
    """The specification defines none: a warning, as with runc."""
    bundle.linux["personality"] = {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}
    runtime.run(bundle.probe("exit", 0))
    result = runtime.run(bundle, flags=("--log-level", "warning"), stderr=ANY)
    assert "linux.personality.flags[0]" in result.stderr


@pytest.mark.parametrize("mode, flags, nodes, shown", [
    ("MPOL_BIND", [], "0", "bind:0"),
    ("MPOL_PREFERRED", ["MPOL_F_STATIC_NODES"], "0", "prefer=static:0"),
    ("MPOL_INTERLEAVE", ["MPOL_F_RELATIVE_NODES"], "0", "interleave=relative:0"),
    ("MPOL_PREFERRED_MANY", [], "0", "prefer (many):0"),
    ("MPOL_LOCAL", [], "", "local"),
    ("MPOL_DEFAULT", [], "", "default")])
def test_memory_policy(runtime, bundle, world, mode, flags, nodes, shown):
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("needs a kernel with NUMA")
    bundle.linux["memoryPolicy"] = {"mode": mode, "flags": flags, "nodes": nodes}
    container = runtime.sleeping(bundle)
    for found in (numa_policy(container.pid), exec_and(runtime, container, numa_policy)):
        assert any(p == shown.split()[0] or p.startswith(shown) for p in found), found


def test_memory_policy_refused(runtime, bundle):
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "4000"}
    runtime.fails(bundle.probe("exit", 0), r"linux\.memoryPolicy: set the memory policy: ")
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "4096"}
    runtime.fails(bundle.probe("exit", 0), r"linux\.memoryPolicy\.nodes: expected a list")
