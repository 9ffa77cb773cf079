"""The image store: images of every source come in, proven, under their names; equal files are there once; what no
name leads to goes with gc, and nothing else; fsck finds what is damaged."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import threading

import pytest
from test_layers import DIR, SYMLINK, archive, info
from test_layout import INDEX, OTHER, SIMPLE, Layout, named, sha256

COMMON = os.urandom(3000)
SHARED = archive([info("usr", DIR, mode=0o755, mtime=9), info("usr/shared", content=COMMON),
                  info("usr/copy", content=COMMON, mode=0o600), info("usr/own", content=os.urandom(2000))])


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


@pytest.fixture
def store(image, tmp_path):
    """store("list", …) is `coracle image list …` on a store of this test's own."""
    path = tmp_path / "store"

    def run(verb, *arguments, **more):
        return image(verb, "--store", path, *arguments, **more)
    run.path = path
    return run


def listed(store):
    return {row["name"]: row["manifest"] for row in json.loads(store("list", "--json"))}


def objects(store):
    return sorted(p for p in (store.path / "objects").glob("*/*"))


def sound(store):
    told = json.loads(store("fsck", "--json"))
    assert told["wrong"] == [] and told["bad"] == 0
    return told


def test_import(store, image, layout, tmp_path):
    path = layout.index(layout.image(SIMPLE, OTHER, pack=gzip.compress, **named("one:1")))
    digest = store("import", path).strip()
    assert listed(store) == {"one:1": digest}
    assert digest == sha256((layout.path / "blobs" / digest.replace(":", "/")).read_bytes())
    told = json.loads(store("inspect", "one:1"))
    assert told["names"] == ["one:1"] and told["manifest"] == digest and told["transform"] == "oci-1"
    assert [x["diffId"] for x in told["layers"]] == [sha256(SIMPLE), sha256(OTHER)]
    # What build makes of the same image, to the byte.
    image("build", "--oci", path, tmp_path / "image")
    assert told["image"] == image("build", "--oci", path).strip()
    mine = store.path / "objects" / told["image"][:2] / told["image"][2:]
    assert mine.read_bytes() == (tmp_path / "image").read_bytes()
    assert store("inspect", "--manifest", digest[7:20]).encode() == \
        (layout.path / "blobs" / digest.replace(":", "/")).read_bytes()
    assert sound(store)["images"] == 1


def test_import_again(store, layout):
    path = layout.index(layout.image(SIMPLE, **named("a")))
    first = json.loads(store("import", "--json", path))
    again = json.loads(store("import", "--json", path, "b"))
    assert (first["wasThere"], again["wasThere"]) == (False, True)
    assert listed(store) == {"a": first["manifest"], "b": first["manifest"]}
    # What is not complete any more is read anew.
    objects(store)[0].unlink()
    assert not json.loads(store("import", "--json", path))["wasThere"]
    sound(store)


def docker(entries, config, names, files):
    """A docker archive: its layers by the names of their files."""
    out = io.BytesIO()
    text = json.dumps(config).encode()
    hex_ = hashlib.sha256(text).hexdigest()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, data):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for name, data in entries:
            if isinstance(data, str):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = SYMLINK, data
                tar.addfile(entry)
            else:
                add(name, data)
        add(f"{hex_}.json", text)
        add("manifest.json", json.dumps([{"Config": f"{hex_}.json", "RepoTags": n, "Layers": files}
                                         for n in names]).encode())
    return out.getvalue()


