"""Policies: containers run under them by an annotation, and `coracle seccomp` answers questions. What traces
make of programs is loaded again, and the programs do their work under it, and nothing else."""
import errno
import json
import os
import pathlib
import platform
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import time

import pytest

from harness import ANY

NUMBERS = {"x86_64": {"getppid": 110}, "aarch64": {"getppid": 173}}.get(platform.machine())

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="numbers of another machine")

POLICY = "run.oci.coracle.seccomp_policy"
GETPPID = ("call", NUMBERS["getppid"] if NUMBERS else 0, 0)


@pytest.fixture
def policy(bundle):
    """A function that puts a policy into a file and the file into the configuration."""
    def write(text, name="test.policy"):
        path = bundle.path / name
        path.write_text(text)
        bundle.config["annotations"] = {POLICY: str(path)}
        return path
    return write


# --- the annotation ------------------------------------------------------------------------------


def told(report):
    return report["call"][str(GETPPID[1])]


def test_annotation(runtime, bundle, policy):
    """For the container's process and for those that join it; linux.seccomp is replaced."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_KILL_PROCESS"}
    policy("getppid() => ERRNO(ENOTDIR);\n=> ALLOW();\n")
    assert told(runtime.report(bundle, *GETPPID)) == "ENOTDIR"
    container = runtime.sleeping(bundle)
    assert told(container.exec("/probe", *GETPPID, "report", stdout=ANY).report()) == "ENOTDIR"


def test_files_and_parameters(runtime, bundle, policy):
    """Files are included from the policy's folder; conditions see the bounding set."""
    policy("getppid() => ERRNO(ENOTDIR);\n", "inner.policy")
    policy('#ifdef CAP_KILL\ninclude "inner.policy";\n#endif\n=> ALLOW();\n')
    caps = bundle.config["process"].setdefault("capabilities", {})
    for kind in caps:
        caps[kind] = [c for c in caps[kind] if c != "CAP_KILL"]
    assert told(runtime.report(bundle, *GETPPID)) == "ok"
    caps.setdefault("bounding", []).append("CAP_KILL")
    assert told(runtime.report(bundle, *GETPPID)) == "ENOTDIR"


def test_refused(runtime, bundle, policy):
    """One line, with the place; before anything is made."""
    where = rf'annotations\["{re.escape(POLICY)}"\]: '
    path = policy("$syscall == @getpid => ALLOW();\n$syscall == @opnat => KILL();\n=> ALLOW();\n")
    bundle.probe("print", "ran")
    runtime.fails(bundle, where + re.escape(f'{path}:2:13: no system call is called "opnat" on any architecture'))
    bundle.config["annotations"] = {POLICY: "relative"}
    runtime.fails(bundle, where + 'expected an absolute path, got "relative"')
    bundle.config["annotations"] = {POLICY: str(bundle.path / "none")}
    runtime.fails(bundle, where + ".*no such file or directory")
    bundle.config["annotations"] = {POLICY: str(path), "run.oci.seccomp_bpf_data": "BgAAAAAA/38="}
    runtime.fails(bundle, where + "there is a program for the filter as well")


# --- the tools -----------------------------------------------------------------------------------


@pytest.fixture
def tool(world, program, folder):
    """coracle seccomp, in the folder of the test. What it says depends on no world: one will do."""
    if world.name != "root":
        pytest.skip("shown in the world of root")

    def run(*args, expect=0, **more):
        done = subprocess.run([program, "seccomp", *map(str, args)], cwd=folder, text=True, timeout=60,
                              **{"capture_output": True, **more})
        assert done.returncode == expect, (done.stdout, done.stderr)
        return done
    return run


def test_compile(tool, folder):
    (folder / "a.policy").write_text("$syscall == @ptrace => ERRNO(EPERM);\n=> ALLOW();\n")
    assert "'json': raw, annotation," in tool("compile", "-f", "json", "a.policy", expect=2).stderr
    tool("compile", "a.policy", "-o", "a.bpf")
    raw = (folder / "a.bpf").read_bytes()
    assert len(raw) % 8 == 0
    line = tool("compile", "-f", "annotation", "a.policy").stdout
    assert line.startswith("run.oci.seccomp_bpf_data=")
    (folder / "a.txt").write_text(line)
    tool("compile", "a.txt", "-o", "b.bpf")
    assert (folder / "b.bpf").read_bytes() == raw
    text = tool("compile", "-f", "c", "a.policy").stdout
    rows = re.findall(r"\{0x(\w+), (\d+), (\d+), 0x(\w+)\}", text)
    packed = b"".join(struct.pack("HBBI", int(c, 16), int(t), int(f), int(k, 16)) for c, t, f, k in rows)
    assert packed == raw
    assert json.loads(tool("compile", "-f", "oci", "a.policy").stdout)["defaultAction"] == "SCMP_ACT_ALLOW"


