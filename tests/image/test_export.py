"""Images leave the store: as they came, as one layer, as files. What comes in again has the same digest."""
import gzip
import json
import os
import random
import shutil
import subprocess
import tarfile

import pytest
import sametree
from test_layers import CHAR, DIR, FIFO, LINK, SYMLINK, archive, info
from test_layout import OTHER, SIMPLE, Layout, named, sha256
from test_store import layout, objects, store  # noqa: F401 (fixtures)


def rich():
    """Everything that an archive can say."""
    r = random.Random(3)
    x = {"SCHILY.xattr.user.note": "a=b", "SCHILY.xattr.security.capability": "\1\0\0\2\0\x20\0\0" + "\0" * 12}
    entries = [info("./", DIR, mode=0o711, mtime=7.5), info("usr", DIR, mode=0o755, mtime=1.25, uid=3),
               info("usr/" + "n" * 120 + "/" + "m" * 200, content=b"long", mode=0o4711),
               info("usr/big", content=r.randbytes(200_000), uid=3_000_000, gid=4_294_967_294, mtime=-5.75),
               info("usr/small", content=b"s" * 64, mtime=2**33), info("usr/empty"),
               info("usr/noted", content=b"x" * 70, pax_headers=x),
               info("usr/link", LINK, linkname="usr/big"), info("a-link", LINK, linkname="usr/big"),
               info("usr/" + "l" * 150, LINK, linkname="usr/" + "n" * 120 + "/" + "m" * 200),
               info("symlink", SYMLINK, linkname="t" * 300), info("fifo", FIFO), info("usr/\u00e4 b", content=b"1"),
               info("device", CHAR, devmajor=300, devminor=70000, mode=0o620), info("usr/dir", DIR, mode=0o1777, mtime=9)]
    return archive(entries)


@pytest.mark.parametrize("transform", ["none", "oci-1"])
def test_round_trip(store, layout, tmp_path, transform):  # noqa: F811
    """One layer for all that came: the same image to the byte, and it stays so."""
    source = layout.index(layout.image(rich(), OTHER, config={
        "os": "linux", "architecture": "amd64", "config": {"Env": ["A=\u00e4\"\\b"], "Cmd": ["x"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(rich()), sha256(OTHER)]}, "history": [{"created_by": "}{,"}],
        "author": "somebody"}, **named("n")))
    first = json.loads(store("import", "--json", "--transform", transform, source))
    digest = store("export", "n", tmp_path / "out").strip()
    again = json.loads(store("import", "--json", "--transform", transform, f"{tmp_path}/out:n", "again"))
    assert again["manifest"] == digest and again["image"] == first["image"]
    manifest = json.loads(store("inspect", "--manifest", "again"))
    assert len(manifest["layers"]) == 1
    config = json.loads(store("inspect", "--config", "again"))
    assert config["config"] == {"Env": ["A=\u00e4\"\\b"], "Cmd": ["x"]} and config["author"] == "somebody"
    assert "history" not in config and config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    # Everybody's tar reads it.
    with tarfile.open(tmp_path / "out/blobs" / manifest["layers"][0]["digest"].replace(":", "/")) as tar:
        found = {m.name: m for m in tar.getmembers()}
    assert found["usr/big"].uid in (3_000_000, 0) and len(found) == 17
    archive_ = tmp_path / "out.tar"
    assert store("export", "n", archive_).strip() == digest
    assert store("import", archive_, "third").strip() != ""
    assert store("export", "n", "-", text=False) == archive_.read_bytes()


def test_as_it_came(store, layout, tmp_path):  # noqa: F811
    """With the layers kept, every blob is what it was."""
    source = layout.index(layout.image(SIMPLE, OTHER, pack=gzip.compress, **named("n")))
    digest = store("import", "--keep-layers", source).strip()
    assert store("export", "n", tmp_path / "out").strip() == digest
    for blob in (source / "blobs/sha256").iterdir():
        assert (tmp_path / "out/blobs/sha256" / blob.name).read_bytes() == blob.read_bytes()
    assert store("export", "--flatten", "n", tmp_path / "flat").strip() != digest
    if shutil.which("skopeo"):
        done = subprocess.run(["skopeo", "inspect", f"oci:{tmp_path}/out:n"], capture_output=True, text=True)
        assert done.returncode == 0 and json.loads(done.stdout)["Digest"] == digest, done.stderr


