"""The check after every test finds each kind of leak, and is fast."""
import os
import pathlib
import socket
import subprocess
import time

import pytest

import harness
import leaks
import worlds


@pytest.fixture
def leaked(marker, state_root):
    """leaked(): what the check would report now. The test cleans up itself."""
    before = leaks.Snapshot(marker, state_root)
    return lambda: leaks.Snapshot(marker, state_root).leaks(before)


def test_nothing(leaked):
    assert leaked() == []


def test_process(leaked):
    child = subprocess.Popen(["sleep", "1000"])
    # Popen returns when the exec is certain; the arguments appear a moment later.
    harness.poll_until(pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes, "arguments")
    found = leaked()
    child.kill()
    child.wait()
    assert found == [f"process {child.pid}: sleep 1000"]
    assert leaked() == []


def test_process_of_a_lost_parent(leaked):
    """A daemon: its parent has ended, its session is another."""
    out = subprocess.run(["sh", "-c", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"],
                         stdout=subprocess.PIPE, text=True).stdout
    found = leaked()
    for line in found:
        os.kill(int(line.split()[1].rstrip(":")), 9)
    os.waitpid(-1, 0)
    assert len(found) == 1 and found[0].startswith("process "), (found, out)


def test_zombies_are_no_leak(leaked):
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert leaked() == []
    child.returncode = 0  # its status was taken


def test_namespace(leaked, world):
    world.need_root("needs to make a namespace without a user namespace")
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        worlds.unshare(worlds.CLONE_NEWUTS)
        os.write(tell, b"x")
        time.sleep(1000)
    os.read(ready, 1)
    os.close(ready)
    os.close(tell)
    link = os.readlink(f"/proc/{child}/ns/uts")
    found = leaked()
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert f"namespace {link}" in found


def test_mount(leaked, world, folder):
    world.need_root("needs to mount")
    worlds.mount("tmpfs", folder, "tmpfs")
    found = leaked()
    worlds.umount(folder)
    assert len(found) == 1 and found[0].startswith("mount ") and str(folder) in found[0]
    assert leaked() == []


def test_namespace_kept_by_a_mount(leaked, world, folder):
    world.need_root("needs to mount")
    target = folder / "net"
    target.touch()
    worlds.mount("/proc/self/ns/net", target, None, worlds.MS_BIND)
    found = leaked()
    worlds.umount(target)
    assert len(found) == 1 and "nsfs" in found[0]


def some_hierarchy():
    """Where a cgroup file system is mounted: cgroup2, or the freezer of cgroup v1."""
    return next(p for p in (pathlib.Path("/sys/fs/cgroup", n) for n in ("unified", "", "freezer"))
                if (p / "cgroup.procs").exists())


def test_cgroup(leaked, world, marker):
    world.need_cgroups()
    top = worlds.own_cgroup().parent if not world.host_root else some_hierarchy()
    path = top / f"outer-{marker}" / "inner"
    path.mkdir(parents=True)
    found = leaked()
    path.rmdir()
    path.parent.rmdir()
    assert found == [f"cgroup {path.parent}", f"cgroup {path}"]


def test_state(leaked, state_root):
    path = state_root / "left"
    path.mkdir(parents=True)
    found = leaked()
    path.rmdir()
    assert found == [f"state {path}"]


def test_socket(leaked, marker):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"\0{marker}")
        found = leaked()
    assert f"socket @{marker}" in found


def test_descriptor(leaked):
    fd = os.open("/dev/null", os.O_RDONLY)
    found = leaked()
    os.close(fd)
    assert found == [f"descriptor {fd} → /dev/null"]


def test_speed(marker, state_root):
    """It runs after every test: the fastest of several runs takes less than 10 ms."""
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        snapshot = leaks.Snapshot(marker, state_root)
        snapshot.leaks(snapshot)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.010 * harness.TIME_SCALE, times
