"""update: limits of containers that live, by every option and by JSON, merged with what holds."""
import json
import pathlib

import pytest

from harness import ANY
from test_cgroups import (MIB, cgroup_of, check_files, check_reload, read, resources, v1_mount,
                          where_it_is)

# option, value, v1: controller and {file: value}, v2: the same
OPTIONS = [
    ("cpu-share", "512", "cpu", {"cpu.shares": "512"}, "cpu", {"cpu.weight": "59"}),
    ("cpu-quota", "50000", "cpu", {"cpu.cfs_quota_us": "50000"}, "cpu", {"cpu.max": "50000 100000"}),
    ("cpu-idle", "1", "cpu", {"cpu.idle": "1"}, "cpu", {"cpu.idle": "1"}),
    ("cpuset-cpus", "0", "cpuset", {"cpuset.cpus": "0"}, "cpuset", {"cpuset.cpus": "0"}),
    ("cpuset-mems", "0", "cpuset", {"cpuset.mems": "0"}, "cpuset", {"cpuset.mems": "0"}),
    ("memory", "64M", "memory", {"memory.limit_in_bytes": str(64 * MIB)},
     "memory", {"memory.max": str(64 * MIB)}),
    ("memory-reservation", "32mib", "memory", {"memory.soft_limit_in_bytes": str(32 * MIB)},
     "memory", {"memory.low": str(32 * MIB)}),
    ("pids-limit", "31", "pids", {"pids.max": "31"}, "pids", {"pids.max": "31"}),
    ("blkio-weight", "300", "blkio", {"blkio.bfq.weight": "300"}, "io", {"io.weight": "default 2930"}),
]


@pytest.mark.parametrize("option, value, v1, on_v1, v2, on_v2", OPTIONS, ids=[o[0] for o in OPTIONS])
def test_option(runtime, bundle, world, cgroup_manager, option, value, v1, on_v1, v2, on_v2):
    """Also where the container had no cgroup with that controller until now."""
    world.need_cgroups()
    controller, is_v1 = where_it_is(world, v1, v2)
    container = runtime.sleeping(bundle, "children", "3")
    runtime("update", f"--{option}={value}", container)
    pids = runtime("ps", "--format", "json", container, stdout=ANY).json()
    assert len(pids) == 4
    for name, expected in (on_v1 if is_v1 else on_v2).items():
        world.need((cgroup_of(container.pid, controller) / name).exists(), f"needs {name}")
        # All of its processes are where the limit is.
        assert {read(pid, controller, name) for pid in pids} == {expected}
        check_reload(runtime, cgroup_manager, check_files, world, container.pid, controller,
                     {name: expected})
    assert container.status == "running"


def hugetlb(limit):
    return {"hugepageLimits": [{"pageSize": "2MB", "limit": limit}]}


def test_resources_from_file_and_stdin(runtime, bundle, world, folder):
    world.need_cgroups()
    where_it_is(world, "hugetlb", "hugetlb")
    container = runtime.sleeping(resources(bundle, **hugetlb(4 * MIB)))
    for number, flag in ((1, "-r"), (2, "--resources")):
        name = "hugetlb.2MB.limit_in_bytes" if v1_mount("hugetlb") else "hugetlb.2MB.max"
        path = folder / "resources.json"
        path.write_text(json.dumps(hugetlb(number * 2 * MIB)))
        runtime("update", flag, path, container)
        assert read(container.pid, "hugetlb", name) == str(number * 2 * MIB)
        runtime("update", flag, "-", container, input=json.dumps(hugetlb(number * 6 * MIB)))
        assert read(container.pid, "hugetlb", name) == str(number * 6 * MIB)


def test_merged_with_what_holds(runtime, bundle, world):
    """A period keeps the quota, of the configuration as of an earlier update."""
    world.need_cgroups()
    _, is_v1 = where_it_is(world, "cpu", "cpu")
    container = runtime.sleeping(resources(bundle, cpu={"quota": 50000, "period": 100000}))

    def quota():
        if is_v1:
            return tuple(read(container.pid, "cpu", f"cpu.cfs_{n}_us") for n in ("quota", "period"))
        return tuple(read(container.pid, "cpu", "cpu.max").split())

    runtime("update", "--cpu-period", "200000", container)
    assert quota() == ("50000", "200000")
    runtime("update", "--cpu-quota", "20000", container)
    assert quota() == ("20000", "200000")
    runtime("update", "--cpu-burst", "10000", container)
    runtime("update", "-r", "-", container, input='{"cpu": {"quota": 0, "period": 0, "shares": 0}}')
    assert quota() == ("20000", "200000")
    runtime("update", "--cpu-quota", "-1", "--cpu-burst", "0", container)
    assert quota()[0] in ("-1", "max") and quota()[1] == "200000"


