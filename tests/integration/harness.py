"""Bundles, the runtime under test, and the probe's report. The fixtures are in conftest.py."""
import array
import contextlib
import copy
import dataclasses
import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

import worlds

# Seconds are worth less where everything is slow: in an emulated machine, under valgrind.
TIME_SCALE = float(os.environ.get("CORACLE_TIME_SCALE", "1"))
TIMEOUT = 20 * TIME_SCALE  # seconds after which a command counts as hanging
ANY = object()  # an output that the test does not care about

CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()


def often(n):
    """How many times for what is to be done n times: fewer where everything is slow."""
    return n if TIME_SCALE < 5 else n // 10


def capability_mask(*names):
    """The mask in hexadecimal, as the probe reports it."""
    return f"{sum(1 << CAPABILITIES.index(n.removeprefix('CAP_')) for n in names):016x}"


def capability_names(mask):
    return {"CAP_" + n for i, n in enumerate(CAPABILITIES) if int(mask, 16) >> i & 1}


def poll_until(condition, what, seconds=10):
    """Waits until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds * TIME_SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.002)


# --- what the probe saw ---------------------------------------------------------------------------


@dataclasses.dataclass
class Mount:
    """One line of mountinfo."""
    root: str
    target: str
    options: set
    propagation: list
    fstype: str
    source: str
    super_options: set


def parse_mountinfo(text):
    mounts = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, (fstype, source, super_options) = left.split(), right.split(" ", 2)
        mounts.append(Mount(fields[3], fields[4], set(fields[5].split(",")), fields[6:], fstype,
                            source, set(super_options.split(","))))
    return mounts


class Report(dict):
    """The probe's report; r.name is r["name"]."""
    __getattr__ = dict.__getitem__

    @property
    def mounts(self):
        return parse_mountinfo(self["mountinfo"])

    def mount(self, target):
        """The topmost mount at target; None if there is none."""
        found = [m for m in self.mounts if m.target == target]
        return found[-1] if found else None

    @property
    def environment(self):
        return dict(e.split("=", 1) for e in self["env"])


# --- bundles --------------------------------------------------------------------------------------

APPLETS = "sh true false cat echo ls sleep id env mkdir mount stat".split()


class Bundle:
    """A bundle directory. config is the parsed config.json; save() writes it."""

    def __init__(self, path, config, prototype):
        self.path, self.config = pathlib.Path(path), config
        self.rootfs = self.path / "rootfs"
        self.path.mkdir()
        make_rootfs(self.rootfs, prototype)
        self.save()

    def save(self):
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def args(self, *args):
        self.process["args"] = [str(a) for a in args]
        return self

    def probe(self, *actions):
        return self.args("/probe", *actions)

    def drop_namespace(self, kind):
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] != kind]
        return self

    def namespace(self, kind, path=None):
        """Create this namespace, or join the one at path."""
        self.drop_namespace(kind)
        self.linux["namespaces"].append({"type": kind, **({"path": str(path)} if path else {})})
        return self

    def has_namespace(self, kind):
        return any(n["type"] == kind for n in self.linux["namespaces"])

    def drop_mount(self, *destinations):
        self.config["mounts"] = [m for m in self.config["mounts"]
                                 if m["destination"] not in destinations]
        return self

    def mount(self, destination, type=None, source=None, options=()):
        entry = {"destination": destination}
        if type:
            entry["type"] = type
        if source:
            entry["source"] = str(source)
        if options:
            entry["options"] = list(options)
        self.config["mounts"].append(entry)
        return self

    def capabilities(self, **sets):
        """Sets the five sets; those not given are empty."""
        self.process["capabilities"] = {
            name: ["CAP_" + n for n in sets.get(name, ())]
            for name in ("bounding", "effective", "permitted", "inheritable", "ambient")}
        return self


def make_rootfs(path, prototype):
    """A small root filesystem: hard links to the programs, which are never written."""
    for folder in ("bin", "dev", "etc", "proc", "sys", "tmp", "data"):
        (path / folder).mkdir(parents=True)
    (path / "tmp").chmod(0o1777)
    for name in ("bin/busybox", "probe"):
        os.link(prototype / name, path / name)
    for applet in APPLETS:
        os.symlink("busybox", path / "bin" / applet)
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "someone:x:1000:1000::/home/someone:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nsomeone:x:1000:\n")


# --- the runtime under test -----------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    command: list
    code: int
    stdout: str
    stderr: str

    def report(self):
        return Report(json.loads(self.stdout))

    def json(self):
        return json.loads(self.stdout)


