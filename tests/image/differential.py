#!/usr/bin/env python3
"""differential.py [--seeds FROM:TO] [--keep-going] OURS PEER — random dumps through our mkcomposefs and
the peer's: both must write the same bytes, in formats 0 and 1 and by default. Each image also passes
our strict reader and canonical check, gives back the dump it came from, and passes fsck.erofs where
that is installed. OURS is coracle-image, PEER another mkcomposefs. Prints one line of figures."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import randomtree  # noqa: E402

FORMATS = [("0", "1"), ("1", "1"), ("0", "0")]


def run(arguments, **more):
    return subprocess.run(arguments, capture_output=True, **more)


class Comparison:
    def __init__(self, ours, peer, scratch):
        self.ours, self.peer, self.scratch = ours, peer, pathlib.Path(scratch)
        self.mkcomposefs = self.scratch / "mkcomposefs"
        self.mkcomposefs.symlink_to(ours)
        self.fsck = shutil.which("fsck.erofs")
        self.trees = self.images = self.refused = self.checked = self.fscked = 0
        self.bytes = 0

    def one_format(self, seed, low, high):
        """One tree in one format. Returns what differs, or None."""
        dump, a, b = (str(self.scratch / n) for n in ("dump", "a", "b"))
        versions = [f"--min-version={low}", f"--max-version={high}"]
        ours = run([self.mkcomposefs, "--from-file", "--print-digest", *versions, dump, a])
        peer = run([self.peer, "--from-file", "--print-digest", *versions, dump, b])
        if ours.returncode != peer.returncode:
            return f"exit {ours.returncode} and {peer.returncode}: {ours.stderr} {peer.stderr}"
        if peer.returncode:
            self.refused += 1
            return None
        if pathlib.Path(a).read_bytes() != pathlib.Path(b).read_bytes():
            return "the images differ"
        if ours.stdout != peer.stdout:
            return "the digests differ"
        self.images += 1
        self.bytes += os.path.getsize(a)
        if (low, high) == ("0", "1"):
            return None
        check = run([self.ours, "check", a])
        if check.returncode:
            return f"our check refuses it: {check.stderr}"
        self.checked += 1
        if self.fsck:
            fsck = run([self.fsck, a])
            if fsck.returncode:
                return f"fsck.erofs refuses it: {fsck.stderr[-300:]}"
            self.fscked += 1
        again = run([self.ours, "dump", a])
        (self.scratch / "again").write_bytes(again.stdout)
        rebuilt = run([self.mkcomposefs, "--from-file", *versions, self.scratch / "again", b])
        if rebuilt.returncode or pathlib.Path(a).read_bytes() != pathlib.Path(b).read_bytes():
            return f"its dump makes another image: {rebuilt.stderr}"
        return None

    def tree(self, seed):
        (self.scratch / "dump").write_bytes(randomtree.dump(seed))
        self.trees += 1
        for low, high in FORMATS:
            problem = self.one_format(seed, low, high)
            if problem:
                return f"seed {seed}, formats {low} to {high}: {problem}"
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:200")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("ours")
    parser.add_argument("peer")
    options = parser.parse_args()
    first, last = (int(n) for n in options.seeds.split(":"))
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        c = Comparison(os.path.abspath(options.ours), os.path.abspath(options.peer), scratch)
        for seed in range(first, last):
            problem = c.tree(seed)
            if problem:
                failures += 1
                print(problem, flush=True)
                if not options.keep_going:
                    break
        print(f"{c.trees} trees, {c.images} images identical ({c.bytes} bytes), {failures} differences, "
              f"{c.refused} refused by both, {c.checked} checked and rebuilt from their own dump, "
              f"{c.fscked} passed fsck.erofs")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
