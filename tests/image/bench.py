#!/usr/bin/env python3
"""bench.py [--runs N] OURS [PEER] — building images of 22,000 and 64,000 entries, beside another
mkcomposefs (PEER); memory; and as root mounting, and listing a mount. Real dumps are taken from
COMPOSEFS_ASSETS if that is set, else trees are made up. Prints a table of medians. Runs of both
alternate, and the ratio is the median of those of neighbours, so that a load that both suffer from
does not count."""
import argparse
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def made_up(entries):
    r = random.Random(entries)
    lines = ["/ 0 40755 2 0 0 0 1700000000.0 - - - security.selinux=system_u:object_r:root_t:s0\\x00"]
    directories = [""]
    labels = [f"system_u:object_r:kind{i}_t:s0\\x00" for i in range(40)]
    while len(lines) < entries:
        parent = r.choice(directories[-200:])
        path = f"{parent}/{r.choice(['lib', 'python', 'file', 'data', 'conf'])}{len(lines)}"
        label = f" security.selinux={r.choice(labels)}"
        mtime = f"{1600000000 + r.randrange(10**8)}.{r.randrange(10**9) if r.random() < 0.3 else 0}"
        kind = r.random()
        if kind < 0.1:
            directories.append(path)
            lines.append(f"{path} 0 40755 2 0 0 0 {mtime} - - -{label}")
        elif kind < 0.2:
            lines.append(f"{path} 20 120777 1 0 0 0 {mtime} ../target/of/a/link1 - -{label}")
        else:
            digest = r.randbytes(32).hex()
            lines.append(f"{path} {r.randrange(65, 10**6)} 100644 1 0 0 0 {mtime} {digest[:2]}/{digest[2:]} - "
                         f"{digest}{label}")
    return ("\n".join(lines) + "\n").encode()


def dumps():
    assets = os.environ.get("COMPOSEFS_ASSETS")
    for name, entries in (("cs9-x86_64-minimal", 22010), ("cs9-x86_64-developer", 64000)):
        packed = pathlib.Path(assets or "/nowhere", name + ".dump.gz")
        if packed.exists():
            yield name, subprocess.run(["gzip", "-dc", packed], check=True, capture_output=True).stdout
        else:
            yield f"made up, {entries}", made_up(entries)


def timed(arguments):
    """Seconds, and kilobytes at the peak."""
    start = time.perf_counter()
    pid = os.posix_spawn(arguments[0], arguments, os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, arguments
    return seconds, usage.ru_maxrss, usage.ru_utime + usage.ru_stime


def compare(label, ours, peer, runs):
    results = {name: [] for name in ("ours", "peer")}
    for _ in range(runs):
        for name, arguments in (("ours", ours), ("peer", peer)):
            if arguments:
                results[name].append(timed(arguments))

    for what, index, scale, unit in (("time", 0, 1000, "ms"), ("processor", 2, 1000, "ms"), ("memory", 1, 1 / 1024, "MiB")):
        a, b = ([run[index] for run in results[name]] for name in ("ours", "peer"))
        line = f"{label:34} {what:9} {statistics.median(a) * scale:8.1f} {unit}"
        if b:
            ratio = statistics.median(x / y for x, y in zip(a, b, strict=True))
            line += f"   peer {statistics.median(b) * scale:8.1f} {unit}   ratio {ratio:.2f}"
        print(line, flush=True)


def mounting(ours, image, scratch, runs):
    store, target = scratch / "store", scratch / "mnt"
    store.mkdir(exist_ok=True)
    target.mkdir(exist_ok=True)
    for label, more in (("mount + unmount, checked", []), ("mount + unmount, trusted", ["--no-check", "--verity", "off"])):
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run([ours, "mount", *more, "-o", store, image, target], check=True)
            subprocess.run([ours, "umount", target], check=True)
            times.append(time.perf_counter() - start)
        print(f"{label:34} time      {statistics.median(times) * 1000:8.1f} ms")
    subprocess.run([ours, "mount", "-o", store, image, target], check=True)
    try:
        for label in ("ls -lR, cold", "ls -lR, warm"):
            if label.endswith("cold"):
                pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
            start = time.perf_counter()
            subprocess.run(["ls", "-lR", target], check=True, stdout=subprocess.DEVNULL)
            print(f"{label:34} time      {(time.perf_counter() - start) * 1000:8.1f} ms")
    finally:
        subprocess.run([ours, "umount", target], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("ours")
    parser.add_argument("peer", nargs="?")
    options = parser.parse_args()
    ours = os.path.abspath(options.ours)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"load average {' '.join(f'{n:.1f}' for n in os.getloadavg())}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        ours_mkcomposefs = scratch / "mkcomposefs"
        ours_mkcomposefs.symlink_to(ours)
        for name, dump in dumps():
            (scratch / "dump").write_bytes(dump)
            rest = ["--from-file", "--min-version=1", str(scratch / "dump")]
            for label, more in ((name, []), (f"{name}, digest", ["--print-digest-only"])):
                target = [] if more else [str(scratch / "image")]
                compare(label, [str(ours_mkcomposefs), *more, *rest, *target],
                        [os.path.abspath(options.peer), *more, *rest, *target] if options.peer else None,
                        options.runs)
            print(f"{name:34} image     {os.path.getsize(scratch / 'image'):8} bytes")
            if os.geteuid() == 0:
                mounting(ours, scratch / "image", scratch, options.runs)


if __name__ == "__main__":
    sys.exit(main())
