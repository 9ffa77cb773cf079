"""coracle notify: what it helps with, whom it does not help, and what happens when it cannot."""
import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from harness import ANY, poll_until
from test_cgroups import v2_has


# From Linux 5.19 on.
WAIT_KILLABLE = ["-k"] if tuple(map(int, os.uname().release.split(".")[:2])) >= (5, 19) else []


class Agent:
    """`coracle notify serve` with a configuration of profiles."""

    def __init__(self, program, folder, profiles):
        self.program, self.socket, self.log = program, folder / "a.sock", folder / "a.log"
        self.config = folder / "a.json"
        self.config.write_text(json.dumps(
            {"socket": str(self.socket), "log": str(self.log), "profiles": profiles}))
        self.process = subprocess.Popen([program, "notify", "serve", "-c", self.config],
                                        stdin=subprocess.DEVNULL)
        poll_until(self.socket.exists, "the agent's socket")

    def close(self):
        for line in self.lines():
            print({k: line.get(k) for k in ("call", "answer", "value", "errno", "path", "why", "us")})
        self.process.terminate()
        assert self.process.wait(10) == 0
        assert not self.socket.exists()

    def ask(self, *verb):
        done = subprocess.run([self.program, "notify", *verb, "-c", self.config],
                              capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def filter(self, bundle, profile="default"):
        bundle.linux["seccomp"] = self.ask("filter", *WAIT_KILLABLE, profile)
        return bundle

    def lines(self, event="request"):
        text = self.log.read_text() if self.log.exists() else ""
        return [line for line in map(json.loads, text.splitlines()) if line["event"] == event]

    def workers(self):
        """The pids of its workers."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


@pytest.fixture
def agent(program, folder):
    """agent(profile, …): one that serves these profiles, by name; the first ones' is "default"."""
    started = []

    def start(default=None, **profiles):
        if default is not None:
            profiles["default"] = default
        started.append(Agent(program, folder, profiles))
        return started[-1]

    yield start
    for a in started:
        a.close()


def shell(bundle, script):
    bundle.config["root"]["readonly"] = False
    return bundle.args("/bin/busybox", "sh", "-c", script)


def capabilities(bundle, *names):
    """These for the container's root, and no more."""
    return bundle.capabilities(bounding=names, effective=names, permitted=names)


@pytest.fixture
def bundle(new_bundle, caller):
    return with_caller(new_bundle(), caller)


@pytest.fixture(scope="module")
def caller(program):
    path = program.parent / "tests/caller/caller"
    assert path.exists(), "build tests/caller/caller"
    return path


def with_caller(bundle, caller):
    shutil.copy(caller, bundle.rootfs / "caller")
    return bundle


def call(bundle, words):
    bundle.config["root"]["readonly"] = False
    return bundle.args("/caller", *words.split())


def need_ids(world):
    world.need(not world.host_root, "needs a user namespace with some ids only")


def run(runtime, bundle, script, **more):
    return runtime.run(shell(bundle, script), stdout=ANY, stderr=ANY, code=ANY, **more)


# --- chown and set*id --------------------------------------------------------------------------------


def test_chown(runtime, bundle, agent, world):
    """To ids that the map does not have, and to those that it has."""
    need_ids(world)
    a = agent({"handlers": ["chown"]})
    capabilities(bundle, "CHOWN")
    result = run(runtime, a.filter(bundle), """
        cd /tmp && echo > f && chown 70001:70042 f && chown 0:0 f && ln -s none l
        chown -h 70001 l && stat -c %u:%g f""")
    assert (result.code, result.stdout, result.stderr) == (0, "0:0\n", "")
    assert [line["answer"] for line in a.lines()] == ["value", "continue", "value"]
    assert a.lines()[0]["path"] == "f" and a.lines()[0]["why"] == "the owner stays"


def test_without_agent(runtime, bundle, world):
    need_ids(world)
    result = run(runtime, bundle, "cd /tmp && echo > f && chown 70001 f")
    assert result.code == 1 and "Invalid argument" in result.stderr


def test_chown_of_what_is_not_ones_own(runtime, bundle, agent, world):
    """The kernel still says who may: no capability, a read-only file system, a file of others'."""
    need_ids(world)
    a = agent({"handlers": ["chown"]})
    capabilities(a.filter(bundle))
    assert "Operation not permitted" in run(
        runtime, bundle, "echo > /tmp/f; chown 70001 /tmp/f").stderr
    capabilities(bundle, "CHOWN")
    bundle.mount("/data/v", source="/etc/debian_version", type="bind", options=["bind", "ro"])
    assert "Read-only file system" in run(runtime, bundle, "chown 70001 /data/v").stderr
    bundle.config["mounts"][-1]["options"] = ["bind"]
    assert "Operation not permitted" in run(runtime, bundle, "chown 70001 /data/v").stderr
    runtime.run(call(bundle, "fchownat 0 /none 70001 0 0 , fchownat 99 x 70001 0 0"),
                stdout="fchownat 2\nfchownat 9\n")


def test_owners_are_recorded(runtime, bundle, agent, world):
    need_ids(world)
    a = agent({"handlers": ["chown"], "record": True})
    run(runtime, capabilities(a.filter(bundle), "CHOWN"), "echo > /f; chown 70001:70002 /f")
    assert os.getxattr(bundle.rootfs / "f", "user.coracle.owner") == b"70001:70002"


def test_ids(runtime, bundle, agent, world):
    """Becoming somebody who is not there: believed, where one might become somebody."""
    need_ids(world)
    a = agent({"handlers": ["setid"]})
    capabilities(a.filter(bundle), "SETUID", "SETGID")
    calls = "setresgid 70042 70042 70042 , setresuid 70001 70001 70001 , setuid 0"
    runtime.run(call(bundle, calls), stdout="setresgid ok\nsetresuid ok\nsetuid ok\n")
    capabilities(bundle)
    runtime.run(call(bundle, "setuid 70001"), stdout="setuid 1\n")
    assert [line["answer"] for line in a.lines()] == ["value", "value", "continue", "error"]


# --- devices -----------------------------------------------------------------------------------------


def test_mknod(runtime, bundle, agent):
    """A harmless device works; others, and block devices, are refused; what is no device is not our
    business."""
    a = agent({"handlers": ["mknod"]})
    capabilities(a.filter(bundle), "MKNOD")
    result = run(runtime, bundle, """
        mkdir /d && cd /d && mknod n c 1 3 && mknod -m 600 ../d/z c 1 5 && mknod p p
        echo gone > n && head -c 4 z | od -An -tx1 && stat -c %t:%T,%F n && stat -c %F p
        mknod k c 1 2; mknod b b 8 0; mknod n c 1 3; mknod /none/n c 1 3; mknod /d/../d c 1 3""")
    assert result.stdout == " 00 00 00 00\n1:3,character special file\nfifo\n"
    errors = [line.rsplit(": ", 1)[1] for line in result.stderr.splitlines()]
    assert errors == ["Operation not permitted"] * 2 + ["File exists", "No such file or directory",
                                                         "File exists"]


def test_mknod_needs_rights(runtime, bundle, agent, world):
    a = agent({"handlers": ["mknod"]})
    capabilities(a.filter(bundle))
    assert "Operation not permitted" in run(runtime, bundle, "mknod /tmp/n c 1 3").stderr
    capabilities(bundle, "MKNOD")
    if not world.host_root:  # whose rights over directories have no bounds
        result = run(runtime, bundle, "mkdir -m 500 /d; mknod /d/n c 1 3; ls /d")
        assert "Permission denied" in result.stderr and result.stdout == ""


def test_devices_of_the_profile(runtime, bundle, agent):
    """No longer the usual ones."""
    a = agent({"handlers": ["mknod"], "devices": ["/dev/zero"]})
    capabilities(a.filter(bundle), "MKNOD")
    result = run(runtime, bundle, "mknod /tmp/n c 1 3; mknod /tmp/z c 1 5; ls /tmp")
    assert result.stdout == "z\n"


# --- mounts ------------------------------------------------------------------------------------------


def test_mount(runtime, bundle, agent, world):
    a = agent({"handlers": ["mount"], "filesystems": ["tmpfs", "bind", "proc"]})
    capabilities(a.filter(bundle))
    result = run(runtime, bundle, """
        mkdir /t /b; ln -s t /l
        mount -t tmpfs -o size=64k,mode=711 none /l && touch /t/file && stat -c %a /t
        mount -o bind /t /b && ls /b; grep -c " /t tmpfs .*nosuid,nodev.*size=64k" /proc/mounts
        mount -t tmpfs -o mpol=default none /t; mount -t ext4 none /t; mount -o remount,rw /t""")
    assert result.stdout == "711\nfile\n1\n"
    assert result.stderr.count("Invalid argument") == 1
    assert result.stderr.count("permission denied") == 2


def test_mount_is_not_for_users(runtime, bundle, agent, world):
    world.need(world.root or world.subids, "needs several ids")
    a = agent({"handlers": ["mount"]})
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    result = run(runtime, capabilities(a.filter(bundle)), "mount -t tmpfs none /tmp")
    assert "permission denied" in result.stderr
    assert a.lines()[0]["why"] == "not root of the container"


def test_mount_of_proc(runtime, bundle, agent, world):
    """Only in a user namespace, and only processes: what is masked in the other stays so."""
    a = agent({"handlers": ["mount"], "filesystems": ["proc"]})
    script = "mkdir /p && mount -t proc none /p && ls -d /p/1 /p/kcore"
    result = run(runtime, capabilities(a.filter(bundle)), script)
    if world.host_root:
        assert "permission denied" in result.stderr
    else:
        assert result.stdout == "/p/1\n" and "/p/kcore: No such file" in result.stderr


def test_overlay(runtime, bundle, agent, world):
    world.need(not world.host_root, "needs a user namespace")
    a = agent({"handlers": ["mount"], "filesystems": ["tmpfs", "overlay"]})
    result = run(runtime, capabilities(a.filter(bundle)), """
        mount -t tmpfs none /tmp && cd /tmp && mkdir l u w m && echo low > l/f &&
        mount -t overlay -o lowerdir=l,upperdir=/tmp/u,workdir=/tmp/w none m && echo up > m/f &&
        cat l/f u/f; mount -t overlay -o lowerdir=l,metacopy=on none m""")
    assert result.stdout == "low\nup\n" and "Invalid argument" in result.stderr


def test_xattr(runtime, bundle, agent):
    a = agent({"handlers": ["xattr"]})
    (bundle.rootfs / "d").mkdir()
    capabilities(a.filter(bundle))
    bundle.config["root"]["readonly"] = False
    calls = "setxattr /d trusted.overlay.opaque y 1 0 , lsetxattr /d trusted.other y 1 0"
    runtime.run(call(bundle, calls), stdout="setxattr ok\nlsetxattr 1\n")
    assert os.getxattr(bundle.rootfs / "d", "user.overlay.opaque") == b"y"


def test_xattr_reading(runtime, bundle, agent, world):
    """By the name that was written, and in the list; other attributes as ever."""
    a = agent({"handlers": ["xattr"]})
    (bundle.rootfs / "d").mkdir()
    (bundle.rootfs / "e").mkdir()
    capabilities(a.filter(bundle))
    bundle.config["root"]["readonly"] = False
    runtime.run(call(bundle, """setxattr /d trusted.overlay.opaque y 1 0 , setxattr /d user.more z 1 0 ,
        getxattr /d trusted.overlay.opaque @ 9 , getxattr /d trusted.overlay.none @ 9 , lgetxattr /d user.more @ 9 ,
        getxattr /d trusted.overlay.opaque @ 0 , listxattr /d @ 99 , listxattr /d @ 9 , listxattr /e @ 99 ,
        getxattr /d trusted.overlay.opaque 8 9"""),
        stdout="setxattr ok\nsetxattr ok\ny\ngetxattr 61\nz\ngetxattr ok\n"
               "trusted.overlay.opaque user.more\nlistxattr 34\nlistxattr ok\ngetxattr 14\n")
    assert sorted(os.listxattr(bundle.rootfs / "d")) == ["user.more", "user.overlay.opaque"]


def test_sysinfo(runtime, bundle, agent, world):
    """The memory that the container may use; without a limit, the machine's."""
    world.need(world.host_root and (world.arrangement != "unified" or v2_has("memory")), "needs limits of memory")
    a = agent({"handlers": ["sysinfo"]})
    capabilities(a.filter(bundle))
    plain = run(runtime, bundle, "free -b").stdout.split()
    assert int(plain[plain.index("Mem:") + 1]) > 64 << 20
    bundle.linux["resources"] = {"memory": {"limit": 64 << 20}}
    words = run(runtime, bundle, "free -b").stdout.split()
    # What is left of the line is made with /proc/meminfo, and overflows.
    assert words[words.index("Mem:") + 1].startswith(str(64 << 20))
    assert {line["why"] for line in a.lines()} == {"the container's memory"}


def has_unique_mount_ids():
    return tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 8)


