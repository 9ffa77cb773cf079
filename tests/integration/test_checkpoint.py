"""checkpoint and restore, by CRIU: what was open is open again, and a failure leaves nothing."""
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
from harness import ANY, poll_until

# Counts into a file that stays open, through a pipe of its own, and to standard output.
COUNT = ("exec 5>/tmp/log; n=0; while sleep 0.05; do n=$((n+1)); echo $n; done |"
         " while read x; do echo $x >&5; echo $x; done")
# Two ends of a connection: one sends what is counted, the other writes down what comes.
TALK = ("sleep 10000 | nc -l -p 5000 >/tmp/log &"
        " (n=0; while sleep 0.05; do n=$((n+1)); echo $n; done) |"
        " until nc 127.0.0.1 5000; do sleep 0.05; done")


@pytest.fixture(autouse=True)
def needs_criu(criu):
    pass


@pytest.fixture
def sockets(world, criu):
    """Linux 6.16 refuses an option that CRIU before 4.2 asks of every socket."""
    version = subprocess.run(["criu", "--version"], capture_output=True, text=True).stdout
    found = [int(n) for n in re.search(r"(\d+)\.(\d+)", version).groups()]
    kernel = [int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups()]
    world.need(found >= [4, 2] or kernel < [6, 16], "needs CRIU 4.2 with this kernel")


@pytest.fixture
def shell(bundle):
    """A bundle that runs a shell script, on a root filesystem that it may write."""
    bundle.config["root"]["readonly"] = False
    os.symlink("busybox", bundle.rootfs / "bin/nc")
    return lambda script: bundle.args("/bin/sh", "-c", script)


class Running:
    """A detached container whose standard output is a pipe, as an engine's is."""

    def __init__(self, runtime, verb, bundle, *args, id=None):
        self.runtime, self.bundle, self.id = runtime, bundle, id or runtime.new_id()
        bundle.save()
        self.text = ""
        self.out, there = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.out, False)
        self.output, self.errors = self, harness.Capture("stderr")
        runtime.to_close.append(self)
        process = runtime.popen(verb, "--detach", "-b", bundle.path, *args, self.id,
                                stdout=there, stderr=self.errors.fd)
        os.close(there)
        self.code = process.wait(harness.TIMEOUT)
        if self.code == 0:
            runtime.containers[self.id] = self

    def __str__(self):
        return self.id

    def close(self):
        if self.out >= 0:
            os.close(self.out)
        self.out = -1

    def read(self):
        """All that came so far."""
        try:
            self.text += os.read(self.out, 65536).decode()
        except BlockingIOError:
            pass
        return self.text

    def state(self):
        return self.runtime("state", self.id, stdout=ANY).json()

    def delete(self, *args):
        self.runtime("delete", *args, self.id)
        self.runtime.containers.pop(self.id, None)


@pytest.fixture
def start(runtime):
    def run(bundle, *args):
        container = Running(runtime, "run", bundle, *args)
        assert container.code == 0, container.errors.text()
        return container
    return run


@pytest.fixture
def restore(runtime, folder):
    def run(bundle, *args, image="image", **more):
        container = Running(runtime, "restore", bundle, "--image-path", folder / image, *args,
                            **more)
        assert container.code == 0, container.errors.text() + story(folder / image / "restore.log")
        return container
    return run


def story(path):
    """The errors of CRIU's log."""
    if not path.exists():
        return ""
    return "".join(line for line in path.read_text(errors="replace").splitlines(True)
                   if "Error" in line or "Warn" in line)


@pytest.fixture
def checkpoint(runtime, folder):
    def run(container, *args, image="image", gone=True, **more):
        if not more:
            more = {"stdout": "", "stderr": "", "code": ANY}
        result = runtime("checkpoint", "--image-path", folder / image, *args, container.id, **more)
        if more.get("code") is ANY:
            assert result.code == 0, result.stderr + story(folder / image / "dump.log")
        if result.code == 0 and gone:
            runtime("state", container.id, error="does not exist")
            runtime.containers.pop(container.id)
        return result
    return run


