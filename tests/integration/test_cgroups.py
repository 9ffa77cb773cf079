"""Resource limits: what the kernel's files say, in the cgroup that the process is in; what happens
at a limit; what is refused, and what the refusal says.

Which controllers there are differs between machines: a test asks for its own. On hybrid hosts most
are bound to cgroup v1, and v2 has what is left (hugetlb here)."""
import json
import os
import pathlib
import re
import stat

import pytest

import worlds
from harness import ANY

TOP = pathlib.Path("/sys/fs/cgroup")


# --- where things are -----------------------------------------------------------------------------


def unified_top():
    return TOP if worlds.cgroup_arrangement() == "unified" else TOP / "unified"


def v1_mount(controller):
    """Where the v1 hierarchy with this controller is mounted; None if there is none."""
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        fstype, _, options = right.split(None, 2)
        if fstype == "cgroup" and controller in options.strip().split(","):
            return pathlib.Path(left.split()[4])
    return None


def delegated_top():
    """The cgroup in which ours are made: the root's for root, else what is delegated to us."""
    own = worlds.own_cgroup()
    return unified_top() if os.geteuid() == 0 or not own else own.parent


def v2_has(controller):
    try:
        return controller in (delegated_top() / "cgroup.controllers").read_text().split()
    except OSError:
        return False


def cgroup_of(pid, controller):
    """The directory of the process's cgroup where this controller is ("": in v2)."""
    v1 = v1_mount(controller) if controller else None
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if v1 and controller in controllers.split(","):
            return pathlib.Path(f"{v1}{path}")
        if not v1 and controllers == "":
            return pathlib.Path(f"{unified_top()}{path}")
    raise AssertionError(f"process {pid} is in no cgroup of {controller}")


def read(pid, controller, name):
    return (cgroup_of(pid, controller) / name).read_text().strip()


def disk():
    """The numbers of a whole disk, as "8:0"."""
    for device in sorted(pathlib.Path("/sys/block").iterdir()):
        if not device.name.startswith(("loop", "ram", "zram")):
            return (device / "dev").read_text().strip()
    return None


def resources(bundle, **values):
    bundle.linux.setdefault("resources", {}).update(values)
    return bundle


# --- every key ------------------------------------------------------------------------------------

MIB = 1 << 20

# name, resources, v1: controller and {file: value}, v2: controller and {file: value}
KEYS = [
    ("shares", {"cpu": {"shares": 512}},
     "cpu", {"cpu.shares": "512"}, "cpu", {"cpu.weight": "59"}),
    ("quota", {"cpu": {"quota": 50000}},
     "cpu", {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"},
     "cpu", {"cpu.max": "50000 100000"}),
    ("period", {"cpu": {"quota": 50000, "period": 200000}},
     "cpu", {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "200000"},
     "cpu", {"cpu.max": "50000 200000"}),
    ("burst", {"cpu": {"quota": 50000, "burst": 20000}},
     "cpu", {"cpu.cfs_burst_us": "20000"}, "cpu", {"cpu.max.burst": "20000"}),
    ("idle", {"cpu": {"idle": 1, "shares": 512}},
     "cpu", {"cpu.idle": "1"}, "cpu", {"cpu.idle": "1"}),
    ("cpus", {"cpu": {"cpus": "0"}},
     "cpuset", {"cpuset.cpus": "0", "cpuset.mems": ANY},
     "cpuset", {"cpuset.cpus.effective": "0"}),
    ("mems", {"cpu": {"mems": "0"}},
     "cpuset", {"cpuset.mems": "0"}, "cpuset", {"cpuset.mems.effective": "0"}),
    ("limit", {"memory": {"limit": 64 * MIB}},
     "memory", {"memory.limit_in_bytes": str(64 * MIB)},
     "memory", {"memory.max": str(64 * MIB)}),
    ("reservation", {"memory": {"reservation": 32 * MIB}},
     "memory", {"memory.soft_limit_in_bytes": str(32 * MIB)},
     "memory", {"memory.low": str(32 * MIB)}),
    ("swap", {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}},
     "memory", {"memory.memsw.limit_in_bytes": str(96 * MIB)},
     "memory", {"memory.swap.max": str(32 * MIB)}),
    ("swappiness", {"memory": {"swappiness": 7}},
     "memory", {"memory.swappiness": "7"}, None, {}),
    ("oom", {"memory": {"disableOOMKiller": True}},
     "memory", {"memory.oom_control": re.compile(r"oom_kill_disable 1\n[\s\S]*")}, None, {}),
    ("pids", {"pids": {"limit": 17}},
     "pids", {"pids.max": "17"}, "pids", {"pids.max": "17"}),
    ("weight", {"blockIO": {"weight": 300}},
     "blkio", {"blkio.bfq.weight": "300"}, "io", {"io.weight": "default 2930"}),
    ("hugepages", {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]},
     "hugetlb", {"hugetlb.2MB.limit_in_bytes": str(4 * MIB),
                 "hugetlb.2MB.rsvd.limit_in_bytes": str(4 * MIB)},
     "hugetlb", {"hugetlb.2MB.max": str(4 * MIB), "hugetlb.2MB.rsvd.max": str(4 * MIB)}),
    ("unified", {"unified": {"cgroup.max.depth": "3", "cgroup.max.descendants": "5"}},
     None, {}, "", {"cgroup.max.depth": "3", "cgroup.max.descendants": "5"}),
    ("unified-hugetlb", {"unified": {"hugetlb.2MB.max": "2097152"}},
     None, {}, "hugetlb", {"hugetlb.2MB.max": "2097152"}),
]