class Capture:
    """Where a command's output goes. Not a pipe: a container inherits it and may outlive the
    command."""

    def __init__(self, name):
        self.fd = os.memfd_create(name)
        # The kernel does not serialise writes of several processes to a memfd.
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)

    def text(self):
        size = os.fstat(self.fd).st_size
        return os.pread(self.fd, size, 0).decode(errors="surrogateescape")

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class Container:
    def __init__(self, runtime, id, bundle):
        self.runtime, self.id, self.bundle = runtime, id, bundle
        self.output, self.errors = Capture("stdout"), Capture("stderr")
        self.pid = None

    def __str__(self):
        return self.id

    @property
    def stdout(self):
        return self.output.text()

    def state(self):
        return self.runtime("state", self.id, stdout=ANY).json()

    @property
    def status(self):
        return self.state()["status"]

    def wait_stopped(self):
        poll_until(lambda: self.status == "stopped", f"{self.id} stopped")

    def wait_output(self, text):
        poll_until(lambda: text in self.stdout, f"{text!r} on stdout")

    def start(self):
        self.runtime("start", self.id)
        return self

    def exec(self, *args, **more):
        return self.runtime("exec", self.id, *args, **more)

    def kill(self, sig="KILL"):
        self.runtime("kill", self.id, sig)

    def delete(self, *args):
        self.runtime("delete", *args, self.id)
        self.runtime.containers.pop(self.id, None)


class Runtime:
    """Runs commands of the program under test. Unless a test says otherwise a command must exit
    with 0 and write nothing at all."""

    def __init__(self, program, root, marker, folder):
        self.program, self.root, self.marker = str(program), str(root), marker
        self.folder = pathlib.Path(folder)
        self.containers, self.counter, self.to_close = {}, 0, []
        self.flags = []  # in front of every command
        self.environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                            "XDG_RUNTIME_DIR": str(folder)}

    def new_id(self):
        self.counter += 1
        return f"{self.marker}-{self.counter}"

    def command(self, *args, flags=()):
        return [self.program, "--root", self.root, *self.flags, *map(str, flags), *map(str, args)]

    def use_systemd(self):
        """From here on the machine's systemd makes the cgroups, or that of our user."""
        self.flags = ["--systemd-cgroup"]
        self.environment["XDG_RUNTIME_DIR"] = worlds.systemd_folder()

    def systemctl(self, *args):
        """What systemctl prints, of the systemd that use_systemd() means."""
        own = [] if os.geteuid() == 0 else ["--user"]
        done = subprocess.run(["systemctl", *own, *args], env=self.environment, text=True,
                              capture_output=True, timeout=TIMEOUT)
        assert done.returncode == 0, f"systemctl {args}: {done.stderr}"
        return done.stdout.strip()

    def popen(self, *args, flags=(), env=None, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*args, flags=flags),
                                env={**self.environment, **(env or {})}, **more)

    def __call__(self, *args, code=0, stdout="", stderr="", error=None, input=None, flags=(),
                 capture=None, timeout=TIMEOUT, **more):
        """Runs one command and checks its exit code and output. stdout and stderr: the exact text,
        ANY, or a compiled pattern for the whole. error: a pattern that must be found in the one
        line that a failure prints; it stands for code=1 and that line."""
        out, err = capture or (Capture("stdout"), Capture("stderr"))
        skip_out, skip_err = len(out.text()), len(err.text())
        try:
            process = self.popen(*args, flags=flags, stdout=out.fd, stderr=err.fd,
                                 **({"stdin": subprocess.PIPE} if input is not None else {}),
                                 **more)
            try:
                if input is not None:
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.write(input.encode())
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.close()
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                pytest.fail(f"still running after {timeout} s: {process.args}\n"
                            f"stdout: {out.text()}\nstderr: {err.text()}")
            result = Result(process.args, process.returncode, out.text()[skip_out:],
                            err.text()[skip_err:])
        finally:
            if not capture:
                out.close()
                err.close()
        if error is not None:
            code = 1 if code == 0 else code
            stderr = re.compile(r"coracle: [^\n]*(?:" + error + r")[^\n]*\n")
        self.check(result, code, stdout, stderr)
        return result

    def check(self, result, code, stdout, stderr):
        wrong = []
        if code is not ANY and result.code != code:
            wrong.append(f"exit code {result.code}, expected {code}")
        for name, expected in (("stdout", stdout), ("stderr", stderr)):
            found = getattr(result, name)
            if expected is ANY:
                continue
            if isinstance(expected, re.Pattern):
                if not expected.fullmatch(found):
                    wrong.append(f"{name} is not {expected.pattern!r}")
            elif found != expected:
                wrong.append(f"{name} is not {expected!r}")
        if wrong:
            pytest.fail(f"{' '.join(map(str, result.command))}\n" + "\n".join(wrong)
                        + f"\n--- stdout\n{result.stdout}\n--- stderr\n{result.stderr}",
                        pytrace=False)

    # --- whole containers

    def run(self, bundle, *args, **more):
        """run, attached: the result of the container's process."""
        bundle.save()
        return self("run", *args, "-b", bundle.path, self.new_id(), **more)

    def report(self, bundle, *actions, args=(), **more):
        """Runs the probe in a container and returns its report."""
        bundle.probe(*actions, "report")
        return self.run(bundle, *args, stdout=ANY, **more).report()

    def fails(self, bundle, error, *args, **more):
        """run must fail before the container's process starts."""
        return self.run(bundle, *args, error=error, **more)

    def create(self, bundle, *args, id=None, command="create", **more):
        """create; the container is deleted after the test if the test does not do it."""
        bundle.save()
        container = Container(self, id or self.new_id(), bundle)
        self.to_close.append(container)
        pid_file = self.folder / f"{container.id}.pid"
        self(command, *args, "--pid-file", pid_file, "-b", bundle.path, container.id,
             capture=(container.output, container.errors), **more)
        container.pid = int(pid_file.read_text())
        pid_file.unlink()
        self.containers[container.id] = container
        return container

    def start(self, bundle, *args, **more):
        """create and start: a running container."""
        return self.create(bundle, *args, **more).start()

    def detached(self, bundle, *args, **more):
        more.setdefault("stdout", ANY)  # it may have written already
        return self.create(bundle, "--detach", *args, command="run", **more)

    def exec_detached(self, container, *args, **more):
        """exec --detach: the process's pid. It becomes our child."""
        pid_file = self.folder / "exec.pid"
        self("exec", "--detach", "--pid-file", pid_file, *args[:args.index(container)], container,
             *args[args.index(container) + 1:], **more)
        pid = int(pid_file.read_text())
        pid_file.unlink()
        return pid

    @staticmethod
    def wait_process(pid):
        """The exit status of a process that became our child. A pid namespace does not end before
        all its processes have been waited for."""
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def sleeping(self, bundle, *actions):
        """A running container whose process sleeps."""
        bundle.probe(*actions, "print", "up", "sleep")
        container = self.start(bundle)
        container.wait_output("up\n")
        return container

    def close(self, failed):
        """Deletes what the test did not, and demands that this works unless the test failed."""
        try:
            for container in list(self.containers.values()):
                if failed:
                    subprocess.run(self.command("delete", "--force", container.id),
                                   capture_output=True, timeout=TIMEOUT)
                else:
                    container.delete("--force")
        finally:
            for container in self.to_close:
                container.output.close()
                container.errors.close()


