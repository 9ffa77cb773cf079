#!/usr/bin/env python3
"""vectors.py OURS ASSETS — composefs's own test dumps (ASSETS is its tests/assets), which are not ours to
keep: each makes the image with the digest below, and each should-fail-*.dump is refused with the number of
the line, leaving nothing. OURS is coracle-image. Prints one line of figures."""
import hashlib
import pathlib
import subprocess
import sys
import tempfile

# sha256 of the image by the name of the dump; and the format, which in composefs is 0 unless there are whiteouts.
VECTORS = [
    ("bigfile", 0, "475838479da68b086445eca1f12dd30fc4513f3f88c66b40b58fd70f7495ea27"),
    ("bigfile-xattr", 0, "5bdb37d78dcf03b4ab1adc9a2d5212d3d95213b41628939f5fe3769f93d927cc"),
    ("config", 0, "f93737bda1b19d79c8fe2828615b9dd24e4ec5d97410a1ce6e3716b1a778f00f"),
    ("config-with-hard-link", 0, "d67e775ced030711b36d70d315ddf7150214312fd18b9345f98a5572035a2076"),
    ("cs9-x86_64-minimal", 0, "a168966c314b0b27c8e25270e6f20838a4736a888e5de97993d15d046c797ba3"),
    ("cs9-x86_64-developer", 0, "8c61b21852d6abfdd3a7a3da71a5ccb56fae2ad099bebe7d564fcaa842cb9532"),
    ("honggfuzz-bigfile-with-acl", 0, "49fcb98c1d331c3f4b414d99d17aac0a6a7e1f8fe7de0d33bbe53064fa55e88b"),
    ("honggfuzz-chardev-nonzero-size", 1, "3e7ca8195f29cfd0583ed761c8eead21892ef0ec61d1402aa7f7d84ef8316947"),
    ("honggfuzz-long-symlink", 0, "7939aa24a6499de3796792d8ad220138453803ab5f20c96a8c815bf212d44ff7"),
    ("honggfuzz-longlink-unterminated", 0, "83857db405498de347043d0e00b9f094c30670ed577e0ef8f6150cf99345abbb"),
    ("longlink", 0, "6747c908f88fc6c18626027f204159f3c2a6225b45e4de2f2d5ebf969bf5f24a"),
    ("no-newline", 0, "99f02c3c63d0c4c14be6f63e87250adafc0e173a12354f50d9ba7cd320deeca7"),
    ("special", 0, "d344782ff962ab7d1c5533755c19c5bf3c3485f55bfaf228fc89524c7e2ba61e"),
    ("special", 1, "2b1dfb9ffe6938cb3134c339059572e38cbd8cc515d54758fdff55cad5a37427"),
]
# The fs-verity digests of `special`, by format.
SPECIAL = ["6fae72a66167ef8d5830fa15647263ef1b535681aa91fdf195fa3d6f5e3ae15e",
           "1d268f8bc7609b4f8f8467e98565f45300f9e192c0e6ef2d05820d3ea41d4515"]
SHOULD_FAIL = 13


def main():
    ours, assets = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    wrong = []

    def build(scratch, dump, form):
        (scratch / "dump").write_bytes(dump)
        image = scratch / "image"
        image.unlink(missing_ok=True)
        done = subprocess.run([ours, "build", "-d", "--format", str(form), "--print-digest", scratch / "dump", image],
                              capture_output=True, text=True)
        return done, image

    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        for name, form, want in VECTORS:
            path = assets / f"{name}.dump"
            dump = path.read_bytes() if path.exists() else subprocess.run(
                ["gzip", "-dc", assets / f"{name}.dump.gz"], check=True, capture_output=True).stdout
            done, image = build(scratch, dump, form)
            if done.returncode or hashlib.sha256(image.read_bytes()).hexdigest() != want:
                wrong.append(f"{name}, format {form}: {done.stderr or 'another image'}")
            elif name == "special" and done.stdout.strip() != SPECIAL[form]:
                wrong.append(f"{name}, format {form}: digest {done.stdout}")
        refused = sorted(assets.glob("should-fail-*.dump"))
        for path in refused:
            done, image = build(scratch, path.read_bytes(), 1)
            if done.returncode != 1 or "line " not in done.stderr or image.exists():
                wrong.append(f"{path.name}: exit {done.returncode}: {done.stderr}")
    if len(refused) < SHOULD_FAIL:
        wrong.append(f"{len(refused)} dumps that should fail, not {SHOULD_FAIL}")
    for line in wrong:
        print(line.strip())
    print(f"{len(VECTORS)} images and {len(refused)} refusals, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
