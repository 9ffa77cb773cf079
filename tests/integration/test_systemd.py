"""The systemd manager, against a real systemd: that of an ordinary user, in a cgroup of its own."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

import worlds
from harness import ANY, poll_until
from test_cgroups import cgroup_of, read, v1_mount

USER = worlds.USER
SYSTEMD = next((p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
                if os.access(p, os.X_OK)), None)


class Manager:
    """A running `systemd --user`, and commands of its user."""

    def __init__(self, folder, cgroup, runtime):
        self.cgroup, self.runtime, self.folder = cgroup, runtime, folder
        units = folder / "units"
        for path in (folder, units):
            path.mkdir(exist_ok=True)
        for name in ("default.target", "shutdown.target"):
            (units / name).write_text("[Unit]\nDescription=nothing\n")
        for path in (cgroup, cgroup / "calls"):
            path.mkdir()
        for path in (folder, cgroup, *cgroup.rglob("*")):
            os.chown(path, USER, USER)
        folder.chmod(0o700)
        self.environment = {"XDG_RUNTIME_DIR": str(folder), "SYSTEMD_UNIT_PATH": str(units),
                            "HOME": str(folder), "PATH": "/usr/bin:/bin"}
        # It wants to know that the machine runs systemd.
        script = ("mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && "
                  "mkdir /run/systemd/system && exec setpriv "
                  f"--reuid={USER} --regid={USER} --clear-groups {SYSTEMD} --user")
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
            env=self.environment, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: (cgroup / "cgroup.procs").write_text("0"))
        poll_until(lambda: self.systemctl("is-active", "default.target").stdout == "active\n",
                   "systemd --user is up")

    def become(self):
        (self.cgroup / "calls/cgroup.procs").write_text("0")
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)

    def systemctl(self, *args):
        return subprocess.run(["systemctl", "--user", *args], env=self.environment, text=True,
                              capture_output=True, preexec_fn=self.become, timeout=20)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).stdout.strip()

    def coracle(self, *args, flags=(), **more):
        return self.runtime(*args, flags=("--root", self.folder / "state", *flags),
                            env=self.environment, preexec_fn=self.become, **more)

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        kill = self.cgroup / "cgroup.kill"
        kill.write_text("1")
        poll_until(lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text(),
                   "nothing is left of systemd --user")
        for path in sorted(self.cgroup.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
        self.cgroup.rmdir()
        shutil.rmtree(self.folder)


@pytest.fixture
def manager(runtime, world, folder, marker, program):
    world.need(world.host_root and world.arrangement == "unified", "needs root and cgroup v2")
    world.need(SYSTEMD, "needs systemd")
    world.need((program.parent / "coracle-systemd").exists(), "needs a build with libsystemd")
    m = Manager(folder / "user", pathlib.Path(f"/sys/fs/cgroup/{marker}-systemd"), runtime)
    yield m
    m.close()


@pytest.fixture
def user_bundle(bundle):
    """As an ordinary user without subordinate ids runs it."""
    one = [{"containerID": 0, "hostID": USER, "size": 1}]
    bundle.config["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"},
                               {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}]
    bundle.linux.clear()
    bundle.linux.update(
        uidMappings=one, gidMappings=one, resources={"unified": {"cgroup.max.depth": "4"}},
        namespaces=[{"type": t} for t in ("pid", "mount", "user", "uts", "cgroup")])
    bundle.process.pop("capabilities", None)
    return bundle.args("/bin/sleep", "1000").save()


RUN = ("--systemd-cgroup",)


def test_life(manager, user_bundle):
    """A scope of its own with what was asked, gone with the container; its name can be used again
    at once."""
    user_bundle.config["annotations"] = {"org.systemd.property.TimeoutStopUSec": "uint64 5000000",
                                         "org.systemd.property.Documentation": "['man:coracle']"}
    user_bundle.save()
    unit, scope = "coracle-web.scope", manager.cgroup / "user.slice/coracle-web.scope"
    for _ in range(3):
        manager.coracle("run", "-d", "-b", user_bundle.path, "web", flags=RUN, stdout=ANY)
        assert (scope / "cgroup.max.depth").read_text() == "4\n"
        assert manager.show(unit, "Slice") == "user.slice"
        assert manager.show(unit, "Delegate") == "yes"
        assert manager.show(unit, "TasksMax") == "infinity"
        assert manager.show(unit, "TimeoutStopUSec") == "5s"
        assert manager.show(unit, "Documentation") == "man:coracle"
        # Engines do not repeat the flag.
        manager.coracle("update", "-r", "-", "web", input='{"unified": {"cgroup.max.depth": "6"}}')
        manager.systemctl("daemon-reload")
        assert (scope / "cgroup.max.depth").read_text() == "6\n"
        inside = manager.coracle("exec", "web", "cat", "/proc/self/cgroup", stdout=ANY).stdout
        assert "0::/\n" in inside
        manager.coracle("pause", "web")
        manager.coracle("resume", "web")
        manager.coracle("delete", "--force", "web")
        assert not scope.exists()
    poll_until(lambda: unit not in manager.systemctl("list-units", "--all", unit).stdout,
               "systemd forgot the scope")


def test_many_at_once(manager, user_bundle):
    """Begun and ended side by side: each in a scope of its own, and none of them left, neither in the
    tree nor in systemd."""
    names = [f"web{n}" for n in range(40)]

    def side_by_side(*words):
        with tempfile.TemporaryFile("w+") as errors:  # not a pipe: the containers inherit it
            commands = [manager.runtime.popen(
                *words, name, flags=("--root", manager.folder / "state", *RUN), env=manager.environment,
                preexec_fn=manager.become, stdout=subprocess.DEVNULL, stderr=errors)
                for name in names]
            codes = {c.wait(120) for c in commands}
            errors.seek(0)
            assert codes == {0}, errors.read()

    side_by_side("run", "--detach", "-b", user_bundle.path)
    folders = list((manager.cgroup / "user.slice").glob("coracle-web*.scope"))
    assert len(folders) == len(names)
    assert all((f / "cgroup.procs").read_text().count("\n") == 1 for f in folders)
    side_by_side("delete", "--force")
    assert not list((manager.cgroup / "user.slice").glob("coracle-web*.scope"))
    poll_until(lambda: "coracle-web" not in manager.systemctl("list-units", "--all").stdout,
               "systemd forgot the scopes")


def test_names(manager, user_bundle):
    """slice:prefix:name, in a slice below another."""
    user_bundle.linux["cgroupsPath"] = "machine-deep.slice:libpod:web"
    user_bundle.save()
    manager.coracle("run", "-d", "-b", user_bundle.path, "x", flags=RUN, stdout=ANY)
    scope = manager.cgroup / "machine.slice/machine-deep.slice/libpod-web.scope"
    assert (scope / "cgroup.procs").read_text().count("\n") == 1
    # Taken: systemd's own words.
    manager.coracle("run", "-d", "-b", user_bundle.path, "y", flags=RUN, stdout=ANY,
                    error="systemd makes no scope .*already")
    manager.coracle("delete", "--force", "x")
    assert not scope.exists()


def test_end_of_the_process(manager, user_bundle):
    """An attached run removes its scope too."""
    user_bundle.args("/bin/true").save()
    manager.coracle("run", "-b", user_bundle.path, "web", flags=RUN)
    assert not (manager.cgroup / "user.slice/coracle-web.scope").exists()


def test_failure_is_undone(manager, user_bundle):
    user_bundle.linux["resources"] = {"unified": {"cgroup.nonsense": "1"}}
    user_bundle.save()
    manager.coracle("run", "-b", user_bundle.path, "web", flags=RUN, error="cgroup.nonsense")
    assert not (manager.cgroup / "user.slice/coracle-web.scope").exists()
    assert manager.coracle("list", "-q", stdout=ANY).stdout == ""


def test_no_systemd(runtime, bundle, world):
    """Nobody to ask: said so, with what to do instead."""
    world.need(world.host_root and world.arrangement == "unified", "needs root and cgroup v2")
    world.need(not os.path.exists("/run/systemd/private"), "needs a machine without systemd")
    runtime.run(bundle, flags=("--systemd-cgroup",),
                error="systemd makes no scope .*connect to systemd|coracle-systemd is not installed")


class HybridManager:
    """systemd on a hybrid host, as root. It is a user's all the same, since there is one machine: its
    sockets are where the machine's would be, in a mount namespace that the commands enter."""

    def __init__(self, folder, name, runtime):
        self.runtime, self.name = runtime, name
        units = folder / "units"
        units.mkdir()
        # Units like our scopes are looked for behind these.
        for unit in ("default.target", "shutdown.target"):
            (units / unit).write_text("[Unit]\nDescription=nothing\n")
        self.cgroups = [pathlib.Path("/sys/fs/cgroup", h, name) for h in ("unified", "systemd")]
        for path in self.cgroups:
            path.mkdir()
        self.environment = {"XDG_RUNTIME_DIR": "/run", "SYSTEMD_UNIT_PATH": f"{units}:",
                            "PATH": "/usr/bin:/bin"}
        script = ("mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && "
                  f"mkdir /run/systemd/system && exec {SYSTEMD} --user")
        self.process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=self.enter)
        poll_until(lambda: self.systemctl("is-active", "default.target").stdout == "active\n",
                   "systemd --user is up")

    def enter(self):
        for path in self.cgroups:
            (path / "cgroup.procs").write_text("0")

    def inside(self, *command):
        return ["nsenter", "-m", "-t", str(self.process.pid), *map(str, command)]

    def systemctl(self, *args):
        return subprocess.run(self.inside("systemctl", "--user", *args), env=self.environment,
                              text=True, capture_output=True, timeout=20)

    def coracle(self, *args):
        with open(os.devnull) as nothing, tempfile.TemporaryFile("w+") as words:
            done = subprocess.run(self.inside(*self.runtime.command(*args)), env=self.environment,
                                  stdin=nothing, stdout=words, stderr=words, timeout=20)
            words.seek(0)
            assert done.returncode == 0, words.read()

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        (self.cgroups[0] / "cgroup.kill").write_text("1")
        poll_until(lambda: "populated 0" in (self.cgroups[0] / "cgroup.events").read_text(),
                   "nothing is left of systemd --user")
        for top in self.cgroups:
            for path in (*sorted(top.rglob("*/"), reverse=True), top):
                path.rmdir()