def test_umount(runtime, bundle, agent, world):
    """What was mounted for the container, and nothing else."""
    world.need(has_unique_mount_ids(), "needs ids of mounts that are not used again (6.8)")
    a = agent({"handlers": ["mount"], "filesystems": ["tmpfs", "bind"]})
    capabilities(a.filter(bundle))
    bundle.mount("/data/v", source="/etc/debian_version", type="bind", options=["bind"])
    result = run(runtime, bundle, """
        mkdir /t /b; mount -t tmpfs none /t && touch /t/file && mount -o bind /t /b && ls /b
        umount /t && ls /t; cd /b && umount /b && ls /b; umount /data/v; umount /b; umount /proc; umount /none
        for i in 1 2 3; do mount -t tmpfs none /t; done; for i in 1 2 3; do umount /t; done
        grep -c ' /t ' /proc/mounts""")
    assert result.stdout == "file\n0\n", result.stderr
    errors = [line.rsplit(": ", 1)[1] for line in result.stderr.splitlines()]
    assert errors == ["Operation not permitted"] * 3 + ["No such file or directory"]
    assert sum(line.get("why") == "detached" for line in a.lines()) == 5


# --- what else happens -------------------------------------------------------------------------------


def test_audit(runtime, bundle, agent):
    a = agent({"handlers": [], "audit": ["getppid"]})
    runtime.run(call(a.filter(bundle), "getppid"), stdout="getppid ok\n")
    line, = a.lines()
    assert line["call"] == "getppid" and line["answer"] == "continue" and line["handler"] == "audit"
    assert {"time", "pid", "container", "us", "args"} <= line.keys()


