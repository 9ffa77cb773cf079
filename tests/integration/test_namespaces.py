"""Each namespace: created, joined by path, or the host's."""
import contextlib
import os
import signal
import subprocess

import pytest

import harness
import worlds

FLAGS = {"network": worlds.CLONE_NEWNET, "ipc": worlds.CLONE_NEWIPC, "uts": worlds.CLONE_NEWUTS,
         "cgroup": worlds.CLONE_NEWCGROUP, "pid": worlds.CLONE_NEWPID, "time": worlds.CLONE_NEWTIME}
FILES = {"network": "net", "mount": "mnt"}


@contextlib.contextmanager
def holder(flags, uid_map=None, gid_map=None):
    """A process in new namespaces; yields its pid. In a new pid or time namespace it is the first
    child that is in it."""
    ready, tell = os.pipe()
    go, let = os.pipe()
    outer = os.fork()
    if outer == 0:
        try:
            worlds.unshare(flags)
            os.write(tell, b"u")
            os.read(go, 1)
            inner = os.fork()
            if inner == 0:
                worlds.prctl(1, signal.SIGKILL)
                os.write(tell, b"r")
                while True:
                    signal.pause()
            os.write(tell, inner.to_bytes(4, "little"))
            os.waitpid(inner, 0)
        finally:
            os._exit(1)
    try:
        assert os.read(ready, 1) == b"u", "no namespace could be made"
        for kind, content in (("uid", uid_map), ("gid", gid_map)):
            if content:
                if os.geteuid() != 0 and kind == "gid":
                    with open(f"/proc/{outer}/setgroups", "w") as f:
                        f.write("deny")
                with open(f"/proc/{outer}/{kind}_map", "w") as f:
                    f.write(content)
        os.write(let, b"g")
        data = b""
        while len(data) < 5:
            data += os.read(ready, 5 - len(data))
        # The two writers may come in either order; the letter is where the number is not.
        inner = int.from_bytes(data[1:] if data[:1] == b"r" and b"r" not in data[1:]
                               else data[:4] if data[4:] == b"r" else data[1:], "little")
        yield inner
    finally:
        os.kill(outer, signal.SIGKILL)
        os.waitpid(outer, 0)
        for fd in (ready, tell, go, let):
            os.close(fd)
        harness.poll_until(lambda: not worlds_running(), "the holder's child ends")


def worlds_running():
    import leaks
    return leaks.reap()


def path_of(pid, kind):
    return f"/proc/{pid}/ns/{FILES.get(kind, kind)}"


def inode(path):
    return os.stat(path).st_ino


@pytest.mark.parametrize("kind", ["network", "ipc", "uts", "cgroup", "pid", "time"])
@pytest.mark.parametrize("how", ["created", "joined", "host's"])
def test_namespace(runtime, bundle, world, kind, how):
    if kind == "uts" and how == "host's":
        del bundle.config["hostname"]
    name = FILES.get(kind, kind)
    if not world.root:
        world.need(how != "joined", "joining needs root here")
    bundle.drop_mount("/sys", "/sys/fs/cgroup")
    bundle.linux["maskedPaths"] = [p for p in bundle.linux["maskedPaths"]
                                   if not p.startswith("/sys")]
    if kind == "ipc" and how == "host's" and not world.host_root:
        bundle.drop_mount("/dev/mqueue")  # one of the host's ipc namespace takes the host's root
    with contextlib.ExitStack() as stack:
        if how == "created":
            bundle.namespace(kind)
            expected = None
        elif how == "joined":
            pid = stack.enter_context(holder(FLAGS[kind]))
            bundle.namespace(kind, path_of(pid, kind))
            expected = inode(path_of(pid, kind))
        else:
            bundle.drop_namespace(kind)
            expected = inode(path_of("self", kind))
        r = runtime.report(bundle)
        if expected is None:
            assert r.namespaces[name] != inode(path_of("self", kind))
        else:
            assert r.namespaces[name] == expected
        if kind == "pid":
            assert (r.pid == 1) == (how == "created")
        if kind == "network":
            assert r.loopback_up == (how == "created") or how == "host's"


def test_pid_joined_sees_the_others(runtime, bundle, world):
    world.need_root("joining needs root here")
    with holder(worlds.CLONE_NEWPID) as pid:
        bundle.namespace("pid", path_of(pid, "pid"))
        r = runtime.report(bundle)
    assert r.pid > 1 and set(r.processes) == {1, r.pid}
    assert r.ppid == 0  # its parent is outside


def test_user_joined(runtime, bundle, world):
    world.need_root("joining needs root here")
    with holder(worlds.CLONE_NEWUSER, "0 10000 1000\n", "0 10000 1000\n") as pid:
        bundle.namespace("user", path_of(pid, "user"))
        r = runtime.report(bundle)
        assert r.namespaces["user"] == inode(path_of(pid, "user"))
    assert r.uid_map.split() == ["0", "10000", "1000"] and r.uids == [0, 0, 0]


def test_several_joined(runtime, bundle, world):
    """As the containers of a pod: network, ipc and uts of the first."""
    world.need_root("joining needs root here")
    with holder(worlds.CLONE_NEWNET | worlds.CLONE_NEWIPC | worlds.CLONE_NEWUTS) as pid:
        for kind in ("network", "ipc", "uts"):
            bundle.namespace(kind, path_of(pid, kind))
        r = runtime.report(bundle)
        for kind in ("network", "ipc", "uts"):
            assert r.namespaces[FILES.get(kind, kind)] == inode(path_of(pid, kind))
    assert r.pid == 1


