"""The fault walk: every system call of the host half and of init fails once, or the process is
killed there; with each command, for n = 1, 2, … until the fault no longer fires.

Each time the command must end soon. It exits with an error code and exactly one line, or the fault
was tolerable and then what it made works. After `delete --force` nothing is left. The build is one
with -Dfault=true (CORACLE_FAULT_BUILD); base/sys-fault.c describes CORACLE_FAULT."""
import errno
import os
import re
import select
import signal
import subprocess
import time

import pytest

import harness
import leaks
import worlds

SECONDS = 8 * harness.TIME_SCALE  # in which a command must have ended whatever happens
LIMIT = 3000  # a walk that is longer than this does not end
KILLED = (-signal.SIGKILL, -signal.SIGILL)
# What init calls when it has been let go: from there on it dies as the container's own process
# does, and nobody waits for its words.
RELEASED = {worlds.SYS[name] for name in ("close", "accept4", "read", "seccomp", "execve")}


class Walk:
    """One command, walked. prepare() makes what it needs, command() names it, works() proves that
    it did its work, and clean() takes everything away again."""

    def __init__(self, runtime, bundle, marker, state_root):
        self.runtime, self.bundle = runtime, bundle
        self.marker, self.state_root = marker, state_root
        self.id = None

    # What a command needs before, made by a runtime without faults.
    def ordinary(self, *args):
        errors = harness.Capture("stderr")
        done = subprocess.run(self.runtime.command(*args), env=self.runtime.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors.fd,
                              timeout=SECONDS)
        done.stderr = errors.text()
        errors.close()
        return done

    def must(self, *args):
        done = self.ordinary(*args)
        assert done.returncode == 0 and done.stderr == "", (args, done)

    def status(self):
        done = subprocess.run(self.runtime.command("state", self.id), env=self.runtime.environment,
                              capture_output=True, text=True, timeout=SECONDS)
        return harness.json.loads(done.stdout)["status"] if done.returncode == 0 else None

    def prepare(self):
        self.id = self.runtime.new_id()

    def clean(self):
        done = self.ordinary("delete", "--force", self.id)
        assert done.returncode == 0 and done.stderr == "", f"delete --force: {done}"

    def works(self):
        pass

    codes = (0,)  # exit codes of success


class Create(Walk):
    def command(self):
        return "create", "-b", self.bundle.path, self.id

    def works(self):
        self.must("start", self.id)
        assert self.status() == "running"


class Start(Walk):
    def prepare(self):
        super().prepare()
        self.must("create", "-b", self.bundle.path, self.id)

    def command(self):
        return "start", self.id

    def works(self):
        assert self.status() == "running"


class Run(Walk):
    codes = (7,)

    def command(self):
        return "run", "-b", self.bundle.path, self.id


class RunDetached(Walk):
    def command(self):
        return "run", "--detach", "-b", self.bundle.path, self.id

    def works(self):
        assert self.status() == "running"


class Exec(Walk):
    """All execs go into one container, which must not mind."""
    codes = (7,)
    shared = None

    def prepare(self):
        if self.shared is None or self.status() != "running":
            super().prepare()
            self.must("run", "--detach", "-b", self.bundle.path, self.id)
            self.shared = self.id

    def command(self):
        return "exec", self.id, "/probe", "exit", "7"

    def clean(self):
        leaks.reap()
        assert self.status() == "running", "a fault in exec ended the container"
        done = self.ordinary("exec", self.id, "/probe", "exit", "3")
        assert done.returncode == 3, done


class ExecDetached(Exec):
    codes = (0,)

    def command(self):
        return "exec", "--detach", self.id, "/probe", "exit", "7"


