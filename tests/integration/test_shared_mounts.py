"""Containers without a mount namespace of their own: in the caller's, or in one that they join."""
import contextlib
import os
import pathlib
import signal

import pytest

import harness
import worlds


def mounts_of(pid="self"):
    return harness.parse_mountinfo(pathlib.Path(f"/proc/{pid}/mountinfo").read_text())


def below(mounts, path):
    return [m for m in mounts if m.target == str(path) or m.target.startswith(f"{path}/")]


@contextlib.contextmanager
def other_namespace(prepare=lambda: None, propagation=worlds.MS_PRIVATE):
    """The pid of a process that sleeps in a mount namespace of its own, made ready by prepare()."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            worlds.prctl(1, signal.SIGKILL)
            worlds.unshare(worlds.CLONE_NEWNS)
            worlds.mount(None, "/", None, worlds.MS_REC | propagation)
            prepare()
            os.write(tell, b"r")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        assert os.read(ready, 1) == b"r", "no mount namespace could be made"
        yield pid
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.fixture
def shared(bundle, world):
    world.need_root("mounting in the caller's mount namespace takes root")
    return bundle.drop_namespace("mount")


@pytest.fixture(params=["host's", "joined"])
def either(request, bundle, world):
    """A bundle without a mount namespace, and a function that tells the mounts of the one it uses."""
    world.need_root("mounting in an existing mount namespace takes root")
    if request.param == "host's":
        yield bundle.drop_namespace("mount"), mounts_of
        return
    with other_namespace() as pid:
        yield bundle.namespace("mount", f"/proc/{pid}/ns/mnt"), lambda: mounts_of(pid)


def table(mounts):
    return sorted((m.target, m.fstype, m.root) for m in mounts)


def test_inside(runtime, either):
    """The container has its root, its mounts and its masks; the host has its own again after it."""
    bundle, mounts = either
    before = table(mounts())
    bundle.linux["maskedPaths"] = ["/proc/keys", "/data"]
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    (bundle.rootfs / "data/secret").write_text("x")
    r = runtime.report(bundle, "list", "/data", "list", "/")
    assert r.mount("/proc").fstype == "proc"
    assert r.mount("/dev").fstype == "tmpfs"
    assert r.mount("/proc/sys").options >= {"ro"}
    assert r.list["/data"] == {}
    assert set(r.list["/"]) == set(os.listdir(bundle.rootfs))
    assert table(mounts()) == before


def test_mounts_go_with_delete(runtime, either):
    bundle, mounts = either
    before = table(mounts())
    container = runtime.sleeping(bundle)
    there = below(mounts(), bundle.rootfs)
    assert {m.fstype for m in there} >= {"proc", "tmpfs", "devpts"}
    assert all(not m.propagation for m in there), "they are private"
    assert len(table(mounts())) == len(before) + len(there)
    container.kill()
    container.wait_stopped()
    assert below(mounts(), bundle.rootfs), "they belong to the container until it is deleted"
    container.delete()
    assert table(mounts()) == before


def test_others_see_nothing_but_through_the_namespace(runtime, bundle, world):
    """A joined namespace gets the mounts; the caller's does not."""
    world.need_root("joining takes root")
    with other_namespace() as pid:
        before = table(mounts_of())
        root = os.readlink(f"/proc/{pid}/root"), os.stat(f"/proc/{pid}/root/.").st_ino
        runtime.sleeping(bundle.namespace("mount", f"/proc/{pid}/ns/mnt"))
        assert below(mounts_of(pid), bundle.rootfs)
        assert table(mounts_of()) == before
        # pivot_root would have moved everybody in there.
        assert (os.readlink(f"/proc/{pid}/root"), os.stat(f"/proc/{pid}/root/.").st_ino) == root


def test_paths_lead_through_the_joined_namespace(runtime, bundle, world, folder):
    """The root filesystem and the sources of binds are those that are seen in there."""
    world.need_root("joining takes root")
    source = folder / "source"
    source.mkdir()

    def prepare():
        worlds.mount("tmpfs", source, "tmpfs")
        (source / "inside").write_text("")
        worlds.mount("tmpfs", bundle.rootfs / "tmp", "tmpfs")
        (bundle.rootfs / "tmp/of-the-namespace").write_text("")

    with other_namespace(prepare) as pid:
        bundle.mount("/data", source=source, options=["bind"])
        bundle.namespace("mount", f"/proc/{pid}/ns/mnt")
        r = runtime.report(bundle, "list", "/data", "list", "/tmp")
        assert (set(r.list["/data"]), set(r.list["/tmp"])) == ({"inside"}, {"of-the-namespace"})


def test_exec_enters_the_root(runtime, either):
    bundle, _ = either
    (bundle.rootfs / "data/mark").write_text("mine")
    container = runtime.sleeping(bundle)
    container.exec("/bin/cat", "/data/mark", stdout="mine")
    r = container.exec("/probe", "list", "/", "report", stdout=harness.ANY).report()
    assert set(r.list["/"]) == set(os.listdir(bundle.rootfs))
    assert r.cwd == "/"


def test_exec_without_any_namespace(runtime, shared, world):
    """Nothing is joined then, but the root is entered."""
    shared.config.pop("hostname", None)
    shared.linux["namespaces"] = []
    shared.drop_mount("/sys", "/sys/fs/cgroup", "/dev/mqueue", "/proc")
    shared.linux["maskedPaths"] = shared.linux["readonlyPaths"] = []
    world.need(world.host_root, "needs the power over the host's namespaces")
    container = runtime.sleeping(shared)
    container.exec("/bin/ls", "/data", stdout="")
    container.exec("/probe", "print", "in", stdout="in\n")


