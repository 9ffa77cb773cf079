"""create, start, state, kill, delete and the rest, in every order."""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import stat

import pytest

import harness

STATES = ("missing", "created", "running", "paused", "stopped")


def bring_to(runtime, world, bundle, status):
    """A container in this state, or the id of none."""
    if status == "missing":
        return runtime.new_id()
    if status == "paused":
        world.need_cgroups()
    container = runtime.create(bundle.probe("print", "up", "sleep"))
    if status == "created":
        return container
    container.start()
    container.wait_output("up\n")
    if status == "paused":
        runtime("pause", container)
    if status == "stopped":
        container.kill("KILL")
        container.wait_stopped()
    return container


MISSING = "container does not exist"
NOT_RUNNING = "container not running"

# What each command says in each state: None is success.
COMMANDS = {
    "start": dict(missing=MISSING, created=None, running="running|started", paused="paused|started",
                  stopped="stopped"),
    "kill": dict(missing=MISSING, created=None, running=None, paused=None, stopped=NOT_RUNNING),
    "delete": dict(missing=MISSING, created=None, running="running|not stopped|--force",
                   paused="paused|not stopped|--force", stopped=None),
    "pause": dict(missing=MISSING, created=None, running=None, paused="paused",
                  stopped="stopped|not running"),
    "resume": dict(missing=MISSING, created="created|not paused", running="running|not paused", paused=None,
                   stopped="stopped|not running"),
    "exec": dict(missing=MISSING, running=None, paused="paused", stopped="stopped|not running"),
    "state": dict(missing=MISSING, created=None, running=None, paused=None, stopped=None),
    "ps": dict(missing=MISSING, created=None, running=None, paused=None, stopped=None),
}


@pytest.mark.parametrize("command, status", [(c, s) for c in COMMANDS for s in COMMANDS[c]])
def test_wrong_state(runtime, bundle, world, command, status):
    if command in ("pause", "resume", "ps"):
        world.need_cgroups()
    container = bring_to(runtime, world, bundle, status)
    words = COMMANDS[command][status]
    args = {"exec": ("/probe", "exit", "0"), "kill": ("CONT",)}.get(command, ())
    more = {"stdout": harness.ANY} if command in ("state", "ps") and words is None else {}
    if words is not None:
        more["error"] = words
        if command == "exec":
            more["code"] = 255
    runtime(command, container, *args, **more)
    if words is not None and status != "missing":
        assert container.status == status, "a refused command changed the state"
    if command == "delete" and words is None:
        runtime.containers.pop(container.id)


def test_cycle(runtime, bundle, world):
    """The whole life, step by step."""
    container = runtime.create(bundle.probe("catch", 15, "print", "up", "sleep", "exit", 3))
    assert container.status == "created" and container.stdout == ""
    if world.root:  # init is not dumpable: a user may not look
        assert os.readlink(f"/proc/{container.pid}/exe").startswith("/memfd:")
    else:
        with pytest.raises(PermissionError):
            os.readlink(f"/proc/{container.pid}/exe")
    container.start()
    container.wait_output("up\n")
    assert container.status == "running"
    container.kill("TERM")
    container.wait_stopped()
    assert container.stdout == "up\nsignal 15\n"
    assert container.state()["pid"] == 0
    container.delete()
    runtime("state", container, error=MISSING)


