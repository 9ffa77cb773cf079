#!/usr/bin/env python3
"""inside-world.py OURS — what a kernel with fs-verity does with our images. Runs as root in the virtual
machine of `world`, on a filesystem that may be changed at will, with coracle-image as OURS. Every
line of the report begins with "world:"."""
import errno
import fcntl
import json
import os
import pathlib
import platform
import random
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import randomtree  # noqa: E402

OURS = os.path.abspath(sys.argv[1])
TAMPERS = int(os.environ.get("TAMPERS", "1000"))
HERE = pathlib.Path("/opt/work")
MEASURE_VERITY = 0xC0046686
failures = []


def say(text):
    print("world:", text.replace("\n", " | "), flush=True)


def expect(what, condition):
    if not condition:
        failures.append(what)
        say(f"FAILED {what}")


def run(*arguments, check=True):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if check and done.returncode:
        expect(f"{' '.join(map(str, arguments))}: {done.stdout[-300:]} {done.stderr.strip()}", False)
    return done


def measure(path):
    """The kernel's digest of a file, or None."""
    buffer = bytearray(4 + 64)
    struct.pack_into("<HH", buffer, 0, 0, 64)
    with open(path, "rb") as file:
        try:
            fcntl.ioctl(file, MEASURE_VERITY, buffer)
        except OSError:
            return None
    _, size = struct.unpack_from("<HH", buffer)
    return buffer[4:4 + size].hex()


def make_source(directory):
    r = random.Random(5)
    for i in range(60):
        path = directory / f"dir{i % 7}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = r.choice([0, 1, 64, 65, 4095, 4096, 4097, 70000, 600000])
        path.write_bytes(r.randbytes(size))
    (directory / "link").symlink_to("dir0/f0")
    os.mkfifo(directory / "fifo")
    os.setxattr(directory / "dir1", "user.a", b"b")
    subprocess.run(["cp", "/bin/true", directory / "true"], check=True)


def digests():
    """1: The kernel measures what we compute, for sizes around every limit and both hashes."""
    r = random.Random(1)
    count = 0
    for hash_name in ("sha256", "sha512"):
        for size in [0, 1, 4095, 4096, 4097, 8192, 524287, 524288, 524289, 4096 * 128 * 2 + 1,
                     r.randint(1, 5_000_000)]:
            source = HERE / f"digest-{hash_name}-{size}"
            source.mkdir()
            (source / "file").write_bytes(r.randbytes(max(size, 65)))
            image = HERE / "digest.image"
            store = HERE / f"store-{hash_name}"
            built = run(OURS, "build", "--json", "--hash", hash_name, "--verity", "require", "--seal", "-o",
                        store, source, image)
            if built.returncode:
                return
            told = json.loads(built.stdout)["digest"]
            expect(f"image of {size}: kernel {measure(image)}, ours {told}", measure(image) == told)
            listed = json.loads(run(OURS, "info", "--json", image).stdout)[0]["object_paths"]
            for path in listed:
                expect(f"object {path}", measure(store / path) == path.replace("/", ""))
                count += 1
            count += 1
    say(f"digests: {count} kernel measurements equal ours")


def mount(image, store, target, *more, check=True):
    return run(OURS, "mount", "--explain", "-o", store, *more, image, target, check=check)


def umount(target):
    run("umount", target)


def read_all(target):
    """Read every file below a mount. Returns the number of failures and their errnos."""
    failed = set()
    count = 0
    for root, _, files in os.walk(target):
        for name in files:
            path = os.path.join(root, name)
            if not os.path.isfile(path) or os.path.islink(path):
                continue
            try:
                with open(path, "rb") as file:
                    while file.read(1 << 20):
                        pass
            except OSError as e:
                failed.add(e.errno)
                count += 1
    return count, failed


def mounts(source, image, store, digest):
    target = HERE / "mnt"
    target.mkdir(exist_ok=True)
    done = mount(image, store, target, "--verity", "require", "--digest", digest)
    say(f"mount: {done.stdout.strip()}")
    run(OURS, "check", "--verity", "require", "-m", target, "-o", store, image)
    expect("exec from the mount", subprocess.run([target / "true"], check=False).returncode == 0)
    umount(target)
    wrong = mount(image, store, target, "--verity", "require", "--digest", "0" * 64, check=False)
    expect("a wrong digest is refused", "Image has wrong fs-verity" in wrong.stderr)
    plain = HERE / "plain.image"
    plain.write_bytes(image.read_bytes())
    bare = mount(plain, store, target, "--verity", "require", "--digest", digest, check=False)
    expect("an unsealed image is refused", "Image has no fs-verity" in bare.stderr)
    helper = HERE / "mount.composefs"
    helper.symlink_to(OURS)
    run(helper, "-o", f"basedir={store},digest={digest}", image, target)
    count, _ = read_all(target)
    expect("mount.composefs", count == 0)
    umount(target)
    for i in range(3):
        start = time.monotonic()
        mount(image, store, target, "--verity", "require", "--digest", digest)
        umount(target)
        if i == 2:
            say(f"mount + unmount: {(time.monotonic() - start) * 1000:.1f} ms (emulated processor)")


