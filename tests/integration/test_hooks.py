"""Hooks: six kinds, where they run, what they read, how they fail."""
import json
import os
import re

import pytest

import harness

HOST = ("prestart", "createRuntime", "poststart", "poststop")
BEFORE_START = ("prestart", "createRuntime", "createContainer")
ALL = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
STATUS = {"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
          "startContainer": "created", "poststart": "running", "poststop": "stopped"}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Facts of a hook into files that begin with $1.
LOOK = """cat > $1.state; ls -l /proc/self/ns > $1.ns; pwd > $1.cwd; env > $1.env; id -u > $1.uid
echo "$2" > $1.arg"""


class Hooks:
    """Hooks in a bundle, and where they write what they saw."""

    def __init__(self, bundle, folder):
        self.bundle, self.folder = bundle, folder / "seen"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.data = bundle.rootfs / "data"
        self.data.chmod(0o777)
        bundle.config["root"]["readonly"] = False
        bundle.config["hooks"] = {}

    def place(self, kind):
        """(path for the hook, path for us)."""
        if kind == "startContainer":
            return "/data/" + kind, self.data / kind
        return self.folder / kind, self.folder / kind

    def add(self, kind, script, *args, **more):
        self.bundle.config["hooks"].setdefault(kind, []).append(
            {"path": "/bin/sh", "args": ["sh", "-c", script, "sh", *map(str, args)], **more})
        return self

    def look(self, kind, arg="", **more):
        return self.add(kind, LOOK, self.place(kind)[0], arg, **{"env": [PATH], **more})

    def seen(self, kind, what):
        return self.place(kind)[1].with_suffix("." + what).read_text()

    def happened(self, kind):
        return self.place(kind)[1].with_suffix(".state").exists()

    def namespaces(self, kind):
        return dict(re.findall(r"-> (\w+):(\S+)", self.seen(kind, "ns")))


@pytest.fixture
def hooks(bundle, folder):
    return Hooks(bundle, folder)


def namespaces_of(pid):
    return dict(os.readlink(f"/proc/{pid}/ns/{n}").split(":") for n in os.listdir(f"/proc/{pid}/ns"))


def look_in_all(hooks):
    for kind in ALL:
        hooks.look(kind, "argument " + kind)


def check_state(runtime, hooks, id, pid, kind):
    state = json.loads(hooks.seen(kind, "state"))
    assert state["id"] == id
    assert state["status"] == STATUS[kind]
    assert state["bundle"] == str(hooks.bundle.path)
    assert state["ociVersion"] == hooks.bundle.config["ociVersion"]
    assert state["annotations"] == {"some": "thing"}
    if kind == "poststop":
        assert "pid" not in state
    else:
        assert state["pid"] == pid
    assert hooks.seen(kind, "arg") == f"argument {kind}\n"


def test_create_start_delete(runtime, hooks, world):
    """When each runs, in which namespaces, and what it reads."""
    look_in_all(hooks)
    hooks.bundle.config["annotations"] = {"some": "thing"}
    container = runtime.create(hooks.bundle.probe("sleep"))
    pid = container.pid
    for kind in BEFORE_START:
        check_state(runtime, hooks, container.id, pid, kind)
    inside = namespaces_of(pid) if world.root else None
    assert not any(hooks.happened(k) for k in ALL[3:])
    assert container.status == "created"
    container.start()
    for kind in ("startContainer", "poststart"):
        check_state(runtime, hooks, container.id, pid, kind)
    assert not hooks.happened("poststop")
    here = namespaces_of("self")
    for kind in ("prestart", "createRuntime", "poststart"):
        assert hooks.namespaces(kind) == here, kind
        assert hooks.seen(kind, "cwd") == f"{hooks.bundle.path}\n"
    for kind in ("createContainer", "startContainer"):
        found = hooks.namespaces(kind)
        for space in ("mnt", "net", "ipc", "uts", "pid"):
            if hooks.bundle.has_namespace({"mnt": "mount", "net": "network"}.get(space, space)):
                assert found[space] != here[space], (kind, space)
        if inside:
            assert found == {k: v for k, v in inside.items() if k in found}, kind
    assert hooks.seen("createContainer", "cwd").strip() == str(hooks.bundle.rootfs)
    container.kill()
    container.wait_stopped()
    container.delete()
    check_state(runtime, hooks, container.id, pid, "poststop")
    assert hooks.namespaces("poststop") == here


