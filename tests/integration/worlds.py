#!/usr/bin/env python3
"""worlds.py WORLD… [-- PYTEST-ARGUMENT…] — runs the suite in worlds, one after the other.

A world is a set of privileges, cgroups and kernel features that users run us in. The whole of
pytest runs inside it, in namespaces of its own, so that nothing on the host changes. Each world
prints what makes it different, and fails if it is not.

  root         the machine as it is, as root
  v2           cgroup2 alone on /sys/fs/cgroup, in a private mount namespace
  v1           cgroup v1 hierarchies alone: those of the machine, or all that it lets us mount
  user         an ordinary user with subordinate ids and a delegated cgroup2
  user-single  an ordinary user without subordinate ids, without a cgroup of its own
  nested       root in a user namespace, with pid, network and cgroup namespaces, as in a container
  oldkernel    root, on a kernel that seems to be 5.10: a seccomp filter refuses what came later

With more than one world, a test that was skipped in all of them is a failure, unless skips.txt
lists it. --junit-xml FILE holds the results of all worlds."""
import ctypes
import errno
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

HERE = pathlib.Path(__file__).resolve().parent
WORLDS = ("root", "v2", "v1", "user", "user-single", "nested", "oldkernel")
HERE_ONLY = "here"  # whoever runs pytest, wherever: nothing is entered, nothing is verified
VARIABLE = "CORACLE_WORLD"

USER, USER_NAME = 54321, "coracle-test"
SUBIDS, N_SUBIDS = 3000000, 65536
NESTED_IDS = 4000000

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWTIME, CLONE_NEWNS, CLONE_NEWCGROUP = 0x80, 0x20000, 0x2000000
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x4000000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED = 4096, 16384, 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2
CGROUP2_MAGIC = 0x63677270


def checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source, target, fstype=None, flags=0, data=None):
    encode = lambda s: None if s is None else str(s).encode()
    checked(libc.mount(encode(source), encode(target), encode(fstype), ctypes.c_ulong(flags),
                       encode(data)), f"mount on {target}")


def umount(target, flags=MNT_DETACH):
    checked(libc.umount2(str(target).encode(), flags), f"unmount {target}")


def unshare(flags):
    checked(libc.unshare(flags), f"unshare {flags:#x}")


def prctl(option, *arguments):
    return checked(libc.prctl(option, *(ctypes.c_ulong(a) for a in arguments)), f"prctl {option}")


def syscall(*arguments):
    """Returns the value, or the negative errno."""
    result = libc.syscall(*(a if isinstance(a, (bytes, ctypes.Array)) or a is None
                            else ctypes.c_long(a) for a in arguments))
    return result if result >= 0 else -ctypes.get_errno()


# --- what a world looks like from inside ----------------------------------------------------------

SYS = {
    "x86_64": {"seccomp": 317, "memfd_create": 319, "clone3": 435, "close_range": 436,
               "mount_setattr": 442, "mount": 165, "read": 0, "close": 3, "accept4": 288,
               "execve": 59, "execveat": 322},
    "aarch64": {"seccomp": 277, "memfd_create": 279, "clone3": 435, "close_range": 436,
                "mount_setattr": 442, "mount": 40, "read": 63, "close": 57, "accept4": 242,
                "execve": 221, "execveat": 281},
}[os.uname().machine]
LSM_SET_SELF_ATTR = 460
FIRST_UNKNOWN = 440  # process_madvise came with 5.10; what has a higher number came later
CLOSE_RANGE_CLOEXEC, MFD_NOEXEC_SEAL, MFD_EXEC = 4, 8, 16


def answer(result):
    return "works" if result >= 0 else errno.errorcode[-result]


def filesystem_type(path):
    """The type of the topmost mount at path, or ""."""
    found = ""
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        if left.split()[4] == path:
            found = right.split()[0]
    return found


def cgroup_arrangement():
    top = filesystem_type("/sys/fs/cgroup")
    if top == "cgroup2":
        return "unified"
    if filesystem_type("/sys/fs/cgroup/unified") == "cgroup2":
        return "hybrid"
    return "v1" if top else "none"


def own_cgroup():
    """The directory of our own cgroup in the v2 hierarchy, or None."""
    where = {"unified": "/sys/fs/cgroup", "hybrid": "/sys/fs/cgroup/unified"}
    base = where.get(cgroup_arrangement())
    for line in open("/proc/self/cgroup"):
        if base and line.startswith("0::"):
            return pathlib.Path(base + line[3:].rstrip("\n"))
    return None


