"""Landlock, by the annotation run.oci.coracle.landlock: what the rules forbid is forbidden, to an exec too."""
import json
import platform

import pytest

import worlds
from harness import ANY

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_REG = 1 << 8
FIRST = 0x1fff  # the rights of Linux 5.13
BIND, CONNECT = 1, 2


def version():
    """Of the kernel's Landlock; 0 for none."""
    if platform.machine() not in ("x86_64", "aarch64"):
        return 0
    found = worlds.syscall(444, None, 0, 1)
    return max(found, 0)


@pytest.fixture(autouse=True)
def landlock(world):
    world.need(version() > 0, "needs a kernel with Landlock")


def restrict(bundle, **rules):
    bundle.process["noNewPrivileges"] = True
    bundle.config.setdefault("annotations", {})["run.oci.coracle.landlock"] = json.dumps(rules)
    return bundle


def files(bundle, *rules):
    return restrict(bundle, handledAccessFS=FIRST, rules=[
        {"paths": ["/probe", "/bin"], "access": EXECUTE | READ_FILE},
        {"paths": ["/proc", "/missing"], "access": READ_FILE | READ_DIR}, *rules])


def test_files(runtime, bundle):
    bundle.config["root"]["readonly"] = False
    (bundle.rootfs / "data/in").mkdir()
    files(bundle, {"paths": ["/data/in"], "access": FIRST}, {"paths": ["/etc"], "access": READ_FILE})
    r = runtime.report(bundle, "read", "/etc/passwd", "list", "/etc", "list", "/data", "list", "/data/in",
                       "write", "/data/in/file", "x", "open", "/etc/passwd", "w", "open", "/tmp", "r")
    assert "root" in r["read"]["/etc/passwd"]["text"]
    assert r["list"]["/etc"] is None and r["list"]["/data"] is None and r["list"]["/data/in"] is not None
    assert r["open"] == {"/etc/passwd": "EACCES", "/tmp": "EACCES"}
    assert (bundle.rootfs / "data/in/file").read_text() == "x"


def test_program_must_be_allowed(runtime, bundle):
    restrict(bundle, handledAccessFS=FIRST, rules=[{"paths": ["/etc"], "access": READ_FILE}])
    runtime.fails(bundle.probe("exit", 7), r"process\.args: exec: \"/probe\": permission denied")


@pytest.mark.parametrize("filtered", [False, True])
def test_create_start_exec(runtime, bundle, filtered):
    """Also where a filter comes after it, and for each process that comes later."""
    files(bundle)
    if filtered:
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["landlock_restrict_self"], "action": "SCMP_ACT_ERRNO"}]}
    container = runtime.sleeping(bundle)
    r = container.exec("/probe", "open", "/etc/passwd", "r", "open", "/probe", "r", "report",
                       stdout=ANY).report()
    assert r["open"] == {"/etc/passwd": "EACCES", "/probe": "ok"}


def test_exec_needs_no_new_privileges(runtime, bundle, folder):
    container = runtime.sleeping(files(bundle))
    process = folder / "process.json"
    process.write_text(json.dumps({**bundle.process, "noNewPrivileges": False, "args": ["/probe", "exit", "0"]}))
    container.runtime("exec", "--process", process, container, code=255,
                      error="Landlock needs process.noNewPrivileges")


def test_ports(runtime, bundle, world):
    world.need(version() >= 4, "needs Landlock for ports, Linux 6.7")
    restrict(bundle, handledAccessNet=BIND | CONNECT, rules=[{"ports": [4000], "access": BIND}])
    bundle.args("/bin/busybox", "sh", "-c",
                "for p in 4000 4001; do /bin/busybox timeout 1 /bin/busybox nc -l -p $p 2>&1; echo $?; done")
    said = runtime.run(bundle, stdout=ANY, stderr=ANY)
    assert said.stdout.split() == ["Terminated", "143", "nc:", "bind:", "Permission", "denied", "1"], said


def test_right_of_the_future(runtime, bundle):
    """One that the kernel does not know is an error: nothing is left out in silence."""
    restrict(bundle, handledAccessFS=1 << 62)
    runtime.fails(bundle.probe("exit", 7),
                  r'annotations\["run\.oci\.coracle\.landlock"\]: restrict by Landlock: invalid argument')
    restrict(bundle, handledAccessFS=FIRST, rules=[{"paths": ["/etc/passwd"], "access": READ_DIR}])
    runtime.fails(bundle, r'allow 0x8 for "/etc/passwd": invalid argument')


@pytest.mark.parametrize("path", ["/data/link", "/data/../../../etc"])
def test_paths_stay_inside(runtime, bundle, path):
    """A rule is about a path of the root filesystem, whatever that leads to."""
    (bundle.rootfs / "data/link").symlink_to("/../../etc")
    files(bundle, {"paths": [path], "access": READ_FILE})
    r = runtime.report(bundle, "read", "/etc/passwd")
    assert "someone" in r["read"]["/etc/passwd"]["text"]