class MountsAdd(Exec):
    """Into the same container, and out of it again; after a kill some of them may be left."""
    codes = (0,)

    def prepare(self):
        if self.shared is None:
            self.bundle.config["root"]["readonly"] = False
            self.bundle.save()
        super().prepare()
        self.file = self.bundle.path / "mounts.json"
        self.file.write_text(harness.json.dumps([
            {"type": "tmpfs", "source": "tmpfs", "destination": f"/tmp/{name}"} for name in "ab"]))

    def mounts(self):
        done = subprocess.run(self.runtime.command("exec", self.id, "/bin/cat", "/proc/self/mountinfo"),
                              env=self.runtime.environment, capture_output=True, text=True,
                              timeout=SECONDS)
        assert done.returncode == 0, done
        return sum(m.target.startswith("/tmp/") for m in harness.parse_mountinfo(done.stdout))

    def command(self):
        return "mounts", "add", self.id, self.file

    def works(self):
        assert self.mounts() == 2

    def clean(self):
        leaks.reap()
        assert self.status() == "running", "a fault in mounts ended the container"
        self.ordinary("mounts", "remove", self.id, self.file)
        if self.mounts() > 0:
            self.must("delete", "--force", self.id)


class Delete(Walk):
    def prepare(self):
        super().prepare()
        self.must("run", "--detach", "-b", self.bundle.path, self.id)

    def command(self):
        return "delete", "--force", self.id

    def works(self):
        assert self.status() is None


class Wait(Walk):
    """Of a container that has ended, whose status the kernel keeps."""
    def prepare(self):
        super().prepare()
        self.must("run", "--detach", "-b", self.bundle.path, self.id)
        self.must("kill", self.id, "KILL")
        harness.poll_until(lambda: self.status() == "stopped", "the end of the container")

    def command(self):
        return "wait", self.id

    def works(self):
        assert self.status() == "stopped"


class CreateMapped(Create):
    """The other shape: a bridge, a user namespace, id maps written from outside."""
    def prepare(self):
        super().prepare()
        ids = [{"containerID": 0, "hostID": 200000, "size": 1000}]
        if not self.bundle.has_namespace("user"):
            self.bundle.namespace("user")
            self.bundle.linux.update(uidMappings=ids, gidMappings=ids)
            self.bundle.save()


class Filtered:
    """With a seccomp filter: saved, loaded last, and told of by the step page."""
    def prepare(self):
        if "seccomp" not in self.bundle.linux:
            self.bundle.linux["seccomp"] = {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["sendmsg", "capset"], "action": "SCMP_ACT_ERRNO"}]}
            self.bundle.process["noNewPrivileges"] = False
            self.bundle.save()
        super().prepare()


class StartFiltered(Filtered, Start):
    pass


class RunFiltered(Filtered, Run):
    pass


class ExecFiltered(Filtered, Exec):
    pass


class RunShared(Run):
    """Without a mount namespace: what is attached has to be detached."""
    def prepare(self):
        super().prepare()
        if self.bundle.has_namespace("mount"):
            self.bundle.drop_namespace("mount").save()


COMMANDS = {"start filtered": StartFiltered,
            "run filtered": RunFiltered, "exec filtered": ExecFiltered, "create mapped": CreateMapped, "run shared": RunShared, "create": Create, "start": Start, "run": Run, "run --detach": RunDetached, "exec": Exec,
            "exec --detach": ExecDetached, "mounts add": MountsAdd, "delete": Delete, "wait": Wait}
# start, delete and wait run no init of their own.
CASES = [(name, who, mode) for name in COMMANDS for who in ("host", "init")
         for mode in ("EIO", "ENOMEM", "kill")
         if not (who == "init" and name in ("start", "start filtered", "delete", "wait")) and not (who == "init" and mode == "ENOMEM")]