def systemd_folder():
    """Where our systemd has its sockets, the machine's or our user's; None if there is none."""
    folder = "/run" if os.geteuid() == 0 else f"/run/user/{os.getuid()}"
    return folder if os.path.exists(f"{folder}/systemd/private") else None


def subordinate_ids():
    """How many ids /etc/subuid gives us."""
    name = str(os.getuid())
    try:
        for line in open("/etc/passwd"):
            if line.split(":")[2] == name:
                name = line.split(":")[0]
        return sum(int(line.split(":")[2]) for line in open("/etc/subuid")
                   if line.split(":")[0] in (name, str(os.getuid())))
    except OSError:
        return 0


def fingerprint():
    """What tells worlds apart, by trying."""
    status = open("/proc/self/status").read()
    cgroup = own_cgroup()
    range_closed = syscall(SYS["close_range"], 1 << 30, (1 << 30) + 1, CLOSE_RANGE_CLOEXEC)
    memfd = syscall(SYS["memfd_create"], b"probe", MFD_EXEC)
    if memfd >= 0:
        os.close(memfd)
    attribute = syscall(SYS["mount_setattr"], -1, b"", 0, None, 0)
    return {
        "user": os.geteuid(),
        "own user namespace": not re.match(r"\s*0\s+0\s+4294967295$",
                                           open("/proc/self/uid_map").read().rstrip()),
        "capabilities": re.search(r"CapEff:\s*(\w+)", status)[1],
        "cgroups": cgroup_arrangement(),
        "own cgroup writable": cgroup is not None and os.access(cgroup, os.W_OK),
        "subordinate ids": subordinate_ids() if os.geteuid() else 0,
        # Nonsense arguments: a kernel that knows the call does not answer ENOSYS.
        "mount_setattr": "missing" if attribute == -errno.ENOSYS else "works",
        "close_range CLOEXEC": answer(range_closed),
        "memfd MFD_EXEC": answer(memfd),
    }


DIFFERENCES = {
    "root": {"user": 0, "own user namespace": False, "mount_setattr": "works"},
    "v2": {"user": 0, "own user namespace": False, "cgroups": "unified", "mount_setattr": "works"},
    "v1": {"user": 0, "own user namespace": False, "cgroups": "v1", "mount_setattr": "works"},
    "user": {"user": USER, "subordinate ids": N_SUBIDS, "cgroups": "unified",
             "own cgroup writable": True, "capabilities": "0" * 16},
    "user-single": {"user": USER, "subordinate ids": 0, "own cgroup writable": False,
                    "capabilities": "0" * 16},
    "nested": {"user": 0, "own user namespace": True, "cgroups": "unified",
               "own cgroup writable": True},
    "oldkernel": {"user": 0, "own user namespace": False, "mount_setattr": "missing",
                  "close_range CLOEXEC": "EINVAL", "memfd MFD_EXEC": "EINVAL"},
}


def verify(name):
    """The fingerprint; raises if this is not the world it claims to be."""
    found = fingerprint()
    if name == HERE_ONLY:
        return found
    wrong = {k: found[k] for k, v in DIFFERENCES[name].items() if found[k] != v}
    if wrong:
        raise RuntimeError(f"this is not the world {name!r}: it should have {DIFFERENCES[name]}, "
                           f"but has {wrong}")
    return found


# --- making worlds --------------------------------------------------------------------------------


