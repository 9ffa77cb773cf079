"""Limits that hold over time: what happens at a limit, however long and hard a container tries.

Seconds of processor time are the kernel's, so that a slow machine changes nothing; the tests of
test_cgroups.py look at the files."""
import os
import pathlib
import resource
import tempfile
import time

import pytest

from harness import ANY, TIME_SCALE, poll_until
from test_cgroups import MIB, cgroup_of, read, resources, v1_mount, v2_has, where_it_is
from test_events import HOG, watch  # noqa: F401 — a fixture

BOMB = "bomb() { bomb | bomb & }; bomb; while :; do sleep 1000; done"


# --- out of memory ----------------------------------------------------------------------------------


def hog(bundle, **more):
    """A process with two others beside it; one of them runs out of memory when it is told to go."""
    resources(bundle, memory={"limit": 24 * MIB, "swap": 24 * MIB}, **more)
    os.mkfifo(bundle.rootfs / "data/go")
    return bundle.args("/bin/sh", "-c", f"sleep 1000 & (read go < /data/go; {HOG}) & echo up; "
                       "while :; do sleep 1000; done")


def go(bundle):
    (bundle.rootfs / "data/go").write_text("go\n")


def pids(runtime, container):
    return runtime("ps", "--format", "json", container, stdout=ANY).json()


def need_oom_group(world):
    world.need_cgroups()
    world.need(v2_has("memory"), "needs the controller memory in cgroup v2")


def test_oom_kills_one(runtime, bundle, world):
    """Without a group: the hog dies, and nobody else."""
    world.need_cgroups()
    controller, _ = where_it_is(world, "memory", "memory")
    container = runtime.start(hog(bundle))
    container.wait_output("up\n")
    everybody = poll_until(lambda: len(found := pids(runtime, container)) == 4 and found,
                           "all processes are there")
    go(bundle)
    poll_until(lambda: len(pids(runtime, container)) == 3, "one has died")
    assert container.status == "running" and set(pids(runtime, container)) < set(everybody)


@pytest.mark.parametrize("way", ["annotation", "unified", "update"])
def test_oom_group(runtime, bundle, world, watch, cgroup_manager, way):  # noqa: F811
    """All die together, whichever way it was asked for; `events` tells, with who was there; the
    exit status is that of SIGKILL."""
    need_oom_group(world)
    hog(bundle, **({"unified": {"memory.oom.group": "1"}} if way == "unified" else {}))
    if way == "annotation":
        bundle.config["annotations"] = {"run.oci.coracle.oom_group": "1"}
    container = runtime.start(bundle)
    if way == "update":
        runtime("update", "--oom-group", "1", container)
    container.wait_output("up\n")
    everybody = poll_until(lambda: len(found := pids(runtime, container)) == 4 and found,
                           "all processes are there")
    assert read(container.pid, "memory", "memory.oom.group") == "1"
    w = watch("--interval", "100ms", container.id)
    poll_until(lambda: w.event()["data"]["pids"]["current"] == 4, "events has seen them")
    go(bundle)
    event = w.event()
    while event["type"] != "oom":
        event = w.event()
    assert event["data"]["oomKill"] >= 1
    assert {p["pid"] for p in event["data"]["before"]["processes"]} == set(everybody)
    assert event["data"]["oomGroupKill"] == 1 and event["data"]["pids"] == []
    container.wait_stopped()
    assert w.ended() == 0
    if world.host_root:
        assert runtime("wait", container, stdout=ANY).stdout == "137\n"


def test_oom_group_of_run(runtime, bundle, world):
    """An attached run tells by its own status."""
    need_oom_group(world)
    hog(bundle).config["annotations"] = {"run.oci.coracle.oom_group": "1"}
    bundle.args("/bin/sh", "-c", f"({HOG}); echo never")
    assert runtime.run(bundle, code=137).stdout == ""


def test_oom_group_off_again(runtime, bundle, world):
    need_oom_group(world)
    bundle.config["annotations"] = {"run.oci.coracle.oom_group": "1"}
    container = runtime.sleeping(bundle)
    runtime("update", "--oom-group", "0", container)
    assert read(container.pid, "memory", "memory.oom.group") == "0"
    runtime("update", "--oom-group", "2", container, error="option --oom-group: expected 0 or 1")


def test_oom_group_on_v1(runtime, bundle, world):
    world.need_host_root()
    world.need(v1_mount("memory"), "needs the controller memory in cgroup v1")
    bundle.config["annotations"] = {"run.oci.coracle.oom_group": "1"}
    runtime.run(bundle, error=r'annotations\["run.oci.coracle.oom_group"\]: cgroup v1 cannot kill')
    del bundle.config["annotations"]
    runtime("update", "--oom-group", "1", runtime.create(bundle),
            error=r'unified\["memory.oom.group"\]: cgroup v2 files need')


