"""What a test may not leave behind: a snapshot before it and one after it, compared.

Pytest is a subreaper, so every process that a test started and lost is its child: one system call
tells whether there is any. The rest are a few small files of /proc and a walk over the cgroups. Other
suites may run on the machine at the same time: cgroups, state directories and sockets count only
if their name or path holds our marker, which is part of every container's id."""
import errno
import os
import pathlib
import signal
import time

CGROUPS = "/sys/fs/cgroup"
DEFAULT_ROOTS = ("/run/coracle", f"/tmp/coracle-{os.getuid()}")
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts")


def reap():
    """Takes the exit status of children that have ended. Returns whether any still runs."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def processes():
    """All living processes: pid → (parent, command line)."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as f:
                after = f.read().rpartition(")")[2].split()
            with open(f"/proc/{name}/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if after[0] != "Z":
            found[int(name)] = (int(after[1]), command)
    return found


def descendants():
    """Our descendants: pid → command line."""
    everything, found = processes(), {}

    def is_ours(pid):
        seen = 0
        while pid in everything and seen < 100:
            pid, seen = everything[pid][0], seen + 1
            if pid == os.getpid():
                return True
        return False

    for pid, (_, command) in everything.items():
        if is_ours(pid):
            found[pid] = command
    return found


def namespaces_of(pid):
    found = {}
    for kind in NAMESPACES:
        try:
            found[kind] = os.readlink(f"/proc/{pid}/ns/{kind}")
        except OSError:
            pass
    return found


def foreign_namespaces(pids):
    """Namespaces of these processes that are not ours."""
    own = set(namespaces_of("self").values())
    return {link for pid in pids for link in namespaces_of(pid).values()} - own


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass  # the one of this listing
    return found


def folders(top, marker):
    """Folders below top whose path holds the marker."""
    found, stack = set(), [top]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as entries:
                children = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        stack += children
        found.update(c for c in children if marker in c)
    return found


def read_lines(path):
    with open(path, errors="replace") as f:
        return f.read().splitlines()


class Snapshot:
    def __init__(self, marker, state_root=None):
        self.marker, self.state_root = marker, state_root
        self.running = reap()
        with open("/proc/self/mountinfo") as f:
            self.mounts = f.read()
        self.cgroups = folders(CGROUPS, marker)
        self.state = self.state_entries()
        self.sockets = {line.split(None, 7)[7] for line in read_lines("/proc/net/unix")
                        if marker in line}
        self.own_namespaces = namespaces_of("self")
        self.fds = descriptors()
        self.cwd = os.getcwd()

    def state_entries(self):
        found = set()
        roots = [(r, True) for r in DEFAULT_ROOTS]
        if self.state_root:
            roots.append((self.state_root, False))
        for root, shared in roots:
            try:
                found.update(os.path.join(root, name) for name in os.listdir(root)
                             if not shared or self.marker in name)
            except OSError:
                pass
        return found

    def leaks(self, before):
        """What is here now and was not there before: a list of lines, empty if all is well."""
        found = []
        if self.running:
            left = descendants()
            found += [f"process {pid}: {command}" for pid, command in left.items()]
            found += [f"namespace {link}" for link in sorted(foreign_namespaces(left))]
            # One that ended between the two looks is no longer there to be found.
            if not left and reap():
                found.append("a process that could not be found")
        if self.mounts != before.mounts:
            old, new = before.mounts.splitlines(), self.mounts.splitlines()
            found += [f"mount {line}" for line in new if line not in old]
            found += [f"lost mount {line}" for line in old if line not in new]
        found += [f"cgroup {path}" for path in sorted(self.cgroups - before.cgroups)]
        found += [f"state {path}" for path in sorted(self.state - before.state)]
        found += [f"socket {path}" for path in sorted(self.sockets - before.sockets)]
        if self.own_namespaces != before.own_namespaces:
            found.append(f"the tests are in other namespaces: {self.own_namespaces}")
        found += [f"descriptor {fd} → {target}" for fd, target in self.fds.items()
                  if before.fds.get(fd) != target]
        if self.cwd != before.cwd:
            found.append(f"working directory {self.cwd}")
        return found


def clean_up(before):
    """Removes by force what a failed test left, so that the next one starts clean."""
    deadline = time.monotonic() + 5
    while reap() and time.monotonic() < deadline:
        for path in folders(CGROUPS, before.marker):
            for name, value in (("cgroup.freeze", "0"), ("freezer.state", "THAWED")):
                try:
                    pathlib.Path(path, name).write_text(value)
                except OSError:
                    pass
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.01)
    for path in sorted(folders(CGROUPS, before.marker), reverse=True):
        for _ in range(100):
            try:
                os.rmdir(path)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    time.sleep(0.01)
                    continue
            break
    old = before.mounts.splitlines()
    for line in reversed(read_lines("/proc/self/mountinfo")):
        if line not in old:
            os.system(f"umount -l '{line.split()[4]}' 2>/dev/null")
    os.chdir(before.cwd)