class World:
    """Enters a world in a child process. What it needs outside is made before and removed after."""

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"coracle-{name}-")
        self.cgroup = None
        os.chmod(self.folder, 0o755)

    def private_mounts(self):
        unshare(CLONE_NEWNS)
        mount(None, "/", None, MS_REC | MS_PRIVATE)

    def unified_cgroups(self):
        if filesystem_type("/sys/fs/cgroup"):
            umount("/sys/fs/cgroup")
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def delegated_cgroup(self, uid):
        """A cgroup that uid may divide; this process goes into a leaf of it."""
        self.cgroup.mkdir()
        leaf = self.cgroup / "pytest"
        leaf.mkdir()
        for folder in (self.cgroup, leaf):
            for entry in (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
                os.chown(folder / entry, uid, uid)
        (leaf / "cgroup.procs").write_text("0")

    def identity(self, subids):
        """A user database of this mount namespace."""
        files = {
            "passwd": f"root:x:0:0:root:/root:/bin/sh\n"
                      f"{USER_NAME}:x:{USER}:{USER}::{self.folder}:/bin/sh\n",
            "group": f"root:x:0:\n{USER_NAME}:x:{USER}:\n",
            "subuid": f"{USER_NAME}:{SUBIDS}:{N_SUBIDS}\n" if subids else "",
            "subgid": f"{USER_NAME}:{SUBIDS}:{N_SUBIDS}\n" if subids else "",
        }
        for name, content in files.items():
            path = pathlib.Path(self.folder, name)
            path.write_text(content)
            mount(path, f"/etc/{name}", None, MS_BIND)

    def become_user(self):
        home = pathlib.Path(self.folder, "home")
        home.mkdir()
        os.chown(home, USER, USER)
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        os.environ.update(HOME=str(home), USER=USER_NAME, TMPDIR=str(home),
                          XDG_RUNTIME_DIR=str(home), PATH="/usr/local/bin:/usr/bin:/bin")

    def enter_root(self):
        # Of its own, so that what others mount meanwhile is not taken for ours. The propagation
        # stays what the machine has.
        unshare(CLONE_NEWNS)

    def enter_v2(self):
        self.private_mounts()
        self.unified_cgroups()

    def enter_v1(self):
        self.private_mounts()
        if filesystem_type("/sys/fs/cgroup/unified"):
            umount("/sys/fs/cgroup/unified")
            return
        # What cgroup v2 does not use, the freezer and the devices among it.
        names = [line.split()[0] for line in open("/proc/cgroups") if not line.startswith("#")]
        mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        for name in names:
            folder = pathlib.Path("/sys/fs/cgroup", name)
            folder.mkdir()
            try:
                mount("cgroup", folder, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, name)
            except OSError:
                folder.rmdir()

    def enter_user(self):
        self.private_mounts()
        self.unified_cgroups()
        self.delegated_cgroup(USER)
        self.identity(subids=True)
        self.become_user()

    def enter_user_single(self):
        self.private_mounts()
        self.identity(subids=False)
        self.become_user()

    def enter_nested(self):
        self.private_mounts()
        self.unified_cgroups()
        self.delegated_cgroup(NESTED_IDS)
        # The delegated cgroup is the root of what is seen from here on.
        (self.cgroup / "cgroup.procs").write_text("0")
        unshare(CLONE_NEWCGROUP)
        self.unified_cgroups()
        pathlib.Path("/sys/fs/cgroup/pytest/cgroup.procs").write_text("0")
        home = pathlib.Path(self.folder, "home")
        home.mkdir()
        os.chown(home, NESTED_IDS, NESTED_IDS)
        os.environ.update(HOME=str(home), TMPDIR=str(home), XDG_RUNTIME_DIR=str(home))
        # The maps are written by a process that stays outside.
        asked, ask = os.pipe()
        done, tell = os.pipe()
        parent = os.getpid()
        helper = os.fork()
        if helper == 0:
            os.read(asked, 1)
            for kind in ("uid", "gid"):
                with open(f"/proc/{parent}/{kind}_map", "w") as f:
                    f.write(f"0 {NESTED_IDS} 65536\n")
            os.write(tell, b"x")
            os._exit(0)
        unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS
                | CLONE_NEWIPC)
        os.write(ask, b"x")
        os.read(done, 1)
        os.waitpid(helper, 0)
        for fd in (asked, ask, done, tell):
            os.close(fd)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        child = os.fork()  # the first process of the pid namespace
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        mount(None, "/", None, MS_REC | MS_SLAVE)
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def enter_oldkernel(self):
        """What a filter cannot imitate, since it sees no memory: clone3 without CLONE_INTO_CGROUP
        (every kernel that we support has it), and a cgroup2 without cgroup.kill."""
        load, equal, masked, deny, allow = 0x20, 0x15, 0x45, 0x50000, 0x7fff0000
        unshare(CLONE_NEWNS)
        program = [(load, 0, 0, 0)]  # the number of the system call

        def refuse_flags(call, argument, flags):
            program.extend([(equal, 0, 3, SYS[call]), (load, 0, 0, 16 + 8 * argument),
                            (masked, 0, 1, flags), (6, 0, 0, deny | errno.EINVAL),
                            (load, 0, 0, 0)])

        refuse_flags("close_range", 2, CLOSE_RANGE_CLOEXEC)
        refuse_flags("memfd_create", 1, MFD_EXEC | MFD_NOEXEC_SEAL)
        program.extend([(0x35, 0, 1, FIRST_UNKNOWN + 1), (6, 0, 0, deny | errno.ENOSYS),
                        (6, 0, 0, allow)])
        code = b"".join(struct.pack("=HBBI", *line) for line in program)
        buffer = ctypes.create_string_buffer(code)
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
        result = syscall(SYS["seccomp"], 1, 0, header)
        if result < 0:
            raise OSError(-result, "seccomp")

    def run(self, command):
        if self.name in ("user", "nested"):
            base = {"unified": "/sys/fs/cgroup", "hybrid": "/sys/fs/cgroup/unified"}
            outside = pathlib.Path(base[cgroup_arrangement()])
            name = f"coracle-world-{os.getpid()}"
            self.cgroup = pathlib.Path("/sys/fs/cgroup", name)
        child = os.fork()
        if child == 0:
            try:
                getattr(self, "enter_" + self.name.replace("-", "_"))()
                os.environ[VARIABLE] = self.name
                os.execvp(command[0], command)
            except OSError as error:
                print(f"world {self.name}: {error}", file=sys.stderr)
                os._exit(3)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            if self.cgroup:
                for folder in sorted(outside.glob(f"{name}/**/"), reverse=True):
                    folder.rmdir()
            shutil.rmtree(self.folder, ignore_errors=True)


