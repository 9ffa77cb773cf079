"""Layers: tar archives on top of each other. The oracle is a model of the specification in Python, which
applies layers to a dictionary."""
import gzip
import io
import json
import os
import random
import subprocess
import tarfile

import pytest

DIR, LINK, SYMLINK = tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE
CHAR, FIFO, FILE = tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.REGTYPE


def info(name, kind=FILE, content=b"", **more):
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, len(content)
    for key, value in more.items():
        setattr(entry, key, value)
    return entry, content


def archive(entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def write(path, entries, **more):
    path.write_bytes(archive(entries, **more))
    return path


def build(image, *layers, target, more=()):
    rest = [word for layer in layers[1:] for word in ("--layer", layer)]
    return image("build", "--tar", *more, *rest, layers[0], target)


def tree(image, path):
    """{path: the fields of its line in the dump}"""
    lines = image("dump", path).splitlines()
    return {line.split(" ")[0]: line.split(" ")[1:] for line in lines}


def test_one_layer(image, tmp_path):
    """Every type, and what of it comes through; compared with the same tree as a directory."""
    entries = [
        info("./", DIR, mode=0o755, mtime=7), info("d", DIR, mode=0o1777, mtime=5, uid=1, gid=2),
        info("d/file", content=b"x" * 5000, mode=0o4755, mtime=1.25), info("d/small", content=b"small"),
        info("d/empty"), info("./link", LINK, linkname="./d/file"), info("symlink", SYMLINK, linkname="../x", mode=0o777),
        info("fifo", FIFO), info("device", CHAR, devmajor=1, devminor=3),
        info("labelled", pax_headers={"SCHILY.xattr.user.a": "b", "SCHILY.xattr.security.capability": "c"}),
        info("n" * 90 + "/" + "m" * 200, content=b"long"),
    ]
    layer = write(tmp_path / "layer", entries)
    build(image, layer, target=tmp_path / "image", more=["-o", tmp_path / "store"])
    image("check", "-o", tmp_path / "store", tmp_path / "image")
    found = tree(image, tmp_path / "image")
    assert found["/"][1:4] + [found["/"][6]] == ["40755", "4", "0", "7.0"]
    assert found["/d"][1:7] == ["41777", "2", "1", "2", "0", "5.0"]
    assert found["/d/file"][:7] == ["5000", "104755", "2", "0", "0", "0", "1.250000000"]
    assert found["/d/small"][8] == "small" and found["/d/empty"][0] == "0"
    assert found["/link"][1].startswith("@") and found["/link"][7] == "/d/file"
    assert found["/symlink"][1] == "120777" and found["/symlink"][7] == "../x"
    assert found["/fifo"][1] == "10644" and found["/device"][1:6] == ["20644", "1", "0", "0", "259"]
    assert found["/labelled"][10:] == ["security.capability=c", "user.a=b"]
    assert found["/" + "n" * 90 + "/" + "m" * 200][8] == "long"
    build(image, layer, target=tmp_path / "image", more=["--xattrs", "oci", "--epoch", "--no-devices"])
    found = tree(image, tmp_path / "image")
    assert found["/labelled"][10:] == ["security.capability=c"]
    assert "/device" not in found and {fields[6] for fields in found.values()} == {"0.0"}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_formats(image, tmp_path, form):
    entries = [info("a" * 99 + "/" + "b" * 120, content=b"1", uid=3_000_000, mtime=-5),
               info("big", content=b"2" * 9000), info("l", SYMLINK, linkname="t" * 180)]
    build(image, write(tmp_path / "layer", entries, form=form), target=tmp_path / "image")
    found = tree(image, tmp_path / "image")
    assert found["/" + "a" * 99 + "/" + "b" * 120][3] == "3000000"
    assert found["/" + "a" * 99 + "/" + "b" * 120][6] == "-5.0"
    assert found["/l"][7] == "t" * 180


def zstd(data):
    try:
        return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("zstd is not installed")


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_compression(image, tmp_path, pack):
    """One member, many, an empty one, zeros behind them: the same bytes. Anything else is an error."""
    plain = archive([info("f", content=random.Random(1).randbytes(300000)), info("g", content=b"x")])
    (tmp_path / "plain").write_bytes(plain)
    want = image("build", "--tar", tmp_path / "plain")
    packed = tmp_path / "packed"
    pieces = [plain[:1], plain[1:100000], b"", plain[100000:]]
    for data in (pack(plain), b"".join(map(pack, pieces)), pack(plain) + bytes(5000)):
        packed.write_bytes(data)
        assert image("build", "--tar", packed) == want
    whole = pack(plain)
    for data, words in ((whole + b"junk", "something else behind the compressed data"),
                        (whole[:-20], "the compressed data is cut short"),
                        (whole[:5000] + bytes(100) + whole[5100:], "")):
        packed.write_bytes(data)
        image("build", "--tar", packed, tmp_path / "image", error=words or str(packed))
        assert not (tmp_path / "image").exists()
    if pack is zstd:
        packed.write_bytes(b"\x52\x2a\x4d\x18\x04\x00\x00\x00skip" + whole)
        assert image("build", "--tar", packed) == want


def test_standard_input(image, tmp_path):
    data = archive([info("f", content=b"x")])
    done = subprocess.run([image.path, "build", "-t", "-"], input=data, capture_output=True, text=False)
    (tmp_path / "layer").write_bytes(data)
    assert done.stdout.decode() == image("build", "--tar", tmp_path / "layer")


WHITEOUTS = [
    # What the second layer has, and what is there then; below it are d, d/a, d/s/x, f and l, another name of f.
    ([info(".wh.f")], "d d/a d/s d/s/x l"),
    ([info(".wh.nothing"), info("q/.wh.nothing")], "d d/a d/s d/s/x f l q"),
    ([info(".wh.d")], "f l"),
    ([info(".wh.d"), info("d/n")], "d d/n f l"),
    ([info("d/n"), info(".wh.d")], "d d/n f l"),
    ([info("d/s/n"), info("d/.wh..wh..opq")], "d d/s d/s/n f l"),
    ([info("d/.wh..wh..opq"), info("d/s/n")], "d d/s d/s/n f l"),
    ([info("d", DIR), info("d/.wh.a"), info("d/.wh.s")], "d f l"),
    ([info(".wh.f"), info("f", DIR), info("f/n")], "d d/a d/s d/s/x f f/n l"),
    ([info("f", DIR), info("f/n"), info(".wh.f")], "d d/a d/s d/s/x f f/n l"),
    ([info("d", content=b"now a file")], "d f l"),
    ([info("d", SYMLINK, linkname="f")], "d f l"),
    ([info("f", content=b"new")], "d d/a d/s d/s/x f l"),
    ([info("m", LINK, linkname="f"), info(".wh.f"), info(".wh.l")], "d d/a d/s d/s/x m"),
    ([info(".wh..wh.plnk", DIR), info(".wh..wh.aufs")], "d d/a d/s d/s/x f l"),
    ([info(".wh..wh..opq")], ""),
]


@pytest.mark.parametrize("second, want", WHITEOUTS, ids=range(len(WHITEOUTS)))
def test_whiteouts(image, tmp_path, second, want):
    first = write(tmp_path / "1", [info("d", DIR, mode=0o700), info("d/a", content=b"a"), info("d/s", DIR),
                                   info("d/s/x"), info("f", content=b"f"), info("l", LINK, linkname="f")])
    build(image, first, write(tmp_path / "2", second), target=tmp_path / "image")
    found = tree(image, tmp_path / "image")
    assert " ".join(sorted(p[1:] for p in found if p != "/")) == want
    # The other name of a file that is gone or replaced is what it was; the count is of those that are left.
    if "/l" in found:
        real = found["/f"] if found["/l"][1].startswith("@") else found["/l"]
        assert (real[8], real[2]) == ("f", "2" if found["/l"][1].startswith("@") else "1")


@pytest.mark.parametrize("second, words", [
    ([info("f/x")], "/f/x: what would be its directory is none"),
    ([info("l/x")], "/l/x: what would be its directory is none"),
    ([info("h", LINK, linkname="nothing")], "/h: a hard link to what is not there"),
    ([info("h", LINK, linkname="d")], "/h: a hard link to a directory"),
    ([info(".wh.")], "/.wh.: a whiteout of nothing"),
    ([info(".wh..")], "/.wh..: a whiteout of nothing"),
    ([info("../x")], "a name with '..'"),
    ([info("big", pax_headers={"SCHILY.xattr.user.a": "x" * 40000})], "/big: too many extended attributes"),
])
def test_refused(image, tmp_path, second, words):
    first = write(tmp_path / "1", [info("d", DIR), info("f"), info("l", SYMLINK, linkname="d")])
    image("build", "--tar", "--layer", write(tmp_path / "2", second), first, tmp_path / "image", error=words)
    assert not (tmp_path / "image").exists()


def test_usage(image, tmp_path):
    image("build", "--layer", "x", "y", error="--layer is for what goes on top of --tar")
    image("build", "--tar", "--dump", "y", error="bad option or value: '--dump'")
    image("build", "--tar", tmp_path / "none", error="no such file or directory")


def random_tree(r):
    """{path: (kind, content, mode, mtime)}; directories come before what is in them."""
    paths = {}
    directories = [""]
    for i in range(r.randrange(3, 40)):
        path = f"{r.choice(directories)}/{r.choice('abcdefgh')}{r.randrange(6)}".lstrip("/")
        if path in paths:
            continue
        kind = r.choice([DIR, DIR, FILE, FILE, FILE, SYMLINK, FIFO])
        content = r.randbytes(r.choice([0, 10, 64, 65, 5000])) if kind == FILE else b""
        paths[path] = (kind, content, r.choice([0o644, 0o755, 0o4711]), r.randrange(10**9))
        if kind == DIR:
            directories.append(path)
    return paths


def entries_of(paths, names):
    return [info(n, paths[n][0], paths[n][1], mode=paths[n][2], mtime=paths[n][3],
                 linkname="target" if paths[n][0] == SYMLINK else "") for n in names]


def below(path, paths):
    return [p for p in paths if p.startswith(path + "/")]


@pytest.mark.parametrize("seed", range(int(os.environ.get("LAYER_SPLITS", 60))))
def test_split(image, tmp_path, seed):
    """A tree in one layer, and the same reached through random ones: things that come and go, files where
    directories are in the end, entries in any order. One digest."""
    r = random.Random(seed)
    final = random_tree(r)
    want = image("build", "--tar", write(tmp_path / "whole", entries_of(final, final)))
    layers, now = [], {}
    for last in [False] * r.randrange(1, 4) + [True]:
        goal = final if last else random_tree(r)
        changes = []
        for path in sorted(now, reverse=True):
            parent = os.path.dirname(path)
            gone = path not in goal or (goal[path][0] == DIR) != (now[path][0] == DIR)
            if gone and (not parent or parent in goal and goal[parent][0] == DIR):
                changes.append(info(os.path.join(parent, ".wh." + os.path.basename(path))))
        named = [p for p in goal if now.get(p) != goal[p] or r.random() < 0.2]
        # Whiteouts may stand anywhere; directories come before what is in them.
        entries = entries_of(goal, named)
        for change in changes:
            entries.insert(r.randrange(len(entries) + 1), change)
        layers.append(write(tmp_path / f"layer{len(layers)}", entries))
        now = goal
    rest = [word for layer in layers[1:] for word in ("--layer", layer)]
    assert image("build", "--tar", *rest, layers[0]) == want


def test_killed(image, tmp_path):
    """Names in the store are of whole files only, also when the archive turns out to be bad at its end."""
    r = random.Random(3)
    data = archive([info(f"f{i}", content=r.randbytes(70000)) for i in range(100)])
    (tmp_path / "layer").write_bytes(data[:-60000])
    image("build", "--tar", "-o", tmp_path / "store", tmp_path / "layer", tmp_path / "image", error="cut short")
    (tmp_path / "layer").write_bytes(data)
    build(image, tmp_path / "layer", target=tmp_path / "image", more=["-o", tmp_path / "store"])
    told = json.loads(image("check", "--json", "-o", tmp_path / "store", tmp_path / "image"))
    assert (told["ok"], told["objects"]) == (True, 100)
    assert not list((tmp_path / "store").glob(".tmp*"))