def test_compile_for_the_agent(tool, folder, program):
    """Who is to answer is said where it is said that somebody is; the agent takes it."""
    (folder / "a.policy").write_text(textwrap.dedent("""\
        $syscall in (@@chown) => NOTIFY(chown);
        setuid(uid != 0) => NOTIFY(setid);
        setuid() => NOTIFY(setid);
        reboot() => KILL();
        $syscall in (@kexec_load, @reboot) => NOTIFY(audit);
        mount() => NOTIFY();
        => ALLOW();
        """))
    assert json.loads(tool("compile", "--arch", "x86_64", "-f", "agent", "a.policy", "-o", "-").stdout) == {
        "profiles": {"default": {"handlers": ["chown", "setid"], "audit": ["kexec_load"]}}}
    tool("compile", "--arch", "x86_64", "-f", "agent", "a.policy", "-o", "agent.json")
    said = subprocess.run([program, "notify", "check", "-c", folder / "agent.json"], capture_output=True, text=True)
    assert json.loads(said.stdout)["profiles"]["default"]["audit"] == ["kexec_load"], said.stderr
    (folder / "b.policy").write_text("mount() => NOTIFY();\n=> ALLOW();\n")
    assert "names a handler" in tool("compile", "-f", "agent", "b.policy", expect=2).stderr
    (folder / "c.policy").write_text("mount() => NOTIFY(7);\n=> ALLOW();\n")
    assert "c.policy:1:19: error: expected the name of one of the agent's handlers" in \
        tool("compile", "c.policy", expect=2).stderr


def test_unused_rules(tool, folder):
    """Those that nothing switched off are told."""
    (folder / "a.policy").write_text(textwrap.dedent("""\
        on s390 { read() => KILL(); }
        cap(CAP_SYS_ADMIN) && mount() => ALLOW();
        _llseek() => ALLOW();
        read() => ALLOW();
        $syscall == @read && $arg0 == 1 => KILL();
        => ERRNO(ENOSYS);
        """))
    said = tool("compile", "--arch", "x86_64", "a.policy", "-o", "a.bpf").stderr
    assert re.findall(r"^a.policy:(\d+):\d+: (\w+): (.*)", said, re.M) == [
        ("3", "note", "no architecture of the policy has such a call"),
        ("5", "warning", "the rule never decides: those before it do")]


def test_programs_are_not_for_terminals(tool, folder):
    (folder / "a.policy").write_text("=> ALLOW();\n")
    master, slave = pty.openpty()
    try:
        done = tool("compile", "a.policy", expect=2, capture_output=False, stdout=slave, stderr=subprocess.PIPE)
        assert "a program is no text for a terminal" in done.stderr
    finally:
        os.close(master)
        os.close(slave)


def test_messages(tool, folder):
    (folder / "a.policy").write_text("// first\n$syscall in (@read, @wrte) => ALLOW();\n=> KILL();\n")
    assert tool("compile", "a.policy", expect=2).stderr == textwrap.dedent("""\
        a.policy:2:21: error: no system call is called "wrte" on any architecture
          $syscall in (@read, @wrte) => ALLOW();
                              ^~~~~
          hint: did you mean write?
        """)
    said = json.loads(tool("compile", "--log-format", "json", "a.policy", expect=2).stderr)
    assert (said["file"], said["line"], said["column"], said["level"]) == ("a.policy", 2, 21, "error")