def where_it_is(world, v1, v2):
    """The controller and whether it is v1; skips where the machine has neither."""
    if v1 and v1_mount(v1):
        world.need_host_root("v1 hierarchies cannot be delegated")
        return v1, True
    there = v2 is not None and (world.arrangement != "v1" if v2 == "" else v2_has(v2))
    world.need(there, f"needs the controller {v2 or v1 or 'of cgroup v2'}")
    return v2, False


def matches(found, expected):
    if expected is ANY:
        return found != ""
    return expected.fullmatch(found) if isinstance(expected, re.Pattern) else found == expected


def check_files(world, pid, controller, files):
    for name, value in files.items():
        path = cgroup_of(pid, controller) / name
        world.need(path.exists(), f"needs {name}")
        assert matches(path.read_text().strip(), value), f"{path}: {path.read_text()}"


def check_reload(runtime, manager, check, *args):
    """What systemd does with the files that it knows whenever it reloads changes none of them."""
    if manager == "systemd":
        runtime.systemctl("daemon-reload")
        check(*args)


every_key = pytest.mark.parametrize("key, v1, on_v1, v2, on_v2", [k[1:] for k in KEYS],
                                    ids=[k[0] for k in KEYS])


@every_key
def test_key(runtime, bundle, world, cgroup_manager, key, v1, on_v1, v2, on_v2):
    """Before the process starts."""
    world.need_cgroups()
    controller, is_v1 = where_it_is(world, v1, v2)
    resources(bundle, **key)
    pid = runtime.create(bundle).pid
    check = world, pid, controller, on_v1 if is_v1 else on_v2
    check_files(*check)
    check_reload(runtime, cgroup_manager, check_files, *check)


@every_key
def test_key_by_update(runtime, bundle, world, cgroup_manager, key, v1, on_v1, v2, on_v2):
    world.need_cgroups()
    controller, is_v1 = where_it_is(world, v1, v2)
    container = runtime.sleeping(bundle)
    runtime("update", "-r", "-", container, input=json.dumps(key))
    check = world, container.pid, controller, on_v1 if is_v1 else on_v2
    check_files(*check)
    check_reload(runtime, cgroup_manager, check_files, *check)


def test_throttles(runtime, bundle, world, cgroup_manager):
    world.need_cgroups()
    controller, is_v1 = where_it_is(world, "blkio", "io")
    number = disk()
    world.need(number, "needs a disk")
    entry = dict(zip(("major", "minor"), map(int, number.split(":"))))
    names = ("throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice",
             "throttleWriteIOPSDevice")
    resources(bundle, blockIO={n: [{**entry, "rate": 1000000 + i}] for i, n in enumerate(names)})
    pid = runtime.create(bundle).pid

    def check():
        if is_v1:
            files = ("read_bps", "write_bps", "read_iops", "write_iops")
            found = [read(pid, controller, f"blkio.throttle.{f}_device") for f in files]
            assert found == [f"{number} {1000000 + i}" for i in range(4)]
        else:
            assert read(pid, controller, "io.max") == (
                f"{number} rbps=1000000 wbps=1000001 riops=1000002 wiops=1000003")

    check()
    check_reload(runtime, cgroup_manager, check)


