"""Processes of a privileged container against the process of an exec: what they can make the
runtime believe, and what they gain."""
import contextlib
import pathlib
import re
import socket
import struct
import subprocess
import time

import pytest

import harness
import leaks
import worlds

PLAN_H = pathlib.Path(__file__).resolve().parents[2] / "src/plan/plan.h"
MESSAGES = ["NONE", *re.findall(r"^\tX\((\w+), (?:HOST|INIT|START), ", PLAN_H.read_text(), re.M)]
ERR_SIZE = 8 + 120 + 380 + 200


def message(name, value=0, rest=b""):
    """One message to the host half: struct plan_message, in hexadecimal."""
    number = MESSAGES.index(name) if isinstance(name, str) else name
    return (struct.pack("<IIiI", number, 0, value, 0) + rest).hex()


def privileged(bundle, world, *without):
    """All capabilities that can be given here, in the namespace of who calls us."""
    status = open("/proc/self/status").read()
    names = harness.CAPABILITIES
    if world.host_root:
        names = [n.removeprefix("CAP_") for n in harness.capability_names(
            re.search(r"CapBnd:\s*(\w+)", status)[1])]
    names = [n for n in names if n not in without]
    bundle.capabilities(**{s: names for s in ("bounding", "permitted", "effective")})
    bundle.process["noNewPrivileges"] = False
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    return bundle


def test_traced_to_the_end(runtime, bundle, world, folder):
    """A tracer hears of an end before the parent does, and may keep it for itself: exec waits, and
    then tells the program's exit code."""
    privileged(bundle, world).probe("catch", 15, "print", "up", "hold", "print", "let go", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    errors = harness.Capture("stderr")
    process = runtime.popen("exec", container, "/probe", "line", "exit", 7, stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=errors.fd)
    try:
        container.wait_output("held\n")
        process.stdin.write(b"go on\n")
        process.stdin.close()
        container.wait_output("ended\n")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        container.kill("TERM")
        container.wait_output("let go\n")
        assert process.wait(harness.TIMEOUT) == 7
        assert errors.text() == ""
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        errors.close()


def need_hold(world):
    world.need(not world.old_kernel, "without close_range init has closed the fault's descriptor")


@contextlib.contextmanager
def held_exec(runtime, fault_program, container, *options, args=("/probe", "exit", 7)):
    """An exec whose init is held at the exec, visible inside."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.set_inheritable(True)
    errors = harness.Capture("stderr")
    command = [str(fault_program), *runtime.command("exec", *options, container, *args)[1:]]
    process = subprocess.Popen(
        command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stderr=errors.fd,
        env={**runtime.environment, "CORACLE_FAULT":
             f"init:@{worlds.SYS['execve']}:stop:{theirs.fileno()}"})
    theirs.close()
    try:
        assert ours.recv(100).startswith(b"init ")
        (container.bundle.rootfs / "held").touch()
        process.text = errors.text
        yield process, ours
    finally:
        ours.close()
        if process.poll() is None:
            process.kill()
            process.wait()
        errors.close()


SPOKEN = {
    "too short": "0102",
    "too long": "41" * 5000,
    "no such type": message(len(MESSAGES)),
    "the largest type": message(0xffffffff),
    "out of turn": message("MAP_IDS"),
    "another pid": message("INIT_PID", 1),
    "another pid, with a descriptor": message("INIT_PID", 1) + "+fd",
    "a terminal": message("CONSOLE") + "+fd",
    "ready again": message("READY"),
    "what only the host half says": message("GO"),
    "a failure without an error": message("FAILED"),
    "a failure of no length": message("FAILED", rest=b"\0" * ERR_SIZE),
    "a failure without an end": message("FAILED", rest=b"\xff" * ERR_SIZE),
    "a failure of many lines": message("FAILED", rest=struct.pack("<iHH", -5, 1, 0)
                                       + b"\0" * 120 + b"a\n\x1b[2J\r" * 50 + b"\0" * 230),
}


def test_an_end_that_is_none(runtime, bundle, world, fault_program):
    """An empty message reads like the end of the channel, but init is kept alive."""
    need_hold(world)
    world.need_host_root("without a user namespace of the container's")
    privileged(bundle, world).probe("print", "up", "wait", "/held", "speak", "", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    with held_exec(runtime, fault_program, container) as (process, _):
        container.wait_output("spoke\n")
        assert process.wait(harness.TIMEOUT) == 255
        assert process.text() == "coracle: init closed its channel, but goes on\n"


@pytest.mark.parametrize("detach", [False, True], ids=["attached", "detached"])
@pytest.mark.parametrize("what", SPOKEN)
def test_spoken_for(runtime, bundle, world, fault_program, what, detach):
    """Who may trace init may speak for it. The host half gives one error or goes on; it does not
    hang, crash, or pass control characters to a terminal."""
    need_hold(world)
    world.need_host_root("without a user namespace of the container's")
    privileged(bundle, world).probe("print", "up", "wait", "/held", "speak", SPOKEN[what], "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    with held_exec(runtime, fault_program, container, *["--detach"] * detach) as (process, hold):
        container.wait_output("spoke\n")
        with contextlib.suppress(BrokenPipeError):
            hold.send(b"x")
        code = process.wait(harness.TIMEOUT)
        text = process.text()
    leaks.reap()
    assert (code, text) in ((7, ""), (0, "")) or \
        code in (1, 255) and re.fullmatch(r"coracle: [^\x00-\x1f\x7f]+\n(  [^\x00-\x1f\x7f]+\n)?", text), (code, text)
    assert container.status == "running"
    runtime("exec", container, "/probe", "exit", 3, code=3)


def test_nothing_gained(runtime, bundle, world, fault_program):
    """What such a process could be made to do it could be made to do as the program too: it has
    the exec's capabilities, no more, and no descriptor that leads to the host."""
    need_hold(world)
    world.need_host_root("without a user namespace of the container's")
    privileged(bundle, world).probe("print", "up", "wait", "/held", "speak", "01", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    process = bundle.path / "process.json"
    process.write_text(harness.json.dumps({
        **bundle.process, "args": ["/probe", "exit", "7"],
        "capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                         "effective": ["CAP_KILL"]}}))
    with held_exec(runtime, fault_program, container, "--process", process, args=()) as (held, _):
        container.wait_output("spoke\n")
        held.wait(harness.TIMEOUT)
    seen = container.stdout
    assert re.search(r"effective (\w+)", seen)[1] == harness.capability_mask("KILL")
    fds = dict(re.findall(r"^fd (\d+) (.*)$", seen, re.M))
    ours = {n: t for n, t in fds.items() if int(n) > 2}
    # The channel and the one of the fault, the pidfd of the container's own init, its root.
    allowed = r"socket:\[\d+\]|anon_inode:\[pidfd\]|/ inside"
    assert ours and all(re.fullmatch(allowed, t) for t in ours.values()), ours


def test_not_traced_without_the_capability(runtime, bundle, world, fault_program):
    """The same user, all capabilities but CAP_SYS_PTRACE: not even the name of its executable."""
    need_hold(world)
    privileged(bundle, world, "SYS_PTRACE").probe("catch", 15, "print", "up", "wait", "/held",
                                                  "poll-exe", "trace", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    with held_exec(runtime, fault_program, container) as (held, hold):
        time.sleep(0.1)
        container.kill("TERM")
        container.wait_output("polls ")
        hold.send(b"x")
        assert held.wait(harness.TIMEOUT) == 7
    polls = int(re.search(r"polls (\d+)", container.stdout)[1])
    assert polls > 1 and not re.search("traced|memfd", container.stdout), container.stdout
