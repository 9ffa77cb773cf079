#!/usr/bin/env python3
"""bench-import.py OURS LAYOUT NAME… — brings the images NAME of an OCI image layout in, one after the other: into a
store by coracle-image, into containers-storage by podman, into directories by umoci; from empty, ROUNDS times (3)
in turn. Prints medians of the seconds for all of them, the largest resident set of a process in MiB, and the
MiB that it all takes on disk. Below BENCH_DIR (/var/tmp). Root."""
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

OURS, LAYOUT, *NAMES = sys.argv[1:]
LAYOUT = pathlib.Path(LAYOUT).resolve()
ROUNDS = int(os.environ.get("ROUNDS", 3))


def commands(work):
    """{who: (the commands, what they fill)}"""
    podman = ["podman", "--root", work / "podman", "--runroot", work / "runroot", "--storage-driver", "overlay"]
    return {
        "coracle image import": ([[OURS, "import", "-q", "--store", work / "store", f"{LAYOUT}:{n}", n] for n in NAMES],
                                 work / "store"),
        "podman load": ([[*podman, "load", "-q", "-i", work / f"{n}.tar"] for n in NAMES], work / "podman"),
        "umoci unpack": ([["umoci", "unpack", "--image", f"{LAYOUT}:{n}", work / "umoci" / n] for n in NAMES],
                         work / "umoci"),
    }


def run(command):
    """Seconds and MiB of one command."""
    before = time.monotonic()
    pid = os.posix_spawnp(str(command[0]), [str(word) for word in command], os.environ,
                          file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, command
    return time.monotonic() - before, usage.ru_maxrss / 1024


def measure(who, work):
    jobs, place = commands(work)[who]
    if who == "umoci unpack":
        place.mkdir()
    os.sync()
    done = [run(command) for command in jobs]
    before = time.monotonic()
    os.sync()  # what others leave to the kernel is theirs, too
    flush = time.monotonic() - before
    size = int(subprocess.run(["du", "-sk", place], capture_output=True, text=True, check=True).stdout.split()[0]) / 1024
    subprocess.run(["rm", "-rf", place, work / "runroot"], check=True)
    return sum(t for t, _ in done), flush, max(m for _, m in done), size


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    work = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_DIR", "/var/tmp")))
    found = {}
    try:
        for name in NAMES:
            subprocess.run(["skopeo", "copy", "-q", f"oci:{LAYOUT}:{name}",
                            f"docker-archive:{work}/{name}.tar:localhost/{name}:1"], check=True)
        for _ in range(ROUNDS):
            for who in commands(work):
                if shutil.which(who.split()[0]) or who.startswith("coracle"):
                    found.setdefault(who, []).append(measure(who, work))
    finally:
        subprocess.run(["rm", "-rf", work], check=False)
    print(f"load average {os.getloadavg()[0]:.1f}, {len(NAMES)} images, {ROUNDS} rounds")
    for who, rows in found.items():
        seconds, flush, memory, disk = (statistics.median(column) for column in zip(*rows))
        print(f"{who:22} {seconds:7.2f} s, then {flush:5.2f} s to disk, {memory:6.0f} MiB resident, {disk:6.0f} MiB on disk")


main()
