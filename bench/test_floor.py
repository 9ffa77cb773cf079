"""The floor must do what `coracle run` does: a floor that skips a mount is lower than the ground.

Both run under strace; the kernel's work is taken out of both traces as a multiset (mounts with what
they go on, namespaces, cgroups, devices, credentials, limits, the exec), and the two must be equal.
What is no work for the container but ours alone is in two lists: NO_WORK, whole system calls for
memfds, the conversation with init, lookups and reads; and OURS, calls of the other kind.

    CORACLE=BUILD/coracle python3 -m pytest bench/test_floor.py"""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest

CORACLE = pathlib.Path(os.environ.get("CORACLE", "build/coracle")).resolve()
FLOOR = CORACLE.parent / "bench/floor"
GUEST = CORACLE.parent / "bench/guest"

CGROUP2 = ("umount -R -l /sys/fs/cgroup 2>/dev/null; "
           "mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\"")

# Memory and descriptors; looking and reading; memfds; the conversation; waiting. All others are
# work, and compared with their arguments, whether the lists of this file know them or not.
NO_WORK = {
    "arch_prctl", "brk", "close", "close_range", "dup", "dup3", "fcntl", "flock", "madvise", "mmap", "mprotect",
    "munmap", "rt_sigaction", "rt_sigprocmask", "set_robust_list", "set_tid_address", "rseq",
    "capget", "clock_gettime", "exit", "exit_group", "faccessat2", "fstat", "fstatfs", "getcwd",
    "getdents64", "getegid", "geteuid", "getgid", "getpid", "getppid", "getuid", "lseek",
    "newfstatat", "openat", "openat2", "pread64", "read", "readlinkat", "statfs", "statx",
    "ftruncate", "memfd_create", "pwrite64", "write",
    "accept4", "bind", "connect", "listen", "recvmsg", "sendmsg", "setsockopt", "socketpair",
    "pidfd_open", "poll", "ppoll", "signalfd4", "wait4", "waitid",
}

# What protects, names and serves a second program; questions; renaming into the state directory; the
# modes of cgroups, for callers with another umask; the working directory, which the pivot leaves at
# the root already. Namespaces are compared by what is new, whether by clone3, unshare, or in a process
# of its own that init joins.
OURS = re.compile(r"prctl\(PR_(SET_PDEATHSIG|SET_DUMPABLE|SET_NAME|CAPBSET_READ)"
                  r"|execveat\(FD init"
                  r"|prlimit64\(0, RLIMIT_\w+, NULL"
                  r"|setns\("
                  r"|fchmodat\(AT_FDCWD, \"/sys/fs/cgroup/"
                  r"|renameat2\(\w+, \"\.state"
                  r"|fchdir\(")


# --- traces --------------------------------------------------------------------------------------

LINE = re.compile(r"^(\d+) +(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)$")


def calls(text):
    """(pid, name, arguments, result) of every call, interrupted ones put together, in the order of
    their ends."""
    pending = {}
    for line in text.splitlines():
        pid, rest = LINE.match(line).groups()
        if rest.endswith("<unfinished ...>"):
            pending[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"^<\.\.\. \w+ resumed>(.*)$", rest)
        if resumed:
            rest = pending.pop(pid) + resumed.group(1)
        call = CALL.match(rest)
        if call:
            name, arguments, result, _ = call.groups()
            number = None if result == "?" else int(result, 16 if "x" in result else 10)
            yield pid, name, arguments, number


