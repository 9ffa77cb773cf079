"""exec: a further process in a running container."""
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import time

import pytest

import harness
from harness import ANY


@pytest.fixture
def container(runtime, bundle, world):
    if world.root or world.subids:
        bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
    bundle.process["env"] = ["PATH=/bin", "FROM=container"]
    bundle.process["cwd"] = "/tmp"
    bundle.linux.setdefault("sysctl", {})
    return runtime.sleeping(bundle)


@contextlib.contextmanager
def harness_output():
    out = harness.Capture("stdout")
    try:
        yield out
    finally:
        out.close()


def report(container, *options, actions=(), **more):
    return container.runtime("exec", *options, container, "/probe", *actions, "report", stdout=ANY,
                             **more).report()


def test_like_the_container(container, world):
    """Without options: the container's user, directory, environment, capabilities, limits."""
    r = report(container)
    if world.root or world.subids:
        assert r.uids == [1000] * 3 and r.gids == [1000] * 3 and r.groups == [7]
    assert r.cwd == "/tmp"
    assert r.environment["FROM"] == "container"
    assert r.no_new_privs == 1 and r.rlimits["NOFILE"] == [1024, 1024]
    assert r.capabilities["bounding"] == harness.capability_mask("AUDIT_WRITE", "KILL",
                                                                 "NET_BIND_SERVICE")
    assert r.capabilities["inheritable"] == r.capabilities["ambient"] == "0" * 16
    assert r.pid > 1 and r.ppid == 0 and r.sid == r.pid
    assert set(r.fds) == {"0", "1", "2"}
    assert r.ignored_signals == r.blocked_signals == [] and r.pdeathsig == 0
    for kind, inode in r.namespaces.items():
        assert inode == os.stat(f"/proc/{container.pid}/ns/{kind}").st_ino, kind


def test_in_the_containers_cgroup(container, world):
    world.need_cgroups()
    runtime = container.runtime
    pid = runtime.exec_detached(container, container, "/probe", "sleep")
    both = [pathlib.Path(f"/proc/{p}/cgroup").read_text() for p in (pid, container.pid)]
    os.kill(pid, 9)
    runtime.wait_process(pid)
    assert both[0] == both[1]


def test_options(container, world):
    r = report(container, "--cwd", "/etc", "--env", "A=1", "-e", "FROM=exec", "--no-new-privs=false")
    assert r.cwd == "/etc"
    assert r.environment["A"] == "1" and r.environment["FROM"] == "exec"
    assert sum(e.startswith("FROM=") for e in r.env) == 1
    assert r.no_new_privs == 0


@pytest.mark.parametrize("text, uid, gid", [("0", 0, 0), ("1", 1, 0), ("1:2", 1, 2), ("0:0", 0, 0)])
def test_user(container, world, text, uid, gid):
    """CVE-2026-30892: -u is what it says. Without a group it is group 0."""
    world.need(world.root or world.subids or uid == 0 == gid, "needs more than one id")
    r = report(container, "--user", text)
    assert r.uids == [uid] * 3 and r.gids == [gid] * 3


@pytest.mark.parametrize("text", ["1:", ":1", "-1", "4294967295", "1x", "", " 1", "root",
                                  "1:2:3", "0x1", "4294967296"])
def test_wrong_user(container, text):
    container.runtime("exec", f"--user={text}", container, "/probe", "print", "ran",
                      error="--user")


def test_additional_gids(container, world):
    world.need(world.root or world.subids, "needs more than one id")
    r = report(container, "-u", "1:2", "-g", "5", "--additional-gids", "6,8")
    assert {5, 6, 8} <= set(r.groups)


def test_capabilities(container, world):
    """CVE-2022-27650, CVE-2022-29162: nothing becomes inheritable."""
    user = ["-u", "0"]
    r = report(container, *user, "--cap", "CAP_CHOWN", "-c", "CAP_NET_RAW")
    more = harness.capability_names(r.capabilities["effective"])
    assert {"CAP_CHOWN", "CAP_NET_RAW"} <= more
    assert {"CAP_CHOWN", "CAP_NET_RAW"} <= harness.capability_names(r.capabilities["bounding"])
    assert r.capabilities["inheritable"] == "0" * 16