def test_explain(tool, folder):
    (folder / "a.policy").write_text(
        "openat(flags & O_CREAT) => ERRNO(EACCES);\nopenat() => ALLOW();\n=> ERRNO(ENOSYS);\n")
    out = tool("explain", "--arch", "x86_64", "a.policy", "openat").stdout
    assert out == textwrap.dedent("""\
        openat on x86_64 (257):
          if $arg2 & 64 != 0: ERRNO(EACCES)
              a.policy:1: openat(flags & O_CREAT) => ERRNO(EACCES)
          if none of these: ALLOW()
              a.policy:2: openat() => ALLOW()
        """)
    out = tool("explain", "--arch", "x86_64", "--json", "a.policy", "openat", "_", "_", "O_CREAT|O_WRONLY").stdout
    assert json.loads(out)["answers"] == [{"action": "ERRNO(EACCES)", "file": "a.policy", "line": 1,
                                           "rule": "openat(flags & O_CREAT) => ERRNO(EACCES)"}]
    tool("compile", "--arch", "x86_64", "a.policy", "-o", "a.bpf")
    assert "ERRNO(ENOSYS)" in tool("explain", "--arch", "x86_64", "a.bpf", "read").stdout
    assert "no system call" in tool("explain", "a.policy", "nothing", expect=2).stderr


def test_diff(tool, folder):
    (folder / "a.policy").write_text("$syscall == @ptrace && $arg0 == 7 => KILL();\n=> ALLOW();\n")
    (folder / "b.policy").write_text("=> ALLOW();\n")
    assert tool("diff", "a.policy", "a.policy").stdout == "no difference\n"
    out = tool("diff", "--arch", "x86_64", "a.policy", "b.policy", expect=1).stdout
    assert out == ("weaker: ptrace on x86_64: KILL_PROCESS(), then ALLOW()\n"
                   "    for example ptrace(0x7, 0x0, 0x0, 0x0, 0x0, 0x0)\n"
                   "1 weaker, 0 stricter, 0 other\n")
    assert tool("diff", "b.policy", "a.policy").stdout == "0 weaker, 1 stricter, 0 other\n"
    assert json.loads(tool("diff", "--json", "a.policy", "b.policy", expect=1).stdout)["weaker"] == 1


def test_check(tool, folder):
    (folder / "a.policy").write_text(textwrap.dedent("""\
        $syscall == @socket && $arg0 == 40 => ERRNO(EPERM);
        openat($arg1 == 0x1000) => KILL();
        clone(clone_flags & CLONE_NEWUSER) => ERRNO(EPERM);
        $syscall in (@clone, @execve) => ALLOW();
        execve() => KILL();
        => ALLOW();
        """))
    found = json.loads(tool("check", "--json", "--arch", "x86_64", "a.policy", expect=1).stdout)
    words = [(f.get("line"), f["text"]) for f in found]
    assert words == [
        (5, "the rule never decides: those before it do"),
        (2, "argument 1 of openat is a pointer"),
        (1, "the kernel ignores the upper bits of argument 0 of socket, and programs may set them: "
            "socket(family …)"),
        (None, "clone is restricted, and clone3, which does the same, is allowed"),
        (None, "io_uring is allowed: what goes through its rings no filter sees")]
    (folder / "b.policy").write_text("$syscall in (@@aio, @clone3) => ERRNO(ENOSYS);\n=> ALLOW();\n")
    assert tool("check", "b.policy").stdout == ""
    (folder / "twins.policy").write_text("on x86 { futex_time64() => KILL(); }\n"
                                         "$syscall in (@@aio, @clone3) => ERRNO(ENOSYS);\n=> ALLOW();\n")
    assert "futex is allowed, and futex_time64, which does the same, is not" in \
        tool("check", "--arch", "x86_64", "twins.policy", expect=1).stdout
    (folder / "nothing.policy").write_text("=> ERRNO(EPERM);\n")
    assert "execve is denied" in tool("check", "nothing.policy", expect=1).stdout
    both = [{"index": 0, "value": v, "op": "SCMP_CMP_NE"} for v in (1, 2)]
    (folder / "trap.json").write_text(json.dumps({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_KILL", "args": both},
                     {"names": ["io_uring_setup", "clone3"], "action": "SCMP_ACT_ERRNO"}]}))
    assert "argument 0 occurs twice" in tool("check", "trap.json", expect=1).stdout


