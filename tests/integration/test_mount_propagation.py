"""What is mounted in a container, or by us for it, reaches the host only if that was asked for."""
import contextlib
import os
import pathlib
import subprocess

import pytest

import harness
import worlds


@contextlib.contextmanager
def shared_mount(path):
    """A mount at path that is its own peer group, as everything is on a host with systemd."""
    worlds.mount(path, path, flags=worlds.MS_BIND)
    worlds.mount(None, path, flags=worlds.MS_SHARED)
    try:
        yield
    finally:
        worlds.umount(path)


def mounts_below(path):
    return [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
            if line.split()[4].startswith(f"{path}/")]


@pytest.fixture
def user_namespace(world, bundle):
    """The bundle with a user namespace, its root filesystem owned by the container's root."""
    def make(ids=100000):
        world.need_host_root("maps ids that are not its own")
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": ids, "size": 65536}]
        own(bundle.rootfs, ids)
        return bundle
    return make


def own(rootfs, ids):
    for path in (rootfs, *rootfs.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            os.chown(path, ids, ids)


@pytest.mark.parametrize("with_user", [False, True])
def test_mounts_on_a_shared_root_stay_inside(runtime, bundle, world, user_namespace, with_user):
    """Our own mounts on a root filesystem that is shared on the host."""
    world.need_root("makes a mount shared")
    if with_user:
        user_namespace()
    with shared_mount(bundle.rootfs):
        bundle.probe("print", "up", "sleep")
        container = runtime.start(bundle)
        container.wait_output("up\n")
        assert mounts_below(bundle.rootfs) == []
        container.kill()
        container.delete("--force")


@pytest.mark.parametrize("with_user", [False, True])
@pytest.mark.parametrize("root, option, outside", [
    ("rshared", "rshared", True),
    ("shared", "shared", True),
    ("rshared", "rslave", False),
    ("rshared", None, False),
    ("rslave", "rshared", False),
    ("", "rshared", False),
    ("", "shared", False),
    ("", "private", False),
    ("", None, False),
])
def test_mounts_on_a_volume(runtime, bundle, world, user_namespace, with_user, root, option,
                            outside):
    """A container's own mount appears on the host with both its root and the volume shared, and
    never out of a user namespace."""
    world.need_root("makes a mount shared")
    if with_user:
        user_namespace()
    volume = bundle.path / "volume"
    (volume / "inside").mkdir(parents=True)
    bundle.linux["rootfsPropagation"] = root
    bundle.mount("/data", "bind", volume, ["rbind", *([option] if option else [])])
    bundle.capabilities(**{s: ["SYS_ADMIN"] for s in ("bounding", "effective", "permitted")})
    with shared_mount(volume):
        bundle.probe("mount", "tmpfs", "/data/inside", "print", "up", "sleep")
        container = runtime.start(bundle)
        container.wait_output("up\n")
        found = mounts_below(volume)
        if found:
            worlds.umount(volume / "inside")
        assert bool(found) == (outside and not with_user)
        container.kill()
        container.delete("--force")


def test_mount_on_a_device_stays_inside(runtime, bundle, user_namespace):
    """In a user namespace /dev/null is the host's, bound. The host is a mount namespace of this
    test: if it fails, nobody else loses the device."""
    user_namespace()
    bundle.capabilities(**{s: ["SYS_ADMIN"] for s in ("bounding", "effective", "permitted")})
    bundle.args("/bin/sh", "-c", "mount -o bind /etc/passwd /dev/null && cat /dev/null").save()
    script = f"""mount --bind /dev/null /dev/null && mount --make-shared /dev/null &&
        {runtime.program} --root {bundle.path}/state run -b {bundle.path} {runtime.new_id()} &&
        test -c /dev/null"""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True,
                          timeout=harness.TIMEOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("root:x:0:0")


KINDS = {"shared": {"shared"}, "slave": {"master"}, "private": set(), "unbindable": {"unbindable"}}


@pytest.mark.parametrize("recursive", ["", "r"])
@pytest.mark.parametrize("kind", KINDS)
def test_root_propagation(runtime, bundle, world, kind, recursive):
    """Of the root; on a host where it is shared, so that a slave has a master."""
    world.need_root("makes a mount shared")
    bundle.linux["rootfsPropagation"] = recursive + kind
    with shared_mount(bundle.rootfs):
        r = runtime.report(bundle)
    found = {p.split(":")[0] for p in r.mount("/").propagation} - {"propagate_from"}
    # What is shared or unbindable may have a master besides.
    assert found - ({"master"} if kind in ("shared", "unbindable") else set()) == KINDS[kind]
    if recursive and kind != "private":
        found = {p.split(":")[0] for p in r.mount("/proc").propagation}
        assert (KINDS[kind] - {"master"}) <= found


def test_private_root_lets_volumes_be_shared(runtime, bundle, world):
    world.need_root("makes a mount shared")
    (bundle.path / "volume").mkdir()
    bundle.linux["rootfsPropagation"] = "rprivate"
    bundle.mount("/data", "bind", "volume", ["rbind", "rshared"])
    r = runtime.report(bundle)
    assert r.mount("/").propagation == []
    assert [p.split(":")[0] for p in r.mount("/data").propagation] == ["shared"]