@pytest.fixture
def hybrid(runtime, world, folder, marker, program):
    world.need(world.host_root and world.arrangement == "hybrid", "needs root and a hybrid host")
    world.need(SYSTEMD and not os.path.exists("/run/systemd/private"), "needs systemd, not running")
    world.need((program.parent / "coracle-systemd").exists(), "needs a build with libsystemd")
    m = HybridManager(folder, f"{marker}-systemd", runtime)
    yield m
    m.close()


def test_hybrid(hybrid, bundle, world, marker):
    """The scope is in the v2 hierarchy; v1 ones in which a limit is have a cgroup of the same name,
    which is gone with the container."""
    for controller in ("pids", "memory"):
        world.need(v1_mount(controller), f"needs the controller {controller} in cgroup v1")
    bundle.linux["resources"] = {"pids": {"limit": 30}, "memory": {"limit": 64 << 20}}
    bundle.args("/bin/sleep", "1000").save()
    pid_file, name = bundle.path / "pid", f"{marker}-web"
    hybrid.coracle("--systemd-cgroup", "run", "--detach", "--pid-file", pid_file, "-b", bundle.path,
                   name)
    pid = int(pid_file.read_text())
    unit = f"coracle-{name}.scope"
    assert cgroup_of(pid, "").name == unit
    folders = [cgroup_of(pid, controller) for controller in ("pids", "memory")]
    assert [f.name for f in folders] == [unit, unit]
    assert read(pid, "pids", "pids.max") == "30"
    assert read(pid, "memory", "memory.limit_in_bytes") == str(64 << 20)
    hybrid.coracle("update", "--pids-limit", "40", "--cpu-share", "512", name)
    hybrid.systemctl("daemon-reload")
    assert read(pid, "pids", "pids.max") == "40"
    assert read(pid, "cpu", "cpu.shares") == "512"
    told = hybrid.systemctl("show", "-p", "TasksMax,OOMPolicy,Delegate", unit).stdout.split()
    assert set(told) == {"TasksMax=40", "OOMPolicy=continue", "Delegate=yes"}
    folders += [cgroup_of(pid, "cpu"), cgroup_of(pid, "")]
    hybrid.coracle("pause", name)
    hybrid.coracle("resume", name)
    hybrid.coracle("delete", "--force", name)
    assert not any(f.exists() for f in folders)


def test_needs_v2(runtime, bundle, world):
    world.need(world.arrangement == "v1", "needs a host with cgroup v1 alone")
    runtime.run(bundle, flags=("--systemd-cgroup",), error="needs a host with cgroup v2")