# In the format of engines: for some machines, kernels and capabilities; their default in small.
ENGINES_FORMAT = {
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "defaultErrno": "EPERM",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]}],
    "syscalls": [
        {"names": ["read", "write", "execve", "futex", "futex_time64", "socketcall"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["process_vm_readv"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["arch_prctl", "modify_ldt"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
        {"names": ["bpf", "clone"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "comment": "no namespaces",
         "args": [{"index": 0, "value": 0x7e020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
         "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390", "s390x"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 1, "value": 0x7e020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
         "includes": {"arches": ["s390", "s390x"]}, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_LT"}]},
        {"name": "vhangup", "action": "SCMP_ACT_ERRNO", "errno": "ENOTTY"}]}


def test_engines_format(tool, folder):
    """What the engine would give the container: by kernel, machine and capabilities, as the options say."""
    (folder / "a.json").write_text(json.dumps(ENGINES_FORMAT))

    def verdict(call, *options):
        options = ("--arch", "x86_64", "--kernel", "6.1", *options)
        return re.findall(r"(?:ALLOW|ERRNO)\(.*?\)", tool("explain", *options, "a.json", call).stdout)

    assert verdict("read") == ["ALLOW()"]
    assert verdict("bpf") == ["ERRNO(EPERM)"]
    assert verdict("bpf", "--cap", "CAP_SYS_ADMIN") == ["ALLOW()"]
    assert verdict("process_vm_readv") == ["ALLOW()"]
    assert verdict("process_vm_readv", "--kernel", "4.4") == ["ERRNO(EPERM)"]
    assert verdict("clone") == ["ALLOW()", "ERRNO(EPERM)"]
    assert verdict("clone", "--cap", "all") == ["ALLOW()"]
    assert verdict("clone3") == ["ERRNO(ENOSYS)"]
    assert verdict("vhangup") == ["ERRNO(ENOTTY)"]
    assert verdict("arch_prctl") == ["ALLOW()"]
    assert "$arg1 & 0x7e020000 == 0" in tool("explain", "--arch", "s390x", "a.json", "clone").stdout
    out = tool("diff", "a.json", "a.json", "--arch", "x86_64").stdout
    assert out == "no difference\n"
    assert "clone is restricted" not in tool("check", "--arch", "x86_64", "a.json", expect=1).stdout
    wrong = json.loads(json.dumps(ENGINES_FORMAT))
    wrong["syscalls"][1]["includes"]["minKernel"] = "new"
    (folder / "b.json").write_text(json.dumps(wrong))
    assert "syscalls[1].includes.minKernel: " in tool("convert", "b.json", expect=2).stderr


ENGINE = pathlib.Path("/usr/share/containers/seccomp.json")
FORMATS = [ENGINES_FORMAT] + ([json.loads(ENGINE.read_text())] if ENGINE.exists() else [])


@pytest.mark.parametrize("profile", FORMATS, ids=["ours", "installed"][:len(FORMATS)])
@pytest.mark.parametrize("machine", ["amd64:x86_64", "arm64:aarch64", "s390x:s390x", "ppc64le:ppc64le"])
def test_engines_profile(tool, folder, machine, profile):
    """To a policy and back: the same, without capabilities, with some and with all."""
    theirs, ours = machine.split(":")
    expand = pathlib.Path(__file__).resolve().parents[1] / "expand-seccomp"
    (folder / "a.json").write_text(json.dumps(profile))
    for caps in ("", "CAP_SYS_ADMIN,CAP_SYS_PTRACE,CAP_AUDIT_WRITE", "all"):
        options = ("--arch", ours, "--cap", caps)
        tool("convert", *options, "a.json", "-o", "a.policy")
        tool("convert", *options, "a.policy", "-o", "b.json")
        assert tool("diff", "--all", *options, "a.json", "b.json").stdout == "no difference\n"
        assert tool("diff", "--all", *options, "a.policy", "b.json").stdout == "no difference\n"
    # The same as another program makes of it, with what containers have by default.
    if profile is not ENGINES_FORMAT:
        (folder / "c.json").write_bytes(subprocess.check_output([sys.executable, expand, ENGINE, theirs]))
        default = ("CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_NET_BIND_SERVICE,CAP_SETFCAP,"
                   "CAP_SETGID,CAP_SETPCAP,CAP_SETUID,CAP_SYS_CHROOT")
        assert tool("diff", "--all", "--arch", ours, "--cap", default, "a.json", "c.json").stdout == "no difference\n"


def test_convert_refuses(tool, folder):
    (folder / "a.policy").write_text("=> ALLOW();\n$syscall == @read => KILL();\n")
    assert json.loads(tool("convert", "a.policy").stdout)["syscalls"] == []
    (folder / "b.policy").write_text("personality(personality not in (0, 8)) => KILL();\n=> ALLOW();\n")
    assert "b.policy:1:1: error: profiles cannot say this" in tool("convert", "b.policy", expect=2).stderr


# --- traces --------------------------------------------------------------------------------------

# Loads a filter; and becomes a program.
LOAD = """
import ctypes, os, sys
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("insns", ctypes.c_void_p)]
data = open(sys.argv[1], "rb").read()
libc = ctypes.CDLL(None, use_errno=True)
program = Program(len(data) // 8, ctypes.cast(ctypes.create_string_buffer(data, len(data)), ctypes.c_void_p))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
"""
UNDER = LOAD + "os.execvp(sys.argv[2], sys.argv[2:])"

# Makes calls by their numbers, with arguments that would get them nowhere, and prints the errors.
TRY = LOAD + """
answers = b""
for number in map(int, sys.argv[2:]):
    result = libc.syscall(number, -1, -1, -1, -1, -1, -1)
    answers += b"%d " % (result and ctypes.get_errno())
os.write(1, answers)
os._exit(0)
"""


def under(filter, *command, **more):
    return subprocess.run([sys.executable, "-c", UNDER, filter, *command], capture_output=True, text=True,
                          timeout=60, **more)


def traced(tool, folder, *command):
    """What it printed, and the filter that the trace gives."""
    done = tool("trace", "-o", "trace.policy", "--", *command)
    tool("compile", "trace.policy", "-o", "trace.bpf")
    return done.stdout, folder / "trace.bpf"


def denied(tool, *calls, tried_under=None):
    """By the policy; and by the kernel, under the filter."""
    numbers = []
    for call in calls:
        said = tool("explain", "trace.policy", call).stdout
        assert "ERRNO(EPERM)" in said, call
        numbers.append(re.search(r"\((\d+)\)", said)[1])
    if tried_under:
        done = subprocess.run([sys.executable, "-c", TRY, tried_under, *numbers], capture_output=True, text=True)
        assert done.stdout.split() == [str(errno.EPERM)] * len(calls), (done.stdout, done.stderr)


def test_trace_script(tool, folder):
    """A script with a child and a pipe."""
    script = folder / "script.sh"
    script.write_text("#!/bin/sh\nset -e\nls / | wc -l\necho text > out\ncat out\nrm out\n")
    script.chmod(0o755)
    printed, filter = traced(tool, folder, script)
    again = under(filter, script, cwd=folder)
    assert (again.returncode, again.stdout) == (0, printed)
    denied(tool, "mkdirat", "socket", "ptrace", "mount", "unshare", tried_under=filter)
    again = under(filter, "/bin/sh", "-c", "mkdir new", cwd=folder)
    assert again.returncode != 0 and not (folder / "new").exists()


def test_trace_python(tool, folder):
    """Threads and a socket; what it did not do, it may not."""
    work = ("import socket, threading, tempfile\n"
            "a, b = socket.socketpair()\n"
            "t = threading.Thread(target=lambda: a.sendall(b'hello'))\n"
            "t.start(); print(b.recv(5).decode()); t.join()\n")
    printed, filter = traced(tool, folder, "/usr/bin/python3", "-c", work)
    assert printed == "hello\n"
    again = under(filter, "/usr/bin/python3", "-c", work)
    assert (again.returncode, again.stdout) == (0, printed)
    denied(tool, "bind", "connect", "ptrace", "mount", "execveat", tried_under=filter)
    again = under(filter, "/usr/bin/python3", "-c", "import os; os.mkdir('new')", cwd=folder)
    assert "PermissionError" in again.stderr and not (folder / "new").exists()


def test_trace_arguments(tool, folder):
    tool("trace", "--arguments", "-o", "trace.policy", "--", "/usr/bin/python3", "-c",
         "import socket; socket.socket(socket.AF_UNIX).close()")
    assert "socket(family in (0x1)) => ALLOW();" in (folder / "trace.policy").read_text()
    assert "ALLOW()" in tool("explain", "trace.policy", "socket", "family=AF_UNIX").stdout
    assert "ERRNO(EPERM)" in tool("explain", "trace.policy", "socket", "family=AF_VSOCK").stdout


def test_trace_ends_as_the_program(tool):
    assert tool("trace", "-o", "/dev/null", "--", "/bin/sh", "-c", "exit 7", expect=7)
    assert tool("trace", "-o", "/dev/null", "--", "/bin/sh", "-c", "kill -9 $$", expect=137)
    assert "no such file" in tool("trace", "--", "/nowhere/at/all", expect=2).stderr
    assert "no action" in tool("trace", "--deny", "maybe", "--", "/bin/true", expect=2).stderr


SERVER = """
import fcntl, http.client, os, signal, socket, struct, subprocess, sys, threading, time
folder, *command = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # the network is ours alone: bring up its loopback
fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1 | 64))
server = subprocess.Popen(command, cwd=folder)
answers = []
def get(path):
    c = http.client.HTTPConnection("127.0.0.1", 8080, timeout=20)
    c.request("GET", path)
    r = c.getresponse()
    answers.append((r.status, len(r.read())))
for _ in range(400):
    try:
        get("/")
        break
    except OSError:
        time.sleep(0.05)
answers.clear()
def load():
    for i in range(100):
        get("/" if i % 10 else "/missing")
threads = [threading.Thread(target=load) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
server.terminate()
server.wait(30)
print(answers.count((200, 5000)), sum(1 for status, _ in answers if status == 404))
"""

CONFIG = """
daemon off; pid pid; error_log error.log; user root; worker_processes 2;
events { worker_connections 64; }
http { access_log access.log; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi;
server { listen 127.0.0.1:8080; root www; } }
"""


@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="nginx is not installed")
def test_trace_server(tool, folder, program):
    """nginx with two workers, 400 requests from four threads: traced, and again under what the trace gives.
    In a network namespace of its own."""
    (folder / "www").mkdir()
    (folder / "www/index.html").write_text("x" * 5000)
    (folder / "nginx.conf").write_text(CONFIG)
    nginx = ["/usr/sbin/nginx", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"]

    def serve(*command):
        done = subprocess.run(["unshare", "-n", sys.executable, "-c", SERVER, folder, *map(str, command)],
                              capture_output=True, text=True, timeout=120)
        assert done.stdout == "360 40\n", done.stderr

    serve(program, "seccomp", "trace", "-o", "trace.policy", "--", *nginx)
    tool("compile", "trace.policy", "-o", "trace.bpf")
    serve(sys.executable, "-c", UNDER, folder / "trace.bpf", *nginx)
    denied(tool, "ptrace", "mount", "unshare", "execveat", "mknodat", "init_module", "setns", "mkdirat", "bpf",
           "process_vm_readv", "userfaultfd", "keyctl", "perf_event_open", "pidfd_getfd", "open_by_handle_at",
           tried_under=folder / "trace.bpf")


# --- filters of processes ------------------------------------------------------------------------


def filters_of_ours():
    found = re.search(r"Seccomp_filters:\s*(\d+)", open("/proc/self/status").read())
    return int(found[1]) if found else 0


def test_dump(tool, folder):
    if filters_of_ours():
        pytest.skip("the kernel shows no filters to those who are under one")
    (folder / "a.policy").write_text("getppid() => ERRNO(ENOTDIR);\n=> ALLOW();\n")
    tool("compile", "a.policy", "-o", "a.bpf")
    child = subprocess.Popen([sys.executable, "-c", UNDER, folder / "a.bpf", "/bin/sleep", "100"])
    try:
        while "sleep" not in pathlib.Path(f"/proc/{child.pid}/comm").read_text():
            time.sleep(0.02)
        assert "return ERRNO(ENOTDIR)" in tool("dump", child.pid).stdout
        tool("dump", "-f", "raw", "-o", "b.bpf", child.pid)
        assert tool("diff", "--all", "a.policy", "b.bpf").stdout == "no difference\n"
        assert "no such filter" in tool("dump", "--index", "1", child.pid, expect=2).stderr
        status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
        assert re.search(r"^State:\t[RS]", status, re.M), "it goes on"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert "is under no filter" in tool("dump", os.getpid(), expect=2).stderr
