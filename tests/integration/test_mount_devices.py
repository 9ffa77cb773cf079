"""linux.devices in user namespaces: any device, with its own mode and owner."""
import os

import pytest

OWN = 100000


@pytest.fixture
def in_user_namespace(bundle, world):
    world.need_host_root("makes devices and maps ids that are not its own")
    bundle.namespace("user")
    for kind in ("uid", "gid"):
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": OWN, "size": 65536}]
    for name in ("dev", "proc", "sys", "data", "."):
        os.chown(bundle.rootfs / name, OWN, OWN)
    bundle.linux.pop("resources", None)
    return bundle


def device(path, kind, major=0, minor=0, **more):
    return {"path": path, "type": kind, "major": major, "minor": minor, **more}


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_any_device(runtime, in_user_namespace, umask):
    """Nothing like it is on the host, at least not there."""
    in_user_namespace.linux["devices"] = [
        device("/dev/deep/er/my-zero", "c", 1, 5, fileMode=0o640, uid=7, gid=8),
        device("/dev/block", "b", 7, 200, fileMode=0o600),
        device("/dev/unbuffered", "u", 1, 3, fileMode=0o666),
        device("/dev/fifo", "p", fileMode=0o622, uid=7, gid=8),
        device("/dev/full", "c", 1, 7, fileMode=0o444),
        device("/data/elsewhere", "c", 1, 9)]
    old = os.umask(umask)
    try:
        r = runtime.report(in_user_namespace, "look", "/dev/deep/er/my-zero", "look", "/dev/block",
                           "look", "/data/elsewhere", "open", "/dev/unbuffered", "rw",
                           "open", "/data/elsewhere", "r")
    finally:
        os.umask(old)
    look = lambda d: (d["type"], d["major"], d["minor"], d["mode"], d["uid"], d["gid"])
    assert look(r.look["/dev/deep/er/my-zero"]) == ("char", 1, 5, 0o640, 7, 8)
    assert look(r.look["/dev/block"]) == ("block", 7, 200, 0o600, 0, 0)
    assert look(r.look["/data/elsewhere"]) == ("char", 1, 9, 0o666, 0, 0)
    assert look(r.dev["unbuffered"]) == ("char", 1, 3, 0o666, 0, 0)
    assert look(r.dev["full"]) == ("char", 1, 7, 0o444, 0, 0)
    assert (r.dev["fifo"]["type"], r.dev["fifo"]["mode"], r.dev["fifo"]["uid"]) == ("fifo", 0o622, 7)
    assert set(r.open.values()) == {"ok"}


def test_owner_that_is_not_mapped(runtime, in_user_namespace):
    """The host's own node is bound then, if it is the same device."""
    in_user_namespace.linux["devices"] = [device("/dev/zero", "c", 1, 5, uid=70000)]
    r = runtime.report(in_user_namespace)
    assert (r.dev["zero"]["major"], r.dev["zero"]["minor"], r.dev["zero"]["uid"]) == (1, 5, 65534)
    in_user_namespace.linux["devices"][0]["path"] = "/dev/not-on-the-host"
    runtime.fails(in_user_namespace, r"linux.devices\[0\]: .*/dev/not-on-the-host")


def test_bound_device_must_be_the_one(runtime, bundle, world):
    """Where devices can only be bound, the host's node at that path may be another one."""
    world.need(world.user_namespace or not world.root, "needs a caller that may not make devices")
    bundle.linux["devices"] = [device("/dev/zero", "c", 1, 3)]
    runtime.fails(bundle, r'linux.devices\[0\]: "zero".*is not device 1:3')
    bundle.linux["devices"] = [device("/dev/zero", "c", 1, 5)]
    r = runtime.report(bundle)
    assert (r.dev["zero"]["major"], r.dev["zero"]["minor"]) == (1, 5)
