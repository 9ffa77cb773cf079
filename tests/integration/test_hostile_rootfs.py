"""Every path of a root filesystem that init or the host half touches, replaced by everything that it
should not be: a container runs, or there is one clear error. Nothing outside changes, nobody waits."""
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import time

import pytest

import harness
import hostile
from harness import ANY

RAN = 7
HUGE = 1 << 40  # bytes, all of them a hole
QUICK = 5  # seconds: far more than any start takes, far less than any deadline


@pytest.fixture
def outside(bundle):
    with hostile.unchanged(bundle.path / "outside") as path:
        yield path


def make_socket(path):
    # Its address has room for a hundred characters only.
    here = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


def make_huge(path):
    path.touch()
    os.truncate(path, HUGE)


KINDS = {
    "link outward": lambda path, out: path.symlink_to(out),
    "link to a file outside": lambda path, out: path.symlink_to(out / "file"),
    "relative link outward": lambda path, out: path.symlink_to("../" * 30 + str(out)[1:]),
    "link through proc": lambda path, out: path.symlink_to(f"/proc/self/cwd/{out}"),
    "loop": lambda path, out: path.symlink_to(path.name),
    "dangling link": lambda path, out: path.symlink_to("/nothing/here"),
    "dangling link outward": lambda path, out: path.symlink_to(out / "made/new"),
    "fifo": lambda path, out: os.mkfifo(path, 0o666),
    "socket": lambda path, out: make_socket(path),
    "file": lambda path, out: path.write_text("someone:x:1000:1000::/home/someone:/bin/sh\n"),
    "huge file": lambda path, out: make_huge(path),
    "folder": lambda path, out: path.mkdir(),
    # Without an end when it is read.
    "device": lambda path, out: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
}


def replace(path, kind, outside):
    if path.is_symlink() or path.exists() and not path.is_dir():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path, outside)


# --- what is done with a path ---------------------------------------------------------------------


def as_it_is(bundle):
    pass


def own_dev(bundle):
    """No file system covers the image's."""
    hostile.drop_dev(bundle)


def own_dev_with_mounts(bundle):
    bundle.drop_mount("/dev")


def on_terminal(bundle):
    own_dev_with_mounts(bundle)
    bundle.process["terminal"] = True


def tmpfs_on_data(bundle):
    bundle.mount("/data", "tmpfs", "tmpfs")


def tmpfs_below_data(bundle):
    bundle.mount("/data/made/deep", "tmpfs", "tmpfs")


def folder_on_data(bundle):
    (bundle.path / "volume").mkdir()
    bundle.mount("/data", "bind", bundle.path / "volume", ["bind", "ro"])


def file_below_data(bundle):
    bundle.mount("/data/file", "bind", bundle.path / "config.json", ["bind", "ro"])


def copy_up_data(bundle):
    bundle.mount("/data", "tmpfs", "tmpfs", ["tmpcopyup", "size=1m"])


def work_in_data(bundle):
    bundle.process["cwd"] = "/data"


def work_below_data(bundle):
    bundle.config["root"]["readonly"] = False
    bundle.process["cwd"] = "/data/made/deep"


def hide_data(bundle):
    bundle.linux["maskedPaths"] = ["/data", "/data/file"]


def protect_data(bundle):
    bundle.linux["readonlyPaths"] = ["/data", "/data/file"]


def without_home(bundle):
    bundle.process["env"] = [e for e in bundle.process.get("env", ()) if not e.startswith("HOME=")]


def start_data(bundle):
    bundle.args("/data", "exit", RAN)


def device_in_data(bundle):
    bundle.linux["devices"] = [{"path": "/data/x", "type": "c", "major": 1, "minor": 3}]


# (path in the root filesystem, what is done)
TOUCHED = [
    ("dev", as_it_is), ("dev", own_dev), ("dev", own_dev_with_mounts), ("dev", on_terminal),
    ("dev/null", own_dev), ("dev/tty", own_dev), ("dev/fd", own_dev),
    ("dev/pts", own_dev_with_mounts), ("dev/shm", own_dev_with_mounts),
    ("dev/pts", on_terminal), ("dev/console", on_terminal), ("dev/ptmx", on_terminal),
    ("proc", as_it_is), ("sys", as_it_is),
    ("data", tmpfs_on_data), ("data", tmpfs_below_data), ("data", folder_on_data),
    ("data", file_below_data), ("data/file", file_below_data), ("data", copy_up_data),
    ("data/in", copy_up_data), ("data", work_in_data), ("data", work_below_data),
    ("data", hide_data), ("data", protect_data), ("data", start_data), ("data", device_in_data),
    ("data/x", device_in_data), ("etc", without_home), ("etc/passwd", without_home),
    ("etc/group", without_home),
]