def test_no_limit_is_no_limit(runtime, bundle, world):
    """What Docker, Podman and kubelet write where nothing is asked: it works everywhere, also where
    nothing is delegated, and makes no v1 cgroups."""
    resources(bundle, memory={"limit": 0, "swap": -1, "reservation": 0, "kernel": 0},
              cpu={"shares": 0, "quota": -1, "period": 100000, "cpus": "", "mems": ""},
              pids={"limit": -1}, blockIO={"weight": 0}, network={"classID": 0}, unified={})
    r = runtime.report(bundle)
    assert r.pid == 1


# --- what limits do -------------------------------------------------------------------------------


def test_memory_limit_kills(runtime, bundle, world):
    """A hog dies at its limit, by the kernel."""
    world.need_cgroups()
    where_it_is(world, "memory", "memory")
    resources(bundle, memory={"limit": 16 * MIB, "swap": 16 * MIB})
    bundle.args("/bin/sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done")
    assert runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY).code == 137


def test_cpuset_seen_from_inside(runtime, bundle, world):
    world.need_cgroups()
    where_it_is(world, "cpuset", "cpuset")
    resources(bundle, cpu={"cpus": "0"})
    bundle.args("/bin/sh", "-c", "while read a b; do case $a in Cpus_allowed_list:) echo $b;; esac; "
                "done < /proc/self/status")
    assert runtime.run(bundle, stdout=ANY).stdout == "0\n"


@pytest.mark.parametrize("userns", [False, True])
@pytest.mark.parametrize("limit", [0, 1])
def test_smallest_pids_limits(runtime, bundle, world, cgroup_manager, limit, userns):
    """The process itself fits, whatever helped it into the container; it cannot fork."""
    world.need_cgroups()
    controller, _ = where_it_is(world, "pids", "pids")
    if userns and not bundle.has_namespace("user"):
        bundle.namespace("user")
        bundle.linux.update({f"{k}Mappings": [{"containerID": 0, "hostID": 0, "size": 65536}]
                             for k in ("uid", "gid")})
    resources(bundle, pids={"limit": limit})
    bundle.args("/bin/sh", "-c", "(true); echo never")
    failed = runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY)
    assert (failed.stdout, failed.code != 0) == ("", True) and "fork" in failed.stderr
    container = runtime.create(bundle)
    assert read(container.pid, controller, "pids.max") == str(limit)

    def check():
        # systemd knows no limit of 0; with a process that lives 1 means the same.
        assert read(container.pid, controller, "pids.max") in ("0", "1")

    check_reload(runtime, cgroup_manager, check)


# --- delegation -----------------------------------------------------------------------------------


