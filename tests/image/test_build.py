"""Building: known digests, what must not matter, what must, and the object store."""
import json
import os
import random
import signal
import stat
import subprocess
import time

import differential
import pytest
import randomtree

ROOT = "/ 0 40755 2 0 0 0 0.0 - - -\n"
FIVES = "5a" * 32
SIMPLE = ROOT + f"""\
/blkdev 0 60000 1 0 0 123 0.0 - - -
/chrdev 0 20000 1 0 0 123 0.0 - - -
/fifo 0 10000 1 0 0 0 0.0 - - -
/regular-external 1234 100000 1 0 0 0 0.0 5a/{FIVES[2:]} - {FIVES}
/regular-inline 4 100000 1 0 0 0 0.0 - hihi -
/socket 0 140000 1 0 0 0 0.0 - - -
/symlink 7 120000 1 0 0 0 0.0 /target - -
"""
PINS = {
    ("empty", 0): "8f589e8f57ecb88823736b0d857ddca1e1068a23e264fad164b28f7038eb3682",
    ("empty", 1): "14a26c957c84f6eb774b91205476adc13196c7c33b9dd97d08d43725ecb90b63",
    ("empty", 2): "086b702a519b57d6ef5aea6f8b3f2be24355cd1fb835cd80fb4e3d388b24d5a5",
    ("simple", 0): "9f3f5620ee0c54708516467d0d58741e7963047c7106b245d94c298259d0fa01",
    ("simple", 1): "ad6db6427568a1e4fdc772cbab7b6063f5eb4b33cb62982a740ba9213e5962b5",
    ("simple", 2): "a8fcd41f8b313bede69f462f2af0a38d64b99a6333f5df884ea9ab4037fac722",
}


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("name, version", sorted(PINS))
def test_pins(image, tmp_path, name, version):
    dump = write(tmp_path / "dump", ROOT if name == "empty" else SIMPLE)
    assert image("build", "--dump", "--format", version, dump).strip() == PINS[name, version]
    built = json.loads(image("build", "-d", "--json", "--format", version, dump, tmp_path / "image"))
    assert built["digest"] == PINS[name, version]
    assert built["format"] == version and built["size"] == os.path.getsize(tmp_path / "image")


@pytest.mark.parametrize("seed", range(12))
def test_order_does_not_matter(image, tmp_path, seed):
    """Lines after their directory's, attributes in any order: the same image."""
    lines = randomtree.dump(seed, 40).decode().splitlines()
    dump = write(tmp_path / "dump", "\n".join(lines) + "\n")
    want = image("build", "-d", dump)
    r = random.Random(seed)
    for _ in range(3):
        rest = lines[1:]
        r.shuffle(rest)
        rest.sort(key=lambda line: line.split(" ")[0].count("/"))
        mixed = []
        for line in [lines[0], *rest]:
            fields = line.split(" ")
            xattrs = fields[11:]
            r.shuffle(xattrs)
            mixed.append(" ".join(fields[:11] + xattrs))
        write(tmp_path / "mixed", "\n".join(mixed))
        assert image("build", "-d", tmp_path / "mixed") == want


def make_source(path, count=200):
    r = random.Random(3)
    path.mkdir()
    for i in range(count):
        directory = path / f"d{i % 9}"
        directory.mkdir(exist_ok=True)
        (directory / f"f{i}").write_bytes(r.randbytes(r.choice([0, 1, 64, 65, 4096, 5000, 100000])))
    (path / "link").symlink_to("target")
    os.mkfifo(path / "fifo")
    return path


def test_directory(image, tmp_path):
    source = make_source(tmp_path / "source")
    want = image("build", source)
    for threads in (1, 2, 7):
        assert image("build", "-j", threads, source) == want
    image("build", source, tmp_path / "image")
    assert image("diff", source, tmp_path / "image") == ""
    image("check", tmp_path / "image")
    os.utime(source / "fifo", (1, 1))
    assert "M /fifo: mtime" in image("diff", source, tmp_path / "image", status=1)
    assert image("diff", "--no-mtime", source, tmp_path / "image") == ""
    (source / "new").write_text("x")
    (source / "link").unlink()
    told = json.loads(image("diff", "--json", "--no-mtime", tmp_path / "image", source, status=1))
    assert [(d["change"], d["path"]) for d in told] == [("removed", "/link"), ("added", "/new")]
    image("diff", tmp_path / "nowhere", source, error="no such file", status=2)


