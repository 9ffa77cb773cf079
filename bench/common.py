"""What the benchmarks share: programs, bundles, the timer, the machine."""
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

CGROUP2 = "cgroup2 on /sys/fs/cgroup"
ENTER_CGROUP2 = """
umount -R -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"
"""


# Podman's default, for three architectures. crun caches the filter in its state folder, which stays
# for all rounds.
PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")
FILTERED = "run, filtered"


class Refused(Exception):
    """A program cannot do this here; the text is its own."""


# --- programs ------------------------------------------------------------------------------------


class Oci:
    """A runtime with the usual command line. All containers live below a folder of ours."""

    def __init__(self, name, program, work, bundle):
        self.name, self.bundle = name, bundle
        self.root = state_folder(work) / f"state-{name}"
        self.base = [str(program), "--root", str(self.root)]
        self.pid_file = str(work / f"pid-{name}")
        self.id = f"bench-{os.getpid()}-{name}"
        self.program = str(program)

    def command(self, *arguments):
        return [*self.base, *map(str, arguments)]

    def create(self, bundle):
        return self.command("create", "--bundle", bundle, "--pid-file", self.pid_file, self.id)

    def prepare(self, what):
        """What must be there while the rounds run."""
        if what == FILTERED and not (self.bundle / "filtered").exists():
            raise Refused(f"{PROFILE} is not there")
        if what in ("exec", "state", "list"):
            succeed(self.create(self.bundle / "pause"))
            succeed(self.command("start", self.id))

    def clean(self):
        """Whatever happened: nothing is left."""
        subprocess.run(self.command("delete", "--force", self.id), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.root, ignore_errors=True)
        reap()

    def steps(self, what):
        end = [("-", self.command("kill", self.id, "KILL")), ("wait", [self.pid_file]),
               ("-", self.command("delete", self.id))]
        return {
            "run": lambda: [("+", self.command("run", "--bundle", self.bundle / "true", self.id))],
            FILTERED: lambda: [("+", self.command("run", "--bundle", self.bundle / "filtered",
                                                  self.id))],
            "create": lambda: [("+", self.create(self.bundle / "pause")), *end],
            "start": lambda: [("-", self.create(self.bundle / "pause")),
                              ("+", self.command("start", self.id)), *end],
            "kill": lambda: [("-", self.create(self.bundle / "pause")),
                             ("-", self.command("start", self.id)),
                             ("+", end[0][1]), *end[1:]],
            "kill + delete": lambda: [("-", self.create(self.bundle / "pause")),
                                      ("-", self.command("start", self.id)),
                                      ("+", end[0][1]), end[1], ("+", end[2][1])],
            "exec": lambda: [("+", self.command("exec", self.id, "/bin/true"))],
            "state": lambda: [("+", self.command("state", self.id))],
            "list": lambda: [("+", self.command("list"))],
            "--version": lambda: [("+", [self.program, "--version"])],
        }[what]()


def installed(program, work):
    """A copy, as an installation makes one: what a linker has just written here and there lies in the
    page cache in small pieces, which costs each start a tenth of a millisecond or more."""
    folder = work / "installed"
    if not (folder / program.name).exists():
        folder.mkdir(exist_ok=True)
        shutil.copy(program, folder)
    return folder / program.name


def one_line(error):
    """The last line is the reason; of a logger's, its message."""
    line = str(error).splitlines()[-1].replace("|", "/")
    message = re.search(r'msg="(.*)"', line)
    return message.group(1) if message else line


def state_folder(work):
    """State lives in a tmpfs on real hosts (/run), so it does here."""
    for folder in ("/run", "/dev/shm"):
        if file_system(folder) == "tmpfs":
            return pathlib.Path(folder) / work.name
    return work


# --- processes -----------------------------------------------------------------------------------


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip()


def succeed(command):
    # A file, not a pipe: a container keeps it open, and we would wait for its end.
    with tempfile.TemporaryFile() as words:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=words, check=False)
        words.seek(0)
        said = words.read().decode(errors="replace").strip()
    if done.returncode != 0:
        raise Refused(said or f"status {done.returncode}")


def become_subreaper():
    """Processes of containers become our children, so that we can see that none is left."""
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def reap():
    for _ in range(2000):
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def version_of(program):
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else "?"


# --- bundles -------------------------------------------------------------------------------------


def make_bundles(options, work):
    """The default configuration with a program that ends, with one that waits, and, where an engine's
    default seccomp profile is installed, with that and the program that ends."""
    rootfs = work / "rootfs"
    for folder in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (rootfs / folder).mkdir(parents=True)
    for name in ("true", "pause"):
        shutil.copy(options.coracle.parent / "bench/guest", rootfs / "bin" / name)
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    for name in ("true", "pause"):
        make_bundle(options, work / name, rootfs, name)
    if PROFILE.exists():
        expanded = subprocess.run([ROOT / "tests/expand-seccomp", PROFILE], check=True,
                                  stdout=subprocess.PIPE).stdout
        make_bundle(options, work / "filtered", rootfs, "true",
                    json.loads(expanded)["linux"]["seccomp"])


def make_bundle(options, bundle, rootfs, name, seccomp=None):
    bundle.mkdir()
    succeed([str(options.coracle), "spec", "--bundle", str(bundle)])
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    config["process"]["args"] = [f"/bin/{name}"]
    config["root"]["path"] = str(rootfs)
    if seccomp:
        config["linux"]["seccomp"] = seccomp
    (bundle / "config.json").write_text(json.dumps(config, indent=2) + "\n")


# --- measuring -----------------------------------------------------------------------------------


def build(folder):
    if not (folder / "build.ninja").exists():
        sys.exit(f"bench: {folder} is no build folder")
    done = subprocess.run(["ninja", "-C", str(folder), "--quiet", "bench/floor", "bench/guest",
                           "bench/timer"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode != 0:
        sys.exit(done.stdout.decode(errors="replace"))


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def time_sides(timer, options, sides):
    """The timer's rounds: a dictionary for each side."""
    command = [timer, *map(str, options)]
    for steps in sides:
        command.append("::")
        for n, (kind, words) in enumerate(steps):
            command += [",", kind, *words] if n else [kind, *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return json.loads(done.stdout)["sides"]


# --- where ---------------------------------------------------------------------------------------


def host_arrangement():
    if file_system("/sys/fs/cgroup") == "cgroup2fs":
        return CGROUP2
    return "v1 and v2 (hybrid)" if os.path.exists("/sys/fs/cgroup/unified/cgroup.procs") else "v1"


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return f"Linux {platform.release()}, {os.cpu_count()} × {model}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(map(str, r)) + " |" for r in rows]