def split(arguments):
    """Arguments at the commas that stand in no bracket or string."""
    parts, depth, start, quoted = [], 0, 0, False
    for n, c in enumerate(arguments):
        if c == '"' and arguments[n - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (c in "[{(") - (c in ")}]")
            if c == "," and depth == 0:
                parts.append(arguments[start:n].strip())
                start = n + 1
    return [*parts, arguments[start:].strip()]


class Names:
    """What the descriptors of each process stand for, since their numbers differ."""

    def __init__(self):
        self.of = collections.defaultdict(dict)

    def get(self, pid, number):
        return self.of[pid].get(number, "FD")

    def path(self, pid, directory, path):
        """A path below a descriptor, without needless slashes."""
        path = path.strip('"').strip("/") or "/"
        if directory in ("AT_FDCWD", "") or path.startswith("/sys"):
            return path
        base = self.get(pid, directory)
        return path if base in ("root", "FD") else f"{base}/{path}"

    def learn(self, pid, name, arguments, result):
        own = self.of[pid]
        a = split(arguments)
        if name == "openat":
            own[str(result)] = self.path(pid, a[0], a[1])
        elif name == "openat2":
            own[str(result)] = self.path(pid, a[0], a[1])
        elif name == "fsopen":
            own[str(result)] = a[0].strip('"')
        elif name == "fsmount":
            own[str(result)] = f"new {self.get(pid, a[0])}"
        elif name == "open_tree":
            rootfs = a[0] == "AT_FDCWD"
            own[str(result)] = "root" if rootfs else f"copy of {self.get(pid, a[0])}"


# --- the work ------------------------------------------------------------------------------------

# Which arguments are descriptors.
FD_ARGUMENTS = {"fsconfig": [0], "fsmount": [0], "move_mount": [0, 2], "open_tree": [0],
                "mount_setattr": [0], "mkdirat": [0], "mknodat": [0], "symlinkat": [1],
                "unlinkat": [0], "setns": [0], "ioctl": [0], "execveat": [0]}


def clean(text, secrets):
    for old, new in secrets:
        text = text.replace(old, new)
    text = re.sub(r"0x7f[0-9a-f]{6,}|0x[0-9a-f]{6,}(?= /\*)", "ADDRESS", text)
    return re.sub(r"(target_fd|attach_bpf_fd)=\d+", r"\1=N", text)


def describe(names, pid, name, arguments, secrets):
    a = split(arguments)
    for n in FD_ARGUMENTS.get(name, []):
        a[n] = names.get(pid, a[n]) if a[n].isdigit() else a[n]
    if name in ("mkdirat", "mknodat", "unlinkat"):
        # Where it is, however the two got there.
        directory = split(arguments)[0]
        a[:2] = [names.path(pid, directory, a[1])]
    elif name == "symlinkat":
        a = [a[0], names.path(pid, split(arguments)[1], a[2])]
    elif name == "sched_setaffinity":
        a[0] = "PID"
    elif name == "execveat" and a[1] == '""':
        a = ["FD init"]
    elif name in ("execve", "execveat"):
        a = [part for part in a if part.startswith(('"', "["))]
        a = a[:2]
    elif name == "setgroups":
        a[1] = "[]" if a[0] == "0" else a[1]
    return clean(f"{name}({', '.join(a)}", secrets)


def work(trace, secrets, skip):
    """The multiset. @skip: paths of ours, by a part of their names."""
    names, found, done = Names(), collections.Counter(), set()
    first = None
    for pid, name, arguments, result in calls(trace):
        first = first or pid
        if result is None or result < 0 or pid in done:
            continue
        if name not in NO_WORK:
            if name in ("clone3", "unshare"):
                found.update(re.findall(r"CLONE_(?:NEW|INTO_)\w+", arguments))
                continue
            text = describe(names, pid, name, arguments, secrets)
            is_start = name == "execve" and pid == first and "/bin/true" not in text
            if not is_start and not OURS.match(text) and not any(s in text for s in skip):
                found[text] += 1
            if name.startswith("execve") and '"/bin/true"' in text:
                done.add(pid)
        names.learn(pid, name, arguments, result)
    return found


# --- running -------------------------------------------------------------------------------------


def trace(tmp_path, arrangement, *command):
    output = tmp_path / "trace"
    command = ["strace", "-f", "-v", "-qq", "-s", "4096", "-e", "signal=none", "-o", str(output),
               *map(str, command)]
    if arrangement == "cgroup2":
        command = ["unshare", "-m", "sh", "-c", CGROUP2, "sh", *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return output.read_text(errors="replace")


@pytest.fixture(name="bundle")
def make_bundle(tmp_path):
    """The default configuration with /bin/true, where it can run."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for tool in ("strace", "unshare", "ninja"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing")
    subprocess.run(["ninja", "-C", str(CORACLE.parent), "--quiet", "bench/floor", "bench/guest"],
                   check=True, stdout=subprocess.PIPE)
    rootfs = tmp_path / "bundle/rootfs"
    for folder in ("bin", "dev", "etc", "proc", "sys"):
        (rootfs / folder).mkdir(parents=True)
    shutil.copy(GUEST, rootfs / "bin/true")
    bundle = tmp_path / "bundle"
    subprocess.run([CORACLE, "spec", "--bundle", bundle], check=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/true"]}
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


@pytest.mark.parametrize("arrangement", ["host", "cgroup2"])
def test_floor_does_what_run_does(tmp_path, bundle, arrangement):
    marker = f"floor{uuid.uuid4().hex[:8]}"
    state, rootfs = tmp_path / "state", bundle / "rootfs"
    secrets = [(str(rootfs), "ROOTFS"), (marker, "ID")]
    # In /coracle of the hierarchy other containers may be: the parent is made only by the first.
    skip = [str(state).strip("/"), "/coracle AT_REMOVEDIR", "/coracle, AT_REMOVEDIR",
            "/coracle, 0755", '/coracle", 0755']
    ours = work(trace(tmp_path, arrangement, CORACLE, "--root", state, "run", "--bundle", bundle,
                      marker), secrets, skip)
    floor = work(trace(tmp_path, arrangement, FLOOR, rootfs, marker), secrets, skip)
    assert sum(floor.values()) > 100, "the traces were not understood"
    assert dict(ours - floor) == {}, "coracle does what the floor does not"
    assert dict(floor - ours) == {}, "the floor does what coracle does not"


def test_a_skipped_mount_is_seen(tmp_path, bundle):
    """The comparison itself: without one call of the trace it must fail."""
    marker = f"floor{uuid.uuid4().hex[:8]}"
    text = trace(tmp_path, "host", FLOOR, bundle / "rootfs", marker)
    secrets = [(str(bundle / "rootfs"), "ROOTFS"), (marker, "ID")]
    whole = work(text, secrets, [])
    for name in ("move_mount", "mknodat", "capset", "bpf", "sethostname", "prctl(PR_CAPBSET_DROP"):
        lines = text.splitlines()
        at = next(n for n, line in enumerate(lines) if f" {name}" in line)
        del lines[at]
        assert whole - work("\n".join(lines), secrets, []), name
