"""coracle doctor, probe by probe: what is broken here in a child, as in test_doctor.py, is named, and the
same probe is content where it is not."""
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

import worlds
from test_doctor import CORACLE, PATH, USER, doctor, follow, in_child, needs_root, private_etc, pytestmark  # noqa: F401

LANDLOCK = 444  # landlock_create_ruleset; the same on every processor
PR_SET_NO_NEW_PRIVS = 38


def look(purpose, check, uid=USER, **environment):
    """What one probe finds."""
    found, _ = doctor("doctor", "--for", purpose, uid=uid, environment=environment)
    return found[check]


def refuse(call, code):
    """A seccomp filter for us and our children, which answers one system call with an error."""
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50000 | code), (6, 0, 0, 0x7fff0000)]
    buffer = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    worlds.checked(worlds.syscall(worlds.SYS["seccomp"], 1, 0, header), "seccomp")


def device(path, major, minor, mode=0o666):
    """Cover a device with another one."""
    if not os.path.exists(path):
        pytest.skip(f"needs {path}")
    folder = pathlib.Path("/mnt")
    worlds.mount("tmpfs", str(folder), "tmpfs")
    node = folder / "node"
    os.mknod(node, 0o020000, os.makedev(major, minor))
    node.chmod(mode)
    worlds.mount(str(node), path, None, 0x1000)  # MS_BIND


@pytest.fixture
def copies(tmp_path):
    """A coracle and a coracle-doctor of one's own, for everybody."""
    for name in ("coracle", "coracle-doctor"):
        shutil.copy(CORACLE.parent / name, tmp_path / name)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


# --- around us -----------------------------------------------------------------------------------


@needs_root
def test_surroundings():
    def world():
        private_etc()
        before = look("root", "surroundings", uid=0)
        assert before["verdict"] == "ok" and "uts" not in before["found"]
        worlds.unshare(0x04000000)  # CLONE_NEWUTS
        assert "namespaces of its own: uts" in look("root", "surroundings", uid=0)["found"]
        assert look("rootless", "surroundings")["verdict"] == "ok"
        worlds.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        assert "no_new_privs holds" in look("root", "surroundings", uid=0)["found"]
        found = look("rootless", "surroundings")
        assert found["verdict"] == "fail" and "newuidmap" in found["found"], found

    in_child(world)


@needs_root
def test_landlock():
    def world():
        private_etc()
        without = worlds.syscall(LANDLOCK, None, 0, 1) < 0
        assert look("rootless", "landlock")["verdict"] == ("warning" if without else "ok")
        refuse(LANDLOCK, errno.EOPNOTSUPP)
        found = look("rootless", "landlock")
        assert found["verdict"] == "warning" and "make a ruleset" in found["found"], found

    in_child(world)


@needs_root
def test_inotify():
    """By the limit of a user namespace around, as for user namespaces."""
    def world():
        private_etc()
        limit = pathlib.Path("/proc/sys/user/max_inotify_instances")
        assert look("root", "inotify", uid=0)["verdict"] == "ok"
        limit.write_text("4")
        found = look("root", "inotify", uid=0)
        assert (found["verdict"], found["found"]) == \
            ("warning", "only 4 more programs of ours can watch files")
        follow(found)
        assert look("root", "inotify", uid=0)["verdict"] == "ok"
        assert limit.read_text() == "1024\n"

    in_child(world, user_namespace=True)


@needs_root
def test_memory_of_a_child(copies):
    """A program that may not be read is one whose memory nobody may read."""
    def examine():
        done = subprocess.run([copies / "coracle", "doctor", "--for", "seccomp", "--json"], user=USER,
                              group=USER, extra_groups=[], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, env={"PATH": PATH, "HOME": "/"}, timeout=20)
        return {c["id"]: c for c in json.loads(done.stdout)["checks"]}["ptrace"]

    assert examine()["verdict"] == "ok"
    (copies / "coracle-doctor").chmod(0o711)
    found = examine()
    assert found["verdict"] == "fail" and "cannot read the memory" in found["found"]


