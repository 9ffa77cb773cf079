"""Our own program in a container's hands (CVE-2019-5736 and what came after it): the three classic attacks
on run, create and exec. test_security.py has who watches during many execs, test_peers.py who traces."""
import errno
import hashlib
import re

import pytest

import harness
import leaks
from harness import ANY
from test_peers import held_exec, privileged

PHASES = ["run", "create", "exec"]
REFUSED = {errno.EPERM, errno.ETXTBSY, errno.EACCES}


def digests(program):
    """Of all that is installed, and of the very bytes that are embedded."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
            for p in program.parent.glob("coracle*") if p.is_file()}


@pytest.fixture(autouse=True)
def unchanged(program):
    before = digests(program)
    yield
    assert digests(program) == before


def entrypoint(bundle, kind):
    """A program of the image that is whatever executes it."""
    path = bundle.rootfs / "program"
    if kind == "script":
        path.write_text("#!/proc/self/exe\n")
        path.chmod(0o755)
    elif kind == "script with an argument":
        path.write_text("#!/proc/self/exe 3\n")
        path.chmod(0o755)
    else:
        path.symlink_to({"link": "/proc/self/exe", "link by thread": "/proc/thread-self/exe",
                         "link by number": "/proc/1/exe", "map": "/proc/self/map_files"}[kind])
    return "/program"


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", ["link", "link by thread", "link by number", "script",
                                  "script with an argument"])
def test_cve_2019_5736_entrypoint(runtime, bundle, kind, phase):
    """The entry point is /proc/self/exe, by a link or as interpreter: what is executed again is a
    sealed copy that does nothing without our plan, and says nothing."""
    program = entrypoint(bundle, kind)
    if phase == "exec":
        container = runtime.sleeping(bundle)
        done = runtime("exec", container, program, "print", "x", code=ANY, stdout=ANY, stderr=ANY)
        # Process 1 is the container's own program, which may well be executed again.
        assert kind == "link by number" and done.code == 0 or done.code != 0, done
        return
    bundle.args(program, "print", "x")
    if phase == "run":
        done = runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY)
        assert done.code != 0 and done.stdout == ""
        return
    container = runtime.create(bundle)
    runtime("start", container, code=ANY, stdout=ANY, stderr=ANY)
    container.wait_stopped()
    assert container.stdout == ""


def attack(container):
    """What came of each attempt: {name: "ok" or number}; the second try is after mount_setattr."""
    container.wait_output("tried\n")
    lines = container.stdout.split("seized\n")[1].splitlines()
    return [(name, result) for name, result in (l.split(" ", 1) for l in lines if " " in l)]


def check(tried):
    assert ("mount-attributes", "ok") not in tried
    changed = [(n, r) for n, r in tried if n in ("write", "pwrite", "truncate", "grow", "punch", "map",
                                                 "open-truncate") and r == "ok"]
    assert not changed, tried
    # Either it cannot be opened, or every single way to change it was refused.
    for name, result in tried:
        if name in ("write", "pwrite", "truncate", "grow", "punch", "map"):
            assert int(result) in REFUSED, tried
    assert len(tried) >= 3


def watcher(runtime, bundle, world):
    privileged(bundle, world).probe("print", "up", "seize", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    return container


@pytest.mark.parametrize("phase", PHASES)
def test_held_executable(runtime, bundle, new_bundle, world, fault_program, phase):
    """A privileged container holds on to /proc/PID/exe while it is ours, and opens that for writing
    when it is busy no more; also after it tried to take a read-only mount's flag away."""
    world.need_host_root("without a user namespace of the container's")
    world.need(not world.old_kernel, "without close_range init has closed the fault's descriptor")
    container = watcher(runtime, bundle, world)
    if phase == "exec":
        with held_exec(runtime, fault_program, container) as (process, hold):
            container.wait_output("seized\n")
            hold.send(b"x")
            assert process.wait(harness.TIMEOUT) == 7
    else:
        # In the watcher's pid namespace, as in a pod.
        other = new_bundle()
        other.namespace("pid", f"/proc/{container.pid}/ns/pid")
        other.probe("exit", 7)
        victim = runtime.create(other)
        container.wait_output("seized\n")
        if phase == "create":
            victim.start()
        victim.delete("--force")
        leaks.reap()  # or its pid namespace does not end
    check(attack(container))
    container.delete("--force")


def test_nothing_of_ours_in_memory(runtime, bundle):
    """The program's own maps hold no memfd and no file of the host's."""
    r = runtime.report(bundle, "read", "/proc/self/maps")
    names = set(re.findall(r"(/\S.*)$", r["read"]["/proc/self/maps"]["text"], re.M))
    assert names == {"/probe"}
    assert r.exe == "/probe"