# --- processes --------------------------------------------------------------------------------------


def test_fork_bomb_stops(runtime, bundle, world):
    """At the limit and not one further, for as long as it tries."""
    world.need_cgroups()
    controller, _ = where_it_is(world, "pids", "pids")
    container = runtime.start(resources(bundle, pids={"limit": 40}).args("/bin/sh", "-c", BOMB),
                              stderr=ANY)
    folder = cgroup_of(container.pid, controller)
    current = folder / "pids.current"
    poll_until(lambda: "max 0\n" not in (folder / "pids.events").read_text(), "a fork was refused")
    assert max(int(current.read_text()) for _ in range(1000)) <= 40


def test_fork_bomb_deleted(runtime, new_bundle, world):
    """Fifty times: gone at once, for hardly any time of a processor."""
    world.need_cgroups()
    controller, _ = where_it_is(world, "pids", "pids")
    bundle = resources(new_bundle(), pids={"limit": 60}).args("/bin/sh", "-c", BOMB)
    slowest = busiest = 0
    for _ in range(50):
        container = runtime.start(bundle, stderr=ANY)
        folder = cgroup_of(container.pid, controller)
        poll_until(lambda: "max 0\n" not in (folder / "pids.events").read_text(), "it bombs")
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        container.delete("--force")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        slowest = max(slowest, time.monotonic() - start)
        busiest = max(busiest, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert not folder.exists()
    print(f"delete --force of a fork bomb: at most {slowest:.3f} s, {busiest:.3f} s of a processor")
    assert slowest < 5 * TIME_SCALE and busiest < 0.5 * TIME_SCALE


# --- processors -------------------------------------------------------------------------------------


def used(pid):
    """Seconds of processor time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_cpu_quota(runtime, bundle, world):
    """A fifth of a processor for five seconds, within 15 percent."""
    world.need_cgroups()
    where_it_is(world, "cpu", "cpu")
    resources(bundle, cpu={"quota": 20000, "period": 100000})
    container = runtime.start(bundle.args("/bin/sh", "-c", "while :; do :; done"))
    poll_until(lambda: used(container.pid) > 0.05, "it works")
    before, start = used(container.pid), time.monotonic()
    time.sleep(5)
    share = (used(container.pid) - before) / (time.monotonic() - start)
    print(f"{share:.3f} of a processor, 0.2 allowed")
    assert 0.85 < share / 0.2 < 1.15


# --- disks ------------------------------------------------------------------------------------------


def disk_below(path):
    """The numbers of the whole disk that a file is on, as (8, 0); None if that cannot be told."""
    number = os.stat(path).st_dev
    folder = pathlib.Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not folder.exists():
        return None
    folder = folder.resolve()
    whole = folder.parent if (folder / "partition").exists() else folder
    return tuple(map(int, (whole / "dev").read_text().split(":")))


@pytest.fixture
def file_on_disk(world, folder):
    """A file of 4 MiB on a disk whose numbers are known, and these."""
    for place in (folder, "/var/tmp", os.environ.get("HOME", "/")):
        if os.access(place, os.W_OK) and disk_below(place):
            break
    else:
        world.need(False, "needs a folder on a disk")
    with tempfile.NamedTemporaryFile(dir=place) as f:
        os.fchmod(f.fileno(), 0o644)
        f.write(os.urandom(4 * MIB))
        f.flush()
        os.fsync(f.fileno())
        yield f.name, disk_below(place)


def test_io_throttle(runtime, bundle, world, cgroup_manager, file_on_disk):
    """Reads past the page cache take the time that the limit gives them."""
    world.need_cgroups()
    where_it_is(world, "blkio", "io")
    path, numbers = file_on_disk
    disk = {"major": numbers[0], "minor": numbers[1], "rate": 1 * MIB}
    resources(bundle, blockIO={"throttleReadBpsDevice": [disk]})
    (bundle.rootfs / "data/data").touch()
    bundle.mount("/data/data", "bind", path, ["bind", "ro"])
    bundle.args("/bin/sh", "-c", "echo up; read go < /data/go; "
                "/bin/busybox dd if=/data/data of=/dev/null bs=64k iflag=direct 2>/dev/null && echo done")
    os.mkfifo(bundle.rootfs / "data/go")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    start = time.monotonic()
    go(bundle)
    poll_until(lambda: "done\n" in container.stdout, "4 MiB are read", seconds=20)
    seconds = time.monotonic() - start
    print(f"4 MiB in {seconds:.2f} s, 1 MiB a second allowed")
    assert 3 < seconds < 6 * TIME_SCALE