def test_run(runtime, hooks):
    look_in_all(hooks)
    hooks.bundle.config["annotations"] = {"some": "thing"}
    hooks.add("poststart", f"touch {hooks.data}/go", env=[PATH])
    runtime.run(hooks.bundle.probe("wait", "/data/go", "print", "done"), stdout="done\n")
    pid = json.loads(hooks.seen("prestart", "state"))["pid"]
    for kind in ALL:
        check_state(runtime, hooks, f"{runtime.marker}-{runtime.counter}", pid, kind)


@pytest.mark.parametrize("kind", ALL)
def test_order(runtime, hooks, kind):
    """Hooks of a kind run one after the other, in the order of the list."""
    at, here = hooks.place(kind)
    hooks.add(kind, f"sleep 0.2; echo one >> {at}", env=[PATH])
    hooks.add(kind, f"echo two >> {at}", env=[PATH])
    runtime.run(hooks.bundle.probe("exit", 0))
    assert here.read_text() == "one\ntwo\n"


@pytest.mark.parametrize("kind", ALL[:-1])
@pytest.mark.parametrize("command", ["run", "create"])
def test_failure(runtime, hooks, kind, command):
    """A failing hook fails the command, with the end of what it wrote; nothing is left, and the
    poststop hooks have run."""
    hooks.add(kind, "true", env=[PATH])
    hooks.add(kind, "echo to stdout; printf 'one\\033\\ntwo\\n' >&2; exit 3", env=[PATH])
    hooks.look(kind)
    hooks.look("poststop")
    hooks.bundle.probe("sleep")
    error = (rf'hooks.{kind}\[1\]: error running {kind} hook #1: "/bin/sh": exit status 3: '
             r"to stdout one two$")
    if command == "run":
        runtime.fails(hooks.bundle, error)
    elif kind in BEFORE_START:
        runtime("create", "-b", hooks.bundle.save().path, runtime.new_id(), error=error)
    else:
        container = runtime.create(hooks.bundle)
        runtime("start", container, error=error)
        if kind == "poststart":
            runtime("state", container, error="does not exist")
            runtime.containers.pop(container.id)
        else:
            container.wait_stopped()
            container.delete()
    assert not hooks.happened(kind), "a hook behind one that failed"
    assert hooks.happened("poststop")


def test_failing_poststop(runtime, hooks):
    """It warns, and the others run."""
    hooks.add("poststop", "echo bad; exit 1", env=[PATH])
    hooks.look("poststop")
    runtime.run(hooks.bundle.probe("exit", 0))
    assert hooks.happened("poststop")
    runtime.run(hooks.bundle.probe("exit", 0), flags=("--log-level", "warning"), stderr=re.compile(
        r'.*hooks.poststop\[0\]: error running poststop hook #0: "/bin/sh": exit status 1: bad\n'))


@pytest.mark.parametrize("kind", ALL[:-1])
def test_timeout(runtime, hooks, kind):
    """The hook is killed, with what it started."""
    hooks.add(kind, "echo slow; sleep 100 & wait", env=[PATH], timeout=1)
    runtime.fails(hooks.bundle.probe("sleep"),
                  rf"hooks.{kind}\[0\].*did not end within 1 seconds: slow$")


