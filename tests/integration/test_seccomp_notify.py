"""SCMP_ACT_NOTIFY: the listener reaches the agent whatever the filter notifies, and nothing hangs when
the agent does not do its part."""
import os
import pathlib
import platform
import socket
import threading
import time

import pytest

import harness
from agent import Agent
from harness import ANY

NUMBERS = {"x86_64": {"mkdirat": 258, "getppid": 110, "execve": 59},
           "aarch64": {"mkdirat": 34, "getppid": 173, "execve": 221}}.get(platform.machine())

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="numbers of another machine")


@pytest.fixture
def agent(folder):
    """agent(mode, answer): one that listens at agent.path."""
    started = []

    def start(*args, **more):
        started.append(Agent(folder / "agent.sock", *args, **more))
        return started[-1]

    yield start
    for a in started:
        a.close()
        assert not a.problems


def notify(bundle, *names, path=None, default="SCMP_ACT_ALLOW", **more):
    """The filter: these calls go to the agent."""
    bundle.linux["seccomp"] = {"defaultAction": default, **more}
    if names:
        bundle.linux["seccomp"]["syscalls"] = [{"names": list(names), "action": "SCMP_ACT_NOTIFY"}]
    bundle.linux["seccomp"]["listenerPath"] = str(path or bundle.path.parent / "agent.sock")
    return bundle


def call(name):
    return "call", NUMBERS[name], 0


# --- the protocol ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["run", "create"])
def test_state(runtime, bundle, agent, how):
    """What the agent is told, and that its answers count."""
    a = agent(answer=lambda nr: 20 if nr == NUMBERS["getppid"] else 0)
    notify(bundle, "getppid", listenerMetadata="some words")
    bundle.config["annotations"] = {"org.example": "label"}
    bundle.probe(*call("getppid"), "report", "sleep")
    container = runtime.detached(bundle) if how == "run" else runtime.start(bundle)
    container.wait_output("\n")
    assert '"110":"ENOTDIR"' in container.stdout or '"173":"ENOTDIR"' in container.stdout
    state, = a.states
    assert state == {
        "ociVersion": bundle.config["ociVersion"], "fds": ["seccompFd"], "pid": container.pid,
        "metadata": "some words",
        "state": {"ociVersion": bundle.config["ociVersion"], "id": container.id,
                  "status": "creating", "pid": container.pid, "bundle": str(bundle.path),
                  "annotations": {"org.example": "label"}}}


def test_state_of_exec(runtime, bundle, agent):
    a = agent()
    notify(bundle, "getppid")
    container = runtime.sleeping(bundle)
    pid = runtime.exec_detached(container, container, "/probe", *call("getppid"), "sleep")
    a.wait_states(2)
    first, second = a.states
    assert second["pid"] == pid != container.pid and second["state"]["pid"] == container.pid
    assert first["state"]["status"] == "creating" and second["state"]["status"] == "running"
    assert "metadata" not in second
    os.kill(pid, 9)
    runtime.wait_process(pid)


def test_large_metadata(runtime, bundle, agent):
    a = agent()
    notify(bundle, "getppid", listenerMetadata="x" * 700000)
    runtime.run(bundle.probe("exit", 0))
    a.wait_states(1)
    assert a.states[0]["metadata"] == "x" * 700000