def test_many_containers(runtime, new_bundle, agent, caller):
    """Detached, each with a worker of its own; the counters are theirs."""
    a = agent({"audit": ["getppid"], "handlers": []}, other={"handlers": ["chown"]})
    containers = []
    for profile in ("default", "other", "default"):
        bundle = a.filter(with_caller(new_bundle(), caller), profile)
        containers.append(runtime.detached(call(bundle, "getppid , wait")))
        containers[-1].wait_output("waiting")
    status = {row["container"]: row for row in a.ask("status")}
    assert [status[c.id]["profile"] for c in containers] == ["default", "other", "default"]
    assert [status[c.id]["continued"] for c in containers] == [1, 0, 1]
    assert len(a.workers()) == 3
    containers[0].exec("/caller", "getppid", stdout="getppid ok\n")
    for c in containers:
        c.delete("--force")
    poll_until(lambda: not a.ask("status"), "no containers")
    poll_until(lambda: len(a.lines("detached")) == 4, "ends in the log")


def test_unknown_profile(runtime, bundle, agent):
    """Nobody answers: calls fail."""
    a = agent({"audit": ["getppid"], "handlers": []})
    a.filter(bundle).linux["seccomp"]["listenerMetadata"] = "none"
    runtime.run(call(bundle, "getppid"), stdout="getppid 38\n")
    assert 'no profile "none"' in a.lines("failed")[0]["error"]


