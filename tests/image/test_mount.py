"""Mounting: as root, without privileges, and what must be refused. What a kernel cannot do is skipped
after trying."""
import json
import os
import random
import subprocess

import pytest


def probe_erofs():
    return os.geteuid() == 0 and "erofs" in open("/proc/filesystems").read()


needs_root = pytest.mark.skipif(not probe_erofs(), reason="needs root and EROFS")


@pytest.fixture
def built(image, tmp_path):
    r = random.Random(2)
    source = tmp_path / "source"
    for i in range(30):
        path = source / f"d{i % 4}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(r.randbytes(r.choice([0, 5, 64, 65, 5000, 70000])))
    (source / "link").symlink_to("d0/f0")
    image("build", "-o", tmp_path / "store", source, tmp_path / "image")
    (tmp_path / "mnt").mkdir()
    return tmp_path


def unmount(path):
    subprocess.run(["umount", path], check=True)


@needs_root
def test_mount(image, built):
    said = image("mount", "--explain", "--verity", "off", "-o", built / "store", built / "image", built / "mnt")
    try:
        assert "digests not enforced" in said
        assert image("diff", "--no-mtime", built / "source", built / "image") == ""
        subprocess.run(["diff", "-r", built / "source", built / "mnt"], check=True)
        told = json.loads(image("check", "--json", "-m", built / "mnt", built / "image"))
        assert told["ok"] and told["entries_wrong"] == 0 and told["enforced"] is False
        with pytest.raises(OSError):
            (built / "mnt/new").write_text("x")
        image("check", "--verity", "require", "-m", built / "mnt", built / "image", error="no fs-verity")
    finally:
        image("umount", built / "mnt")
    image("umount", built / "mnt", error="unmount")


@needs_root
def test_writable(image, built):
    (built / "upper").mkdir()
    (built / "work").mkdir()
    image("mount", "-o", built / "store", "--upper", built / "upper", "--work", built / "work", "--read-write",
          "--verity", "off", built / "image", built / "mnt")
    try:
        (built / "mnt/new").write_text("x")
        (built / "mnt/d0/f0").unlink()
        assert (built / "upper/new").read_text() == "x"
        said = image("check", "-m", built / "mnt", built / "image", status=1)
        assert "/d0/f0: missing" in said
    finally:
        unmount(built / "mnt")
        subprocess.run(["rm", "-rf", built / "work"], check=True)


@needs_root
def test_changed_object_is_found(image, built):
    victim = next(p for p in (built / "store").rglob("*") if p.is_file() and p.stat().st_size == 5000)
    image("mount", "--verity", "off", "-o", built / "store", built / "image", built / "mnt")
    try:
        os.rename(victim, built / "kept")
        victim.write_bytes(b"!" * 5000)
        assert "wrong content" in image("check", "-m", built / "mnt", built / "image", status=1)
    finally:
        unmount(built / "mnt")


@needs_root
def test_several_stores(image, built):
    other = built / "other"
    other.mkdir()
    for i, path in enumerate(sorted(p for p in (built / "store").iterdir())):
        if i % 2:
            path.rename(other / path.name)
    image("mount", "--verity", "off", "-o", built / "store", "-o", other, built / "image", built / "mnt")
    try:
        image("check", "-m", built / "mnt", built / "image")
    finally:
        unmount(built / "mnt")


@needs_root
def test_helper(alias, image, built):
    alias("mount.composefs")("-o", f"basedir={built / 'store'}", built / "image", built / "mnt")
    try:
        image("check", "-m", built / "mnt", built / "image")
    finally:
        unmount(built / "mnt")


@needs_root
def test_refused(image, built):
    """Wrong digests, unsealed images, damaged and foreign ones: nothing is mounted."""
    store, mnt = ["-o", built / "store"], built / "mnt"
    image("mount", *store, "--digest", "0" * 64, built / "image", mnt, error="Image has wrong fs-verity")
    image("mount", *store, "--verity", "require", built / "image", mnt, error="Image has no fs-verity")
    data = bytearray((built / "image").read_bytes())
    data[1200] ^= 1
    (built / "bad").write_bytes(data)
    image("mount", *store, built / "bad", mnt, error="image: ")
    image("mount", "-o", built / "nowhere", built / "image", mnt, error="open the object store")
    image("mount", *store, built / "image", built / "nowhere", error="no such file")
    # Not canonical: a byte that means nothing to the kernel, behind the last inode.
    image("mount", *store, "--digest", "1" * 64, built / "image", mnt, error="Image has wrong fs-verity")


def test_rootless(image, built):
    """In a user namespace of one's own, with stubs instead of EROFS (Linux 6.16). The image is made in there,
    too: owners are what the namespace shows."""
    script = (f"{image.path} build -o {built}/store {built}/source {built}/image && {image.path} mount --explain --rootless {built}/stubs -o {built}/store --verity off "
              f"{built}/image {built}/mnt && {image.path} check -m {built}/mnt {built}/image")
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True)
    if done.returncode and ("unshare" in done.stderr or "mount the overlay" in done.stderr):
        pytest.skip(f"not on this kernel: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stub files" in done.stdout and " 0 wrong" in done.stdout


@needs_root
def test_idmap(image, built):
    """Owners in the image appear as those of a user namespace."""
    job = subprocess.Popen(["unshare", "-U", "sleep", "60"])
    try:
        for _ in range(200):
            if os.readlink(f"/proc/{job.pid}/ns/user") != os.readlink("/proc/self/ns/user"):
                break
            subprocess.run(["sleep", "0.01"], check=True)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{job.pid}/{name}", "w") as file:
                file.write("0 100000 65536\n")
        image("mount", "--verity", "off", "--idmap", f"/proc/{job.pid}/ns/user", "-o", built / "store",
              built / "image", built / "mnt")
    finally:
        job.kill()
        job.wait()
    try:
        assert (built / "mnt/d0").stat().st_uid == 100000 + os.getuid()
    finally:
        unmount(built / "mnt")


@needs_root
def test_helper_of_mount(image, built, tmp_path):
    """mount(8) calls helpers with the image first and its options behind."""
    helper = tmp_path / "mount.composefs"
    helper.symlink_to(image.path)
    subprocess.run([helper, built / "image", built / "mnt", "-n", "-o", f"ro,basedir={built / 'store'}"], check=True)
    unmount(built / "mnt")
