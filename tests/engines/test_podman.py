"""Podman on this runtime, as root and as an ordinary user: the worlds v2 and user.

    CORACLE=build/coracle python3 tests/integration/worlds.py v2 user -- tests/engines

PODMAN and its helpers come from the system; the image is made here. The seccomp profile is Podman's
own. All that Podman writes is in a folder of the test."""
import json
import os
import pathlib
import re
import signal

import pytest

from engine import LOOP


@pytest.fixture
def web(podman):
    """A container that runs, and says bye when it is asked to stop."""
    podman("run", "--detach", "--name", "web", "demo", "sh", "-c", LOOP)
    podman.wait_log("web", "up")
    yield "web"
    podman("rm", "--force", "--ignore", "web")


def test_it_is_us(podman, program):
    info = json.loads(podman("info", "--format", "json"))["host"]["ociRuntime"]
    assert info["name"] == "coracle" and info["path"] == str(program)
    assert info["version"].startswith("coracle version ")


def test_run(podman):
    out = podman("run", "--rm", "demo", "sh", "-c", "id -u; cat /proc/self/cgroup; exit 3", code=3)
    assert out.splitlines()[0] == "0" and "0::/" in out.splitlines()


def test_default_seccomp_profile(podman):
    """Podman's own, which is large; and none."""
    command = ["demo", "grep", "Seccomp:", "/proc/self/status"]
    assert podman("run", "--rm", *command).split() == ["Seccomp:", "2"]
    out = podman("run", "--rm", "--security-opt", "seccomp=unconfined", *command)
    assert out.split() == ["Seccomp:", "0"]


def test_the_profile_acts(podman):
    """mount(2) is not among what it allows without CAP_SYS_ADMIN."""
    code, _, _ = podman.result("run", "--rm", "demo", "busybox", "mount", "-t", "tmpfs", "x", "/tmp")
    assert code != 0


@pytest.mark.parametrize("command, code, words", [
    (["/nosuch"], 127, "no such file or directory"), (["nosuch"], 127, "executable file not found"),
    (["/etc"], 126, "is a directory|permission denied"), (["/etc/passwd"], 126, "permission denied")])
def test_wrong_programs(podman, command, code, words):
    """The exit codes that Podman makes of our words."""
    found, _, err = podman.result("run", "--rm", "demo", *command)
    assert found == code and re.search(words, err)
    assert err.count("\n") == 1


def test_user_and_environment(podman):
    out = podman("run", "--rm", "--user", "web", "--env", "A=1", "--workdir", "/tmp",
                 "--hostname", "here", "demo", "sh", "-c", "id -u; id -g; echo $A $PWD; cat /etc/hostname")
    assert out.split() == ["33", "33", "1", "/tmp", "here"]


def test_mounts(podman, session_folder):
    folder = session_folder / "shared"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("host\n")
    out = podman("run", "--rm", "--read-only", "--tmpfs", "/scratch", "-v", f"{folder}:/data:ro",
                 "demo", "sh", "-c", "cat /data/file; echo x > /scratch/x && cat /scratch/x; "
                 "echo x > /data/file || echo ro; echo x > /etc/x || echo ro")
    assert out.split() == ["host", "x", "ro", "ro"]


def test_detached(podman, web):
    state = podman.inspect(web)["State"]
    assert state["Status"] == "running" and state["Pid"] > 0
    assert podman("exec", web, "sh", "-c", "echo in; exit 4", code=4) == "in\n"
    assert podman("exec", "--tty", web, "tty") == "/dev/pts/0\n"  # as runc has terminals
    assert podman("exec", "--user", "33:33", "--env", "B=2", "--workdir", "/tmp", web, "sh", "-c",
                  "id -u; echo $B $PWD").split() == ["33", "2", "/tmp"]
    assert podman.result("exec", web, "/etc")[0] == 126
    found, _, err = podman.result("exec", web, "nosuch")
    assert found == 127 and "executable file not found" in err


def test_stop(podman, web):
    podman("stop", "--time", "10", web)
    state = podman.inspect(web)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 5)
    assert podman("logs", web).splitlines() == ["up", "bye"]
    podman("start", web)
    assert podman.inspect(web)["State"]["Status"] == "running"
    podman("kill", web)
    assert podman("wait", web) == "137\n"


def test_restart(podman, web):
    before = podman.inspect(web)["State"]["Pid"]
    podman("restart", "--time", "10", web)
    after = podman.inspect(web)["State"]
    assert after["Status"] == "running" and after["Pid"] != before


def test_pause(podman, web, world):
    world.need(world.host_root, "Podman pauses with a cgroup of the container's own only")
    podman("pause", web)
    assert podman.inspect(web)["State"]["Status"] == "paused"
    found, _, err = podman.result("exec", web, "true")
    assert found != 0
    podman("unpause", web)
    podman("exec", web, "true")


def test_terminal(podman):
    assert podman("run", "--rm", "--tty", "demo", "sh", "-c", "tty; stty size").split()[0] == "/dev/pts/0"


def test_signals_reach_an_attached_run(podman):
    process = podman.popen("run", "--rm", "--name", "attached", "demo", "sh", "-c", LOOP)
    assert process.stdout.readline() == "up\n"
    # Podman forwards signals once it says so.
    assert podman.inspect("attached")["State"]["Status"] == "running"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (5, "bye\n"), err