def test_timeout_of_poststop(runtime, hooks):
    """Then the container is gone already: a warning."""
    hooks.add("poststop", "echo slow; sleep 100 & wait", env=[PATH], timeout=1)
    runtime.run(hooks.bundle.probe("exit", 0), flags=("--log-level", "warning"), stderr=re.compile(
        r".*hooks.poststop\[0\].*did not end within 1 seconds: slow\n"))


@pytest.mark.parametrize("kind", ALL[:-1])
def test_missing(runtime, hooks, kind):
    hooks.bundle.config["hooks"] = {kind: [{"path": "/no/such/hook"}]}
    runtime.fails(hooks.bundle.probe("sleep"),
                  rf'hooks.{kind}\[0\].*execute "/no/such/hook": no such file or directory$')


@pytest.mark.parametrize("kind", ALL)
def test_environment(runtime, hooks, kind):
    """Exactly the hook's own; else ours on the host, the process's inside."""
    hooks.look(kind, env=[PATH, "HOOK=yes"])
    runtime.run(hooks.bundle.probe("exit", 0))
    found = dict(line.split("=", 1) for line in hooks.seen(kind, "env").splitlines())
    assert found.pop("HOOK") == "yes"
    assert set(found) <= {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}


def test_inherited_environment(runtime, hooks):
    for kind in ("createRuntime", "startContainer"):
        hooks.add(kind, LOOK, hooks.place(kind)[0], "")
    hooks.bundle.process["env"] = [PATH, "INSIDE=1"]
    runtime.run(hooks.bundle.probe("exit", 0))
    assert "XDG_RUNTIME_DIR=" in hooks.seen("createRuntime", "env")
    assert "INSIDE=1\n" in hooks.seen("startContainer", "env")
    assert "HOME=/root\n" in hooks.seen("startContainer", "env")
    assert "XDG_RUNTIME_DIR" not in hooks.seen("startContainer", "env")


def test_arguments_default(runtime, hooks, folder):
    """Without args the path is argv[0]."""
    script = folder / "hook"
    script.write_text(f"#!/bin/sh\necho \"$0 $#\" > {folder}/out\n")
    script.chmod(0o755)
    hooks.bundle.config["hooks"] = {"createRuntime": [{"path": str(script)}]}
    runtime.run(hooks.bundle.probe("exit", 0))
    assert (folder / "out").read_text() == f"{script} 0\n"


@pytest.mark.parametrize("kind", HOST)
def test_state_command(runtime, hooks, kind):
    """`coracle state` from inside a hook."""
    command = " ".join(runtime.command("state", '"$id"'))
    hooks.add(kind, f"id=$(sed 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/'); {command} > "
              f"{hooks.folder}/said 2>&1")
    runtime.run(hooks.bundle.probe("exit", 0))
    said = json.loads((hooks.folder / "said").read_text())
    if kind == "poststart":
        assert said["status"] in ("running", "stopped")  # it may be quick
    else:
        assert said["status"] == STATUS[kind]
    if kind in BEFORE_START:
        assert said["pid"] > 1


def test_state_while_start_hook_runs(runtime, hooks):
    hooks.add("startContainer", "while ! test -e /data/go; do sleep 0.05; done; sleep 0.1",
              env=[PATH])
    container = runtime.create(hooks.bundle.probe("sleep"))
    process = runtime.popen("start", container.id)
    try:
        harness.poll_until(lambda: container.status == "created", "the hook runs")
    finally:
        (hooks.data / "go").touch()
        assert process.wait(10) == 0
    assert container.status == "running"


def test_rootfs_is_visible_to_hooks(runtime, hooks):
    """What a hook mounts below the bundle's root filesystem, in the container's mount namespace, is
    there later; and a read-only root is still writable for it."""
    hooks.bundle.config["root"]["readonly"] = True
    root = hooks.bundle.rootfs
    hooks.add("createContainer", f"touch {root}/made && mkdir -p {root}/data/m && "
              f"mount -t tmpfs hooked {root}/data/m && test -e {root}/proc/self", env=[PATH])
    report = runtime.report(hooks.bundle)
    assert report.mount("/data/m").source == "hooked"
    assert (root / "made").exists()
    assert "ro" in report.mount("/").options