def one(walk, program, who, n, mode):
    """Runs the command with the n-th call failing: (exit code, stderr, whether it fired)."""
    report, write = os.pipe()
    os.set_inheritable(write, True)
    what = "kill" if mode == "kill" else getattr(errno, mode)
    errors = harness.Capture("stderr")
    command = walk.runtime.command(*walk.command())
    command[0] = str(program)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=errors.fd, pass_fds=(write,),
                               env={**walk.runtime.environment,
                                    "CORACLE_FAULT": f"{who}:{n}:{what}:{write}"})
    os.close(write)
    try:
        code = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    fired = os.read(report, 100).decode() if select.select([report], [], [], 0)[0] else ""
    os.close(report)
    text = errors.text()
    errors.close()
    return code, text, fired


def stops(walk):
    """Whether the container comes to its end within a second: nothing waits for an init that dies
    after it was let go, so the next command may come before its death does."""
    end = time.monotonic() + 1
    while walk.status() != "stopped":
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def judge(walk, who, mode, code, text, fired):
    """What is wrong, or None."""
    released = who == "init" and int(fired.split()[2]) in RELEASED
    if code is None:
        return "hangs"
    if code in walk.codes and text == "":
        try:
            walk.works()
        except AssertionError:
            if not (released and stops(walk)):
                raise
        return None
    if released and mode == "kill" and code in (128 - k for k in KILLED) and text == "":
        return None
    # A child that is about to become init counts as the host half until then: it may be what was
    # killed.
    if who == "host" and mode == "kill" and code in KILLED:
        return None
    if code < 0:
        return f"was killed by signal {-code}"
    if code in walk.codes and not (code == 7):
        return f"exit code {code}, but says {text!r}"
    if not re.fullmatch(r"coracle: [^\n]+\n", text):
        return f"exit code {code}, not one line: {text!r}"
    return None


@pytest.mark.parametrize("name, who, mode", CASES, ids=[f"{n}-{w}-{m}" for n, w, m in CASES])
def test_walk(runtime, new_bundle, request, fault_program, marker, state_root, name, who, mode,
              world):
    world.need(mode != "ENOMEM" or request.config.getoption("--stride") == 1, "a full walk")
    bundle = new_bundle()
    if name.startswith("run") and name != "run --detach":
        bundle.probe("exit", 7)
    else:
        bundle.probe("sleep")
    bundle.save()
    walk = COMMANDS[name](runtime, bundle, marker, state_root)
    before = leaks.Snapshot(marker, state_root)
    wrong, points, begin = [], 0, time.monotonic()
    stride = request.config.getoption("--stride")
    for n in range(1, LIMIT, stride):
        walk.prepare()
        code, text, fired = one(walk, fault_program, who, n, mode)
        where = f"{n} ({fired.strip()})"
        try:
            problem = judge(walk, who, mode, code, text, fired) if fired else None
        except (AssertionError, subprocess.TimeoutExpired) as error:
            problem = f"succeeded, but does not work: {str(error)[:300]}"
        try:
            walk.clean()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            problem = (problem or "") + f" cannot be cleaned up: {str(error)[:300]}"
        if not isinstance(walk, Exec):
            left = leaks.Snapshot(marker, state_root).leaks(before)
            if left:
                problem = (problem or f"exit code {code}, {text!r}") + f" leaves {left}"
                leaks.clean_up(before)
                for path in state_root.glob("*"):
                    harness.shutil.rmtree(path, ignore_errors=True)
                walk.shared = None
        if problem:
            wrong.append(f"{where}: {problem}")
        if not fired:
            break
        points += 1
        if len(wrong) >= 25:
            wrong.append("…")
            break
    else:
        pytest.fail(f"the walk does not end within {LIMIT} points")
    if isinstance(walk, Exec):
        leaks.reap()
        subprocess.run(runtime.command("delete", "--force", walk.id), timeout=4 * SECONDS,
                       capture_output=True, env=runtime.environment)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{name}, {who}, {mode}: {points} points, {time.monotonic() - begin:.1f} s"
              + (f", {len(wrong)} wrong" if wrong else ""), flush=True)
    assert points > 0, "the fault never fired: is this a build with -Dfault=true?"
    assert not wrong, "\n" + "\n".join(wrong)