def config_of(*layers):
    return {"os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(x) for x in layers]}}


def test_docker_archive(store, layout, tmp_path):
    data = docker([("x/layer.tar", SIMPLE), ("other.tar", OTHER), ("y/layer.tar", "../other.tar")],
                  config_of(SIMPLE, OTHER), [["reg.example/a/b:1", "c:2"]], ["x/layer.tar", "y/layer.tar"])
    (tmp_path / "a.tar").write_bytes(data)
    store("import", tmp_path / "a.tar")
    store("import", f"docker-archive:{tmp_path}/a.tar:c:2")
    assert sorted(listed(store)) == ["c:2", "reg.example/a/b:1"]
    (tmp_path / "a.tgz").write_bytes(gzip.compress(data))
    store("import", tmp_path / "a.tgz", "packed")
    store("import", "-", "piped", stdin=gzip.compress(data), text=False)
    store("import", layout.index(layout.image(SIMPLE, OTHER)), "layout")
    images = {json.loads(store("inspect", name))["image"] for name in listed(store)}
    assert len(images) == 1
    manifest = json.loads(store("inspect", "--manifest", "piped"))
    assert [x["digest"] for x in manifest["layers"]] == [sha256(SIMPLE), sha256(OTHER)]
    assert [x["size"] for x in manifest["layers"]] == [len(SIMPLE), len(OTHER)]
    sound(store)


def test_archives_and_flat_directories(store, layout, tmp_path):
    path = layout.index(layout.image(SIMPLE, OTHER, **named("n")))
    digest = store("import", path).strip()
    with tarfile.open(tmp_path / "oci.tar", "w") as tar:
        tar.add(path, arcname=".")
    assert store("import", f"oci-archive:{tmp_path}/oci.tar:n", "archive").strip() == digest
    flat = tmp_path / "flat"
    flat.mkdir()
    for blob in (path / "blobs/sha256").iterdir():
        (flat / ("manifest.json" if blob.name == digest[7:] else blob.name)).write_bytes(blob.read_bytes())
    store("import", flat, error="does not say what it is called")
    assert json.loads(store("import", "--json", f"dir:{flat}", "flat"))["manifest"] == digest
    os.chdir(tmp_path)
    path.rename(tmp_path / "oci")
    assert store("import", "oci:n", "relative").strip() == digest


WRONG_ARCHIVES = [
    (lambda: docker([("l", SIMPLE)], config_of(OTHER), [["a"]], ["l"]), "the uncompressed layer does not have"),
    (lambda: docker([], config_of(SIMPLE), [["a"]], ["l"]), "open l: no such file or directory"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [["a"], ["b"]], ["l"]), "more than one image in the archive"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [], ["l"]), "no such image in the archive"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [["a"]], ["l", "l"]), "fewer diff_ids than layers"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [[7]], ["l"]), "manifest.json: line 1: expected a string"),
    (lambda: docker([("a", "b"), ("b", "a")], config_of(SIMPLE), [["a"]], ["a"]), "open a: no such file"),
    (lambda: docker([("l", SIMPLE)], [1], [["a"]], ["l"]), "config: line 1: expected an object"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [["a b"]], ["l"]), "cannot be the name of an image"),
    (lambda: archive([info("manifest.json", content=b"{}")]), "manifest.json: line 1: expected an array"),
    (lambda: archive([info("manifest.json", content=b"[{}]")]), "manifest.json: no config"),
    (lambda: archive([info("manifest.json", content=b'[{"Config":"c"}]'), info("c", content=b"{}")]), "no digest"),
    (lambda: archive([info("manifest.json", content=b'[{"Config":"%s.json"}]' % (b"0" * 64)),
                      info("0" * 64 + ".json", content=b"{}")]), "does not have the digest that it is named by"),
    (lambda: archive([info("x")]), "not an image layout"),
    (lambda: b"junk" * 300, "its sum is wrong"),
    (lambda: gzip.compress(b"x" * 5000)[:-9], "cut short"),
    (lambda: docker([("l", SIMPLE)], config_of(SIMPLE), [["a"]], ["l"])[:-9000], "cut short"),
    (lambda: b"", "not an image layout"),
]


@pytest.mark.parametrize("make, words", WRONG_ARCHIVES, ids=range(len(WRONG_ARCHIVES)))
def test_refused_archives(store, tmp_path, make, words):
    (tmp_path / "a.tar").write_bytes(make())
    store("import", tmp_path / "a.tar", error=words)
    assert listed(store) == {} and sound(store)["images"] == 0


