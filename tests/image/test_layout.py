"""OCI image layouts: which image is taken, that every byte is proven by its descriptor, and the digests that
another implementation has for the same image."""
import gzip
import hashlib
import json
import random
import tarfile

import pytest
from test_layers import DIR, LINK, archive, info, tree

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """A layout on disk. The methods return descriptors."""

    def __init__(self, path):
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, kind, **more):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        digest = sha256(data)
        (self.path / "blobs" / digest.replace(":", "/")).write_bytes(data)
        return {"mediaType": kind, "digest": digest, "size": len(data), **more}

    def image(self, *archives, pack=bytes, kind=LAYER, manifest=None, config=None, **more):
        layers = [self.blob(pack(a), kind) for a in archives]
        config = self.blob(config or {"os": "linux", "rootfs": {"type": "layers", "diff_ids": [*map(sha256, archives)]}},
                           CONFIG)
        return self.blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
                          **(manifest or {})}, MANIFEST, **more)

    def index(self, *manifests):
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
        return self.path


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


def named(name):
    return {"annotations": {"org.opencontainers.image.ref.name": name}}


SIMPLE = archive([info("usr", DIR, mode=0o755, mtime=9), info("usr/f", content=b"x" * 100)])
OTHER = archive([info("other", content=b"y")])


# What composefs-rs has for it, by format.
PINS = {1: "d06f1f6a73f62ed48e05ce9442ff045cdf2a9f5ba1ec623795de3d6177a253d9"
           "1076459795d94f55d8c3d71dab458bb3fc0071255a50c0a4896d86ffdc870b9a",
        2: "f7684c21050615c02cec250e0c7d4118fb0ff6340af5039e06f2f372a7614fff"
           "25dfd38cf7f28ad67d8b86e86371b7deafa9ae4bf543630322aee6196417de92"}


@pytest.mark.parametrize("form", sorted(PINS))
def test_pinned_digest(image, layout, form):
    entries = [info("usr", DIR, mode=0o755), info("hello.txt", content=b"hello from test layer\n", mode=0o644),
               info("hello-link.txt", LINK, linkname="hello.txt")]
    for entry, _ in entries:
        entry.mtime = 1234567890
    path = layout.index(layout.image(archive(entries, form=tarfile.GNU_FORMAT), pack=gzip.compress))
    assert image("build", "--oci", "--hash", "sha512", "--format", form, path).strip() == PINS[form]


def test_canonical(image, layout, tmp_path):
    """The root is as /usr, /run is empty, and of attributes only capabilities are kept, unless asked for."""
    entries = [info("./", DIR, mode=0o700, mtime=1), info("usr", DIR, mode=0o751, mtime=77.5, uid=3, gid=4),
               info("run", DIR, mode=0o750, mtime=5), info("run/lock", DIR), info("run/lock/x", content=b"1"),
               info("f", content=b"f", pax_headers={"SCHILY.xattr.user.a": "b", "SCHILY.xattr.security.capability": "c",
                                                    "SCHILY.xattr.security.selinux": "l"})]
    path = layout.index(layout.image(archive(entries)))
    image("build", "--oci", "-o", tmp_path / "store", path, tmp_path / "image")
    found = tree(image, tmp_path / "image")
    assert sorted(found) == ["/", "/f", "/run", "/usr"]
    assert found["/"][1:7] == ["40751", "4", "3", "4", "0", "77.500000000"]
    assert (found["/run"][1], found["/run"][6]) == ("40750", "77.500000000")
    assert found["/f"][10:] == ["security.capability=c"]
    image("build", "--oci", "--xattrs", "all", path, tmp_path / "image")
    assert tree(image, tmp_path / "image")["/f"][10:] == ["security.capability=c", "security.selinux=l", "user.a=b"]


def test_choice(image, layout):
    """By name; through an index, by platform; one image under two names is one."""
    first = layout.image(SIMPLE, **named("first"))
    second = layout.image(OTHER, **named("second:1.0"))
    foreign = layout.image(archive([]), platform={"os": "plan9", "architecture": "amd64"})
    here = [layout.image(SIMPLE, platform={"os": "linux", "architecture": a})
            for a in ("amd64", "arm64", "riscv64", "s390x", "ppc64le", "386", "arm", "loong64")]
    nested = layout.blob({"schemaVersion": 2, "manifests": [foreign, *here]}, INDEX, **named("many"))
    path = layout.index(first, second, nested)
    one = image("build", "--oci", f"{path}:first")
    assert image("build", "--oci", f"{path}:many") == one
    image("build", "--oci", path, error="more than one image in the layout")
    image("build", "--oci", f"{path}:third", error="no such image in the layout")
    layout.index(first, {**first, **named("again")})
    assert image("build", "--oci", path) == one
    layout.index(second)
    assert image("build", "--oci", path) != one


