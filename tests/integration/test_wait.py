"""How containers end: `wait`, and what `state` knows, without anybody of ours staying behind."""
import os
import pathlib
import subprocess

import pytest

import harness
from harness import ANY

UNKNOWN = "nobody knows how"


def kernel_keeps():
    """Whether a pidfd can be mounted, and so tells more than its process's parent does (6.15)."""
    major, minor = map(int, os.uname().release.split(".")[:2])
    return (major, minor) >= (6, 15)


def may_read_pidfds(world):
    """Their files belong to the kernel's root."""
    return world.root and "4294967295" in pathlib.Path("/proc/self/uid_map").read_text()


def mounts_of(container):
    return [m for m in harness.parse_mountinfo(pathlib.Path("/proc/self/mountinfo").read_text())
            if m.target.endswith(f"/{container.id}/exit")]


def test_before_the_end(runtime, bundle):
    """Two wait at once; neither is the parent. Both get the status, and a third one afterwards."""
    container = runtime.detached(bundle.probe("catch", 15, "print", "up", "sleep", "exit", 7))
    container.wait_output("up\n")
    waiting = [runtime.popen("wait", container, stdout=subprocess.PIPE) for _ in range(2)]
    assert all(w.poll() is None for w in waiting)
    os.kill(container.pid, 15)
    for w in waiting:
        assert w.communicate(timeout=harness.TIMEOUT)[0].strip() in (b"7", "7")
        assert w.returncode == 0
    runtime.wait_process(container.pid)
    runtime("wait", container, stdout="7\n")
    assert container.state()["exitStatus"] == 7


def test_killed(runtime, bundle):
    container = runtime.sleeping(bundle)
    waiting = runtime.popen("wait", container, stdout=subprocess.PIPE)
    os.kill(container.pid, 9)
    assert int(waiting.communicate(timeout=harness.TIMEOUT)[0]) == 137


def test_not_yet_waited_for(runtime, bundle):
    """Nobody began to wait in time, but the parent has not either."""
    container = runtime.create(bundle.probe("exit", 5)).start()
    container.wait_stopped()
    assert container.state()["exitStatus"] == 5
    runtime("wait", container, stdout="5\n")


def test_too_late(runtime, bundle):
    """Of an engine's container only its parent knows."""
    container = runtime.create(bundle.probe("exit", 5)).start()
    runtime.wait_process(container.pid)
    assert "exitStatus" not in container.state()
    runtime("wait", container, error=UNKNOWN)


@pytest.mark.parametrize("how", ["run", "create"])
def test_kept_by_the_kernel(runtime, bundle, world, how):
    """The parent has waited, nobody else did, and the status is still there."""
    world.need(may_read_pidfds(world) and kernel_keeps(),
               "needs a kernel that mounts pidfds, and who may mount and read them")
    bundle.probe("exit", 9)
    if how == "run":
        container = runtime.detached(bundle)
    else:
        container = runtime.create(bundle, "--keep-status")
        assert len(mounts_of(container)) == 1
        container.start()
    runtime.wait_process(container.pid)
    for _ in range(2):
        assert container.state()["exitStatus"] == 9
        runtime("wait", container, stdout="9\n")
    assert len(mounts_of(container)) == 1
    container.delete()
    assert mounts_of(container) == []


def test_not_kept_where_it_cannot_be(runtime, bundle, world):
    """Without the right to mount, or to read what is mounted, nothing fails and nothing stays."""
    world.need(not may_read_pidfds(world), "needs a caller who may not mount or read pidfds")
    container = runtime.detached(bundle.probe("exit", 9))
    assert mounts_of(container) == []
    runtime.wait_process(container.pid)
    runtime("wait", container, error=UNKNOWN)


def test_create_keeps_nothing_by_itself(runtime, bundle):
    container = runtime.create(bundle.probe("exit", 0))
    assert mounts_of(container) == []


def test_attached_run_that_keeps(runtime, bundle):
    id = runtime.new_id()
    bundle.probe("exit", 3).save()
    runtime("run", "--keep", "-b", bundle.path, id, code=3)
    runtime("wait", id, stdout="3\n")
    assert runtime("state", id, stdout=ANY).json()["exitStatus"] == 3
    runtime("delete", id)


def test_created_container_is_waited_for(runtime, bundle):
    container = runtime.create(bundle.probe("exit", 4))
    waiting = runtime.popen("wait", container, stdout=subprocess.PIPE)
    container.start()
    assert int(waiting.communicate(timeout=harness.TIMEOUT)[0]) == 4


def test_a_container_that_runs_has_no_status(runtime, bundle):
    assert "exitStatus" not in runtime.sleeping(bundle).state()


def test_missing(runtime):
    runtime("wait", "none", error="container does not exist")
