"""Descriptors that a caller hands on (--preserve-fds, LISTEN_FDS), and annotations of other
runtimes."""
import array
import json
import os
import socket
import subprocess
import sys

import pytest

import harness
from harness import ANY


def activated(runtime, *args, pid="own", fds=(), names=None, count=None):
    """Runs a command with fds as descriptors 3 and up, as systemd does. Returns its output."""
    script = """import os, sys
n, pid, names, count = json.loads(sys.argv[1])
for i in range(n):
    os.dup2(100 + i, 3 + i)
os.closerange(3 + n, 100)
for i in range(n):
    os.close(100 + i)
os.environ["LISTEN_FDS"] = str(count)
if pid:
    os.environ["LISTEN_PID"] = str(os.getpid() if pid == "own" else 1)
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.execv(sys.argv[2], sys.argv[2:])"""
    high = []
    for n, fd in enumerate(fds):
        os.dup2(fd, 100 + n, inheritable=True)
        high.append(100 + n)
    try:
        return subprocess.run(
            [sys.executable, "-c", "import json\n" + script,
             json.dumps([len(fds), pid, names, len(fds) if count is None else count]),
             *runtime.command(*args)], capture_output=True, text=True, pass_fds=high,
            timeout=harness.TIMEOUT)
    finally:
        for fd in high:
            os.close(fd)


@pytest.fixture
def sockets():
    found = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    yield [s.fileno() for s in found]
    for s in found:
        s.close()


@pytest.mark.parametrize("pid_namespace", [True, False])
@pytest.mark.parametrize("names", [None, "one:two"])
def test_listen(runtime, bundle, world, sockets, pid_namespace, names):
    if not pid_namespace:
        world.need_host_root()
        bundle.drop_namespace("pid")
    bundle.process["env"] += ["LISTEN_FDS=7", "LISTEN_PID=9", "LISTEN_FDNAMES=x"]
    bundle.probe("report").save()
    done = activated(runtime, "run", "-b", bundle.path, runtime.new_id(), fds=sockets, names=names)
    assert done.returncode == 0, done.stderr
    report = harness.Report(json.loads(done.stdout))
    assert set(report.fds) == {"0", "1", "2", "3", "4"}
    assert report.environment["LISTEN_FDS"] == "2"
    assert report.environment["LISTEN_PID"] == str(report.pid)
    assert report.environment.get("LISTEN_FDNAMES") == names
    assert report.environment["HOME"] == "/root"
    assert sum(e.startswith("LISTEN_FDS=") for e in report.env) == 1


def test_listen_behind_preserved(runtime, bundle, sockets):
    bundle.probe("report").save()
    done = activated(runtime, "run", "--preserve-fds", "1", "-b", bundle.path, runtime.new_id(),
                     fds=sockets, count=1)
    assert set(harness.Report(json.loads(done.stdout)).fds) == {"0", "1", "2", "3", "4"}


def test_listen_exec(runtime, bundle, sockets):
    container = runtime.sleeping(bundle)
    done = activated(runtime, "exec", container.id, "/probe", "report", fds=sockets)
    report = harness.Report(json.loads(done.stdout))
    assert report.environment["LISTEN_PID"] == str(report.pid) and report.pid > 1
    assert "4" in report.fds


def test_listen_meant_for_another(runtime, bundle, sockets):
    """LISTEN_PID of another process: these descriptors were not for us."""
    bundle.probe("report").save()
    done = activated(runtime, "run", "-b", bundle.path, runtime.new_id(), fds=sockets, pid="other")
    report = harness.Report(json.loads(done.stdout))
    assert set(report.fds) == {"0", "1", "2"} and "LISTEN_FDS" not in report.environment


def test_listen_without_pid(runtime, bundle, sockets):
    bundle.probe("report").save()
    done = activated(runtime, "run", "-b", bundle.path, runtime.new_id(), fds=sockets, pid=None)
    assert "LISTEN_PID=1" in json.loads(done.stdout)["env"]


def test_listen_with_too_many(runtime, bundle, sockets):
    bundle.probe("report").save()
    done = activated(runtime, "run", "-b", bundle.path, runtime.new_id(), fds=sockets, count=3)
    assert done.returncode == 1 and "to be preserved is not open: 5" in done.stderr


@pytest.mark.parametrize("command", ["run", "exec"])
def test_preserve_missing(runtime, bundle, command):
    """A descriptor that is not there is an error: the next one opened would take its place."""
    if command == "run":
        runtime.fails(bundle.probe("exit", 0), "descriptor 1 of 2 to be preserved is not open: 3",
                      "--preserve-fds", "2")
    else:
        container = runtime.sleeping(bundle)
        runtime("exec", "--preserve-fds", "1", container, "/probe", code=255,
                error="to be preserved is not open")


# --- annotations ----------------------------------------------------------------------------------


@pytest.fixture
def caller_groups(world):
    world.need_host_root()
    before = os.getgroups()
    os.setgroups([4711, 4712])
    yield [4711, 4712]
    os.setgroups(before)


@pytest.mark.parametrize("value, kept", [("1", True), ("true", True), ("0", False)])
@pytest.mark.parametrize("user_namespace", [False, True])
def test_keep_groups(runtime, bundle, caller_groups, value, kept, user_namespace):
    bundle.config["annotations"] = {"run.oci.keep_original_groups": value}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    if user_namespace:
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [
                {"containerID": 0, "hostID": 600000, "size": 65536}]
    expected = ([65534] * 2 if user_namespace else caller_groups) if kept else []
    assert runtime.report(bundle).groups == expected
    container = runtime.sleeping(bundle)
    assert container.exec("/probe", "report", stdout=ANY).report().groups == expected


def test_keep_groups_wrong(runtime, bundle):
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "maybe"}
    runtime.fails(bundle.probe("exit", 0), r'keep_original_groups"\]: expected 0 or 1')


def test_pidfd_receiver(runtime, bundle, folder):
    path = str(folder / "pidfd.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(10 * harness.TIME_SCALE)
        bundle.config["annotations"] = {"run.oci.pidfd_receiver": path}
        container = runtime.create(bundle.probe("sleep"))
        connection, _ = listener.accept()
        with connection:
            _, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
    fds = array.array("i", control[0][2])
    with open(f"/proc/self/fdinfo/{fds[0]}") as f:
        assert f"Pid:\t{container.pid}\n" in f.read()
    os.close(fds[0])


@pytest.mark.parametrize("key", [
    "run.oci.handler",
    "run.oci.seccomp.plugins",
    "run.oci.systemd.force_cgroup_v1", "run.oci.systemd.subgroup", "run.oci.delegate-cgroup",
    "org.criu.other", "krun.cpus", "module.wasm.image/variant"])
def test_refused_annotation(runtime, bundle, key):
    bundle.config["annotations"] = {key: "1"}
    runtime.fails(bundle.probe("exit", 0), rf'annotations\["{key}"\]: not implemented')


@pytest.mark.parametrize("key", ["io.kubernetes.cri.container-type", "com.example.label", "bundle"])
def test_label_annotation(runtime, bundle, key):
    bundle.config["annotations"] = {key: "sandbox"}
    runtime.run(bundle.probe("exit", 0))
