"""Containers below the machine's own systemd, and that of an ordinary user who lingers: the virtual
machine has both. What one scope has is in test_systemd.py, what holds in it in test_cgroups.py."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import worlds
from harness import ANY, TIMEOUT, poll_until
from test_cgroups import cgroup_of, read, resources, v2_has

MANY = 100
DROP_IN = pathlib.Path(f"/run/systemd/system/user@{worlds.USER}.service.d/delegate.conf")


@pytest.fixture
def machine(runtime, world, program):
    world.need(worlds.systemd_folder() and world.arrangement == "unified",
               "needs a machine that runs systemd")
    world.need((program.parent / "coracle-systemd").exists(), "needs a build with libsystemd")
    runtime.use_systemd()
    return runtime


# --- what a start costs -----------------------------------------------------------------------------


CALL = re.compile(r"^(\d+) +[a-z0-9_]+\((.*)")


def count_calls(command, env, trace):
    """System calls of all the runtime's processes, until the container's program is executed."""
    with open(os.devnull) as null:
        subprocess.run(["strace", "-f", "-qq", "-s", "256", "-e", "signal=none", "-o", trace,
                        *map(str, command)], check=True, stdin=null, env=env, timeout=20 * TIMEOUT)
    count = 0
    for line in trace.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        count += call is not None
        if call and '["/probe", "print"' in call.group(2):
            return count
    raise AssertionError("the program was never executed")


def test_system_calls(machine, bundle, folder, program, world, record_property):
    """Fewer than crun's, which asks systemd for the same scope; the report has the numbers. Time would
    tell nothing in a machine that is emulated."""
    world.need_host_root("newuidmap has no rights when it is traced")
    crun = shutil.which("crun")
    if not crun or not shutil.which("strace"):
        pytest.skip("needs crun, for comparison, and strace")
    bundle.probe("print", "up").save()
    environment = {**os.environ, **machine.environment}
    found = {}
    for name, runtime in (("coracle", program), ("crun", crun)):
        for manager, options in (("systemd", ["--systemd-cgroup"]), ("cgroupfs", [])):
            command = [runtime, "--root", folder / f"counts-{name}", *options, "run", "--bundle",
                       bundle.path, f"{machine.marker}-{name}"]
            found[name, manager] = count_calls(command, environment, folder / "trace")
            record_property(f"{name} {manager}", found[name, manager])
    print(found)
    assert found["coracle", "systemd"] < found["crun", "systemd"]
    assert found["coracle", "cgroupfs"] < found["crun", "cgroupfs"]


# --- many -------------------------------------------------------------------------------------------


def all_at_once(commands, env):
    """Runs them side by side; seconds until the last has ended."""
    start = time.monotonic()
    # Not a pipe: the containers inherit it.
    with tempfile.TemporaryFile("w+") as errors:
        processes = [subprocess.Popen([str(word) for word in c], env=env, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=errors) for c in commands]
        codes = {p.wait(20 * TIMEOUT) for p in processes}
        seconds = time.monotonic() - start
        errors.seek(0)
        assert codes == {0}, errors.read()
    return seconds


def scopes(runtime, pattern):
    return runtime.systemctl("list-units", "--all", "--plain", "--no-legend", pattern).splitlines()


@pytest.mark.parametrize("name", ["coracle", "crun"])
def test_many_at_once(machine, bundle, folder, program, record_property, name):
    """A hundred begin and end at once: each in a scope of its own, and none of them left, neither in
    the tree nor in systemd. The report has the seconds."""
    command = [program] if name == "coracle" else [shutil.which("crun")]
    if not command[0]:
        pytest.skip("needs crun, for comparison")
    command += ["--root", folder / "many", "--systemd-cgroup"]
    bundle.args("/bin/sleep", "1000").save()
    ids = [f"{machine.marker}-{n}" for n in range(MANY)]
    unit = f"*{machine.marker}-*.scope"
    environment = {**os.environ, **machine.environment}
    try:
        begun = all_at_once([[*command, "run", "--detach", "--bundle", bundle.path, i] for i in ids],
                            environment)
        assert len(scopes(machine, unit)) == MANY
    finally:
        ended = all_at_once([[*command, "delete", "--force", i] for i in ids], environment)
    record_property("begun", f"{begun:.2f}")
    record_property("deleted", f"{ended:.2f}")
    while True:  # they became ours
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        break
    poll_until(lambda: scopes(machine, unit) == [], "systemd has forgotten them")
    if name == "coracle":
        assert not list((folder / "many").iterdir())
        assert not list(pathlib.Path("/sys/fs/cgroup").rglob(f"*{machine.marker}-*.scope"))


# --- what systemd takes only when it makes a scope --------------------------------------------------


def test_oom_group_by_update(machine, bundle, world):
    """It holds when systemd writes its files again: on its own, or because it is told of another one. What
    it reads about that goes with the container."""
    world.need_cgroups()
    world.need(v2_has("memory"), "needs the controller memory in cgroup v2")
    container = machine.sleeping(bundle)
    scope = cgroup_of(container.pid, "").name
    about = pathlib.Path("/run/systemd/system" if os.geteuid() == 0 else
                         f"/run/user/{os.getuid()}/systemd/user", f"{scope}.d")
    for value in ("1", "0", "1"):
        machine("update", "--oom-group", value, container)
        assert read(container.pid, "memory", "memory.oom.group") == value
        machine("update", "--memory", "64M", container)
        assert read(container.pid, "memory", "memory.oom.group") == value
        machine.systemctl("daemon-reload")
        assert read(container.pid, "memory", "memory.oom.group") == value
        assert about.exists()
    container.delete("--force")
    assert not about.exists()


# --- delegation -------------------------------------------------------------------------------------


@pytest.fixture
def session(world, machine, folder):
    """as_user(*command): run by the user who lingers, in a unit of its own session."""
    world.need_host_root()
    runtime = f"/run/user/{worlds.USER}"
    world.need(os.path.exists(f"{runtime}/systemd/private"), "needs a user who lingers")

    def as_user(*command):
        """Its exit code and what it said."""
        with tempfile.TemporaryFile("w+") as words:  # not a pipe: the container inherits it
            done = subprocess.run(
                ["setpriv", f"--reuid={worlds.USER}", f"--regid={worlds.USER}", "--clear-groups",
                 *map(str, command)], stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                timeout=TIMEOUT, cwd="/",
                env={"XDG_RUNTIME_DIR": runtime, "PATH": os.environ["PATH"], "HOME": "/",
                     "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"})
            words.seek(0)
            return done.returncode, words.read()

    yield as_user
    DROP_IN.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        DROP_IN.parent.rmdir()
    restart_session(machine)


def restart_session(machine):
    """So that it has what is delegated now."""
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", f"user@{worlds.USER}.service")


def test_cure_of_missing_delegation(machine, session, new_bundle, specs, program, folder):
    """The error names the file to write, and writing it is enough."""
    bundle = new_bundle(specs["rootless"])
    bundle.process["terminal"] = False
    for kind in ("uid", "gid"):
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": worlds.USER, "size": 1}]
    resources(bundle, cpu={"cpus": "0"}, blockIO={"weight": 200}).args("/bin/sleep", "1000").save()
    state = folder / "user"
    state.mkdir()
    os.chown(state, worlds.USER, worlds.USER)
    command = [program, "--root", state, "--systemd-cgroup"]
    name = f"{machine.marker}-cure"

    code, words = session(*command, "run", "--detach", "-b", bundle.path, name)
    assert code == 1 and 'the cgroup controller "cpuset" is not delegated' in words
    log = state / "log"
    session(*command, "--log", log, "--log-format", "json", "run", "--detach", "-b", bundle.path, name)
    hint = json.loads(log.read_text())["hint"]
    assert "user@.service.d/delegate.conf" in hint and "Delegate=cpu cpuset io memory pids" in hint

    DROP_IN.parent.mkdir(parents=True)
    DROP_IN.write_text("[Service]\nDelegate=cpu cpuset io memory pids\n")
    restart_session(machine)
    assert session(*command, "run", "--detach", "--pid-file", state / "pid", "-b", bundle.path,
                   name) == (0, "")
    try:
        pid = int((state / "pid").read_text())
        for _ in range(2):
            assert (cgroup_of(pid, "") / "cpuset.cpus").read_text() == "0\n"
            assert (cgroup_of(pid, "") / "io.weight").read_text() == "default 1920\n"
            assert session("systemctl", "--user", "daemon-reload")[0] == 0
    finally:
        ended = session(*command, "delete", "--force", name)
    assert ended == (0, "")
