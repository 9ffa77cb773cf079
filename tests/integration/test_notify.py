"""sd_notify(3) from inside."""
import array
import os
import socket
import threading
import time

import pytest

import harness
from harness import ANY


class Manager:
    """The service manager's end: takes messages, closes the descriptors that come with them."""

    def __init__(self, path):
        self.path, self.messages, self.fds = str(path), [], 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.path[1:] if self.path[0] == "@" else self.path)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            data, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4))
            if data == b"stop":
                return
            self.messages.append(data.decode())
            for _, _, fds in control:
                for fd in array.array("i", fds):
                    self.fds += 1
                    os.close(fd)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"stop", self.socket.getsockname())
        self.thread.join(10)
        self.socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, folder):
    m = Manager(folder / "manager.sock" if request.param == "path" else f"@{folder}")
    yield m
    m.close()


def ready(bundle, *before, text="READY=1"):
    """A process that says that it is ready, to where the environment tells it."""
    bundle.probe(*before, "notify", text, "sleep")
    return bundle


def environment(manager):
    return {"NOTIFY_SOCKET": manager.path}


def test_start(runtime, bundle, manager, world):
    """start returns when the container is ready, and has said so, with the host's pid."""
    if world.root or world.subids:
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
    (bundle.rootfs / "data").chmod(0o777)
    ready(bundle, "wait", "/data/go")
    container = runtime.create(bundle, env=environment(manager))
    process = runtime.popen("start", container.id, env=environment(manager))
    try:
        harness.poll_until(lambda: container.status == "running", "the program runs")
        assert process.poll() is None and not manager.messages
    finally:
        (bundle.rootfs / "data/go").touch()
        assert process.wait(10) == 0
    harness.poll_until(lambda: len(manager.messages) == 2, "both messages")
    assert manager.messages == [f"MAINPID={container.pid}\nREADY=1\n", "BARRIER=1"]
    assert manager.fds == 1


def test_detached(runtime, bundle, manager):
    container = runtime.detached(ready(bundle), env=environment(manager))
    harness.poll_until(lambda: len(manager.messages) == 2, "both messages")
    assert manager.messages[0] == f"MAINPID={container.pid}\nREADY=1\n"


def test_attached(runtime, bundle, manager):
    """The service manager watches us: no MAINPID."""
    bundle.probe("notify", "STATUS=x\nREADY=1\nMAINPID=1", "exit", 3)
    runtime.run(bundle, code=3, env=environment(manager))
    harness.poll_until(lambda: manager.messages, "a message")
    assert manager.messages == ["READY=1\n"]


def test_only_ready_goes_out(runtime, bundle, manager):
    """A container cannot speak for the service."""
    (bundle.rootfs / "data").chmod(0o777)
    bundle.probe("notify", "MAINPID=1\nWATCHDOG=trigger", "notify", "XREADY=1\nREADY=12",
                 "print", "said", "wait", "/data/go", "notify", "READY=1\nMAINPID=1\nFDSTORE=1",
                 "sleep")
    container = runtime.create(bundle, env=environment(manager))
    process = runtime.popen("start", container.id, env=environment(manager))
    try:
        container.wait_output("said\n")
        time.sleep(0.2)
        assert process.poll() is None and not manager.messages
    finally:
        (bundle.rootfs / "data/go").touch()
        assert process.wait(10) == 0
    harness.poll_until(lambda: len(manager.messages) == 2, "both messages")
    assert manager.messages == [f"MAINPID={container.pid}\nREADY=1\n", "BARRIER=1"]


def test_ends_before_it_is_ready(runtime, bundle, manager):
    """Nobody waits for ever."""
    container = runtime.create(bundle.probe("exit", 0), env=environment(manager))
    runtime("start", container, env=environment(manager))
    assert manager.messages == []


def test_others_may_use_it_meanwhile(runtime, bundle, manager):
    container = runtime.create(bundle.probe("sleep"), env=environment(manager))
    process = runtime.popen("start", container.id, env=environment(manager))
    harness.poll_until(lambda: container.status == "running", "the program runs")
    container.kill()
    assert process.wait(10) == 0


def test_environment(runtime, bundle, manager):
    """Our own socket's place, not the host's nor the configuration's; read-only, nothing else in it."""
    bundle.process["env"].append("NOTIFY_SOCKET=/elsewhere")
    bundle.probe("list", "/run/notify", "notify", "READY=1", "report")
    report = runtime.run(bundle, stdout=ANY, env=environment(manager)).report()
    assert report.environment["NOTIFY_SOCKET"] == "/run/notify/notify.sock"
    assert sum(e.startswith("NOTIFY_SOCKET=") for e in report.env) == 1
    assert list(report.list["/run/notify"]) == ["notify.sock"]
    assert {"ro", "nosuid", "nodev", "noexec"} <= report.mount("/run/notify").options


def test_not_wanted(runtime, bundle):
    report = runtime.report(bundle)
    assert "NOTIFY_SOCKET" not in report.environment and not report.mount("/run/notify")