def test_nobody_is_told_without_need(runtime, bundle, folder):
    """listenerPath is ignored where nothing notifies (config-linux.md)."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/none"}
    runtime.run(bundle.probe("exit", 0))


@pytest.mark.parametrize("place", ["annotation", "environment"])
def test_receiver_of_crun(runtime, bundle, agent, place):
    """Also when start, which does not hear of it, hands the listener over."""
    a = agent()
    notify(bundle, "getppid")
    path, env = bundle.linux["seccomp"].pop("listenerPath"), {}
    if place == "annotation":
        bundle.config["annotations"] = {"run.oci.seccomp.receiver": path}
    else:
        env = {"RUN_OCI_SECCOMP_RECEIVER": path}
    runtime.run(bundle.probe(*call("getppid")), env=env)
    runtime.create(bundle, env=env).start().wait_stopped()
    a.wait_states(2)
    assert a.asked == {NUMBERS["getppid"]}


@pytest.mark.parametrize("change,words", [
    ({"listenerPath": ""}, r"linux\.seccomp\.listenerPath: required where"),
    ({"listenerPath": "agent.sock"}, r"linux\.seccomp\.listenerPath: expected an absolute path"),
])
def test_bad_receiver(runtime, bundle, change, words):
    notify(bundle, "getppid")
    bundle.linux["seccomp"].update(change)
    runtime.fails(bundle.probe("print", "ran"), words)


# --- whatever is notified ------------------------------------------------------------------------------


def start_all_ways(runtime, bundle):
    """run, create and start, exec."""
    runtime.run(bundle.args("/bin/true"))
    container = runtime.sleeping(bundle)
    container.exec("/bin/true")
    container.delete("--force")


@pytest.mark.parametrize("no_new_privileges", [True, False], ids=["nnp", "privs"])
def test_everything_is_notified(runtime, bundle, agent, no_new_privileges):
    a = agent()
    bundle.process["noNewPrivileges"] = no_new_privileges
    start_all_ways(runtime, notify(bundle, default="SCMP_ACT_NOTIFY"))
    a.wait_states(3)
    assert NUMBERS["execve"] in a.asked


CRITICAL = ["execve", "execveat", "exit_group", "exit", "sendmsg", "recvmsg", "read", "write", "close",
            "futex", "sched_yield", "clone3", "mmap", "munmap", "rt_sigreturn", "capset", "prctl",
            "seccomp", "wait4", "getpid", "poll", "brk", "arch_prctl"]


@pytest.mark.parametrize("name", CRITICAL)
def test_notified(runtime, bundle, agent, name):
    a = agent()
    start_all_ways(runtime, notify(bundle, name))
    a.wait_states(3)


def test_exec_denied_by_the_agent(runtime, bundle, agent):
    agent(answer=lambda nr: 13)
    words = 'exec: "/probe": permission denied'
    runtime.fails(notify(bundle.probe("print", "ran"), "execve"), words)
    runtime("start", runtime.create(bundle), error=words)


def test_fifo_on_one_processor(runtime, bundle, agent, world):
    """Init waits on the processor that the hand-over needs."""
    world.need_host_root()
    world.need(harness.TIME_SCALE == 1,
               "needs a processor that does something in the twentieth that is left to others")
    agent()
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 5}
    notify(bundle, "execve")
    runtime.run(bundle.probe("exit", 0), preexec_fn=lambda: os.sched_setaffinity(0, {0}))


# --- an agent that does not do its part ----------------------------------------------------------------


def test_absent(runtime, bundle):
    """Told before anything is made; by exec too."""
    words = r"linux\.seccomp\.listenerPath: [^\n]*no such file or directory"
    notify(bundle.probe("print", "ran"), "getppid")
    runtime.fails(bundle, words)
    runtime("create", "-b", bundle.path, runtime.new_id(), error=words)


def test_absent_at_start_and_exec(runtime, bundle, folder):
    words = r"linux\.seccomp\.listenerPath: [^\n]*no such file or directory"
    first = Agent(folder / "agent.sock")
    try:
        container = runtime.create(notify(bundle.probe("print", "ran"), "getppid"))
        running = runtime.sleeping(bundle)
    finally:
        first.close()
    runtime("start", container, error=words)
    container.wait_stopped()
    assert container.stdout == ""
    running.exec("/probe", "print", "ran", error=words, code=255)


def test_nobody_listens(runtime, bundle, folder):
    first = Agent(folder / "agent.sock")
    first.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.bind(str(folder / "agent.sock"))
        notify(bundle.probe("print", "ran"), "getppid")
        runtime.fails(bundle, "connection refused")
        container = runtime.create(bundle)
        runtime("start", container, error="connection refused")
        container.wait_stopped()


def test_agent_that_dies(runtime, bundle, agent):
    """It takes the listener and closes it: what it would answer for fails, and is not waited for."""
    agent("drop")
    words = 'exec: "/probe": function not implemented'
    runtime.fails(notify(bundle.probe("print", "ran"), "execve"), words)
    runtime("start", runtime.create(bundle), error=words)
    found = runtime.report(notify(bundle, "getppid"), *call("getppid"))
    assert found["call"][str(NUMBERS["getppid"])] == "ENOSYS"


def test_agent_that_hangs_up(runtime, bundle, agent):
    """It does not read: whether we notice depends on who is first, but the exec never waits."""
    agent("close")
    runtime.fails(notify(bundle.probe("print", "ran"), "execve"),
                  "function not implemented|broken pipe|connection reset")


def test_silent_agent(runtime, bundle, agent):
    """The documented wait, then an error, and nothing is left. All ways at once: it takes a while."""
    a = agent()
    running = runtime.sleeping(notify(bundle, "execve"))
    created = runtime.create(bundle.probe("print", "ran"))
    a.mode = "silent"
    words = "did not answer in time"
    threads = [threading.Thread(target=lambda f=f: f()) for f in (
        lambda: done.append(runtime.fails(bundle, words, timeout=60)),
        lambda: done.append(runtime("start", created, error=words, timeout=60)),
        lambda: done.append(running.exec("/probe", "print", "ran", error=words, code=255, timeout=60)))]
    done = []
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(done) == 3
    created.wait_stopped()


def test_deaf_agent_and_kill(runtime, bundle, agent):
    """A process that waits for a silent agent can be killed and deleted."""
    a = agent()
    notify(bundle, "getppid")
    a.mode = "silent"
    container = runtime.start(bundle.probe("print", "up", *call("getppid"), "print", "down"))
    container.wait_output("up\n")
    container.kill()
    container.wait_stopped()
    assert container.stdout == "up\n"


# --- the whole matrix: SECCOMP_MATRIX=1, some minutes ------------------------------------------------


def every_name():
    """All names that the compiler knows, from its own table."""
    import re
    source = pathlib.Path(__file__).parents[2] / "src/seccomp/compile/table-data.c"
    text = source.read_text().split("const char syscall_names[]", 1)[1].split(";", 1)[0]
    return "".join(re.findall(r'"([^"]*)"', text)).replace("\\0", "\n").split()


@pytest.mark.skipif(os.environ.get("SECCOMP_MATRIX") != "1", reason="only if SECCOMP_MATRIX=1")
def test_matrix(runtime, new_bundle, agent):
    """Every call in turn; run, create and start, exec. Prints how long it took."""
    a = agent()
    began = time.monotonic()
    names = every_name()
    assert len(names) > 500
    bundle, expected = new_bundle(), 0
    for name in names:
        notify(bundle, name).save()
        # What this machine does not have notifies nobody.
        expected += 3 * ("notify=yes" in runtime("plan", "-b", bundle.path, stdout=ANY).stdout)
        start_all_ways(runtime, bundle)
        a.wait_states(expected)
    print(f"{len(names)} names, {len(a.states)} listeners, {len(a.asked)} different calls asked, "
          f"{time.monotonic() - began:.0f} s")
