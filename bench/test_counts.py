"""What each command costs in system calls and in instructions, which repeat where time does not: no
more than counts.json says. Whoever makes a command cost more on purpose, or less, changes the record
in the same commit:

    CORACLE=BUILD/coracle COUNTS=update python3 -m pytest bench/test_counts.py

System calls are those of all our processes up to the exec of the program, with cgroup2, by strace; for
the kernel in the record, since others have other calls. Instructions are the host half's own, by
callgrind, for the compiler in the record."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import uuid

import pytest

from test_floor import CGROUP2, CORACLE, make_bundle  # noqa: F401 (a fixture)

RECORD = pathlib.Path(__file__).with_name("counts.json")
FACTS = pathlib.Path(__file__).parent.parent / "tests/golden/facts.json"
UPDATE = os.environ.get("COUNTS") == "update"
REPEATS = 3  # the least counts
# Who waits for another process may look more than once; and if the host half overtakes the maker of
# the network namespace (host/netns.c), it makes some calls more.
SLACK = {"run": 10, "create": 10, "start": 2, "exec": 8, "delete": 2}
TOLERANCE = 1.03  # of instructions
PATHS = 400  # instructions: paths and the version differ in length from machine to machine

BEGUN = re.compile(r"^(\d+) +(\w+)\(")


def record():
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def compare(kind, name, count, tolerance=1.0, slack=0):
    known = record()
    if UPDATE:
        known.setdefault(kind, {})[name] = count
        RECORD.write_text(json.dumps(known, indent="\t", sort_keys=True) + "\n")
        return
    limit = known[kind][name]
    assert count <= limit * tolerance + slack, f"{name}: {count} {kind}, where the record has {limit}"
    if count * tolerance + slack < limit:
        print(f"{name}: {count} {kind}; the record still has {limit}")


def expect(key, value):
    """The record holds for this machine only."""
    known = record()
    if UPDATE:
        known[key] = value
        RECORD.write_text(json.dumps(known, indent="\t", sort_keys=True) + "\n")
    elif known[key] != value:
        pytest.skip(f"the record is for {key} {known[key]}, this is {value}")


# --- system calls --------------------------------------------------------------------------------


def count(text):
    """Calls up to the exec of /bin/true in each process."""
    total, inside = 0, set()
    for line in text.splitlines():
        call = BEGUN.match(line)
        if not call or call[1] in inside:
            continue
        total += 1
        if call[2].startswith("execve") and '["/bin/true"]' in line:
            inside.add(call[1])
    return total


class Traced:
    def __init__(self, tmp_path, bundle):
        self.bundle, self.output = bundle, tmp_path / "trace"
        self.base = [str(CORACLE), "--root", str(tmp_path / "state")]
        self.id = f"counts{uuid.uuid4().hex[:8]}"

    def command(self, *args, traced=False):
        command = [*self.base, *map(str, args)]
        if traced:
            command = ["strace", "-f", "-qq", "-s", "256", "-e", "signal=none", "-o",
                       str(self.output), *command]
        return ["unshare", "-m", "sh", "-c", CGROUP2, "sh", *command]

    def plain(self, *args):
        subprocess.run(self.command(*args), check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=60)

    def trace(self, *args):
        subprocess.run(self.command(*args, traced=True), check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=60)
        return count(self.output.read_text(errors="replace"))

    def trace_create(self, *args):
        """Init stays, and strace with it: until it waits for start."""
        process = subprocess.Popen(self.command(*args, traced=True), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        text = ""
        while not re.search(r"^\d+ +accept4\(", text, re.M) and time.monotonic() < end:
            time.sleep(0.02)
            text = self.output.read_text(errors="replace") if self.output.exists() else ""
        while time.monotonic() < end and not self.is_created():
            time.sleep(0.02)
        text = self.output.read_text(errors="replace")
        self.plain("delete", "--force", self.id)
        process.wait(60)
        self.output.unlink()
        return count(text)

    def is_created(self):
        done = subprocess.run(self.command("state", self.id), capture_output=True, text=True,
                              check=False, timeout=60)
        return '"created"' in done.stdout


def pause(bundle):
    """The bundle with a program that waits."""
    config = json.loads((bundle / "config.json").read_text())
    shutil.copy(bundle / "rootfs/bin/true", bundle / "rootfs/bin/pause")
    config["process"]["args"] = ["/bin/pause"]
    (bundle / "config.json").write_text(json.dumps(config))


def own_cgroup(t):
    """Of its own, so that nobody else's /coracle makes a difference."""
    config = json.loads((t.bundle / "config.json").read_text())
    config["linux"]["cgroupsPath"] = f"/{t.id}"
    (t.bundle / "config.json").write_text(json.dumps(config))


def measure(t, name):
    own_cgroup(t)
    create = ["create", "--bundle", t.bundle, t.id]
    if name == "run":
        return t.trace("run", "--bundle", t.bundle, t.id)
    pause(t.bundle)
    if name == "create":
        return t.trace_create(*create)
    t.plain(*create)
    try:
        if name == "start":
            return t.trace("start", t.id)
        t.plain("start", t.id)
        if name == "exec":
            return t.trace("exec", t.id, "/bin/true")
        if name == "delete":
            t.plain("kill", t.id, "KILL")
            t.plain("wait", t.id)
            return t.trace("delete", t.id)
        return t.trace(name, t.id) if name != "list" else t.trace("list")
    finally:
        t.plain("delete", "--force", t.id)


@pytest.mark.parametrize("name", ["run", "create", "start", "exec", "state", "list", "kill",
                                  "delete"])
def test_system_calls(tmp_path, bundle, name):
    expect("kernel", ".".join(os.uname().release.split(".")[:2]))
    compare("system calls", name,
            min(measure(Traced(tmp_path, bundle), name) for _ in range(REPEATS)),
            slack=SLACK.get(name, 0))


# --- instructions --------------------------------------------------------------------------------


def instructions(*args):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           str(CORACLE), *map(str, args)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False, timeout=120,
                          env={"PATH": os.environ["PATH"]})  # libc walks the environment
    assert done.returncode == 0, done.stderr
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


@pytest.mark.parametrize("name", ["--version", "features", "plan", "list"])
def test_instructions(tmp_path, bundle, name):
    """Parsing, checking and planning are in `plan`, whose host is a described one."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is missing")
    compiler = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True,
                              check=True).stdout.strip()
    expect("compiler", f"gcc {compiler}")
    more = {"plan": ["--facts", FACTS, "--bundle", bundle]}.get(name, [])
    compare("instructions", name, instructions("--root", tmp_path / "state", name, *more),
            TOLERANCE, PATHS)
