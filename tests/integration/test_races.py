"""A root filesystem or a volume that changes while containers are made in it: two names are exchanged as
fast as the kernel can. A start works or gives one error; nothing outside changes.

RACE_SECONDS says how long each takes (default 0.2). With several processors 300 are worth their time."""
import os
import re
import shutil
import stat
import time

import pytest

import harness
import hostile
from harness import ANY

SECONDS = float(os.environ.get("RACE_SECONDS", "0.2")) * harness.TIME_SCALE
RAN = 7


@pytest.fixture
def outside(bundle):
    with hostile.unchanged(bundle.path / "outside") as path:
        yield path


@pytest.fixture
def volume(bundle):
    path = bundle.path / "volume"
    path.mkdir()
    path.chmod(0o777)
    return path


def exchanged(name, outside, make=None):
    """(name, another) in one folder: what is there, or else a new directory; and a link outward."""
    other = name.with_name(name.name + "-other")
    if make:
        make(name)
    elif not name.exists():
        name.mkdir(parents=True)
    other.symlink_to(outside)
    return name, other


def check(done):
    assert done.code == RAN or \
        done.code == 1 and re.fullmatch(r"coracle: [^\n]+\n", done.stderr), done


def race(runtime, bundle, start=None):
    """Starts containers until the time is over; returns how many worked, and all of them."""
    end, ran, all_of_them = time.monotonic() + SECONDS, 0, 0
    bundle.probe("exit", RAN).save()
    while time.monotonic() < end:
        done = start() if start else runtime("run", "-b", bundle.path, runtime.new_id(), code=ANY,
                                             stdout=ANY, stderr=ANY)
        check(done)
        ran, all_of_them = ran + (done.code == RAN), all_of_them + 1
    print(f"{ran} of {all_of_them} worked")
    return ran, all_of_them


@pytest.mark.parametrize("below", ["made", "made/deep"])
def test_cve_2021_30465_mount_targets(runtime, bundle, outside, volume, below):
    """Also CVE-2024-45310 (what is made for a mount) and CVE-2025-24965 (a file that is made)."""
    names = exchanged(volume / "dir", outside)
    bundle.mount("/data", "bind", volume, ["bind"])
    bundle.mount(f"/data/dir/{below}", "tmpfs", "tmpfs")
    bundle.mount("/data/dir/file", "bind", bundle.path / "config.json", ["bind", "ro"])
    with hostile.exchanging(names):
        race(runtime, bundle)


def test_cve_2021_30465_two_containers(runtime, bundle, new_bundle, outside, volume):
    """The one that exchanges is a container itself, with the same volume."""
    exchanged(volume / "dir", outside)
    other = new_bundle()
    other.mount("/data", "bind", volume, ["bind"])
    other.args("/bin/busybox", "sh", "-c", "cd /data; echo up; while :; do /bin/busybox mv -T dir x; "
               "/bin/busybox mv -T dir-other dir; /bin/busybox mv -T dir dir-other; /bin/busybox mv -T x dir; done")
    peer = runtime.start(other)
    peer.wait_output("up")
    bundle.mount("/data", "bind", volume, ["bind"]).mount("/data/dir/made", "tmpfs", "tmpfs")
    race(runtime, bundle)
    peer.delete("--force")


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_cve_2019_19921_proc(runtime, bundle, outside, name):
    """What is mounted is the kernel's, on what was a directory. That its name may be another one a
    moment later is up to who may rename it."""
    names = exchanged(bundle.rootfs / name, outside)
    bundle.probe("report").save()
    end = time.monotonic() + SECONDS
    with hostile.exchanging(names):
        while time.monotonic() < end:
            done = runtime("run", "-b", bundle.path, runtime.new_id(), code=ANY, stdout=ANY, stderr=ANY)
            if done.code != 0:
                check(done)
            elif done.report()["mountinfo"]:
                kinds = {m.fstype for m in done.report().mounts if m.target.startswith(f"/{name}")}
                assert ("proc" if name == "proc" else "sysfs") in kinds, done.report().mounts


@pytest.mark.parametrize("covered", [True, False])
def test_cve_2026_41579_dev(runtime, bundle, outside, covered):
    """Also CVE-2026-47766: devices and links are made in /dev."""
    if not covered:
        hostile.drop_dev(bundle)
    with hostile.exchanging(exchanged(bundle.rootfs / "dev", outside)):
        race(runtime, bundle)