def test_memory_up_and_down(runtime, bundle, world):
    """The limits of memory and of memory with swap, in whichever order the kernel takes them."""
    world.need_cgroups()
    _, is_v1 = where_it_is(world, "memory", "memory")
    container = runtime.sleeping(resources(bundle, memory={"limit": 64 * MIB, "swap": 64 * MIB}))

    def limits():
        if is_v1:
            return tuple(int(read(container.pid, "memory", f"memory.{n}limit_in_bytes"))
                         for n in ("", "memsw."))
        limit, swap = (int(read(container.pid, "memory", f"memory.{n}max")) for n in ("", "swap."))
        return limit, limit + swap

    for memory, swap in ((128, 256), (32, 32), (256, 256)):
        runtime("update", "--memory", f"{memory}M", "--memory-swap", f"{swap}M", container)
        assert limits() == (memory * MIB, swap * MIB)
    runtime("update", "--memory", "512M", container, error=r"memory\.swap: .*below the memory limit")
    runtime("update", "--memory", "-1", container)
    name = "memory.limit_in_bytes" if is_v1 else "memory.max"
    assert len(read(container.pid, "memory", name)) > 15 or not is_v1


def test_quota_between_percents(runtime, bundle, world, cgroup_manager):
    """systemd keeps whole percents: written exactly, and no less when it has reloaded."""
    world.need_cgroups()
    _, is_v1 = where_it_is(world, "cpu", "cpu")
    container = runtime.sleeping(resources(bundle, cpu={"quota": 33333, "period": 100000}))

    def quota():
        found = read(container.pid, "cpu", "cpu.cfs_quota_us" if is_v1 else "cpu.max")
        return int(found.split()[0])

    assert quota() == 33333
    runtime("update", "--cpu-quota", "44444", container)
    assert quota() == 44444
    if cgroup_manager == "systemd":
        runtime.systemctl("daemon-reload")
        assert 44444 <= quota() <= 45000


def test_check_before_update(runtime, bundle, world):
    """Asked to look first, update refuses what would kill, and the limit stays."""
    world.need_cgroups()
    where_it_is(world, "memory", "memory")
    container = runtime.sleeping(resources(
        bundle, memory={"limit": 64 * MIB, "swap": 64 * MIB, "checkBeforeUpdate": True}))
    runtime("update", "--memory", "4k", "--memory-swap", "4k", container,
            error=r"linux\.resources\.memory\.limit: the container uses \d+ bytes already")
    name = "memory.limit_in_bytes" if v1_mount("memory") else "memory.max"
    assert read(container.pid, "memory", name) == str(64 * MIB)
    assert container.status == "running"


def test_paused_and_created(runtime, bundle, world):
    world.need_cgroups()
    where_it_is(world, "pids", "pids")
    container = runtime.create(bundle.probe("sleep"))
    runtime("update", "--pids-limit", "20", container)
    assert read(container.pid, "pids", "pids.max") == "20"
    container.start()
    runtime("pause", container)
    runtime("update", "--pids-limit", "30", "--cpu-share", "100", container)
    assert container.status == "paused"
    assert read(container.pid, "pids", "pids.max") == "30"
    runtime("resume", container)
    assert container.status == "running"


def test_stopped(runtime, bundle):
    container = runtime.start(bundle.args("/bin/true"))
    container.wait_stopped()
    runtime("update", "--pids-limit", "20", container, error="container not running")


# --- devices --------------------------------------------------------------------------------------

DENY_ALL = [{"allow": False, "access": "rwm"}]
UNKNOWN = {"path": "/dev/unknown", "type": "c", "major": 10, "minor": 254}  # no driver