def test_state(runtime, bundle):
    bundle.config["annotations"] = {"com.example.key": "a value", "b": "\u00fc\n\""}
    begin = datetime.datetime.now(datetime.timezone.utc)
    container = runtime.create(bundle.probe("sleep"))
    state = container.state()
    created = datetime.datetime.fromisoformat(
        re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", state["created"]))
    assert begin - datetime.timedelta(seconds=1) <= created
    assert created <= datetime.datetime.now(datetime.timezone.utc)
    assert state["ociVersion"] == bundle.config["ociVersion"]
    assert (state["id"], state["status"], state["pid"]) == (container.id, "created", container.pid)
    assert state["bundle"] == str(bundle.path)
    assert state["rootfs"] == str(bundle.rootfs)
    assert state["annotations"] == bundle.config["annotations"]


def test_relative_bundle(runtime, bundle):
    """The bundle and the root are absolute in the state, whatever was given."""
    bundle.probe("sleep").save()
    id = runtime.new_id()
    runtime("create", id, cwd=bundle.path)
    state = runtime("state", id, stdout=harness.ANY).json()
    runtime("delete", "--force", id)
    assert (state["bundle"], state["rootfs"]) == (str(bundle.path), str(bundle.rootfs))


def test_list(runtime, new_bundle, world):
    first = runtime.sleeping(new_bundle())
    second = runtime.create(new_bundle().probe("sleep"))
    found = {c["id"]: c for c in runtime("list", "--format", "json", stdout=harness.ANY).json()}
    assert found.keys() == {first.id, second.id}
    assert found[first.id]["status"] == "running" and found[second.id]["status"] == "created"
    assert found[first.id]["pid"] == first.pid
    assert {"bundle", "created", "owner"} <= found[first.id].keys()
    runtime("list", "-q", stdout=f"{first.id}\n{second.id}\n")
    table = runtime("list", stdout=harness.ANY).stdout.splitlines()
    assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    row = table[1].split()
    assert row[:4] == [first.id, str(first.pid), "running", str(first.bundle.path)]


@pytest.mark.parametrize("status", STATES[1:])
def test_list_tells_status(runtime, bundle, world, status):
    """The same as state, which looks more closely."""
    container = bring_to(runtime, world, bundle, status)
    found = runtime("list", "--format", "json", stdout=harness.ANY).json()
    assert [(c["id"], c["status"]) for c in found] == [(container.id, status)]
    assert container.status == status


def test_list_of_none(runtime):
    runtime("list", "-q", stdout="")
    assert runtime("list", "-f", "json", stdout=harness.ANY).json() in ([], None)


def test_list_skips_damage(runtime, bundle, state_root):
    """One damaged state must not hide the others."""
    container = runtime.create(bundle.probe("sleep"))
    broken = state_root / "broken"
    broken.mkdir()
    for path in (state_root / container.id).iterdir():
        if path.is_file():
            (broken / path.name).write_bytes(path.read_bytes()[:50])
    runtime("list", "-q", stdout=f"{container.id}\n")
    harness.shutil.rmtree(broken)


def test_list_of_many(runtime, bundle, state_root):
    """Threads share the work: none is lost, none comes twice, and damage is told as of few."""
    container = runtime.sleeping(bundle)
    document = (state_root / container.id / "state.json").read_text()
    ids = [f"{container.id}-{n}" for n in range(500)]
    for n, id in enumerate(ids):
        (state_root / id).mkdir()
        # Every seventh has ended; every hundredth cannot be read.
        text = re.sub(r'"pid": *[0-9]+', '"pid":1', document) if n % 7 == 0 else document
        (state_root / id / "state.json").write_text(
            text[:50] if n % 100 == 3 else text.replace(f'"{container.id}"', f'"{id}"'))
    try:
        done = runtime("--log-level", "warning", "list", "-f", "json", stdout=harness.ANY,
                       stderr=harness.ANY)
    finally:
        for id in ids:
            harness.shutil.rmtree(state_root / id)
    found = done.json()
    readable = [id for n, id in enumerate(ids) if n % 100 != 3]
    assert [c["id"] for c in found] == sorted([container.id, *readable])
    for c in found[1:]:
        ended = int(c["id"].rpartition("-")[2]) % 7 == 0
        assert (c["status"], c["pid"]) == (("stopped", 0) if ended else ("running", container.pid))
    assert done.stderr.count("\n") == 5, done.stderr
    assert all(f"{container.id}-{n}" in done.stderr for n in range(3, 500, 100))


def test_ps(runtime, bundle, world):
    world.need_cgroups()
    container = runtime.sleeping(bundle, "children", 3)
    pids = runtime("ps", "--format", "json", container, stdout=harness.ANY).json()
    assert container.pid in pids and len(pids) == 4
    table = runtime("ps", container, stdout=harness.ANY).stdout
    assert all(str(pid) in table for pid in pids)


@pytest.mark.parametrize("words", [["-e", "-x"], ["-o", "ppid,pid,args"], ["aux"]])
def test_ps_as_ps(runtime, bundle, world, words):
    """With arguments the table is ps(1)'s, cut down to the container."""
    world.need_cgroups()
    world.need(shutil.which("ps"), "needs ps(1)")
    container = runtime.sleeping(bundle)
    header, line = runtime("ps", container, *words, stdout=harness.ANY).stdout.splitlines()
    column = header.split().index("PID")
    assert line.split()[column] == str(container.pid) and "/probe" in line


@pytest.mark.parametrize("words, error", [(["-o", "args"], "no column PID"),
                                          (["--nonsense"], "ps: exit status")])
def test_ps_that_cannot(runtime, bundle, world, words, error):
    world.need_cgroups()
    world.need(shutil.which("ps"), "needs ps(1)")
    runtime("ps", runtime.sleeping(bundle), *words, error=error)


def test_pid_file(runtime, bundle, folder):
    """Digits and nothing else."""
    bundle.probe("sleep").save()
    id, path = runtime.new_id(), folder / "pid"
    runtime("create", "--pid-file", path, "-b", bundle.path, id)
    content = path.read_bytes()
    state = runtime("state", id, stdout=harness.ANY).json()
    runtime("delete", "--force", id)
    assert content == str(state["pid"]).encode()
    assert [p.name for p in folder.iterdir() if "pid" in p.name] == ["pid"]


def test_pid_file_that_cannot_be_written(runtime, bundle, folder):
    """An error, and no container."""
    bundle.probe("sleep").save()
    id = runtime.new_id()
    runtime("create", "--pid-file", folder / "none/pid", "-b", bundle.path, id, error="none/pid")
    runtime("state", id, error=MISSING)


def test_pause_holds_signals(runtime, bundle, world):
    world.need_cgroups()
    bundle.probe("catch", 10, "print", "up", "sleep", "print", "after", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    runtime("pause", container)
    assert container.status == "paused"
    runtime("kill", container, "10")
    assert container.stdout == "up\n"
    runtime("resume", container)
    assert container.status == "running"
    container.wait_output("after\n")
    assert container.stdout == "up\nsignal 10\nafter\n"


@pytest.mark.parametrize("signal_name, number", [
    ("TERM", 15), ("SIGTERM", 15), ("term", 15), ("15", 15), ("USR2", 12), ("RTMIN+3", 37),
    ("37", 37), ("SIGRTMAX-1", 63)])
def test_signals(runtime, bundle, signal_name, number):
    bundle.probe("catch", number, "print", "up", "sleep", "exit", 0)
    container = runtime.start(bundle)
    container.wait_output("up\n")
    runtime("kill", container, signal_name)
    container.wait_output(f"signal {number}\n")
    container.wait_stopped()


def test_default_signal(runtime, bundle):
    bundle.probe("catch", 15, "print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    runtime("kill", container)
    container.wait_output("signal 15\n")


@pytest.mark.parametrize("name", ["NONSENSE", "65", "-1", "9x", "SIG", "1e1"])
def test_unknown_signal(runtime, bundle, name):
    container = runtime.sleeping(bundle)
    runtime("kill", container, "--", name, error="signal") if name.startswith("-") else \
        runtime("kill", container, name, error="signal")
    assert container.status == "running"


def test_kill_all(runtime, bundle, world):
    """--all reaches every process, also those that left the session."""
    world.need_cgroups()
    bundle.drop_namespace("pid")
    bundle.probe("children", 3, "orphan", "print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    pids = runtime("ps", "-f", "json", container, stdout=harness.ANY).json()
    assert len(pids) == 5
    runtime("kill", "--all", container, "KILL")
    import leaks
    harness.poll_until(lambda: not leaks.reap(), "all processes have ended")
    container.delete()


def test_host_pid_namespace_delete(runtime, bundle, world):
    """delete ends what a first process left behind."""
    world.need_cgroups()
    bundle.drop_namespace("pid")
    bundle.probe("children", 2, "orphan", "exit", 0)
    container = runtime.start(bundle)
    container.wait_stopped()
    container.delete("--force")


@pytest.mark.parametrize("status", STATES[1:])
def test_delete_force(runtime, bundle, world, status):
    container = bring_to(runtime, world, bundle, status)
    container.delete("--force")
    runtime("state", container.id, error=MISSING)


def test_delete_force_of_none(runtime):
    """Engines clean up what may not be there."""
    runtime("delete", "--force", runtime.new_id())


def test_delete_a_deaf_process(runtime, bundle):
    bundle.probe("ignore", 15, "ignore", 2, "print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    container.delete("--force")


def test_id_in_use(runtime, bundle):
    container = runtime.create(bundle.probe("sleep"))
    runtime("create", "-b", bundle.path, container, error="exists")
    assert container.status == "created"


def test_id_again_after_delete(runtime, bundle):
    id = runtime.new_id()
    for _ in range(3):
        container = runtime.create(bundle.probe("exit", 0), id=id)
        container.start()
        container.wait_stopped()
        container.delete()


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "../x", ".hidden", "with space", "a" * 300,
                                "new\nline", "\u00fc", "a\x01"])
def test_wrong_id(runtime, bundle, id):
    bundle.probe("exit", 0).save()
    for command in ("create", "run"):
        runtime(command, "-b", bundle.path, id, error="id")
    runtime("state", id, error="id|does not exist")


def test_option_like_id(runtime, bundle):
    bundle.probe("exit", 0).save()
    runtime("run", "-b", bundle.path, "-x", error="-x|option")


@pytest.mark.parametrize("id", ["a", "A-b_c.d+1", "0", "a" * 100])
def test_right_id(runtime, bundle, marker, id):
    runtime("run", "-b", bundle.probe("exit", 6).save().path, f"{id}{marker}"[-128:], code=6)


def test_run_detached(runtime, bundle):
    container = runtime.detached(bundle.probe("print", "up", "sleep"))
    container.wait_output("up\n")
    assert container.status == "running"


def test_run_keep(runtime, bundle):
    bundle.probe("exit", 4).save()
    id = runtime.new_id()
    runtime("run", "--keep", "-b", bundle.path, id, code=4)
    assert runtime("state", id, stdout=harness.ANY).json()["status"] == "stopped"
    runtime("delete", id)


def test_run_deletes(runtime, bundle):
    bundle.probe("exit", 4).save()
    id = runtime.new_id()
    runtime("run", "-b", bundle.path, id, code=4)
    runtime("state", id, error=MISSING)


def test_run_is_running_when_its_program_runs(runtime, bundle):
    """A program that has written something is in a container whose state says so."""
    bundle.probe("print", "up", "line").save()
    seen = []
    for _ in range(60):
        out, id = harness.Capture("out"), runtime.new_id()
        process = runtime.popen("run", "-b", bundle.path, id, stdout=out.fd, stdin=-1)
        harness.poll_until(lambda: out.text() == "up\n", "the process is up")
        state = runtime("state", id, stdout=harness.ANY).json()
        process.stdin.close()
        assert process.wait(harness.TIMEOUT) == 0
        out.close()
        seen.append((state["status"], state["pid"] > 0))
    assert set(seen) == {("running", True)}


def test_run_passes_signals_on(runtime, bundle):
    """Whoever kills the runtime of an attached container means the container."""
    bundle.probe("catch", 15, "print", "up", "sleep", "exit", 8).save()
    out = harness.Capture("out")
    process = runtime.popen("run", "-b", bundle.path, runtime.new_id(), stdout=out.fd)
    harness.poll_until(lambda: out.text() == "up\n", "the process is up")
    process.send_signal(signal.SIGTERM)
    assert process.wait(harness.TIMEOUT) == 8
    assert out.text() == "up\nsignal 15\n"
    out.close()


def test_config_option(runtime, bundle):
    (bundle.path / "config.json").unlink()
    bundle.probe("exit", 11)
    (bundle.path / "other.json").write_text(json.dumps(bundle.config))
    runtime("run", "-b", bundle.path, "--config", "other.json", runtime.new_id(), code=11)


def test_config_may_go_after_create(runtime, bundle):
    """exec reads the copy beside the state, start nothing."""
    container = runtime.create(bundle.probe("print", "up", "sleep"))
    (bundle.path / "config.json").unlink()
    container.start()
    container.wait_output("up\n")
    container.exec("/probe", "print", "hello", stdout="hello\n")


def test_container_outlives_its_runtime(runtime, bundle):
    """Its parent is whoever adopted it: no process of ours stays."""
    container = runtime.sleeping(bundle)
    import leaks
    assert leaks.processes()[container.pid][0] == os.getpid()
    assert set(leaks.descendants()) == {container.pid}


def test_start_waits_for_the_program(runtime, bundle):
    """start reports a program that cannot be executed after all."""
    (bundle.rootfs / "program").symlink_to("/probe")
    bundle.config["root"]["readonly"] = False
    container = runtime.create(bundle.args("/program", "exit", "0"))
    (bundle.rootfs / "program").unlink()
    runtime("start", container, error="no such file or directory")


def test_state_is_small(runtime, bundle, state_root):
    container = runtime.create(bundle.probe("sleep"))
    files = {p.name: p for p in (state_root / container.id).iterdir()}
    documents = [p for p in files.values() if p.is_file() and b"config" not in p.name.encode()]
    assert documents and all(p.stat().st_size <= 4096 for p in documents), files
    assert (state_root / container.id).stat().st_mode & 0o077 in (0, 0o011)


def test_pidfd_socket(runtime, bundle, folder):
    import array
    import socket
    path = str(folder / "pidfd.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        container = runtime.create(bundle.probe("sleep"), "--pidfd-socket", path)
        connection, _ = listener.accept()
        with connection:
            fds = array.array("i")
            for _, _, data in connection.recvmsg(100, socket.CMSG_SPACE(16))[1]:
                fds.frombytes(data)
    os.unlink(path)
    assert len(fds) == 1
    info = open(f"/proc/self/fdinfo/{fds[0]}").read()
    os.close(fds[0])
    assert f"Pid:\t{container.pid}\n" in info


def test_properties_of_a_unit_where_there_is_none(runtime, bundle):
    """Podman 5 writes them whoever makes the cgroup; with cgroupfs nobody is asked."""
    bundle.config["annotations"] = {"org.systemd.property.KillSignal": "15",
                                    "org.systemd.property.TimeoutStopUSec": "uint64 10000000"}
    runtime.run(bundle.probe("exit", 4), code=4)


# --- what is left in the state directory ----------------------------------------------------------


def test_state_root_is_made(runtime, bundle, folder):
    """With the directories above it, which are everybody's to search."""
    top = folder / "above/further/state"
    runtime.run(bundle.probe("exit", 3), code=3, flags=("--root", top))
    assert [stat.S_IMODE(p.stat().st_mode) for p in (top, top.parent, top.parent.parent)] \
        == [0o700, 0o755, 0o755]
    assert list(top.iterdir()) == []


def test_wreck_of_a_create(runtime):
    """Killed before it wrote its first document, it leaves a directory: only --force takes it."""
    id = runtime.new_id()
    wreck = pathlib.Path(runtime.root, id)
    wreck.mkdir(parents=True, mode=0o700)
    runtime("delete", id, error=id)
    assert wreck.exists()
    runtime("delete", "--force", id)
    assert not wreck.exists()


@pytest.mark.parametrize("text, word", [("[]", "document"), ('{"version": {}}', "version"), ("{}", "version")],
                         ids=["no object", "wrong type", "no version"])
def test_damaged_state(runtime, bundle, text, word):
    """It is said, and nothing is done by half: with the document as it was, all goes on."""
    container = runtime.sleeping(bundle)
    path = pathlib.Path(runtime.root, container.id, "state.json")
    sound = path.read_bytes()
    path.write_text(text)
    try:
        for command in ("state", "kill", "delete"):
            runtime(command, container, error=f'"{word}" is damaged')
    finally:
        path.write_bytes(sound)
    assert container.status == "running"