def test_worker_that_dies(runtime, bundle, agent):
    """Another takes over; five times."""
    a = agent({"audit": ["getppid"], "handlers": []})
    container = runtime.detached(call(a.filter(bundle), "wait , getppid , wait"))
    container.wait_output("waiting")
    worker, = a.workers()
    os.kill(worker, signal.SIGSEGV)
    poll_until(lambda: a.lines("resumed"), "another worker")
    container.kill("USR1")
    container.wait_output("getppid ok\n")
    assert a.ask("status")[0]["restarts"] == 1


def test_connection_that_stays_open(runtime, bundle, agent):
    """As crun leaves it: the listener is served when the document is there."""
    a = agent({"audit": ["getppid"], "handlers": []})
    state = {"fds": ["seccompFd"], "pid": os.getpid(), "metadata": "}\\\"{",
             "state": {"id": "open", "status": "creating", "pid": os.getpid()}}
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(a.socket))
        text = json.dumps(state).encode()
        socket.send_fds(s, [text[:40]], [s.fileno()])
        s.sendall(text[40:])
        poll_until(lambda: a.lines("failed"), "a word about the profile")
    assert a.lines("failed")[0]["container"] == "open"


# A process that is under a filter like that of a container, and may not be looked at.
HIDDEN = """
import ctypes, json, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
seccomp, setresgid = {"x86_64": (317, 119), "aarch64": (277, 149)}[os.uname().machine]
code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, setresgid, 6, 0, 0, 0x7fc00000, 6, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(buffer))
libc.prctl(38, 1, 0, 0, 0)
listener = libc.syscall(seccomp, 1, 8, program)
state = {"fds": ["seccompFd"], "pid": os.getpid(), "metadata": "",
         "state": {"ociVersion": "1.3.0", "id": "hidden", "status": "running", "pid": os.getpid(), "bundle": "/"}}
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    socket.send_fds(s, [json.dumps(state).encode()], [listener])
os.close(listener)
libc.prctl(4, 0, 0, 0, 0)
print(libc.syscall(setresgid, -1, -1, -1), libc.syscall(setresgid, 77777, 77777, 77777), ctypes.get_errno())
"""