def test_device_rules_live(runtime, bundle, world, cgroup_manager):
    """Rules change while the container runs, and what stood before is replaced; systemd changes
    none of it when it reloads."""
    world.need_host_root("needs a device policy")

    def opens(container):
        """What opening the device comes to."""
        if cgroup_manager == "systemd":
            runtime.systemctl("daemon-reload")
        result = container.exec("cat", "/dev/unknown", code=ANY, stdout=ANY, stderr=ANY)
        return result.stderr.rsplit(": ", 1)[-1].strip()

    bundle.linux["devices"] = [UNKNOWN]
    container = runtime.sleeping(resources(bundle, devices=DENY_ALL))
    assert opens(container) == "Operation not permitted"
    runtime("update", "--device-rule", "allow c 10:254 rwm", container)
    assert opens(container) == "No such device"
    # Behind the rules of before, those of an earlier update too.
    runtime("update", "--device-rule", "deny c 10:* r", "--device-rule", "allow c 10:3 r", container)
    assert opens(container) == "Operation not permitted"
    runtime("update", "-r", "-", container,
            input=json.dumps({"devices": [{"allow": True, "access": "rwm"}]}))
    assert opens(container) == "No such device"
    runtime("update", "-r", "-", container, input=json.dumps({"devices": DENY_ALL}))
    assert opens(container) == "Operation not permitted"
    assert container.exec("cat", "/dev/null").stdout == ""


def test_devices_without_builtin(runtime, bundle, world):
    """The rules are all there is, when the container is made as after an update."""
    world.need_host_root("needs a device policy")
    null = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}
    bundle.config["annotations"] = {"run.oci.coracle.builtin_devices": "0"}
    container = runtime.sleeping(resources(bundle, devices=[*DENY_ALL, null]))

    def reads(name):
        return container.exec("cat", f"/dev/{name}", code=ANY, stderr=ANY).code == 0

    assert reads("null") and not reads("full") and not reads("tty")
    runtime("update", "--device-rule", "deny c 1:3 r", container)
    assert not reads("null")
    failed = container.exec("/bin/busybox", "mknod", "/dev/shm/null", "c", "1", "3", code=ANY,
                            stderr=ANY)
    assert "Operation not permitted" in failed.stderr
    # run, too, does not let its process go before the policy is there.
    bundle.args("/bin/sh", "-c", "read x < /dev/zero")
    assert "Operation not permitted" in runtime.run(bundle, code=ANY, stderr=ANY).stderr


@pytest.mark.parametrize("rule", ["", "allow", "allow c 1 rwm", "allow c 1:3:4 r", "permit c 1:3 r",
                                  "allow c 1:3 r x", "allow c x:3 r"])
def test_device_rule_refused(runtime, bundle, world, rule):
    world.need_cgroups()
    container = runtime.create(bundle)
    runtime("update", "--device-rule", rule, container,
            error="update: option --device-rule: expected a device rule")


# --- rlimits --------------------------------------------------------------------------------------


def test_rlimits_live(runtime, bundle, world):
    world.need_cgroups()
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 900}]
    container = runtime.sleeping(bundle, "children", "2")
    runtime("update", "--rlimit", "nofile=100:200", "--rlimit", "RLIMIT_CORE=0", container)
    for pid in runtime("ps", "--format", "json", container, stdout=ANY).json():
        lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
        found = {line[:25].strip(): line[25:].split()[:2] for line in lines}
        assert found["Max open files"] == ["100", "200"]
        assert found["Max core file size"] == ["0", "0"]


@pytest.mark.parametrize("options, error", [
    (["--memory", "12x"], 'option --memory: expected a size like 512M, got "12x"'),
    (["--pids-limit", "many"], 'option --pids-limit: expected a number, got "many"'),
    (["--cpu-period", "-5"], 'option --cpu-period: expected a number, got "-5"'),
    (["--blkio-weight", "2000"], "expected a weight from 10 to 1000"),
    (["--rlimit", "nofile"], "option --rlimit: expected NAME="),
    (["--rlimit", "files=3"], "expected the name of a resource limit"),
    (["--rlimit", "nofile=5:3"], "expected no more than the hard limit"),
    (["--mem-bw-schema", "L3:0=f"], r"linux\.intelRdt\.memBwSchema: expected"),
    (["-r", "/nonexistent"], 'read "/nonexistent": no such file or directory'),
])
def test_mistakes(runtime, bundle, options, error):
    container = runtime.create(bundle)
    runtime("update", *options, container, error=error)


def test_wrong_json(runtime, bundle, world):
    container = runtime.create(bundle)
    for text, error in (('{"pids": {"limit": "x"}}', r"linux\.resources\.pids\.limit"),
                        ("{", "line 1"), ("[]", r"linux\.resources: line 1: expected an object"),
                        ('{"devices": [{"allow": true, "access": "z"}]}',
                         r"linux\.resources\.devices\[0\]\.access")):
        runtime("update", "-r", "-", container, input=text, error=error)


def test_no_cgroup(runtime, bundle):
    container = runtime.create(bundle, flags=("--cgroup-manager", "disabled"))
    runtime("update", "--pids-limit", "5", container, error="has no cgroup of its own|cgroup v2")