def numbers(bundle):
    path = bundle.rootfs / "tmp/log"
    return [int(n) for n in path.read_text().split()] if path.exists() else []


def counts_on(bundle):
    """It goes on from where it was: nothing is missing, nothing is there twice."""
    before = len(numbers(bundle))
    poll_until(lambda: len(numbers(bundle)) > before + 2, "more numbers")
    found = numbers(bundle)
    assert found == list(range(1, len(found) + 1))


def test_files_and_pipes(runtime, shell, start, checkpoint, restore):
    bundle = shell(COUNT)
    first = start(bundle)
    counts_on(bundle)
    checkpoint(first)
    done = len(numbers(bundle))
    second = restore(bundle)
    counts_on(bundle)
    # Its standard output is ours now, and had lost nothing.
    poll_until(lambda: f"{done + 2}\n" in second.read(), "numbers on the new pipe")
    state = second.state()
    assert state["status"] == "running" and state["id"] != first.id
    assert os.readlink(f"/proc/{state['pid']}/exe") == "/bin/busybox"
    cgroups = pathlib.Path(f"/proc/{state['pid']}/cgroup").read_text()
    assert second.id in cgroups and first.id + "\n" not in cgroups
    runtime("exec", second.id, "/bin/echo", "inside", stdout="inside\n")
    runtime("kill", second.id, "KILL")
    poll_until(lambda: second.state()["status"] == "stopped", "stopped")


def test_connection(sockets, shell, start, checkpoint, restore):
    """TCP over the loopback device of the container's own network namespace."""
    bundle = shell(TALK)
    container = start(bundle)
    counts_on(bundle)
    lock = [] if shutil.which("iptables-restore") or shutil.which("nft") else [
        "--network-lock", "skip"]
    checkpoint(container, "--tcp-established", *lock)
    restore(bundle, "--tcp-established", *lock)
    counts_on(bundle)


def test_connection_not_asked_for(sockets, shell, start, checkpoint):
    """CRIU's own words are told, and the container runs on."""
    bundle = shell(TALK)
    container = start(bundle)
    counts_on(bundle)
    checkpoint(container, gone=False, error="Connected TCP socket.*tcp-established")
    assert container.state()["status"] == "running"
    counts_on(bundle)


def test_terminal(runtime, bundle, checkpoint, folder, console_socket):
    bundle.config["root"]["readonly"] = False
    bundle.process["terminal"] = True
    bundle.args("/bin/sh").save()
    container = runtime.detached(bundle, "--console-socket", console_socket.path)
    terminal = console_socket.accept()
    terminal.resize(33, 111)
    terminal.write("word=kept; echo up-$word\n")
    terminal.read_until("up-kept")
    checkpoint(container)
    terminal.close()
    new = runtime.create(bundle, "--detach", "--image-path", folder / "image", "--console-socket",
                         console_socket.path, command="restore", stdout=ANY)
    terminal = console_socket.accept()
    terminal.write("echo again-$word; stty size 2>/dev/null; cat /proc/1/comm\n")
    terminal.read_until("again-kept")
    assert new.status == "running"
    terminal.write("exit 3\n")
    new.wait_stopped()
    terminal.close()


def test_leave_running(shell, start, checkpoint, restore):
    bundle = shell("n=0; while sleep 0.05; do n=$((n+1)); echo $n; done")
    first = start(bundle)
    poll_until(lambda: "\n3\n" in first.read(), "numbers")
    checkpoint(first, "--leave-running", gone=False)
    second = restore(bundle)
    for container in (first, second):
        assert container.state()["status"] == "running"
        had = container.read()
        poll_until(lambda: container.read() != had, "more numbers")


def test_paused(shell, start, checkpoint, restore, runtime, world):
    world.need_cgroups()
    bundle = shell(COUNT)
    container = start(bundle)
    counts_on(bundle)
    runtime("pause", container.id)
    checkpoint(container)
    restore(bundle)
    counts_on(bundle)