def test_refused(store, layout, tmp_path):
    path = layout.index(layout.image(SIMPLE, config={"rootfs": {"diff_ids": [sha256(OTHER)]}}))
    store("import", path, "a", error="the uncompressed layer does not have the digest")
    good = layout.index(layout.image(SIMPLE))
    for name in ("", "-a", "a b", "a\n", "a" * 201, "sha256:" + "0" * 64, ".", "../a", "a%2Fb", "ä"):
        store("import", "--", good, name, error="cannot be the name of an image")
    assert listed(store) == {}
    store("import", tmp_path / "nowhere", "a", error="no such file or directory")
    store("import", "--transform", "oci-0", good, "a", error="bad option or value")
    store("import", good, "a")
    store("import", "--hash", "sha512", good, "a", error="is a store of sha256 digests")
    for verb, *words in (["list"], ["inspect", "a"], ["tag", "a", "b"], ["rm", "a"], ["gc"], ["fsck"]):
        store(verb, "--store", tmp_path / "none", *words, error="no image store at")
    (tmp_path / "future").mkdir()
    (tmp_path / "future/meta.json").write_text('{"version":2,"hash":"sha256"}')
    store("list", "--store", tmp_path / "future", error="a store of version 2, not 1")


def test_sha512_and_transforms(store, image, layout):
    """The digests are those that another implementation has; without a transform the tree is the layers'."""
    path = layout.index(layout.image(archive([info("f", content=b"f" * 100, pax_headers={"SCHILY.xattr.user.a": "b"}),
                                              info("run", DIR), info("run/x", content=b"1")])))
    told = json.loads(store("import", "--json", "--hash", "sha512", path, "a"))
    assert told["image"] == image("build", "--oci", "--hash", "sha512", path).strip()
    mine = store.path / "objects" / told["image"][:2] / told["image"][2:]
    assert "/run/x" not in image("dump", mine) and "user.a" not in image("dump", mine)
    told = json.loads(store("import", "--json", "--transform", "none", path, "a"))
    mine = store.path / "objects" / told["image"][:2] / told["image"][2:]
    assert "/run/x" in image("dump", mine) and "user.a=b" in image("dump", mine)
    assert not told["wasThere"]
    sound(store)


def test_equal_files_are_there_once(store, layout):
    store("import", layout.index(layout.image(SHARED)), "a")
    one = set(objects(store))
    other = archive([info("usr", DIR), info("usr/elsewhere", content=COMMON, uid=7), info("usr/new", content=b"n" * 99)])
    store("import", layout.index(layout.image(other)), "b")
    # One new file, one new image.
    assert len(set(objects(store)) - one) == 2
    assert sorted(p.stat().st_size for p in one)[:2] == [2000, 3000] and len(one) == 3


def test_names(store, layout):
    one = store("import", layout.index(layout.image(SIMPLE)), "reg.example:5000/a/b:latest").strip()
    two = store("import", layout.index(layout.image(OTHER)), "c:1").strip()
    store("tag", "reg.example:5000/a/b", "x", "y/z")
    assert listed(store) == {"reg.example:5000/a/b:latest": one, "x": one, "y/z": one, "c:1": two}
    store("tag", "c:1", "x")
    assert listed(store)["x"] == two
    store("tag", one, "by-digest")
    store("tag", one[7:15], "by-digits")
    store("rm", "reg.example:5000/a/b", error="no image 'reg.example:5000/a/b' in the store")
    store("rm", "x", "y/z")
    store("rm", one)
    assert listed(store) == {"c:1": two, None: one}
    store("inspect", one[:20])
    for word in ("x", one[7:12], "f" * 64, "sha256:" + "f" * 64, "c"):
        store("inspect", word, error=f"no image '{word}' in the store")
    store("tag", "c:1", "not a name", error="cannot be the name")
    store("tag", "c:1", error="tag: expected a NAME and new names")
    store("rm", error="expected a NAME")


def test_gc(store, layout):
    store("import", "--keep-layers", layout.index(layout.image(SHARED, pack=gzip.compress)), "a")
    store("import", layout.index(layout.image(SIMPLE)), "b")
    before = objects(store)
    assert "0 images, 0 blobs, 0 objects, 0 containers' files, 0 temporary" in store("gc")
    (store.path / "objects/.tmp-1-1").write_text("left behind")
    (store.path / "refs/.tmp-1-1").write_text("left behind")
    store("rm", "a")
    told = json.loads(store("gc", "--dry-run", "--json"))
    assert (told["images"], told["blobs"], told["objects"], told["temporary"]) == (1, 3, 3, 2)
    assert objects(store) == before
    assert {**told, "dryRun": False} == json.loads(store("gc", "--json"))
    assert list(listed(store)) == ["b"] and len(objects(store)) == len(before) - 3
    assert not list(store.path.rglob(".tmp-*"))
    store("rm", "b")
    store("gc")
    assert {p.name for p in store.path.rglob("*") if p.is_file()} == {"lock", "meta.json"}