def test_cve_2025_31133_null(runtime, bundle, outside, world):
    """/dev/null is the device at one moment, a link to a file of the host's at another: what is
    masked never shows that file."""
    world.need_host_root("needs mknod")
    hostile.drop_dev(bundle)
    null = bundle.rootfs / "dev/null"
    os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    null.with_name("other").symlink_to(outside / "file")
    (bundle.rootfs / "secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/secret"]
    bundle.probe("read", "/secret", "look", "/secret", "report").save()
    end = time.monotonic() + SECONDS
    with hostile.exchanging((null, null.with_name("other"))):
        while time.monotonic() < end:
            done = runtime("run", "-b", bundle.path, runtime.new_id(), code=ANY, stdout=ANY, stderr=ANY)
            if done.code == 0:
                r = done.report()
                shown = r["look"]["/secret"]
                assert (shown["type"], shown["major"], shown["minor"]) == ("char", 1, 3)
            else:
                check(done)


@pytest.mark.parametrize("name", ["console", "pts", "ptmx"])
def test_cve_2025_52565_console(runtime, bundle, outside, console_socket, name):
    """A terminal is bound on /dev/console, found in /dev/pts, by descriptors alone."""
    bundle.drop_mount("/dev")
    bundle.process["terminal"] = True
    dev = bundle.rootfs / "dev"
    make = {"console": lambda p: p.touch(), "pts": lambda p: p.mkdir(),
            "ptmx": lambda p: p.symlink_to("pts/ptmx")}[name]
    names = exchanged(dev / name, outside / ("dev/pts" if name == "pts" else f"dev/{name}"), make)

    def start():
        id = runtime.new_id()
        done = runtime("create", "--console-socket", console_socket.path, "-b", bundle.path, id,
                       code=ANY, stdout=ANY, stderr=ANY)
        if done.code == 0:
            terminal = console_socket.accept()
            assert os.readlink(f"/proc/self/fd/{terminal.fd}").endswith("ptmx")
            terminal.close()
            runtime("delete", "--force", id)
            done.code = RAN
        return done

    with hostile.exchanging(names):
        race(runtime, bundle, start)


def test_cve_2025_52881_kernel_parameters(runtime, bundle, outside, volume):
    """What covers /proc/sys comes from a volume that changes: a write is the kernel's or none."""
    bundle.namespace("network")
    fake = volume / "fake/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_forward").write_text("fake\n")
    (volume / "link").symlink_to(outside)
    bundle.mount("/data", "bind", volume, ["bind"]).mount("/proc/sys", "bind", volume / "fake", ["bind"])
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["readonlyPaths"] = []
    with hostile.exchanging((volume / "fake", volume / "link")):
        race(runtime, bundle)
    written = [p.read_text() for p in volume.glob("*/net/ipv4/ip_forward")]
    assert set(written) <= {"fake\n"}


def test_copied_up(runtime, bundle, outside):
    """What tmpcopyup copies becomes a link, a fifo and a directory meanwhile."""
    data = bundle.rootfs / "data"
    shutil.rmtree(data)
    (data / "in/deep").mkdir(parents=True)
    (data / "in/deep/file").write_text("x")
    (data / "in-other").symlink_to(outside)
    (data / "file").write_text("y")
    os.mkfifo(data / "file-other")
    bundle.mount("/data", "tmpfs", "tmpfs", ["tmpcopyup", "size=1m"])
    with hostile.exchanging((data / "in", data / "in-other"), (data / "file", data / "file-other")):
        race(runtime, bundle)


def test_cve_2024_21626_cwd(runtime, bundle, outside):
    """Where an exec begins is a directory, then a link out of the root filesystem."""
    names = exchanged(bundle.rootfs / "data/cwd", outside)
    container = runtime.sleeping(bundle)
    end = time.monotonic() + SECONDS
    with hostile.exchanging(names):
        while time.monotonic() < end:
            done = runtime("exec", "--cwd", "/data/cwd", container, "/bin/busybox", "pwd", code=ANY,
                           stdout=ANY, stderr=ANY)
            assert done.stdout in ("/data/cwd\n", "/data/cwd-other\n") if done.code == 0 \
                else done.code == 255 and re.fullmatch(r"coracle: [^\n]+\n", done.stderr), done
