"""User namespaces: {root, user} × {id 0 mapped, not mapped} × {created, joined}."""
import contextlib
import os
import re
import resource
import signal
import socket

import pytest

import harness
import leaks
import worlds
from test_namespaces import holder, path_of


def mappings(world, zero_mapped):
    """(container's first id, mappings): one that we may write here."""
    first = 0 if zero_mapped else 1000
    if world.root:
        base = 20000 if world.user_namespace else 200000
        return first, [{"containerID": first, "hostID": base, "size": 2000}]
    found = [{"containerID": first, "hostID": os.getuid(), "size": 1}]
    if world.subids:
        found.append({"containerID": first + 1, "hostID": worlds.SUBIDS, "size": 2000})
    return first, found


def map_text(found):
    return "".join(f"{m['containerID']} {m['hostID']} {m['size']}\n" for m in found)


@contextlib.contextmanager
def prepared(bundle, world, zero_mapped, how):
    first, found = mappings(world, zero_mapped)
    bundle.process["user"] = {"uid": first, "gid": first}
    bundle.linux.pop("uidMappings", None)
    bundle.linux.pop("gidMappings", None)
    # No group 5, and no new sysfs without a network namespace of ours.
    for mount in bundle.config["mounts"]:
        mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]
    if how == "created":
        bundle.namespace("user")
        bundle.linux.update(uidMappings=found, gidMappings=found)
        yield first, found
        return
    if not world.root:
        found = found[:1]  # what a user may write without a helper
    with holder(worlds.CLONE_NEWUSER, map_text(found), map_text(found)) as pid:
        bundle.namespace("user", path_of(pid, "user"))
        yield first, found


CASES = [(z, h) for z in (True, False) for h in ("created", "joined")]
NAMES = [f"{'zero' if z else 'no zero'}-{h}" for z, h in CASES]


@pytest.mark.parametrize("zero_mapped, how", CASES, ids=NAMES)
def test_runs(runtime, bundle, world, zero_mapped, how):
    with prepared(bundle, world, zero_mapped, how) as (first, found):
        r = runtime.report(bundle)
    assert r.uids == [first] * 3 and r.gids == [first] * 3
    assert [line.split() for line in r.uid_map.splitlines()] == \
        [[str(m["containerID"]), str(m["hostID"]), str(m["size"])] for m in found]
    assert r.dev["null"]["type"] == "char" and r.mount("/dev/null") is not None
    capabilities = harness.capability_mask("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")
    assert r.capabilities["bounding"] == capabilities
    assert r.capabilities["effective"] == (capabilities if zero_mapped else "0" * 16)