def delegated_bundle(bundle, *options):
    """A container in a user namespace that sees its cgroup."""
    if not bundle.has_namespace("user"):
        bundle.namespace("user")
        bundle.linux.update({f"{k}Mappings": [{"containerID": 0, "hostID": 10000, "size": 5000}]
                             for k in ("uid", "gid")})
    bundle.namespace("cgroup").drop_mount("/sys/fs/cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "nodev", "noexec", *options])
    return resources(bundle, unified={"cgroup.max.depth": "7"})


def test_delegated(runtime, bundle, world, cgroup_manager):
    """A writable cgroup is the container's to divide: what the kernel lists for that belongs to its
    root, and nothing else."""
    world.need_host_root()
    world.need(world.arrangement == "unified", "needs cgroup v2")
    container = runtime.sleeping(delegated_bundle(bundle))
    folder = cgroup_of(container.pid, "")
    listed = pathlib.Path("/sys/kernel/cgroup/delegate").read_text().split()
    for path in (folder, *folder.iterdir()):
        own = path == folder or path.name in listed
        assert path.stat().st_uid == (10000 if own else 0), path
    container.exec("/bin/sh", "-c", "mkdir /sys/fs/cgroup/deep && "
                   "echo $$ > /sys/fs/cgroup/deep/cgroup.procs")
    failed = container.exec("/bin/sh", "-c", "echo max > /sys/fs/cgroup/cgroup.max.depth", code=ANY,
                            stderr=ANY)
    assert "ermission denied" in failed.stderr
    assert read(container.pid, "", "cgroup.max.depth") == "7"


def test_not_delegated(runtime, bundle, world):
    """One that is shown read-only stays the host's."""
    world.need_host_root()
    world.need(world.arrangement == "unified", "needs cgroup v2")
    container = runtime.sleeping(delegated_bundle(bundle, "ro"))
    assert {p.stat().st_uid for p in cgroup_of(container.pid, "").iterdir()} == {0}


def test_divided_by_a_user(runtime, bundle, world):
    """What an ordinary user's container sees writable is its own already."""
    world.need_cgroups()
    world.need(world.arrangement == "unified", "needs cgroup v2")
    world.need(not world.host_root, "needs an ordinary user, or root of a user namespace")
    container = runtime.sleeping(delegated_bundle(bundle))
    container.exec("/bin/sh", "-c", "mkdir /sys/fs/cgroup/deep && "
                   "echo $$ > /sys/fs/cgroup/deep/cgroup.procs")


# --- refusals -------------------------------------------------------------------------------------


def refusal(runtime, bundle, folder):
    """The entry in the log of a run that fails before the process starts."""
    log = folder / "log.json"
    runtime.run(bundle, flags=("--log", log, "--log-format", "json"), code=1, stderr=ANY)
    return json.loads(log.read_text())


REFUSALS = [
    ("cpus", {"cpu": {"cpus": "4000"}}, ("cpuset", "cpuset"),
     r"linux\.resources\.cpu\.cpus: write \"4000\" to \"/sys/fs/cgroup/\S+/cpuset\.cpus\": .*",
     r"the cgroup above has processors \d.*"),
    ("quota", {"cpu": {"quota": 10}}, ("cpu", "cpu"),
     r"linux\.resources\.cpu\.quota: write \"10.*\" to \"\S+\": invalid argument",
     "a period is 1000 to .*"),
    ("hugepages", {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}, ("hugetlb", "hugetlb"),
     r"linux\.resources\.hugepageLimits\[0\]\.limit: write \"0\" to \"\S+hugetlb\.3MB\.\S+\": no "
     "such file or directory", "the kernel has no huge pages of this size.*"),
    ("file", {"unified": {"cgroup.nonsense": "1"}}, (None, ""),
     r"linux\.resources\.unified\[\"cgroup\.nonsense\"\]: write \"1\" to \"\S+cgroup\.nonsense\": "
     "no such file or directory", "this kernel has no such file"),
    ("controller", {"unified": {"nonsense.max": "1"}}, (None, ""),
     r"linux\.resources\.unified\[\"nonsense\.max\"\]: the cgroup controller \"nonsense\" is not "
     "available", ".*cgroup.controllers.*"),
    ("disk", {"blockIO": {"throttleReadBpsDevice": [{"major": 250, "minor": 77, "rate": 9}]}},
     ("blkio", "io"),
     r"linux\.resources\.blockIO\.throttleReadBpsDevice\[0\]: write \"250:77 \S+\" to \"\S+\": no "
     "such device", "no disk has these numbers.*"),
]


@pytest.mark.parametrize("asked, controllers, message, hint", [r[1:] for r in REFUSALS],
                         ids=[r[0] for r in REFUSALS])
def test_refused(runtime, bundle, world, folder, asked, controllers, message, hint):
    """Named by key, file, reason and cure; and nothing stays (the leak check looks)."""
    world.need_cgroups()
    where_it_is(world, *controllers)
    entry = refusal(runtime, resources(bundle, **asked), folder)
    assert re.fullmatch(message, entry["msg"]), entry
    assert re.fullmatch(hint, entry["hint"]), entry


def test_whatever_our_umask(runtime, bundle, world):
    """Everybody may look, as in what others make: users inside, and until Linux 6.16 whoever mounts
    cgroup2 in a user namespace."""
    world.need_cgroups()
    old = os.umask(0o077)
    try:
        container = runtime.sleeping(bundle)
    finally:
        os.umask(old)
    cgroup = cgroup_of(container.pid, "")
    assert {stat.S_IMODE(d.stat().st_mode) for d in (cgroup, cgroup.parent)} == {0o755}


def test_nothing_delegated(runtime, bundle, world, folder):
    """Without a cgroup of one's own limits are refused, with what to do about it; without limits
    the container runs."""
    world.need(not world.cgroups, "needs a user without a cgroup")
    assert runtime.report(bundle).pid == 1
    entry = refusal(runtime, resources(bundle, memory={"limit": 64 * MIB}), folder)
    assert entry["msg"].startswith("linux.resources.memory.limit: ")
    assert re.search("cgroup v1|Delegate=", entry["hint"])