def test_create_runtime_enters_namespace(runtime, hooks, world):
    """The network namespace is there for createRuntime, by the pid of the state."""
    world.need_host_root()
    hooks.add("createRuntime", "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); "
              f"nsenter -t $pid -n sh -c 'ip link set lo up; ip addr add 10.1.2.3/8 dev lo'")
    report = runtime.run(hooks.bundle.probe("read", "/proc/net/fib_trie", "report"),
                         stdout=harness.ANY)
    assert "10.1.2.3" in report.stdout


def test_start_hook_runs_as_the_process(runtime, hooks, world):
    world.need(world.root or world.subids, "needs a second id")
    hooks.look("startContainer")
    hooks.bundle.process["user"] = {"uid": 1000, "gid": 1000}
    runtime.run(hooks.bundle.probe("exit", 0))
    assert hooks.seen("startContainer", "uid") == "1000\n"


def test_output_annotations(runtime, hooks):
    hooks.bundle.config["annotations"] = {
        "run.oci.hooks.stdout": str(hooks.folder / "out"), "run.oci.hooks.stderr": "err"}
    (hooks.folder / "out").write_text("before\n")
    for kind in ALL:
        hooks.add(kind, f"echo {kind}; echo bad {kind} >&2", env=[PATH])
    runtime.run(hooks.bundle.probe("exit", 0))
    assert (hooks.folder / "out").read_text().split() == ["before", *ALL]
    assert (hooks.bundle.path / "err").read_text().split() == [w for k in ALL for w in ("bad", k)]


def test_large_state(runtime, hooks):
    """More than a pipe holds, and a hook that does not read it."""
    hooks.bundle.config["annotations"] = {f"key{n}": "x" * 1000 for n in range(200)}
    hooks.add("createRuntime", "true", env=[PATH])
    hooks.look("createContainer")
    runtime.run(hooks.bundle.probe("exit", 0))
    assert len(json.loads(hooks.seen("createContainer", "state"))["annotations"]) == 200


def test_background_process_of_a_hook(runtime, hooks, folder):
    """What a hook leaves behind is not waited for, and may go on writing."""
    hooks.add("createRuntime", f"(sleep 0.3; echo late && echo $$ > {folder}/late) & ", env=[PATH])
    runtime.run(hooks.bundle.probe("exit", 0))
    assert not (folder / "late").exists()
    harness.poll_until(lambda: (folder / "late").exists(), "the background process writes")


def test_descriptors(runtime, hooks):
    """A hook has its three standard descriptors and nothing of ours."""
    for kind in ("createRuntime", "createContainer", "startContainer"):
        at = hooks.place(kind)[0]
        hooks.add(kind, f"ls -l /proc/self/fd > {at}.fds", env=[PATH])
    runtime.run(hooks.bundle.probe("exit", 0))
    for kind in ("createRuntime", "createContainer", "startContainer"):
        lines = [l for l in hooks.seen(kind, "fds").splitlines() if "->" in l]
        numbers = sorted(int(l.split(" -> ")[0].split()[-1]) for l in lines
                         if "/proc/" not in l.split(" -> ")[1])
        assert numbers == [0, 1, 2], (kind, lines)


def test_killed_create(runtime, hooks, world):
    """create dies while a hook of the container's namespaces runs: delete --force removes all."""
    world.need_cgroups()
    hooks.add("createContainer", f"echo $$ > {hooks.folder}/up; exec sleep 100", env=[PATH])
    hooks.bundle.probe("sleep").save()
    id = runtime.new_id()
    process = runtime.popen("create", "-b", str(hooks.bundle.path), id)
    harness.poll_until(lambda: (hooks.folder / "up").exists(), "the hook runs")
    process.kill()
    process.wait()
    runtime("delete", "--force", id)