def test_no_cgroups(podman):
    assert podman("run", "--rm", "--cgroups=disabled", "demo", "echo", "ok") == "ok\n"


def test_host_cgroups(podman):
    """Also where the container can have none of its own."""
    out = podman("run", "--rm", "--cgroupns", "host", "demo", "ls", "/sys/fs/cgroup")
    assert "cgroup.procs" in out.split()


def test_host_namespaces(podman, world):
    ipc = ["--ipc", "host"] if world.root else []  # Podman wants the host's mqueue for it
    out = podman("run", "--rm", "--pid", "host", *ipc, "--uts", "host", "--network", "host",
                 "demo", "cat", "/proc/sys/kernel/hostname")
    assert out.strip() == os.uname().nodename


def test_pod(podman):
    """Containers that join one another's namespaces."""
    podman("run", "--detach", "--name", "first", "demo", "sh", "-c", LOOP)
    try:
        podman.wait_log("first", "up")
        out = podman("run", "--rm", "--pid", "container:first", "--network", "container:first",
                     "--ipc", "container:first", "demo", "cat", "/proc/1/cmdline")
        assert "trap" in out
    finally:
        podman("rm", "--force", "first")


def test_build(podman, session_folder):
    folder = session_folder / "context"
    folder.mkdir(exist_ok=True)
    (folder / "Containerfile").write_text(
        'FROM demo\nRUN echo built > /etc/built && mkdir /made\nCMD ["cat", "/etc/built"]\n')
    # Buildah asks for more than an ordinary user has, or root without CAP_SYS_RESOURCE.
    build = ["build", "--network", "none", "--isolation", "oci", "--ulimit=nofile=1024:1024",
             "--ulimit=nproc=1024:1024"]
    podman(*build, "--tag", "built", folder)
    assert podman("run", "--rm", "built") == "built\n"
    (folder / "Containerfile").write_text("FROM demo\nRUN exit 7\n")
    found, _, err = podman.result(*build, folder)
    assert found != 0 and "exit status 7" in err


COUNT = "n=0; while sleep 0.1; do n=$((n+1)); echo $n; echo $n >/tmp/n; done"


@pytest.fixture
def counting(criu, podman):
    """A container that counts, in its log too."""
    podman("run", "--detach", "--name", "counting", "demo", "sh", "-c", COUNT)
    podman.wait_log("counting", "3")
    yield "counting"
    podman("rm", "--force", "--ignore", "counting")


def counts_on(podman, name):
    """The number that it has come to; it goes on from there."""
    before = int(podman("exec", name, "cat", "/tmp/n"))
    podman.wait_log(name, str(before + 3))
    return before


def test_checkpoint(podman, counting):
    podman("container", "checkpoint", counting)
    state = podman.inspect(counting)["State"]
    assert state["Status"] == "exited" and state["Checkpointed"]
    done = int(podman("logs", counting).split()[-1])
    podman("container", "restore", counting)
    assert counts_on(podman, counting) >= done
    lines = podman("logs", counting).split()
    assert lines == [str(n) for n in range(1, len(lines) + 1)]


def test_checkpoint_leave_running(podman, counting):
    podman("container", "checkpoint", "--leave-running", counting)
    assert podman.inspect(counting)["State"]["Status"] == "running"
    counts_on(podman, counting)


@pytest.mark.parametrize("pre", [False, True])
def test_checkpoint_export(world, criu, podman, counting, session_folder, pre):
    """A container from an archive, under another name; in two steps too."""
    archive, before = session_folder / "counting.tar.gz", []
    if pre:
        world.need(criu("check", "--feature", "mem_dirty_track"),
                   "needs a kernel that tells which pages were written")
        podman("container", "checkpoint", "--pre-checkpoint", "--export", session_folder / "pre.tar.gz",
               counting)
        before = ["--import-previous", session_folder / "pre.tar.gz"]
        counts_on(podman, counting)
    podman("container", "checkpoint", *(["--with-previous"] if pre else []), "--export", archive,
           counting)
    done = int(podman("logs", counting).split()[-1])
    podman("rm", "--force", counting)
    podman("container", "restore", "--import", archive, *before, "--name", "imported")
    try:
        assert counts_on(podman, "imported") >= done
    finally:
        podman("rm", "--force", "imported")


def test_checkpoint_terminal(podman, criu):
    """A shell on a terminal of conmon's; what it knows is still there."""
    podman("run", "--detach", "--tty", "--name", "shell", "demo", "sh", "-c",
           "tty; word=kept; " + COUNT.replace("echo $n;", "echo $word$n;"))
    try:
        podman.wait_log("shell", "kept3")
        podman("container", "checkpoint", "shell")
        podman("container", "restore", "shell")
        before = int(podman("exec", "shell", "cat", "/tmp/n"))
        podman.wait_log("shell", f"kept{before + 3}")
    finally:
        podman("rm", "--force", "shell")


def test_nothing_stays(podman, world):
    """After rm no state directory, no cgroup, no process of a container."""
    podman("rm", "--all", "--force")
    place = pathlib.Path("/run/coracle" if world.root else os.environ["XDG_RUNTIME_DIR"] + "/coracle")
    assert not place.exists() or list(place.iterdir()) == []
    left = [p for p in pathlib.Path("/sys/fs/cgroup").rglob("libpod-*")]
    assert not left