@needs_root
def test_clock(copies):
    def examine():
        done = subprocess.run([copies / "coracle", "doctor", "--for", "images", "--json"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        return {c["id"]: c for c in json.loads(done.stdout)["checks"]}["clock"]

    assert examine()["verdict"] == "ok"
    made = (copies / "coracle-doctor").stat().st_mtime + 20 * 366 * 86400
    os.utime(copies / "coracle-doctor", (made, made))
    found = examine()
    assert found["verdict"] == "warning" and "the clock is behind" in found["found"], found


# --- mounts --------------------------------------------------------------------------------------


@needs_root
def test_idmapped_mounts():
    """Of the file system where the store is: a tmpfs does it from Linux 6.3 on, sysfs does not."""
    def world():
        private_etc()
        worlds.mount("tmpfs", "/mnt", "tmpfs")
        old = worlds.fingerprint()["mount_setattr"] == "missing"
        there = look("root", "id-mapped-mounts", uid=0, CORACLE_IMAGE_STORE="/mnt")
        assert there["verdict"] == ("warning" if old else "ok"), there
        found = look("root", "id-mapped-mounts", uid=0, CORACLE_IMAGE_STORE="/sys/kernel")
        assert found["verdict"] == "warning", found
        assert found["found"].startswith("/sys/kernel cannot be mounted with other ids"), found

    in_child(world)


@needs_root
def test_fuse():
    def world():
        private_etc()
        assert look("images", "fuse", uid=0)["verdict"] == "ok"
        device("/dev/fuse", 10, 229, mode=0o600)
        found = look("images", "fuse")
        assert found["verdict"] == "warning" and "permission denied" in found["found"], found
        follow(found)
        assert look("images", "fuse")["verdict"] == "ok"
        device("/dev/fuse", 1, 3)
        found = look("images", "fuse")
        assert found["verdict"] == "warning" and "mount a file system" in found["found"], found

    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    in_child(world)


@needs_root
def test_loop():
    def world():
        private_etc()
        assert look("images", "loop", uid=0)["verdict"] == "ok"
        device("/dev/loop-control", 10, 254)
        found = look("images", "loop", uid=0)
        assert found["verdict"] == "warning", found
        assert found["cure"]["commands"] == ["modprobe loop"]
        assert look("images", "loop")["verdict"] == "skipped"

    if not os.path.exists("/dev/loop-control"):
        pytest.skip("needs /dev/loop-control")
    in_child(world)


@needs_root
def test_overlay_where_the_store_is():
    """A tmpfs does; an overlay cannot be what another one writes to. Nothing is left in either."""
    def world():
        private_etc()
        worlds.mount("tmpfs", "/mnt", "tmpfs")
        for name in ("lower", "upper", "work", "store"):
            pathlib.Path("/mnt", name).mkdir()
        upper = pathlib.Path("/mnt/upper")
        store = pathlib.Path("/mnt/store")
        found = look("images", "overlay-store", uid=0, CORACLE_IMAGE_STORE="/mnt/store")
        assert found["verdict"] == "ok", found
        worlds.mount("overlay", str(store), "overlay", 0,
                     "lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work")
        found = look("images", "overlay-store", uid=0, CORACLE_IMAGE_STORE="/mnt/store")
        assert found["verdict"] == "warning" and "mount an overlay in /mnt/store" in found["found"]
        assert os.listdir(store) == os.listdir(upper) == []
        found = look("images", "overlay-store", CORACLE_IMAGE_STORE="/mnt/store")
        assert found["verdict"] == "skipped", found

    in_child(world)


# --- what is left of others ----------------------------------------------------------------------


@needs_root
def test_leftovers():
    def world():
        private_etc()
        worlds.mount("tmpfs", "/run", "tmpfs")
        worlds.mount("tmpfs", "/mnt", "tmpfs")
        assert look("root", "leftovers", uid=0)["verdict"] == "ok"
        for program, file, key in (("crun", "status", "pid"), ("runc", "state.json", "init_process_pid")):
            for name, pid in (("lives", os.getpid()), ("gone", 2 ** 22 - 1)):
                folder = pathlib.Path("/run", program, name)
                folder.mkdir(parents=True)
                (folder / file).write_text(json.dumps({"version": "x", key: pid, "more": {"a": [1]}}))
            stub = pathlib.Path("/mnt", program)
            stub.write_text('#!/bin/sh\n[ "$1 $3 $4" = "--root delete --force" ] && rm -r "$2/$5"\n')
            stub.chmod(0o755)
        found = look("root", "leftovers", uid=0)
        assert found["verdict"] == "warning", found
        assert found["found"].startswith("2 ended containers of other runtimes and 0 empty cgroups")
        assert found["cure"]["commands"] == ["crun --root /run/crun delete --force gone",
                                             "runc --root /run/runc delete --force gone"]
        for command in found["cure"]["commands"]:
            subprocess.run(["sh", "-c", command], check=True, env={"PATH": f"/mnt:{PATH}"})
        assert look("root", "leftovers", uid=0)["verdict"] == "ok"
        assert sorted(os.listdir("/run/crun")) == ["lives"]

    in_child(world)


@needs_root
def test_leaked_cgroup():
    tops = [p for p in map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
            if (p / "cgroup.procs").exists() and (p / "cgroup.controllers").exists()]
    if not tops or not os.access(tops[0], os.W_OK):
        pytest.skip("needs a cgroup2 that can be written")
    parent = tops[0] / "coracle"
    leaked = parent / f"leaked-{os.getpid()}"
    leaked.mkdir(parents=True)
    try:
        found = look("root", "leftovers", uid=0)
        assert found["verdict"] == "warning" and f"rmdir {leaked}" in found["cure"]["commands"], found
        subprocess.run(["sh", "-c", f"rmdir {leaked}"], check=True)
        found = look("root", "leftovers", uid=0)
        assert f"rmdir {leaked}" not in found.get("cure", {}).get("commands", [])
    finally:
        if leaked.exists():
            leaked.rmdir()
        with contextlib.suppress(OSError):  # others may use it, or have taken it away
            parent.rmdir()


# --- criu ----------------------------------------------------------------------------------------


@needs_root
def test_criu(tmp_path):
    """Its own trial decides, not that it is installed."""
    def criu(check):
        (tmp_path / "criu").write_text(
            f'#!/bin/sh\nif [ "$1" = check ]; then {check}; fi\necho Version: 4.9\n')
        (tmp_path / "criu").chmod(0o755)
        found, code = doctor("doctor", "--for", "checkpoint", uid=0,
                             environment={"PATH": f"{tmp_path}:{PATH}"})
        assert (found["criu"]["verdict"], found["criu"]["found"]) == ("ok", "Version: 4.9")
        return found["criu-kernel"], code

    found, _ = criu("echo Looks good.; exit 0")
    assert (found["verdict"], found["found"]) == ("ok", "Looks good.")
    found, code = criu("echo 'Error (criu/a.c:1): no such thing' >&2; exit 1")
    assert (found["verdict"], found["found"], code) == \
        ("fail", "Error (criu/a.c:1): no such thing", 2)
    found, code = criu("exec sleep 20")
    assert found["verdict"] == "fail" and "timed out" in found["found"], found
    assert look("checkpoint", "criu-kernel")["verdict"] == "skipped"