@pytest.mark.parametrize("zero_mapped, how", CASES, ids=NAMES)
def test_capabilities_before_the_first_mount(runtime, bundle, world, fault_program, zero_mapped, how):
    """Everything that follows needs all capabilities in the user namespace: looked at from outside,
    while init is held before its first mount."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10 * harness.TIME_SCALE)
    theirs.set_inheritable(True)
    runtime.program = str(fault_program)
    environment = {"CORACLE_FAULT": f"init:@{worlds.SYS['mount']}:stop:{theirs.fileno()}"}
    bundle.probe("exit", 0)
    bundle.config["root"]["readonly"] = True
    with prepared(bundle, world, zero_mapped, how) as (first, found):
        bundle.save()
        process = runtime.popen("run", "-b", bundle.path, runtime.new_id(), env=environment,
                                pass_fds=(theirs.fileno(),), stderr=2)
        theirs.close()
        try:
            line = ours.recv(100).decode()
            assert line.startswith("init "), line
            init, status = find_init(process.pid)
            ours.send(b"x")
            code = process.wait(harness.TIMEOUT)
        finally:
            ours.close()
            if process.poll() is None:
                process.kill()
                process.wait()
    full = re.search(r"CapBnd:\s*(\w+)", status)[1]
    assert re.search(r"CapEff:\s*(\w+)", status)[1] == full != "0" * 16
    outer = found[0]["hostID"]
    assert re.search(r"Uid:\s*(.*)", status)[1].split() == [str(outer)] * 4
    assert re.search(r"\nGroups:[ \t]*(.*)", status)[1].strip() in ("", *map(str, os.getgroups()))
    assert code == 0


def find_init(parent):
    """The only child of the runtime, once the bridge has gone: (pid, its status)."""
    def only_child():
        children = [pid for pid, (ppid, _) in leaks.processes().items() if ppid == parent]
        return children if len(children) == 1 else None

    pid, = harness.poll_until(only_child, "the runtime has one child")
    with open(f"/proc/{pid}/status") as f:
        return pid, f.read()


def test_not_dumpable_inside(runtime, bundle, world, fault_program):
    """Before the exec nobody in the container may look into init (CVE-2016-9962)."""
    world.need_root("needs to look at /proc of another user")
    ours, theirs = socket.socketpair()
    ours.settimeout(10 * harness.TIME_SCALE)
    theirs.set_inheritable(True)
    runtime.program = str(fault_program)
    with prepared(bundle, world, True, "created"):
        bundle.probe("exit", 0).save()
        process = runtime.popen(
            "run", "-b", bundle.path, runtime.new_id(), pass_fds=(theirs.fileno(),),
            env={"CORACLE_FAULT": f"init:@{worlds.SYS['mount']}:stop:{theirs.fileno()}"})
        theirs.close()
        ours.recv(100)
        init, _ = find_init(process.pid)
        owner = os.stat(f"/proc/{init}/fd").st_uid
        ours.close()
        process.wait(harness.TIMEOUT)
    assert owner == 0, "files of init in /proc belong to the container's user"


@pytest.mark.parametrize("change, words", [
    ({"uidMappings": []}, "uidMappings"), ({"gidMappings": []}, "gidMappings"),
    ({"uidMappings": [{"containerID": 0, "hostID": 0, "size": 0}]}, "uidMappings"),
    ({"uidMappings": [{"containerID": 5, "hostID": 70000, "size": 10}]}, "process.user.uid")])
def test_wrong_mappings(runtime, bundle, world, change, words):
    _, found = mappings(world, True)
    bundle.namespace("user")
    bundle.linux.update(uidMappings=found, gidMappings=found)
    bundle.linux.update(change)
    runtime.fails(bundle, re.escape(words))


def test_mappings_that_we_may_not_write(runtime, bundle, world):
    world.need(not world.root, "root may write any")
    bundle.linux.update(uidMappings=[{"containerID": 0, "hostID": 0, "size": 10}],
                        gidMappings=[{"containerID": 0, "hostID": 0, "size": 10}])
    runtime.fails(bundle, "map|subuid|subordinate")


def test_files_belong_to_mapped_ids(runtime, bundle, world):
    world.need_root("needs more than one id")
    with prepared(bundle, world, True, "created") as (first, found):
        (bundle.rootfs / "tmp/file").write_text("x")
        os.chown(bundle.rootfs / "tmp/file", found[0]["hostID"], found[0]["hostID"])
        r = runtime.report(bundle, "look", "/tmp/file", "look", "/dev/shm", "look", "/dev")
    assert (r.look["/tmp/file"]["uid"], r.look["/tmp/file"]["gid"]) == (0, 0)
    assert r.look["/dev"]["uid"] == 0 and r.look["/dev/shm"]["uid"] == 0


@pytest.mark.parametrize("zero_mapped", [True, False])
def test_exec(runtime, bundle, world, zero_mapped):
    with prepared(bundle, world, zero_mapped, "created") as (first, found):
        container = runtime.sleeping(bundle)
        r = runtime("exec", container, "/probe", "report", stdout=harness.ANY).report()
    assert r.uids == [first] * 3
    assert r.namespaces["user"] == os.stat(f"/proc/{container.pid}/ns/user").st_ino


def test_rootfs_behind_a_closed_directory(runtime, bundle, world, folder):
    """The container's ids need not be able to search the way to their root filesystem."""
    world.need_root("needs more than one id")
    folder.chmod(0o700)
    with prepared(bundle, world, True, "created"):
        runtime.run(bundle.probe("exit", 3), code=3)


def test_helpers_behind_a_closed_directory(runtime, bundle, world, folder):
    """PATH is searched on where a directory of it may not be: it was inherited from another user."""
    world.need(not world.root and world.subids, "needs newuidmap")
    (folder / "closed").mkdir(mode=0)
    path = f"{folder}/closed:{os.environ['PATH']}"
    try:
        runtime.run(bundle.probe("exit", 3), code=3, env={"PATH": path})
    finally:
        (folder / "closed").chmod(0o700)


def may_raise_limits():
    """Tried in a child, since a limit that was lowered may stay so."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, 500))
            os._exit(0)
        except (OSError, ValueError):
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("privileged", [False, True])
def test_hard_limit_above_ours(runtime, bundle, world, privileged):
    """It is raised before the user namespace is entered, where nobody has the power any more. Who does not
    have it outside either is told so."""
    able = may_raise_limits()
    world.need(able == privileged, f"the power over hard limits is {'missing' if privileged else 'there'}")
    bundle.namespace("user")
    if world.root:
        bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [
            {"containerID": 0, "hostID": 0, "size": 1000}]
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 5000}]
    lower = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))}
    if able:
        assert runtime.report(bundle, **lower).rlimits["NOFILE"] == [100, 5000]
    else:
        runtime.run(bundle.probe("exit", 0), **lower,
                    error=r"process.rlimits\[0\]: raise the hard limit to 5000: [Oo]peration not permitted")
