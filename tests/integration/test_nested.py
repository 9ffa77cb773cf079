"""As root of a user namespace, the way that `unshare --map-root-user` makes one: with one id, and with
setgroups denied."""
import os
import pathlib

import pytest

import worlds


def become_inner_root():
    uid, gid = os.geteuid(), os.getegid()
    worlds.unshare(worlds.CLONE_NEWUSER | worlds.CLONE_NEWNS)
    pathlib.Path("/proc/self/setgroups").write_text("deny")
    pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


INSIDE = {"preexec_fn": become_inner_root, "flags": ["--cgroup-manager", "disabled"]}


@pytest.fixture
def inner(bundle):
    """The configuration of root, whoever we are."""
    bundle.drop_namespace("user")
    for key in ("uidMappings", "gidMappings"):
        bundle.linux.pop(key, None)
    bundle.drop_mount("/sys", "/sys/fs/cgroup", "/dev/pts")
    return bundle.namespace("network")


def test_setgroups_denied(runtime, inner):
    """There is no group to set: the caller's stay, since nothing else is possible."""
    assert runtime.report(inner, **INSIDE).uids == [0] * 3


def test_network_namespace_without_a_helper(runtime, inner, fault_program):
    """A process that has no power over the network namespace that it is in cannot leave it for a
    moment. Builds for fault injection make nothing beside the planning, as when nobody has the time."""
    runtime.program = fault_program
    assert runtime.report(inner, **INSIDE).uids == [0] * 3


def test_setgroups_denied_in_a_further_namespace(runtime, inner):
    """It is inherited."""
    inner.namespace("user")
    inner.linux["uidMappings"] = inner.linux["gidMappings"] = [
        {"containerID": 0, "hostID": 0, "size": 1}]
    runtime.run(inner.probe("exit", 3), code=3, **INSIDE)


def test_groups_that_cannot_be_set(runtime, inner):
    """But one that was asked for is an error, which says why."""
    inner.process["user"]["additionalGids"] = [0]
    runtime.run(inner.probe("exit", 0), **INSIDE,
                error="process.user: set the additional groups: [Oo]peration not permitted")


def test_without_capability(runtime, bundle, world):
    """Who may not set groups because a capability is missing has groups to lose."""
    world.need_host_root("drops the capability of the caller")
    CAP_SETGID, PR_CAPBSET_DROP = 6, 24

    def drop():
        os.setgroups([4321])
        worlds.prctl(PR_CAPBSET_DROP, CAP_SETGID)

    runtime.run(bundle.probe("exit", 0), error="set the additional groups|become group",
                preexec_fn=drop)


@pytest.mark.parametrize("inside", [False, True])
def test_second_start_with_dev_in_the_image(runtime, inner, bundle, world, inside):
    """What the first start made to bind devices on is there at the second."""
    bundle.drop_mount("/dev", "/dev/shm", "/dev/mqueue")
    more = INSIDE if inside else {}
    if not inside:
        world.need_root("needs root")
    for _ in range(2):
        r = runtime.report(bundle, **more)
        null = r.dev["null"]
        assert (null["type"], null["major"], null["minor"]) == ("char", 1, 3)