def blocks_of(path):
    """The device and the first physical block of a file, by FIBMAP."""
    with open(path, "rb") as file:
        answer = fcntl.ioctl(file, 1, struct.pack("i", 0))
    return struct.unpack("i", answer)[0]


def writes_refused(image, store, objects):
    """Sealed files take no change by any name."""
    refused = 0
    for path in [image] + [store / p for p in objects[:5]]:
        other = HERE / "other-name"
        if other.exists():
            other.unlink()
        os.link(path, other)
        for name in (path, other):
            for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
                try:
                    os.close(os.open(name, flags))
                    expect(f"open {name} for writing", False)
                except OSError as e:
                    expect(f"EPERM for {name}", e.errno == errno.EPERM)
                    refused += 1
            try:
                os.truncate(name, 1)
                expect(f"truncate {name}", False)
            except OSError as e:
                expect(f"EPERM for truncate of {name}", e.errno == errno.EPERM)
                refused += 1
    say(f"changes by any name of a sealed file: {refused} refused with EPERM when opened")


def tamper_replaced(image, store, objects, digest):
    """A byte of an image or object changed, the file put in place of the sealed one (as whoever may
    write to the directory can): found by the digest of the image, or when the file is opened."""
    r = random.Random(7)
    target = HERE / "mnt"
    when = {"mount: wrong fs-verity": 0, "mount: no fs-verity": 0, "open: EIO": 0, "check": 0}
    external = {p.replace("/", "") for p in objects}
    original = image.read_bytes()
    for i in range(TAMPERS):
        if i % 2 == 0:
            data = bytearray(original)
            data[r.randrange(len(data))] ^= r.randint(1, 255)
            bad = HERE / "bad.image"
            if bad.exists():
                bad.unlink()
            bad.write_bytes(data)
            sealed = i % 4 == 0
            if sealed:
                run("fsverity", "enable", bad)
            done = mount(bad, store, target, "--verity", "require", "--digest", digest, check=False)
            expect(f"tampered image {i} is refused", done.returncode == 1)
            kind = "wrong" if sealed else "no"
            expect(f"tampered image {i}: {done.stderr.strip()}", f"Image has {kind} fs-verity" in done.stderr)
            when[f"mount: {kind} fs-verity"] += 1
            continue
        path = store / r.choice(objects)
        keep = HERE / "kept"
        os.rename(path, keep)
        data = bytearray(keep.read_bytes())
        data[r.randrange(len(data))] ^= r.randint(1, 255)
        path.write_bytes(data)
        if i % 4 == 1:
            run("fsverity", "enable", path)
        if i % 20 == 1:
            done = run(OURS, "check", "-o", store, image, check=False)
            expect(f"check finds tampered object {i}", done.returncode == 1)
            when["check"] += 1
        mount(image, store, target, "--verity", "require", "--digest", digest)
        count, errors = read_all(target)
        expect(f"tampered object {i}: {count} {errors}", count > 0 and errors == {errno.EIO})
        when["open: EIO"] += 1
        umount(target)
        os.unlink(path)
        os.rename(keep, path)
    expect("objects are known by digest", len(external) == len(objects))
    say(f"{TAMPERS} single-byte changes: " + ", ".join(f"{v} {k}" for k, v in when.items()))


def tamper_on_disk(image, store, objects):
    """A byte of a sealed file changed on the disk, below the filesystem: found when it is read."""
    device = "/dev/vdb"
    at = HERE / "fs"
    at.mkdir()
    subprocess.run(["mount", device, at], check=True)
    source = HERE / "small"
    source.mkdir()
    (source / "file").write_bytes(random.Random(3).randbytes(200000))
    other = at / "store"
    built = run(OURS, "build", "--json", "--verity", "require", "-o", other, source, HERE / "small.image")
    if built.returncode:
        return
    path = json.loads(run(OURS, "info", "--json", HERE / "small.image").stdout)[0]["object_paths"][0]
    os.sync()
    block = blocks_of(other / path)
    subprocess.run(["umount", at], check=True)
    with open(device, "r+b") as disk:
        disk.seek(block * 4096 + 1000)
        byte = disk.read(1)
        disk.seek(block * 4096 + 1000)
        disk.write(bytes([byte[0] ^ 1]))
    subprocess.run(["mount", device, at], check=True)
    try:
        (other / path).read_bytes()
        expect("a change on the disk is found", False)
    except OSError as e:
        expect("EIO for a change on the disk", e.errno == errno.EIO)
        say("a byte changed on the disk below a sealed object: EIO when that block is read")
    done = run(OURS, "check", "-o", other, "--verity", "try", HERE / "small.image", check=False)
    expect("measuring does not read", done.returncode == 0)
    done = run(OURS, "check", "-o", other, "--read", HERE / "small.image", check=False)
    expect("check --read finds a change on the disk", done.returncode == 1 and "cannot be read" in done.stdout)
    subprocess.run(["umount", at], check=True)