def test_join_another_container(runtime, new_bundle, world):
    first = runtime.sleeping(new_bundle())
    second = new_bundle()
    for kind in ("ipc", "uts"):
        second.namespace(kind, path_of(first.pid, kind))
    if not world.root:
        second.namespace("user", path_of(first.pid, "user"))
    del second.config["hostname"]
    r = runtime.report(second)
    for kind in ("ipc", "uts"):
        assert r.namespaces[kind] == inode(path_of(first.pid, kind))
    assert r.hostname == "coracle"


@pytest.mark.parametrize("path, words", [
    ("/nonexistent", "no such file or directory"),
    ("/dev/null", ""),
    ("/proc/self/ns/ipc", "")])
def test_join_nothing(runtime, bundle, path, words):
    """A path that is no namespace, or one of another kind."""
    bundle.namespace("uts", path)
    runtime.fails(bundle, r"linux\.namespaces\[\d\].*" + words)


def test_hostname_domainname(runtime, bundle):
    bundle.config.update(hostname="a-host", domainname="a-domain")
    r = runtime.report(bundle)
    assert (r.hostname, r.domainname) == ("a-host", "a-domain")


def test_sysctl(runtime, bundle, world):
    bundle.namespace("network").namespace("ipc")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000",
                              "net/ipv4/conf/lo/log_martians": "1"}
    r = runtime.report(bundle, "read", "/proc/sys/net/ipv4/ip_forward",
                       "read", "/proc/sys/kernel/msgmax",
                       "read", "/proc/sys/net/ipv4/conf/lo/log_martians")
    assert [r.read[p]["text"] for p in r.read] == ["1\n", "9000\n", "1\n"]


@pytest.mark.parametrize("key", ["kernel.panic", "vm.swappiness", "net.ipv4/../../kernel/panic",
                                 "kernel.shm_rmid_forced.."])
def test_sysctl_refused(runtime, bundle, key):
    """Parameters of no namespace, and names that lead elsewhere."""
    bundle.linux["sysctl"] = {key: "1"}
    runtime.fails(bundle, r"linux\.sysctl")


def test_sysctl_of_the_host(runtime, bundle):
    """Without a namespace of its own it would be the host's."""
    bundle.drop_namespace("ipc").drop_mount("/dev/mqueue")
    bundle.linux["sysctl"] = {"kernel.msgmax": "9000"}
    runtime.fails(bundle, r"linux\.sysctl.*ipc")


@pytest.mark.parametrize("wanted", ["shared", "slave", "private", "rslave", "rprivate"])
def test_rootfs_propagation(runtime, bundle, world, wanted):
    bundle.linux["rootfsPropagation"] = wanted
    r = runtime.report(bundle)
    found = {p.split(":")[0] for p in r.mount("/").propagation}
    if "shared" in wanted:
        assert "shared" in found
    elif "private" in wanted:
        assert found == set()
    else:
        assert "shared" not in found


def test_mounts_do_not_come_out(runtime, bundle, world):
    """A mount made inside is not seen outside: the check for what is left would also find it."""
    before = open("/proc/self/mountinfo").read()
    bundle.capabilities(bounding=["SYS_ADMIN"], effective=["SYS_ADMIN"], permitted=["SYS_ADMIN"])
    bundle.probe("mount", "tmpfs", "/tmp", "report")
    container = runtime.sleeping(bundle.probe(), "mount", "tmpfs", "/tmp")
    assert open("/proc/self/mountinfo").read() == before
    container.delete("--force")


def test_root_is_pivoted(runtime, bundle):
    """Nothing of the host's root can be reached, not even by `..`."""
    r = runtime.report(bundle, "look", "/../../../../etc/debian_version", "list", "/..",
                       "read", "/proc/self/mountinfo")
    top = r.list["/.."]
    assert set(top) == {"bin", "data", "dev", "etc", "proc", "sys", "tmp", "probe"}
    assert all("/pivot" not in m.target and "oldroot" not in m.target for m in r.mounts)
    assert r.mounts[0].target == "/" or r.mount("/") is not None
    assert [m.target for m in r.mounts].count("/") == 1


@pytest.mark.parametrize("options", [(), ("--no-pivot",)], ids=["pivot", "no-pivot"])
def test_chroot_on_a_mount_point(runtime, bundle, world, folder, options):
    """The kernel lets us pivot there, but the root of the mount namespace stays the host's, and an
    exec would begin at it."""
    world.need_host_root("mounts and changes its root")
    place = folder / "chroot"
    place.mkdir()
    bundle.probe("print", "ran").save()
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         'mount --rbind / "$0" && exec chroot "$0" "$@"', place,
         *runtime.command("run", *options, "-b", bundle.path, runtime.new_id())],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.TIMEOUT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == \
        "coracle: root.path: in a chroot, an exec would begin at the host's root\n"


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_exec_without_pivot_with_hooks(runtime, bundle, kind):
    """Hooks expect the root filesystem at its own path; whoever joins the mount namespace later
    finds it at the root."""
    bundle.config["hooks"] = {kind: [{"path": "/bin/true"}]}
    container = runtime.start(bundle.probe("print", "up", "sleep"), "--no-pivot")
    container.wait_output("up\n")
    r = container.exec("/probe", "list", "/", "report", stdout=harness.ANY).report()
    assert set(r.list["/"]) == {"bin", "data", "dev", "etc", "proc", "sys", "tmp", "probe"}
    assert r.mount("/").root.endswith("/rootfs")