def test_ids_of_who_may_not_be_looked_at(agent, world):
    """A runtime that filters before it becomes its user, as crun does without noNewPrivileges: the
    kernel decides, as without an agent."""
    world.need(not world.root, "root may look at everybody")
    a = agent({"handlers": ["setid"]})
    done = subprocess.run([sys.executable, "-c", HIDDEN, a.socket], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == (f"0 -1 {errno.EPERM}\n", "")
    assert [line["answer"] for line in a.lines()] == ["continue", "continue"]


def test_bad_peers(runtime, bundle, agent):
    """What is no state ends nobody else."""
    a = agent({"audit": ["getppid"], "handlers": []})
    for text in (b"", b"{", b"{}", b'{"fds":["seccompFd"],"pid":1,"state":{"id":"x","pid":1}}', b"x" * 3000000):
        for fds in ([], [1], [0, 1, 2]):
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(BrokenPipeError, ConnectionError):
                s.connect(str(a.socket))
                socket.send_fds(s, [text[:1000] or b" "], fds)
                s.sendall(text[1000:])
    held = [socket.socket(socket.AF_UNIX) for _ in range(70)]
    for s in held:
        s.connect(str(a.socket))
    for s in held:
        s.close()
    runtime.run(call(a.filter(bundle), "getppid"), stdout="getppid ok\n")


# --- plugins -----------------------------------------------------------------------------------------

PLUGIN = """
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct conf { const char *root, *name, *bundle, *config; };
int run_oci_seccomp_notify_VERSION(void) { return 1; }
int run_oci_seccomp_notify_start(void **opaque, struct conf *c, size_t size)
{
	*opaque = calloc(1, sizeof(int));
	return size != sizeof(*c) || !c->name[0] || !strstr(c->config, c->bundle);
}
int run_oci_seccomp_notify_handle_request(void *opaque, struct seccomp_notif_sizes *sizes,
		struct seccomp_notif *req, struct seccomp_notif_resp *resp, int fd, int *handled)
{
	(void)sizes; (void)fd; (void)req;
	switch (++*(int *)opaque) {
	case 1: *handled = 1; resp->error = -EDOM; return 0;
	case 2: *handled = 0; return 0;
	case 3: *handled = 3; return 0;
	case 4: for (;;) pause();
	default: abort();
	}
}
"""


@pytest.mark.parametrize("version", ["version", "plugin_version"])
def test_plugin(runtime, bundle, agent, folder, world, version):
    """Its answers; and the same call again, when it hangs, and when it has been started anew."""
    world.need(shutil.which("cc"), "needs a compiler")
    (folder / "p.c").write_text(PLUGIN.replace("VERSION", version))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "p.so", folder / "p.c"], check=True)
    a = agent({"plugins": [str(folder / "p.so")], "deadlineMs": 300, "unhandled": "EACCES"})
    bundle.linux["seccomp"] = {**a.ask("filter"), "syscalls": [
        {"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}]}
    runtime.run(call(bundle, " , ".join(["getppid"] * 5)),
                stdout="".join(f"getppid {answer}\n" for answer in (33, 13, "ok", 1, 33)))
    assert [line["answer"] for line in a.lines()] == ["error", "error", "continue", "late", "error"]


def test_plugin_that_crashes(runtime, bundle, agent, folder, world):
    world.need(shutil.which("cc"), "needs a compiler")
    (folder / "p.c").write_text(PLUGIN.replace("VERSION", "version").replace("case 1:", "case 9:"))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "p.so", folder / "p.c"], check=True)
    a = agent({"plugins": [str(folder / "p.so"), "/none.so"]})
    bundle.linux["seccomp"] = {**a.ask("filter"), "syscalls": [
        {"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}]}
    runtime.run(call(bundle, "getppid , getppid"), stdout="getppid 1\ngetppid 1\n")
    assert [line["answer"] for line in a.lines()] == ["crashed", "crashed"]


# --- hostile containers ------------------------------------------------------------------------------

HOSTILE_SECONDS = int(os.environ.get("HOSTILE_SECONDS", 1))


def test_hostile_container(runtime, bundle, agent, world):
    """Arguments that change while they are read, threads that die while they are served, floods.
    HOSTILE_SECONDS says how long."""
    a = agent({"handlers": ["mknod", "mount", "chown", "setid", "xattr", "sysinfo"], "rate": 1000000,
               "filesystems": ["tmpfs", "proc", "overlay", "bind"]})
    capabilities(a.filter(bundle), "CHOWN", "MKNOD", "SETUID", "SETGID")
    passwd = (bundle.rootfs / "etc/passwd").read_text()
    outside = os.stat("/etc/passwd")
    container = runtime.detached(call(bundle, f"hostile {HOSTILE_SECONDS}"))
    poll_until(lambda: a.workers() or a.lines("detached"), "a worker")
    most = 0
    deadline = time.monotonic() + HOSTILE_SECONDS + 20
    while a.workers() and time.monotonic() < deadline:
        assert all(row["restarts"] == 0 for row in a.ask("status"))
        with contextlib.suppress(FileNotFoundError):
            most = max(most, *(len(os.listdir(f"/proc/{pid}/fd")) for pid in a.workers()), 0)
        time.sleep(min(1, HOSTILE_SECONDS / 10))
    container.wait_stopped()
    poll_until(lambda: a.lines("detached"), "the end in the log")
    counters = a.lines("detached")[0]
    print({k: counters[k] for k in counters if isinstance(counters[k], int)}, "descriptors:", most,
          container.stdout)
    assert counters["crashed"] == 0 and counters["requests"] > 0
    assert "rounds" in container.stdout and most < 60 and a.process.poll() is None
    assert (bundle.rootfs / "etc/passwd").read_text() == passwd
    assert os.stat("/etc/passwd").st_ctime_ns == outside.st_ctime_ns
    harmless = {os.stat(p).st_rdev for p in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                             "/dev/urandom", "/dev/tty")}
    for path in bundle.rootfs.rglob("*"):
        assert not stat.S_ISCHR(path.lstat().st_mode) or path.lstat().st_rdev in harmless
    runtime.run(call(bundle, "mknodat 0 /n 8630 0x103 , fchownat 0 /caller 0 0 0"),
                stdout="mknodat ok\nfchownat ok\n")


# --- the program -------------------------------------------------------------------------------------


def test_same_verbs(program):
    """The main program's table, the companion's help, and the manual page; and their options."""
    def run(*words):
        return subprocess.run([program, *words], capture_output=True, text=True, timeout=10).stdout
    page = (pathlib.Path(__file__).parents[2] / "docs/man/coracle-notify.1.scd").read_text()
    tables = json.loads(run("internal-args"))
    table = next(c for c in tables["commands"] if c["name"] == "notify")
    verbs = re.findall(r"^  ([a-z]+) +\S", run("notify", "help").split("Commands:")[1], re.M)
    assert table["arguments"][0]["choices"].split("|") == verbs
    assert re.findall(r"^\*coracle notify ([a-z]+)\*", page, re.M) == verbs
    for verb in verbs:
        told = set(re.findall(r"--([a-z-]+)", run("notify", verb, "--help")))
        section = re.search(rf"^# {verb.upper()}\n(.*?)(?=^# )", page, re.M | re.S)[1]
        assert told == set(re.findall(r"\*--([a-z-]+)\*", section)) | {"help", "log-format"}


CONFIGS = [
    ('{"socket": "a"}', "line 1: expected an absolute path"),
    ('{"profiles": {"a": {"handlers": ["mnkod"]}}}', "profiles.a: line 1: expected mknod, mount"),
    ('{"profiles": {"a": {"device": []}}}', 'profiles.a: line 1: an unknown key "device"'),
    ('{"profiles":\n {"a": {"audit": ["none"]}}}', 'profiles.a: line 2: "none" is not a system call'),
    ('{"profiles": {"a": {"rate": 0}}}', "expected a number from 1 to 1000000"),
    ('{"profiles": {"a": {}, "a": {}}}', "a profile that is there twice"),
    ("[]", "line 1: expected an object"),
    ('{"profiles": {"a": {"filesystems": ["ext4"]}}}', '"ext4" is not a filesystem that can be helped'),
    ('{"profiles": {"a": {"unhandled": "EDOM"}}}', "expected ENOSYS, EPERM"),
    ('{"log": "/a", "log": "/b"}', "a key that is there twice"),
]


@pytest.mark.parametrize("text,error", CONFIGS, ids=range(len(CONFIGS)))
def test_bad_configuration(program, folder, text, error):
    (folder / "c.json").write_text(text)
    done = subprocess.run([program, "notify", "check", "-c", folder / "c.json"], capture_output=True,
                          text=True, timeout=10)
    assert done.returncode == 1 and done.stdout == "" and error in done.stderr
    assert done.stderr.count("\n") == 1