def test_pre_dump(world, criu, shell, start, checkpoint, restore, folder):
    world.need(criu("check", "--feature", "mem_dirty_track"),
               "needs a kernel that tells which pages were written")
    bundle = shell(COUNT)
    container = start(bundle)
    checkpoint(container, "--pre-dump", image="first", gone=False)
    counts_on(bundle)
    checkpoint(container, "--parent-path", "../first")
    assert os.readlink(folder / "image/parent") == "../first"
    restore(bundle)
    counts_on(bundle)


def test_mounts(new_bundle, base_config, start, checkpoint, restore, folder):
    """Bind mounts get the sources that the bundle has at restore: another host's, say."""
    def make(name):
        bundle = new_bundle()
        bundle.config["root"]["readonly"] = False
        for place, text in (("one", name), ("two", name)):
            (bundle.path / place).mkdir()
            (bundle.path / place / "file").write_text(text)
        os.symlink("data", bundle.rootfs / "link")
        bundle.mount("/link", "bind", bundle.path / "one", ["rbind"])
        bundle.mount("/etc/one", "bind", bundle.path / "two/file", ["bind", "ro"])
        bundle.mount("/scratch", "tmpfs", "tmpfs")
        return bundle.args("/bin/sh", "-c", "echo kept >/scratch/file; cd /data;"
                           " while sleep 0.05; do cat file /etc/one /scratch/file; done")

    # Of one length: CRIU looks at the size of files that are open.
    first, second = make("before "), make("after  ")
    container = start(first)
    poll_until(lambda: "before before kept\n" in container.read(), "what the sources hold")
    checkpoint(container)
    restored = restore(second)
    poll_until(lambda: "after  after  kept\n" in restored.read(), "what the new sources hold")
    found = {m.target: m for m in harness.parse_mountinfo(
        pathlib.Path(f"/proc/{restored.state()['pid']}/mountinfo").read_text())}
    assert {"/data", "/etc/one", "/scratch", "/proc", "/dev", "/dev/pts"} <= set(found)
    assert "ro" in found["/etc/one"].options
    for masked in ("/proc/keys", "/sys/firmware"):
        assert pathlib.Path("/", masked[1:]).exists() == (masked in found)


def test_joined_network(shell, start, checkpoint, restore, runtime, new_bundle):
    """A namespace by its path is left alone, and joined again: as engines have it."""
    holder = new_bundle()
    holder.args("/bin/sleep", "1000")
    other = start(holder)
    path = f"/proc/{other.state()['pid']}/ns/net"
    bundle = shell(COUNT).namespace("network", path)
    container = start(bundle)
    counts_on(bundle)
    checkpoint(container)
    second = restore(bundle)
    counts_on(bundle)
    assert os.readlink(f"/proc/{second.state()['pid']}/ns/net") == os.readlink(path)


def is_locked(path):
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_file_locks_by_configuration(bundle, start, checkpoint, restore, folder):
    """What people have in a file of CRIU's is taken up: here what allows file locks."""
    bundle.config["root"]["readonly"] = False
    bundle.probe("lock", "/tmp/lock", "print", "up", "sleep")
    container = start(bundle)
    poll_until(lambda: "up" in container.read(), "up")
    checkpoint(container, gone=False, error="lock")
    assert is_locked(bundle.rootfs / "tmp/lock")
    container.delete("--force")
    (folder / "criu.conf").write_text("file-locks\n")
    bundle.config["annotations"] = {"org.criu.config": str(folder / "criu.conf")}
    container = start(bundle)
    poll_until(lambda: "up" in container.read(), "up")
    checkpoint(container)
    assert not is_locked(bundle.rootfs / "tmp/lock")
    restore(bundle)
    assert is_locked(bundle.rootfs / "tmp/lock")


def test_attached(shell, start, checkpoint, runtime, folder):
    """restore without --detach is the container's parent, like run."""
    bundle = shell("while [ ! -e /tmp/end ]; do sleep 0.05; done; exit 7")
    container = start(bundle)
    checkpoint(container)
    (bundle.rootfs / "tmp/end").write_text("")
    runtime("restore", "-b", bundle.path, "--image-path", folder / "image", runtime.new_id(),
            code=7, stderr=ANY)