def test_refused(store, layout, tmp_path):  # noqa: F811
    store("import", layout.index(layout.image(rich())), "n")
    (tmp_path / "there").mkdir()
    store("export", "n", tmp_path / "there", error="file exists")
    store("export", "none", tmp_path / "out", error="no image 'none'")
    store("export", "n", tmp_path / "no/where/x.tar", error="no such file or directory")
    (tmp_path / "there/x").touch()
    store("unpack", "n", tmp_path / "there", error="is not empty")
    # What is damaged does not leave the store as if it were not.
    largest = max(objects(store), key=lambda p: p.stat().st_size if p.stat().st_size > 100_000 else 0)
    largest.write_bytes(largest.read_bytes()[:-1] + b"\0")
    store("export", "n", tmp_path / "bad.tar", error="wrong content")
    assert not (tmp_path / "bad.tar").exists()
    store("unpack", "n", tmp_path / "bad", error="wrong content")


def differences(ours, theirs):
    """But for the times of directories that others change by what they do in them, or make as they like."""
    for path in ("usr", "usr/dir", "usr/" + "n" * 120):
        for root in (ours, theirs):
            os.utime(root / path, (0, 0))
    return list(sametree.compare(ours, theirs))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_unpack(store, layout, tmp_path):  # noqa: F811
    """The same tree as tar unpacks."""
    data = rich()
    store("import", "--transform", "none", layout.index(layout.image(data)), "n")
    store("unpack", "n", tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "layer.tar").write_bytes(data)
    done = subprocess.run(["tar", "-C", tmp_path / "theirs", "--xattrs", "--xattrs-include=*", "--same-owner", "-xpf",
                           tmp_path / "layer.tar"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert differences(tmp_path / "ours", tmp_path / "theirs") == []


@needs_root
@pytest.mark.skipif(not shutil.which("umoci"), reason="umoci is not installed")
def test_unpack_as_umoci(store, layout, tmp_path):  # noqa: F811
    whiteouts = archive([info("usr/.wh.small"), info("usr/dir/.wh..wh..opq"), info("usr/dir/new", content=b"n" * 99)])
    source = layout.index(layout.image(rich(), whiteouts, pack=gzip.compress, kind="application/vnd.oci.image.layer.v1.tar"
                                       "+gzip", config={"os": "linux", "architecture": "amd64", "rootfs": {
                                           "type": "layers", "diff_ids": [sha256(rich()), sha256(whiteouts)]}},
                                       **named("n")))
    store("import", "--transform", "none", source)
    store("unpack", "n", tmp_path / "ours")
    done = subprocess.run(["umoci", "unpack", "--image", f"{source}:n", tmp_path / "theirs"], capture_output=True,
                          text=True)
    if done.returncode:
        pytest.skip(f"umoci: {done.stderr.splitlines()[-1]}")
    assert differences(tmp_path / "ours", tmp_path / "theirs/rootfs") == []


def test_unpack_without_privileges(image, tmp_path):
    """Owners stay the user's, devices become empty files."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    layout_ = Layout(tmp_path / "layout")
    source = layout_.index(layout_.image(rich()))
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        path.chmod(path.stat().st_mode | 0o055)
    work = tmp_path / "work"
    work.mkdir()
    os.chown(work, 65534, 65534)

    def call(*words):
        done = subprocess.run([image.path, *map(str, words)], user=65534, group=65534, extra_groups=[],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    call("import", "--store", work / "store", source, "n")
    call("unpack", "--store", work / "store", "n", work / "out")
    assert (work / "out/usr/big").stat().st_uid == 65534 and (work / "out/usr/big").stat().st_size == 200_000
    assert (work / "out/device").is_file()