def test_process_file(container, folder, world):
    path = folder / "process.json"
    process = {"args": ["/probe", "report"], "cwd": "/data", "env": ["ONLY=this"],
               "user": {"uid": 0, "gid": 0}, "noNewPrivileges": False,
               "capabilities": {"bounding": ["CAP_KILL"]},
               "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}]}
    path.write_text(json.dumps(process))
    r = container.runtime("exec", "--process", path, container, stdout=ANY).report()
    assert r.cwd == "/data" and r.uids == [0] * 3
    assert r.environment == {"ONLY": "this", "HOME": "/root"}
    assert r.rlimits["NOFILE"] == [50, 60] and r.no_new_privs == 0
    assert r.capabilities["bounding"] == harness.capability_mask("KILL")


def test_process_file_and_arguments(container, folder):
    (folder / "p.json").write_text("{}")
    container.runtime("exec", "-p", folder / "p.json", container, "/probe", error="--process")


@pytest.mark.parametrize("content, words", [
    ("", "p.json"), ("{", "p.json"), ("[]", ""), ('{"args": [], "cwd": "/"}', "args"),
    ('{"args": "x", "cwd": "/"}', "args"), ('{"args": ["x"], "cwd": 1}', "cwd"),
    ('{"args": ["x\\u0000y"], "cwd": "/"}', "args")])
def test_wrong_process_file(container, folder, content, words):
    (folder / "p.json").write_text(content)
    container.runtime("exec", "-p", folder / "p.json", container, code=255, error=words)


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_exit_code(container, code):
    container.exec("/probe", "exit", str(code), code=code)


def test_killed(container):
    container.exec("/probe", "kill", "15", code=128 + 15)
    container.exec("/probe", "kill", "9", code=128 + 9)


def test_streams(container):
    container.exec("/probe", "cat", "error", "bad", input="text", stdout="text", stderr="bad\n")


def test_options_of_the_program(container):
    """Words behind the program are its own."""
    container.exec("echo", "--help", "-t", "--", "x", stdout="--help -t -- x\n")
    container.exec("--", "echo", "-n", "x", stdout="x")


@pytest.mark.parametrize("name, words", [
    ("nonexistent", r'exec: "nonexistent": executable file not found in \$PATH'),
    ("/nonexistent", "no such file or directory"),
    ("/etc/passwd", "permission denied"),
    ("/etc", "is a directory")])
def test_program_missing(container, name, words):
    container.exec(name, code=255, error=words)


def test_missing_directory(container):
    """It is not made, unlike a container's own."""
    container.runtime("exec", "--cwd", "/missing", container, "true", code=255,
                      error="cwd.*no such file|no such file.*cwd|/missing")


def test_detach(container, folder):
    runtime = container.runtime
    pid = runtime.exec_detached(container, container, "/probe", "write", "/dev/shm/done", "x",
                                "exit", "5")
    assert runtime.wait_process(pid) == 5
    report_of = report(container, actions=("read", "/dev/shm/done"))
    assert report_of.read["/dev/shm/done"] == {"text": "x"}


def test_detached_failure_is_told(container, folder):
    """Nothing is left to wait for, and no pid file pretends that there is."""
    container.runtime("exec", "-d", "--pid-file", folder / "pid", container, "nonexistent",
                      code=255, error="executable file not found")
    assert not (folder / "pid").exists()


def test_pid_file(container, folder):
    path = folder / "pid"
    container.runtime("exec", "--pid-file", path, container, "true")
    assert path.read_bytes().isdigit()


def test_preserve_fds(container):
    read, write = os.pipe()

    def prepare():
        os.dup2(write, 3)

    try:
        r = report(container, "--preserve-fds", 1, preexec_fn=prepare, close_fds=False)
        name = os.readlink(f"/proc/self/fd/{write}")
    finally:
        os.close(read)
        os.close(write)
    assert r.fds.pop("3") == name and set(r.fds) == {"0", "1", "2"}


def test_leaked_descriptors(container):
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        r = report(container, pass_fds=(folder,))
    finally:
        os.close(folder)
    assert set(r.fds) == {"0", "1", "2"}


def test_paused(container, world):
    world.need_cgroups()
    runtime = container.runtime
    runtime("pause", container)
    container.exec("true", code=255, error="paused")
    process = runtime.popen("exec", "--ignore-paused", container, "/probe", "exit", "6")
    runtime("resume", container)
    assert process.wait(harness.TIMEOUT) == 6


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_paused_and_given_up(container, world, sig):
    """Who waits for a paused container can stop waiting; what was to run does not, later."""
    world.need_cgroups()
    world.need(world.arrangement != "v1", "needs a freezer that lets go what is killed")
    runtime = container.runtime
    runtime("pause", container)
    with harness_output() as out:
        process = runtime.popen("exec", "--ignore-paused", container, "/probe", "print", "ran",
                                stdout=out.fd,
                                # Whoever calls us in the background may have it ignored.
                                preexec_fn=lambda: signal.signal(sig, signal.SIG_DFL))
        frozen = lambda: len(runtime("ps", "-f", "json", container, stdout=ANY).json()) > 1
        harness.poll_until(frozen, "a process in the paused container")
        process.send_signal(sig)
        assert process.wait(harness.TIMEOUT) == -sig
        runtime("resume", container)
        harness.poll_until(lambda: not frozen(), "the end of the process")
        assert out.text() == ""


def test_cgroup_option(container, world):
    """A path below the container's cgroup; outside it there is nothing."""
    for path in ("..", "../..", "/../x", "a/../../.."):
        container.runtime("exec", "--cgroup", path, container, "true", code=ANY,
                          error="cgroup")
    container.runtime("exec", "--cgroup", "missing", container, "true", code=ANY, error="cgroup")


def test_many_in_a_row(container):
    """No process, descriptor or mount accumulates."""
    for n in range(20):
        container.exec("/probe", "exit", str(n), code=n)


def test_kill_of_the_container_ends_exec(runtime, bundle):
    container = runtime.sleeping(bundle)
    out = harness.Capture("out")
    process = runtime.popen("exec", container, "/probe", "print", "up", "sleep", stdout=out.fd)
    # Not when it is seen in the container, but when it is the program: until then it is ours, and its
    # death is told as an error.
    harness.poll_until(lambda: out.text() == "up\n", "the process is up")
    out.close()
    container.kill("KILL")
    assert process.wait(harness.TIMEOUT) == 137


def test_without_a_pid_namespace(runtime, bundle):
    bundle.drop_namespace("pid")
    container = runtime.sleeping(bundle)
    r = report(container)
    assert r.pid > 1 and r.processes and str(os.getpid())
    assert r.uids == [0] * 3


def peak_memory(container):
    """KiB that an exec has held when its process runs: what it forked from is not counted."""
    command = container.runtime.popen("exec", container, "/probe", "print", "up", "sleep",
                                      stdout=subprocess.PIPE, text=True)
    assert command.stdout.readline() == "up\n"
    status = pathlib.Path(f"/proc/{command.pid}/status").read_text()
    command.send_signal(signal.SIGTERM)
    assert command.wait(harness.TIMEOUT) == 128 + signal.SIGTERM
    command.stdout.close()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def test_a_thousand(container, world):
    """Nothing grows: neither what a command holds, nor what the container has, nor what is on disk.
    The times are for a reader (-s): they are not compared, since the machine has other work."""
    world.need_host_root("takes long enough in one world")
    command = [str(c) for c in container.runtime.command("exec", container, "/probe", "exit", "0")]
    place = pathlib.Path(container.runtime.root, container.id)
    seconds = []

    def held():
        return {"files": sorted((p.name, p.stat().st_size) for p in place.iterdir()),
                "descriptors of init": len(os.listdir(f"/proc/{container.pid}/fd")),
                "our descriptors": len(os.listdir("/proc/self/fd")),
                "tasks": len(container.runtime("ps", "-f", "json", container, stdout=ANY).json())
                if world.cgroups else 1}

    before, memory = held(), peak_memory(container)
    for _ in range(harness.often(1000)):
        start = time.monotonic()
        _, status = os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)
        seconds.append(time.monotonic() - start)
        assert status == 0
    after, memory_after = held(), peak_memory(container)
    print(f"milliseconds, median: first 100 {statistics.median(seconds[:100]) * 1e3:.2f}, last 100 "
          f"{statistics.median(seconds[-100:]) * 1e3:.2f}; KiB: {memory}, {memory_after}")
    assert after == before
    assert memory_after <= memory + 64