def test_hooks_and_pid_file(shell, start, checkpoint, restore, folder):
    bundle = shell(COUNT)
    log = folder / "hooks"
    container = start(bundle)
    counts_on(bundle)
    checkpoint(container)
    bundle.config["hooks"] = {
        name: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} $(cat) >>{log}"]}]
        for name in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                     "poststop")}
    second = restore(bundle, "--pid-file", folder / "pid")
    pid = int((folder / "pid").read_text())
    assert pid == second.state()["pid"]
    second.delete("--force")
    lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
    # Those of the container's own namespaces have run before the checkpoint.
    assert [name for name, _ in lines] == ["prestart", "createRuntime", "poststart", "poststop"]
    states = [json.loads(text) for _, text in lines]
    assert [s["status"] for s in states] == ["creating", "creating", "running", "stopped"]
    assert [s.get("pid") for s in states[:3]] == [pid, pid, pid]


def test_limits(world, shell, start, checkpoint, restore, runtime):
    """Limits come from the bundle that is restored, into a new cgroup."""
    world.need_cgroups()
    world.need(world.arrangement == "unified", "looks into cgroup v2's files")
    bundle = shell(COUNT)
    bundle.linux["cgroupsPath"] = f"/{runtime.marker}-before"
    container = start(bundle)
    counts_on(bundle)
    checkpoint(container)
    bundle.linux["cgroupsPath"] = f"/{runtime.marker}-after"
    second = restore(bundle)
    counts_on(bundle)
    found = pathlib.Path(f"/proc/{second.state()['pid']}/cgroup").read_text()
    assert f"{runtime.marker}-after" in found and f"{runtime.marker}-before" not in found


# --- failures -------------------------------------------------------------------------------------


def test_not_running(runtime, shell, checkpoint):
    created = runtime.create(shell(COUNT))
    checkpoint(created, error="in the created state")
    created.kill()
    created.wait_stopped()
    checkpoint(created, error="not running")


def test_no_checkpoint(runtime, shell, folder):
    bundle = shell(COUNT).save()
    runtime("restore", "-b", bundle.path, "--image-path", folder / "none", runtime.new_id(),
            error="/none\": no such file or directory")
    (folder / "empty").mkdir()
    runtime("restore", "-b", bundle.path, "--image-path", folder / "empty", runtime.new_id(),
            error=r"\w+")
    runtime("list", "-q")


def test_hook_fails(shell, start, checkpoint, runtime, folder):
    """What CRIU had made goes when a hook does not want it."""
    bundle = shell(COUNT)
    container = start(bundle)
    counts_on(bundle)
    checkpoint(container)
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    bundle.save()
    runtime("restore", "-b", bundle.path, "--image-path", folder / "image", runtime.new_id(),
            error="createRuntime hook")
    runtime("list", "-q")


def test_damaged_checkpoint(shell, start, checkpoint, runtime, folder):
    bundle = shell(COUNT)
    checkpoint(start(bundle))
    (folder / "image/descriptors.json").write_text("[1, {\"a\": [2]}, \"pipe")
    runtime("restore", "-b", bundle.path, "--image-path", folder / "image", runtime.new_id(),
            error="descriptors.json")
    (folder / "image/descriptors.json").unlink()
    (folder / "image/inventory.img").write_bytes(b"\x00" * 40)
    runtime("restore", "-b", bundle.path, "--image-path", folder / "image", runtime.new_id(),
            error=r"\w+")


def test_no_criu(runtime, shell, start, checkpoint):
    container = start(shell(COUNT))
    runtime.environment["PATH"] = "/nonexistent"
    checkpoint(container, error="criu cannot be executed")
    assert container.state()["status"] == "running"


def test_refused(runtime, shell, start, checkpoint, folder):
    container = start(shell(COUNT))
    for options, error in ((("--lazy-pages",), "lazy-pages: libcriu has no"),
                           (("--status-fd", 5), "status-fd: libcriu has no"),
                           (("--parent-path", "/tmp"), "relative"),
                           (("--parent-path", "../none"), "parent-path: open .*: no such"),
                           (("--page-server", "here"), "ADDRESS:PORT")):
        checkpoint(container, *options, error=error)
    checkpoint(container, "--manage-cgroups-mode", "wild", error="", code=1)