def start(runtime, bundle, console_socket):
    """The exit code: of the container's process, or of a start that failed in one line."""
    if not bundle.process.get("terminal"):
        return runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY)
    bundle.save()
    id = runtime.new_id()
    done = runtime("create", "--console-socket", console_socket.path, "-b", bundle.path, id,
                   code=ANY, stdout=ANY, stderr=ANY)
    if done.code == 0:
        console_socket.accept().close()
        runtime("delete", "--force", id)
        done.code = RAN
    return done


@pytest.mark.parametrize("path, use", TOUCHED, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_replaced(runtime, bundle, new_bundle, outside, console_socket, world, path, use):
    """All kinds, one after the other. What works may do so; what does not says so in one line."""
    use(bundle)
    if use is not start_data:
        bundle.probe("exit", RAN)
    for kind in KINDS:
        if kind == "device" and not world.host_root:
            continue
        replace(bundle.rootfs / path, kind, outside)
        begin = time.monotonic()
        done = start(runtime, bundle, console_socket)
        assert time.monotonic() - begin < QUICK * harness.TIME_SCALE, kind
        if done.code != RAN:
            assert done.code == 1 and re.fullmatch(r"coracle: [^\n]+\n", done.stderr), \
                (kind, done.code, done.stderr)
            assert "init-died" not in done.stderr and "was killed" not in done.stderr, kind


def exec_in_data(runtime, container):
    return runtime("exec", "--cwd", "/data", container, "/probe", "exit", RAN, code=ANY, stderr=ANY)


def exec_data(runtime, container):
    return runtime("exec", container, "/data", "exit", RAN, code=ANY, stderr=ANY)


def exec_at_home(runtime, container):
    return runtime("exec", "--user", "0:0", container, "/probe", "exit", RAN, code=ANY, stderr=ANY)


@pytest.mark.parametrize("path, use", [("data", exec_in_data), ("data", exec_data),
                                       ("etc/passwd", exec_at_home), ("etc", exec_at_home),
                                       ("proc", exec_at_home), ("dev", exec_at_home)],
                         ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_replaced_before_exec(runtime, bundle, outside, world, path, use):
    """The same of a container that runs, and changes its root filesystem before an exec."""
    hostile.drop_dev(bundle).drop_mount("/proc")
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    without_home(bundle)
    container = runtime.sleeping(bundle)
    for kind in KINDS:
        if kind == "device" and not world.host_root:
            continue
        replace(bundle.rootfs / path, kind, outside)
        begin = time.monotonic()
        done = use(runtime, container)
        assert time.monotonic() - begin < QUICK * harness.TIME_SCALE, kind
        assert done.code == RAN or \
            done.code == 255 and re.fullmatch(r"coracle: [^\n]+\n", done.stderr), (kind, done)


OPENED = re.compile(r'openat2?\([^"]*, "([^"]*)", (?:\{flags=)?([A-Z_|]+)')


@pytest.mark.parametrize("path, use, read", [
    ("etc/passwd", without_home, "etc/passwd"), ("dev/pts/ptmx", on_terminal, "ptmx"),
    ("dev/ptmx", on_terminal, "dev/ptmx"), ("data/x", copy_up_data, "x")])
def test_devices_are_not_opened(runtime, bundle, world, folder, path, use, read):
    """Some devices do their work when they are opened: a watchdog, a tape. One that stands in the
    place of a file is looked at and no more."""
    world.need_host_root("needs mknod")
    world.need(shutil.which("strace"), "needs strace")
    use(bundle)
    if path == "dev/pts/ptmx":
        bundle.drop_mount("/dev/pts")
    replace(bundle.rootfs / path, "device", None)
    bundle.probe("exit", RAN).save()
    terminal, slave = harness.open_terminal()
    with open(folder / "trace", "w+") as log:
        done = subprocess.run(["strace", "-f", "-o", log.name, "-e", "trace=openat,openat2",
                               *runtime.command("run", "-b", bundle.path, runtime.new_id())],
                              stdin=slave, stdout=slave, stderr=slave, timeout=harness.TIMEOUT)
        opened = OPENED.findall(log.read())
    os.close(slave)
    text = terminal.read_to_end()
    terminal.close()
    assert done.returncode == RAN or "open the terminal multiplexer" in text
    assert len(opened) > 10, "the trace is not understood"
    assert all("O_PATH" in flags for p, flags in opened if p == read), opened


def test_ptmx_of_another_file_system(runtime, bundle, console_socket, world, folder):
    """What covers the kernel's multiplexer in its own file system is not it."""
    world.need_host_root("needs mknod")
    os.mknod(folder / "node", stat.S_IFCHR | 0o666, os.makedev(5, 2))
    bundle.mount("/dev/pts/ptmx", "bind", folder / "node", ["bind"])
    bundle.process["terminal"] = True
    runtime.run(bundle.probe("exit", RAN), error="open the terminal multiplexer")