@pytest.mark.parametrize("propagation", [worlds.MS_PRIVATE, worlds.MS_SHARED],
                         ids=["private", "shared"])
def test_what_is_covered_stays(runtime, shared, world, propagation):
    """An engine's own mount at the path of the root filesystem is there again after delete, also
    where it is a peer of what it lies on, as binds are where the host's mounts are shared."""
    world.need(propagation == worlds.MS_PRIVATE or not world.old_kernel, "needs mount_setattr")
    rootfs = shared.rootfs
    worlds.mount(shared.path, shared.path, None, worlds.MS_BIND)
    worlds.mount(None, shared.path, None, propagation)
    worlds.mount(rootfs, rootfs, None, worlds.MS_BIND)
    try:
        before = table(mounts_of())
        container = runtime.sleeping(shared)
        # In a group of peers the kernel adds one more, below the engine's.
        assert len([m for m in mounts_of() if m.target == str(rootfs)]) > 1
        container.delete("--force")
        assert table(mounts_of()) == before
        runtime("delete", "--force", container.id)  # and nothing more goes by a second time
        assert table(mounts_of()) == before
    finally:
        worlds.umount(shared.path)


def test_mount_on_the_root(runtime, shared, folder):
    """It lies on the same path, and goes too."""
    before = table(mounts_of())
    other = folder / "other"
    harness.make_rootfs(other, shared.rootfs)
    (other / "other-mark").write_text("")
    shared.config["mounts"].insert(0, {"destination": "/", "type": "bind", "source": str(other),
                                       "options": ["rbind"]})
    assert "other-mark" in runtime.report(shared, "list", "/").list["/"]
    assert table(mounts_of()) == before


def test_nothing_goes_out(runtime, shared, world):
    """Not even where the caller's mounts are shared: who receives them gets the root alone, while
    the container lives."""
    worlds.mount(shared.path, shared.path, None, worlds.MS_BIND)
    try:
        worlds.mount(None, shared.path, None, worlds.MS_PRIVATE)  # a group of its own
        worlds.mount(None, shared.path, None, worlds.MS_SHARED)
        with other_namespace(propagation=worlds.MS_SLAVE) as pid:
            container = runtime.sleeping(shared)
            assert [m.target for m in below(mounts_of(pid), shared.rootfs)] == [str(shared.rootfs)]
            container.delete("--force")
            assert below(mounts_of(pid), shared.rootfs) == []
    finally:
        worlds.umount(shared.path)


def test_failure_leaves_nothing(runtime, either):
    bundle, mounts = either
    before = table(mounts())
    bundle.mount("/data", type="no-such-file-system")
    runtime.fails(bundle, "no-such-file-system")
    bundle.drop_mount("/data").args("/missing")
    runtime.fails(bundle, "/missing")
    assert table(mounts()) == before


def test_killed_create(runtime, either):
    """What a command that was killed has attached, delete --force detaches."""
    bundle, mounts = either
    before = table(mounts())
    bundle.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID"]}]}
    bundle.save()
    runtime("create", "-b", bundle.path, "killed", code=-signal.SIGKILL)
    assert below(mounts(), bundle.rootfs)
    runtime("delete", "--force", "killed")
    assert table(mounts()) == before


def test_joined_namespace_is_gone(runtime, bundle, world):
    """Then its mounts are gone with it, and delete works."""
    world.need_root("joining takes root")
    with other_namespace() as pid:
        container = runtime.sleeping(bundle.namespace("mount", f"/proc/{pid}/ns/mnt"))
    container.delete("--force")


@pytest.mark.parametrize("joined", [False, True])
def test_user_namespace_is_refused(runtime, bundle, world, joined):
    """Its root has no power over a mount namespace that it does not own: said before anything is
    done."""
    bundle.drop_namespace("mount").drop_namespace("user")
    bundle.namespace("user", "/proc/self/ns/user" if joined else None)
    if not joined:
        bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [
            {"containerID": 0, "hostID": 0, "size": 1}]
    else:
        bundle.linux.pop("uidMappings", None), bundle.linux.pop("gidMappings", None)
    runtime.fails(bundle, "linux.namespaces: a container with a user namespace has no power over a "
                          "mount namespace from outside of it")


def test_joined_with_its_user_namespace(runtime, bundle, world):
    """A user who may not do it here may in there."""
    world.need(not world.host_root and not world.user_namespace, "for ordinary users")
    ready, tell = os.pipe()
    uid, gid = os.geteuid(), os.getegid()
    pid = os.fork()
    if pid == 0:
        try:
            worlds.prctl(1, signal.SIGKILL)
            worlds.unshare(worlds.CLONE_NEWUSER | worlds.CLONE_NEWNS)
            pathlib.Path("/proc/self/setgroups").write_text("deny")
            pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
            os.write(tell, b"r")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    try:
        os.close(tell)
        assert os.read(ready, 1) == b"r"
        for kind, file in (("user", "user"), ("mount", "mnt")):
            bundle.namespace(kind, f"/proc/{pid}/ns/{file}")
        for key in ("uidMappings", "gidMappings"):
            bundle.linux.pop(key, None)
        bundle.drop_mount("/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/pts")
        container = runtime.sleeping(bundle)
        there = below(mounts_of(pid), bundle.rootfs)
        assert "proc" in {m.fstype for m in there}
        container.exec("/bin/ls", "/data", stdout="")
        container.delete("--force")
        assert below(mounts_of(pid), bundle.rootfs) == []
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