def test_compressed_alike(image, layout):
    want = image("build", "--oci", layout.index(layout.image(SIMPLE, OTHER)))
    assert image("build", "--oci", layout.index(layout.image(SIMPLE, OTHER, pack=gzip.compress, kind=LAYER + "+gzip"))) \
        == want


def test_every_byte_counts(image, layout, tmp_path):
    """Any byte of any blob changed, left out or added: refused, and no image is there."""
    path = layout.index(layout.image(SIMPLE, OTHER, pack=gzip.compress))
    r = random.Random(2)
    for blob in sorted((path / "blobs/sha256").iterdir()):
        whole = blob.read_bytes()
        at = [0, len(whole) - 1, *(r.randrange(len(whole)) for _ in range(12))]
        changed = [whole[:i] + bytes([whole[i] ^ 1 << r.randrange(8)]) + whole[i + 1:] for i in at]
        for data in (*changed, whole[:-1], whole + b"\0", b""):
            blob.write_bytes(data)
            image("build", "--oci", path, tmp_path / "image", error=str(path))
            assert not (tmp_path / "image").exists()
        blob.unlink()
        image("build", "--oci", path, tmp_path / "image", error="no such file or directory")
        blob.write_bytes(whole)
    image("build", "--oci", path, tmp_path / "image")


def config_with(*diff_ids):
    return {"rootfs": {"type": "layers", "diff_ids": list(diff_ids)}}


WRONG = [
    (lambda x: x.image(SIMPLE, config=config_with(sha256(OTHER))), "the uncompressed layer does not have the digest"),
    (lambda x: x.image(SIMPLE, config=config_with()), "fewer diff_ids than layers"),
    (lambda x: x.image(SIMPLE, config=config_with(sha256(SIMPLE), sha256(OTHER))), "more diff_ids than layers"),
    (lambda x: x.image(SIMPLE, config=config_with("sha256:00")), "expected a sha256 or sha512 digest"),
    (lambda x: x.image(SIMPLE, config=config_with("md5:" + "0" * 32)), "expected a sha256 or sha512 digest"),
    (lambda x: x.image(SIMPLE, config=[1]), "config: line 1: expected an object"),
    (lambda x: x.image(SIMPLE, kind="application/zip"), "a layer that is no file system layer"),
    (lambda x: x.image(SIMPLE, manifest={"manifests": []}), "a document that is an index and a manifest"),
    (lambda x: x.image(SIMPLE, manifest={"layers": 5}), "layers: expected one array"),
    (lambda x: x.image(SIMPLE, manifest={"config": {"size": 1}}), "a descriptor without a digest"),
    (lambda x: x.image(SIMPLE, manifest={"config": {"digest": "sha256:../../../x"}}), "expected a sha256 or sha512"),
    (lambda x: x.image(b"junk" * 200), "its sum is wrong"),
    (lambda x: x.blob({}, "application/octet-stream"), "what the index leads to is no image"),
    (lambda x: x.blob(b"{", MANIFEST), "manifest: "),
    (lambda x: x.blob({"layers": []}, MANIFEST), "manifest: no config"),
    (lambda x: x.blob({"manifests": [], "layers": []}, INDEX), "a document that is an index and a manifest"),
    (lambda x: {"mediaType": MANIFEST, "digest": sha256(b""), "size": 2**40}, "a document of 1099511627776 bytes"),
    (lambda x: {"mediaType": MANIFEST, "digest": sha256(b""), "size": -1}, "a size that is none"),
    (lambda x: {"mediaType": MANIFEST, "digest": sha256(b"")}, "no such file or directory"),
    (lambda x: 7, "expected an object"),
]


@pytest.mark.parametrize("make, words", WRONG, ids=range(len(WRONG)))
def test_refused(image, layout, tmp_path, make, words):
    image("build", "--oci", layout.index(make(layout)), tmp_path / "image", error=words)
    assert not (tmp_path / "image").exists()


def test_circle(image, layout):
    """A digest cannot be in what it is of; but a document can be long on the way."""
    inner = layout.image(SIMPLE)
    for _ in range(6):
        inner = layout.blob({"manifests": [inner]}, INDEX)
    image("build", "--oci", layout.index(inner), error="indexes that lead to indexes without an end")


def test_no_layout(image, layout, tmp_path):
    image("build", "--oci", tmp_path / "nowhere", error="no such file or directory")
    image("build", "--oci", tmp_path, error="not an image layout")
    path = layout.index(layout.image(SIMPLE))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')
    image("build", "--oci", path, error="not an image layout of version 1")
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").unlink()
    image("build", "--oci", path, error="index.json: no such file or directory")