def test_gc_removes_nothing_when_it_cannot_follow(store, layout):
    one = store("import", layout.index(layout.image(SIMPLE)), "a").strip()
    store("import", layout.index(layout.image(OTHER)), "b")
    store("rm", "b")
    record = store.path / "images" / one
    text = record.read_text()
    before = objects(store)
    for damage in (text[:-9], "{}", text.replace("oci-1", "oci-9")):
        record.write_text(damage)
        store("gc", error="a: ")
        assert objects(store) == before
    record.write_text(text)
    (store.path / "refs/b").write_text("junk")
    store("gc", error="1 names cannot be read")
    assert objects(store) == before


def test_fsck(store, layout):
    """Every file of a store changed, cut, or taken away: it is told, and repair leaves a store that is sound, into
    which the image comes again."""
    path = layout.index(layout.image(SHARED))
    digest = store("import", "--keep-layers", path, "a").strip()
    files = [p for p in store.path.rglob("*") if p.is_file() and p.name not in ("lock", "meta.json")]
    assert len(files) == 8
    for file in files:
        whole = file.read_bytes()
        for change in ("flip", "cut", "remove"):
            if change == "remove":
                file.unlink()
            else:
                file.write_bytes(whole[:len(whole) // 2] if change == "cut" else bytes([whole[0] ^ 1]) + whole[1:])
            if (file.parent.name, change) == ("refs", "remove"):
                assert listed(store) == {None: digest}
            else:
                done = store("fsck", status=1)
                assert " wrong, 0 removed" in done, (file, change)
                store("fsck", "--repair", status=1)
            if file.parent.name == "refs":
                file.unlink(missing_ok=True)
            store("gc")
            sound(store)
            store("import", "--keep-layers", path, "a")
            sound(store)
            assert {p for p in store.path.rglob("*") if p.is_file()} >= set(files)


def test_concurrent(store, image, layout, tmp_path):
    """Imports of images that share files, gc and names, all at a time: what was imported is there in the end."""
    sources = []
    for i in range(6):
        data = archive([info("usr", DIR), info("usr/shared", content=COMMON),
                        *(info(f"usr/f{i}-{k}", content=os.urandom(200)) for k in range(40))])
        one = Layout(tmp_path / f"layout{i}")
        sources.append(one.index(one.image(data)))
    failures = []

    def work(i):
        try:
            for _ in range(4):
                store("import", sources[i], f"image:{i}")
                store("tag", f"image:{i}", f"also:{i}")
                store("gc")
                store("rm", f"also:{i}")
        except AssertionError as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert sorted(listed(store)) == [f"image:{i}" for i in range(6)]
    sound(store)
    store("gc")
    assert sound(store)["objects"] == 6 * 41 + 1


def test_default_store(image, layout, tmp_path):
    path = layout.index(layout.image(SIMPLE))
    image("import", path, "a", env={"CORACLE_IMAGE_STORE": str(tmp_path / "deep/er/store")})
    assert (tmp_path / "deep/er/store/refs/a").exists()
    assert (tmp_path / "deep/er/store").stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        tmp_path.chmod(0o755)
        home = tmp_path / "home"
        home.mkdir()
        os.chown(home, 65534, 65534)
        for p in pathlib.Path(tmp_path).parents:
            if not p.stat().st_mode & 0o001:
                pytest.skip(f"{p} is private")
        done = subprocess.run([image.path, "import", path, "a"], user=65534, group=65534, capture_output=True,
                              env={"HOME": str(home), "PATH": os.environ["PATH"]}, text=True)
        assert done.returncode == 0, done.stderr
        assert (home / ".local/share/coracle/images/refs/a").exists()


def test_platforms(store, layout):
    """An index of several platforms: this machine's comes in."""
    foreign = layout.image(OTHER, platform={"os": "linux", "architecture": "none"})
    here = [layout.image(SIMPLE, platform={"os": "linux", "architecture": a}) for a in ("amd64", "arm64", "riscv64")]
    nested = layout.blob({"schemaVersion": 2, "manifests": [foreign, *here]}, INDEX, **named("many"))
    assert store("import", layout.index(nested)).strip() == here[0]["digest"]