# --- running worlds -------------------------------------------------------------------------------


def pytest_command(arguments):
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]


def listed_skips():
    """Tests that may be skipped everywhere: name → reason."""
    skips = {}
    for line in (HERE / "skips.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            if not reason.strip():
                raise ValueError(f"skips.txt: {name} has no reason")
            skips[name] = reason.strip()
    return skips


def skipped_everywhere(results):
    """results: world → {test: outcome}. The tests that no world showed and skips.txt does not list."""
    listed = listed_skips()
    tests = {}
    for outcomes in results.values():
        for test, outcome in outcomes.items():
            tests.setdefault(test, set()).add(outcome)
    plain = lambda test: test.split("[")[0]
    missing = [t for t, seen in tests.items()
               if seen == {"skipped"} and t not in listed and plain(t) not in listed]
    return missing


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    more, names = [], arguments
    if "--" in arguments:
        at = arguments.index("--")
        names, more = arguments[:at], arguments[at + 1:]
    junit = None
    if names and names[0].startswith("--junit-xml="):
        junit, names = names[0].split("=", 1)[1], names[1:]
    elif names and names[0] == "--junit-xml":
        junit, names = names[1], names[2:]
    if names == ["all"]:
        names = list(WORLDS)
    unknown = [n for n in names if n not in WORLDS]
    if unknown:
        sys.exit(f"worlds.py: no such world: {' '.join(unknown)} (of {' '.join(WORLDS)})")

    merged, results, code = ET.Element("testsuites"), {}, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        for name in names:
            print(f"== world {name}", flush=True)
            report = pathlib.Path(folder, name + ".xml")
            arguments = more or [str(HERE)]
            done = subprocess.run(pytest_command([f"--world={name}", f"--junit-xml={report}",
                                                  *arguments]))
            code = max(code, 1 if done.returncode else 0)
            results[name] = {}
            try:
                suite = ET.parse(report).getroot()
            except (OSError, ET.ParseError) as error:
                print(f"FAILED world {name}: no result: {error}")
                code = 1
                continue
            for case in suite.iter("testcase"):
                outcome = ({c.tag for c in case} & {"failure", "error", "skipped"}) or {"passed"}
                results[name][case.get("classname") + "::" + case.get("name")] = outcome.pop()
                case.set("name", f"{case.get('name')} [{name}]")
            merged.extend(suite.iter("testsuite"))
    if len(names) > 1:
        for test in skipped_everywhere(results):
            print(f"FAILED {test}: skipped in every world, and not in skips.txt")
            suite = ET.SubElement(merged, "testsuite", name="worlds")
            case = ET.SubElement(suite, "testcase", classname="worlds", name=test)
            ET.SubElement(case, "failure", message="skipped in every world")
            code = 1
    if junit:
        ET.ElementTree(merged).write(junit, encoding="utf-8", xml_declaration=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