def test_same_as_peer(alias, peer, tmp_path):
    source = make_source(tmp_path / "source")
    for more in ([], ["--use-epoch"], ["--skip-xattrs"], ["--min-version=1"], ["--max-version=0"]):
        alias("mkcomposefs")(*more, "--digest-store", tmp_path / "a", source, tmp_path / "a.image")
        peer(*more, "--digest-store", tmp_path / "b", source, tmp_path / "b.image")
        assert (tmp_path / "a.image").read_bytes() == (tmp_path / "b.image").read_bytes()

    def listing(store):
        return {p.relative_to(store): (p.stat().st_mode, p.read_bytes()) for p in store.rglob("*") if p.is_file()}
    assert listing(tmp_path / "a") == listing(tmp_path / "b")


def test_same_dumps_as_peer(image, peer):
    """A sample of what differential.py does at length."""
    done = subprocess.run([differential.__file__, "--seeds", "0:25", image.path, peer.path],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "25 trees, 75 images identical" in done.stdout, done.stdout + done.stderr


def test_hardlinks(image, tmp_path):
    source = tmp_path / "source"
    (source / "z").mkdir(parents=True)
    (source / "b").write_text("x" * 100)
    os.link(source / "b", source / "a")
    os.link(source / "b", source / "z" / "c")
    image("build", "--hardlinks", "--epoch", source, tmp_path / "image")
    lines = image("dump", tmp_path / "image").splitlines()
    assert lines[1].startswith("/a 100 100") and " 3 " in lines[1]
    assert [line.split()[8] for line in lines if " @" in line] == ["/a", "/a"]
    image("check", tmp_path / "image")


def test_hardlinks_of_all_sorts(image, tmp_path):
    """Whatever has several names keeps them, but whiteouts: overlayfs links them to each other, and each
    must mark its own directory."""
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "link").symlink_to("target")
    os.link(source / "link", source / "d" / "link", follow_symlinks=False)
    os.mkfifo(source / "fifo")
    os.link(source / "fifo", source / "d" / "fifo")
    os.mknod(source / "gone", stat.S_IFCHR | 0o600, 0)
    os.link(source / "gone", source / "d" / "gone")
    image("build", "--hardlinks", "--epoch", source, tmp_path / "image")
    entries = {line.split()[0]: line.split()[1:] for line in image("dump", tmp_path / "image").splitlines()}
    assert {name: entry[7] for name, entry in entries.items() if entry[1].startswith("@")} == {
        "/fifo": "/d/fifo", "/link": "/d/link"}
    assert [entries[name][1:3] for name in ("/gone", "/d/gone")] == [["20600", "1"]] * 2
    assert [entries[name][2] for name in ("/d/fifo", "/d/link")] == ["2", "2"]
    image("check", tmp_path / "image")


def test_store(image, tmp_path):
    source = make_source(tmp_path / "source")
    image("build", "-o", tmp_path / "store", source, tmp_path / "image")
    objects = [p for p in (tmp_path / "store").rglob("*") if p.is_file()]
    info = json.loads(image("info", "--json", "-o", tmp_path / "store", tmp_path / "image"))[0]
    assert info["objects"] == len(objects) and info["objects_missing"] == 0
    assert all(p.stat().st_mode & 0o7777 == 0o644 for p in objects)
    image("check", "-o", tmp_path / "store", tmp_path / "image")
    # A second time nothing is written anew; what is damaged or gone comes back.
    before = {p: p.stat().st_ino for p in objects}
    objects[0].unlink()
    objects[1].write_bytes(objects[1].read_bytes()[:-1])
    image("build", "-o", tmp_path / "store", source, tmp_path / "image")
    image("check", "-o", tmp_path / "store", tmp_path / "image")
    assert all(p.stat().st_ino == before[p] for p in objects[2:])
    # What is wrong is named.
    objects[2].write_bytes(b"?" * objects[2].stat().st_size)
    objects[3].unlink()
    said = image("check", "-o", tmp_path / "store", tmp_path / "image", status=1)
    name = [str(p.relative_to(tmp_path / "store")) for p in objects]
    assert f"{name[2]}: wrong content" in said and f"{name[3]}: missing" in said
    told = json.loads(image("check", "--json", "-o", tmp_path / "store", tmp_path / "image", status=1))
    assert told["objects_wrong"] == 2 and not told["ok"]
    assert image("info", "--missing", "-o", tmp_path / "store", tmp_path / "image").split() == [name[3]]