def after_mounting(source, image, store, objects, digest):
    """What happens to a mount when its parts are changed under it."""
    target = HERE / "mnt"
    victim = next(p for p in objects if (store / p).stat().st_size > 4096)
    names = [os.path.join(r, f) for r, _, fs in os.walk(source) for f in fs
             if os.path.isfile(os.path.join(r, f)) and os.path.getsize(os.path.join(r, f)) > 4096]
    mount(image, store, target, "--verity", "require", "--digest", digest)
    data = (store / victim).read_bytes()
    os.rename(store / victim, HERE / "kept")
    (store / victim).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    count, errors = read_all(target)
    say(f"an object replaced after mounting: {count} files fail with "
        f"{sorted(errno.errorcode[e] for e in errors)} when opened, {len(names)} large ones in all")
    expect("an object replaced after mounting is refused", count >= 1 and errors == {errno.EIO})
    os.unlink(store / victim)
    os.rename(HERE / "kept", store / victim)
    umount(target)
    # Without verity the same goes unnoticed: this is what the option is for.
    mount(image, store, target, "--verity", "off", "--digest", digest)
    os.rename(store / victim, HERE / "kept")
    (store / victim).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    count, _ = read_all(target)
    checked = run(OURS, "check", "-m", target, image, check=False)
    say(f"the same with --verity off: {count} files fail; check --mounted "
        f"{'finds it' if checked.returncode else 'MISSES IT'}")
    expect("check --mounted finds what the kernel does not", checked.returncode == 1)
    os.unlink(store / victim)
    os.rename(HERE / "kept", store / victim)
    umount(target)


def old_kernel(source, image, store):
    """Before Linux 6.6 overlayfs knows no digests: that is said, and the rest works in older ways."""
    target = HERE / "mnt"
    target.mkdir()
    done = mount(image, store, target, "--verity", "off")
    say(f"mount: {done.stdout.strip()}")
    run(OURS, "check", "-m", target, "-o", store, image)
    expect("exec from the mount", subprocess.run([target / "true"], check=False).returncode == 0)
    umount(target)
    expect("no loop device is left", not any(pathlib.Path("/sys/block").glob("loop*/loop/backing_file")))
    (source / "ab").mkdir()
    run(OURS, "build", source, HERE / "hex.image")
    done = mount(HERE / "hex.image", store, target, "--verity", "off", check=False)
    expect("a directory that would show objects is refused", "would show objects" in done.stderr)
    done = mount(image, store, target, "--verity", "try")
    say(f"mount with try: {done.stdout.strip()}")
    umount(target)
    done = mount(image, store, target, "--verity", "require", check=False)
    say(f"mount with require: {done.stderr.strip()}")
    expect("require is refused", done.returncode == 1 and "cannot require digests" in done.stderr)
    expect("nothing is left", not list(pathlib.Path("/tmp").glob(".coracle-image-*")))


def random_images():
    """The kernel lists what is in random images as we wrote it."""
    target = HERE / "mnt"
    count = 0
    for seed in range(30):
        (HERE / "dump").write_bytes(randomtree.dump(seed, 60))
        run(OURS, "build", "-d", HERE / "dump", HERE / "random.image")
        if mount(HERE / "random.image", HERE, target, "--verity", "off", check=False).returncode == 0:
            listed = sum(1 for _ in pathlib.Path(os.fsdecode(target)).rglob("*"))
            count += 1
            expect(f"random tree {seed} is listed", listed >= 0)
            umount(target)
    say(f"{count} random images mounted and listed")


def main():
    say(f"kernel {platform.release()}")
    HERE.mkdir()
    source, store, image = HERE / "source", HERE / "store", HERE / "image"
    source.mkdir()
    make_source(source)
    digests()
    built = run(OURS, "build", "--json", "--verity", "require", "--seal", "-o", store, source, image)
    if built.returncode == 0:
        digest = json.loads(built.stdout)["digest"]
        objects = json.loads(run(OURS, "info", "--json", image).stdout)[0]["object_paths"]
        expect("the kernel measures the image as we do", measure(image) == digest)
        writes_refused(image, store, objects)
        if tuple(int(n) for n in platform.release().split("-")[0].split(".")[:2]) < (6, 6):
            old_kernel(source, image, store)
            say(f"{len(failures)} failures")
            sys.exit(1 if failures else 0)
        mounts(source, image, store, digest)
        after_mounting(source, image, store, objects, digest)
        tamper_on_disk(image, store, objects)
        random_images()
        tamper_replaced(image, store, objects, digest)
    say(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


try:
    main()
except Exception as e:  # noqa: BLE001 the report is all that comes out of the machine
    import traceback
    for line in traceback.format_exc().splitlines():
        say(line)
    sys.exit(1)
