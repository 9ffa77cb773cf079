"""events: numbers in the form that runc gave them, and telling when the kernel killed."""
import json
import os
import select
import subprocess

import pytest

from harness import ANY, poll_until
from test_cgroups import MIB, resources, where_it_is

HOG = "x=0123456789abcdef; while :; do x=$x$x; done"


def stats(runtime, container):
    event = runtime("events", "--stats", container, stdout=ANY).json()
    assert (event["type"], event["id"]) == ("stats", container.id)
    return event["data"]


def test_stats(runtime, bundle, world):
    world.need_cgroups()
    container = runtime.sleeping(bundle, "children", "3")
    data = stats(runtime, container)
    assert set(data) == {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt",
                         "network_interfaces"}
    if world.arrangement != "v1":  # there a container has the controllers that limits ask for
        assert data["cpu"]["usage"]["total"] > 0
    assert set(data["cpu"]["throttling"]) == {"periods", "throttledPeriods", "throttledTime"}
    assert data["pids"]["current"] == 4
    assert set(data["memory"]) == {"cache", "usage", "swap", "kernel", "kernelTCP", "raw"}


def test_stats_of_limits(runtime, bundle, world):
    world.need_cgroups()
    for controller in (("memory", "memory"), ("cpuset", "cpuset"), ("pids", "pids")):
        where_it_is(world, *controller)
    resources(bundle, memory={"limit": 64 * MIB, "swap": 96 * MIB}, pids={"limit": 17},
              cpu={"cpus": "0", "quota": 20000})
    data = stats(runtime, runtime.sleeping(bundle))
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert data["memory"]["swap"]["limit"] == 96 * MIB
    assert 0 < data["memory"]["usage"]["usage"] < 64 * MIB
    assert "pgfault" in data["memory"]["raw"]  # the kernel counts events up from time to time only
    assert data["pids"] == {"current": 1, "limit": 17}
    assert data["cpuset"]["cpus"] == [0] and data["cpuset"]["mems"][0] == 0


def test_hugetlb(runtime, bundle, world):
    world.need_cgroups()
    where_it_is(world, "hugetlb", "hugetlb")
    resources(bundle, hugepageLimits=[{"pageSize": "2MB", "limit": 0}])
    assert stats(runtime, runtime.sleeping(bundle))["hugetlb"]["2MB"] == {"failcnt": 0}


class Watch:
    """A running `events`; lines of what it says."""

    def __init__(self, runtime, *args):
        self.process = runtime.popen("events", *args, stdout=subprocess.PIPE)
        self.text = b""

    def event(self, seconds=10):
        while b"\n" not in self.text:
            assert select.select([self.process.stdout], [], [], seconds)[0], "no event came"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, "events ended"
            self.text += data
        line, self.text = self.text.split(b"\n", 1)
        return json.loads(line)

    def ended(self):
        """Its exit code, once it ended by itself."""
        return self.process.wait(10)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def watch(runtime):
    watches = []

    def start(*args):
        watches.append(Watch(runtime, *args))
        return watches[-1]

    yield start
    for w in watches:
        w.close()


def test_interval_and_end(runtime, bundle, world, watch):
    """Numbers come again and again, and the end of the container is the end of the command."""
    world.need_cgroups()
    container = runtime.sleeping(bundle)
    w = watch("--interval", "20ms", container.id)
    assert [w.event()["type"] for _ in range(3)] == ["stats"] * 3
    container.kill()
    assert w.ended() == 0


def test_oom(runtime, bundle, world, watch):
    """An event when the kernel kills, with what was there; the container lives on."""
    world.need_cgroups()
    where_it_is(world, "memory", "memory")
    resources(bundle, memory={"limit": 16 * MIB, "swap": 16 * MIB})
    bundle.args("/bin/sh", "-c", f"read go < /data/go; ({HOG}); echo again; read go < /data/go; "
                f"({HOG}); while :; do sleep 1000; done")
    os.mkfifo(bundle.rootfs / "data/go")
    container = runtime.start(bundle)
    w = watch("--interval", "1h", container.id)
    # It watches as soon as it has opened the file of the kernel's events.
    poll_until(lambda: any("eventfd" in os.readlink(f"/proc/{w.process.pid}/fd/{fd}")
                           or "memory.events" in os.readlink(f"/proc/{w.process.pid}/fd/{fd}")
                           for fd in os.listdir(f"/proc/{w.process.pid}/fd")), "events watches")
    for n in (1, 2):
        (bundle.rootfs / "data/go").write_text("go\n")
        event = w.event()
        assert (event["type"], event["id"], event["data"]["oomKill"]) == ("oom", container.id, n)
        assert event["data"]["memory"]["usage"]["limit"] == 16 * MIB
        assert container.pid in event["data"]["pids"]
        before = event["data"]["before"]
        assert before["memory"]["usage"]["limit"] == 16 * MIB
        own = [p for p in before["processes"] if p["pid"] == container.pid]
        assert own[0]["name"] == "sh" and own[0]["memory"] > 0
        container.wait_output("again\n")
    container.kill()
    assert w.ended() == 0


def test_no_cgroup(runtime, bundle):
    container = runtime.create(bundle, flags=("--cgroup-manager", "disabled"))
    runtime("events", "--stats", container, error="has no cgroup of its own")


def test_stopped(runtime, bundle):
    container = runtime.start(bundle.args("/bin/true"))
    container.wait_stopped()
    runtime("events", container, error="container not running")


@pytest.mark.parametrize("interval", ["", "0", "5x", "-1s", "1.5s"])
def test_intervals_refused(runtime, bundle, interval):
    container = runtime.create(bundle)
    runtime("events", f"--interval={interval}", container, error="expected a time like 5s")