def test_killed_while_writing(image, tmp_path):
    """Whatever has a name in the store is whole, at whatever moment the writer dies."""
    source = make_source(tmp_path / "source", 600)
    image("build", source, tmp_path / "want")
    kills = 0
    for delay in range(40):
        store = tmp_path / f"store{delay}"
        job = subprocess.Popen([image.path, "build", "-o", store, source, tmp_path / "image"])
        time.sleep(delay * 0.002)
        job.send_signal(signal.SIGKILL)
        kills += job.wait() != 0
        if not store.exists():
            continue
        assert not (tmp_path / "image").exists() or job.returncode == 0
        # Objects may be missing; none may be wrong.
        checked = subprocess.run([image.path, "check", "-o", store, tmp_path / "want"], capture_output=True,
                                 text=True)
        assert "wrong content" not in checked.stdout and "wrong size" not in checked.stdout
        assert "objects " in checked.stdout
        if job.returncode == 0:
            (tmp_path / "image").unlink()
    assert kills > 0


def test_two_writers(image, tmp_path):
    source = make_source(tmp_path / "source")
    jobs = [subprocess.Popen([image.path, "build", "-o", tmp_path / "store", source, tmp_path / f"image{i}"])
            for i in range(4)]
    assert [job.wait() for job in jobs] == [0] * 4
    image("check", "-o", tmp_path / "store", tmp_path / "image0")
    assert not list((tmp_path / "store").glob(".tmp*"))


def test_image_appears_whole(image, tmp_path):
    dump = write(tmp_path / "dump", ROOT + "/a bad line\n")
    target = write(tmp_path / "image", "old")
    image("build", "-d", dump, target, error="line 2: ")
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    image("build", "-d", write(tmp_path / "dump", ROOT), target)
    assert target.read_bytes()[:4] == b"\x9ab\x78\xd0"
    assert target.stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22)) & 0o644
    out = image("build", "-d", dump, "-", text=False)
    assert out == target.read_bytes()


def test_usage(image, tmp_path):
    for arguments, words in [
        (["build"], "expected SOURCE"),
        (["build", "a", "b", "c"], "expected SOURCE"),
        (["build", "--format", "3", "a"], "bad option or value"),
        (["build", "--hash", "md5", "a"], "bad option or value"),
        (["build", "--nothing", "a"], "bad option or value: '--nothing'"),
        (["build", "-d", "-o", "x", "a"], "no files"),
        (["build", "--seal", "a"], "--seal needs"),
        (["build", tmp_path / "nowhere"], "no such file or directory"),
        (["info"], "expected an IMAGE"),
        (["mount", "a", "b"], "--objects is missing"),
        (["nothing"], "unknown command 'nothing'"),
        (["check", "--digest", "xyz", "a"], "bad option or value"),
    ]:
        image(*arguments, error=words)
    message = json.loads(subprocess.run([image.path, "info", "--log-format", "json", tmp_path / "x"],
                                        capture_output=True, text=True).stderr)
    assert message["level"] == "error" and "no such file" in message["msg"] and message["code"]
    for command in ["build", "info", "dump", "diff", "check", "mount", "umount"]:
        assert command in image("--help")
        assert image(command, "--help").startswith(f"Usage: coracle image {command} ")
