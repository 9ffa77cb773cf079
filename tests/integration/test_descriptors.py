"""Nothing of the host reaches a container but the standard streams and what was asked for: with all kinds of
descriptors leaked into us, in every way to start a process."""
import os
import socket

import pytest

import harness
from harness import ANY

HIGH = 900  # above whatever we open ourselves


LEAKS = {
    "directory": lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY),
    "path": lambda: os.open("/", os.O_PATH),
    "file": lambda: os.open("/proc/self/status", os.O_RDONLY),
    "memfd": lambda: os.memfd_create("leaked"),
    "socket": lambda: socket.socket(socket.AF_UNIX).detach(),
    "terminal": lambda: os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
    "namespace": lambda: os.open("/proc/self/ns/mnt", os.O_RDONLY),
    "pidfd": lambda: os.pidfd_open(os.getpid()),
}


@pytest.fixture
def leaked():
    """Numbers, low and high, that our caller forgot to close."""
    fds = [make() for make in LEAKS.values()]
    high = [os.dup2(fd, HIGH + n, inheritable=True) for n, fd in enumerate(fds)]
    for fd in fds:
        os.set_inheritable(fd, True)
    yield (*fds, *high)
    for fd in (*fds, *high):
        os.close(fd)


@pytest.fixture
def streams():
    both = harness.Capture("stdout"), harness.Capture("stderr")
    yield both
    for each in both:
        each.close()


def filtered(bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getppid"], "action": "SCMP_ACT_ERRNO"}]}


def hooked(bundle):
    bundle.config["hooks"] = {kind: [{"path": "/bin/true"}]
                              for kind in ("createRuntime", "createContainer", "poststart")}


def with_user_namespace(bundle):
    if not bundle.has_namespace("user"):
        bundle.namespace("user")
        mapped = [{"containerID": 0, "hostID": 200000, "size": 1000}]
        bundle.linux.update(uidMappings=mapped, gidMappings=mapped)
        for mount in bundle.config["mounts"]:
            mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]


SHAPES = {"plain": lambda b: None, "filter": filtered, "hooks": hooked, "user namespace": with_user_namespace,
          "no pid namespace": lambda b: b.drop_namespace("pid"),
          "no mount namespace": lambda b: b.drop_namespace("mount")}


def shaped(bundle, world, shape):
    if shape == "user namespace":
        world.need(world.host_root or bundle.has_namespace("user"), "maps ids that are not its own")
    if shape == "no mount namespace":
        world.need(not bundle.has_namespace("user"), "has power over our mount namespace")
    SHAPES[shape](bundle)
    return bundle


@pytest.mark.parametrize("shape", SHAPES)
def test_run(runtime, bundle, world, leaked, shape):
    r = runtime.report(shaped(bundle, world, shape), pass_fds=leaked)
    assert set(r.fds) == {"0", "1", "2"}, r.fds


@pytest.mark.parametrize("shape", SHAPES)
def test_create_and_start(runtime, bundle, world, leaked, shape):
    """Neither what create nor what start is called with."""
    shaped(bundle, world, shape).probe("report")
    container = runtime.create(bundle, pass_fds=leaked)
    runtime("start", container, pass_fds=leaked)
    container.wait_output("}\n")
    container.wait_stopped()
    r = harness.Report(harness.json.loads(container.stdout))
    assert set(r.fds) == {"0", "1", "2"}, r.fds


@pytest.mark.parametrize("shape", SHAPES)
def test_exec(runtime, bundle, world, leaked, streams, shape):
    container = runtime.sleeping(shaped(bundle, world, shape))
    r = runtime("exec", container, "/probe", "report", stdout=ANY, pass_fds=leaked).report()
    assert set(r.fds) == {"0", "1", "2"}, r.fds
    pid = runtime.exec_detached(container, container, "/probe", "report", stdout=ANY,
                                pass_fds=leaked, capture=streams)
    runtime.wait_process(pid)
    r = harness.Report(harness.json.loads(streams[0].text()))
    assert set(r.fds) == {"0", "1", "2"}, r.fds


def test_preserved_and_no_more(runtime, bundle, leaked):
    """What was asked for comes with its number, the rest does not."""
    def prepare():
        os.dup2(leaked[2], 3)

    r = runtime.report(bundle, args=["--preserve-fds", 1], preexec_fn=prepare, close_fds=False)
    assert set(r.fds) == {"0", "1", "2", "3"} and r.fds["3"].endswith("/status")


def test_init_itself_waiting(runtime, bundle, world, leaked):
    """A created container waits, perhaps for days: its process holds what it needs to be started, and
    nothing that leads to the host's files."""
    world.need_root("looks into a process that is not dumpable")
    world.need(not world.old_kernel, "before 5.11 init closes at its end what our caller leaked")
    container = runtime.create(bundle.probe("exit", 0), pass_fds=leaked)
    theirs = {(s.st_dev, s.st_ino) for s in map(os.fstat, leaked)}
    held = {}
    for name in os.listdir(f"/proc/{container.pid}/fd"):
        if int(name) > 2:
            s = os.stat(f"/proc/{container.pid}/fd/{name}")
            held[(s.st_dev, s.st_ino)] = os.readlink(f"/proc/{container.pid}/fd/{name}")
    assert held and not theirs & set(held), held