# --- terminals ------------------------------------------------------------------------------------


class Terminal:
    """Our end of a terminal."""

    def __init__(self, master):
        self.fd, self.text = master, ""

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def write(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern, seconds=10):
        """Reads until the pattern is found in what came so far; returns the match."""
        deadline = time.monotonic() + seconds * TIME_SCALE
        while not (found := re.search(pattern, self.text)):
            rest = deadline - time.monotonic()
            if rest <= 0 or not self.read_some(rest):
                pytest.fail(f"no {pattern!r} on the terminal, but {self.text!r}")
        return found

    def read_some(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # the other end is closed
                raise
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def read_to_end(self, seconds=10):
        deadline = time.monotonic() + seconds * TIME_SCALE
        while self.read_some(max(0, deadline - time.monotonic())):
            pass
        return self.text

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class ConsoleSocket:
    """The unix socket on which an engine takes a container's terminal."""

    def __init__(self, folder):
        self.path = str(pathlib.Path(folder, "console.sock"))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(10 * TIME_SCALE)

    def accept(self):
        """The terminal that was sent."""
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(10 * TIME_SCALE)
            _, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4 * 4))
        fds = array.array("i")
        for level, kind, data in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(data)
        assert len(fds) == 1, f"{len(fds)} descriptors came"
        assert os.isatty(fds[0])
        return Terminal(fds[0])

    def close(self):
        self.listener.close()
        os.unlink(self.path)


def open_terminal():
    """A pseudo terminal: (our end, the other end's descriptor)."""
    master, slave = pty.openpty()
    return Terminal(master), slave
