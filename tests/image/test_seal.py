"""Sealing and verifying: what an image says about its digest, by whom it is signed, and what policies make of it.
openssl makes the keys, and checks what we sign; fsverity signs what we check."""
import base64
import json
import os
import shutil
import struct
import subprocess

import pytest
from test_layers import DIR, archive, info
from test_layout import named, sha256
from test_store import layout, store  # noqa: F401 (fixtures)

MERGED = "composefs.merged.erofs.v1.fsverity-{}-12"
CONFIG = "composefs.config.fsverity-{}-12"
TREE = archive([info("usr", DIR, mode=0o755, mtime=9), info("usr/f", content=b"x" * 5000)])
OTHER = archive([info("usr", DIR, mode=0o755, mtime=9), info("usr/f", content=b"y" * 5000)])

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


class Key:
    def __init__(self, path, name, kind=("rsa:2048",)):
        self.key, self.cert = path / f"{name}.key", path / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", self.key, "-out", self.cert,
                        "-subj", f"/CN={name}", "-days", "2"], check=True, capture_output=True)

    @property
    def words(self):
        return "--key", self.key, "--cert", self.cert


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys")
    return Key(path, "good"), Key(path, "other"), Key(path, "curve", ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"))


def signed_bytes(digest):
    """struct fsverity_formatted_digest"""
    raw = bytes.fromhex(digest)
    return b"FSVerity" + struct.pack("<HH", 2 if len(raw) == 64 else 1, len(raw)) + raw


def manifest_of(store, name):  # noqa: F811
    return json.loads(store("inspect", "--manifest", name))


@pytest.mark.parametrize("hash_", ["sha256", "sha512"])
def test_seal(store, layout, keys, tmp_path, hash_):  # noqa: F811
    """The statements, the signatures, and everything else as it was."""
    good, other, curve = keys
    source = layout.index(layout.image(TREE, manifest={"annotations": {"a": "\u00e4}\"", "composefs.old": "x"}, "z": [1]},
                                       **named("n")))
    told = json.loads(store("import", "--json", "--hash", hash_, source))
    before = manifest_of(store, "n")
    store("verify", "n", error="n says nothing about its digest")
    sealed = json.loads(store("seal", "--json", "n", "sealed"))
    assert sealed["image"] == told["image"] and sealed["manifest"] != told["manifest"] and not sealed["signed"]
    after = manifest_of(store, "sealed")
    assert after["annotations"] == {"a": "\u00e4}\"", MERGED.format(hash_): told["image"]}
    config_digest = after["config"].pop("annotations")[CONFIG.format(hash_)]
    (tmp_path / "config").write_text(store("inspect", "--config", "n"))
    if shutil.which("fsverity"):
        said = subprocess.run(["fsverity", "digest", f"--hash-alg={hash_}", "--compact", tmp_path / "config"],
                              capture_output=True, text=True, check=True).stdout
        assert said.strip() == config_digest
    assert {k: v for k, v in after.items() if k != "annotations"} == \
        {k: v for k, v in before.items() if k != "annotations"}
    assert "it is what it says" in store("verify", "sealed")
    store("verify", "--cert", good.cert, "sealed", error="the image is not signed")

    for key in (good, curve):
        store("seal", *key.words, "sealed")
        assert "signed by a trusted key" in store("verify", "--cert", key.cert, "sealed")
        store("verify", "--cert", other.cert, "sealed", error="the signature is not by a trusted key")
        store("verify", "--cert", other.cert, "--cert", key.cert, "sealed")
        annotations = manifest_of(store, "sealed")["annotations"]
        assert len(annotations) == 3
        (tmp_path / "sig").write_bytes(base64.b64decode(annotations[MERGED.format(hash_) + ".sig"]))
        (tmp_path / "signed").write_bytes(signed_bytes(told["image"]))
        done = subprocess.run(["openssl", "smime", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "sig",
                               "-content", tmp_path / "signed", "-certfile", key.cert, "-nointern", "-noverify",
                               "-out", os.devnull], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert json.loads(store("fsck", "--json"))["bad"] == 0
    # It comes and goes.
    store("export", "--flatten", "sealed", tmp_path / "flat")
    store("import", "--keep-layers", source, "kept")
    store("seal", *good.words, "kept")
    digest = store("export", "kept", tmp_path / "out").strip()
    store("rm", "kept")
    assert store("import", f"{tmp_path}/out:kept").strip() == digest
    store("verify", "--cert", good.cert, "kept")


@pytest.mark.skipif(not shutil.which("fsverity"), reason="fsverity is not installed")
def test_signature_of_another_tool(store, layout, keys, tmp_path):  # noqa: F811
    """What `fsverity sign` makes for the image and the config is as good as ours."""
    good = keys[0]
    source = layout.index(layout.image(TREE, **named("n")))
    told = json.loads(store("import", "--json", "--keep-layers", source))
    store("seal", "n")
    sealed = manifest_of(store, "n")
    (tmp_path / "config").write_text(store("inspect", "--config", "n"))
    image = store.path / "objects" / told["image"][:2] / told["image"][2:]

    def sign(path):
        subprocess.run(["fsverity", "sign", path, tmp_path / "sig", f"--key={good.key}", f"--cert={good.cert}"],
                       check=True, capture_output=True)
        return base64.b64encode((tmp_path / "sig").read_bytes()).decode()
    key = MERGED.format("sha256")
    sealed["annotations"][key + ".sig"] = sign(image)
    key = CONFIG.format("sha256")
    sealed["config"]["annotations"][key + ".sig"] = sign(tmp_path / "config")
    store("import", with_manifest(layout, sealed), "theirs")
    store("verify", "--cert", good.cert, "theirs")


def with_manifest(layout, document):  # noqa: F811
    kind = "application/vnd.oci.image.manifest.v1+json"
    return layout.index(layout.blob(document, kind))


def test_lies(store, layout, keys):  # noqa: F811
    """Statements that are wrong, malformed, swapped between images, or signed for something else."""
    good = keys[0]
    for name, tree in (("a", TREE), ("b", OTHER)):
        store("import", layout.index(layout.image(tree, config={
            "author": name, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(tree)]}})), name)
        store("seal", *good.words, name)
    a, b = manifest_of(store, "a"), manifest_of(store, "b")
    merged, config = MERGED.format("sha256"), CONFIG.format("sha256")

    def lie(words, change, *more):
        document = json.loads(json.dumps(a))
        change(document)
        store("import", with_manifest(layout, document), "liar")
        store("verify", *more, "liar", error=words)
    cert = ("--cert", good.cert)
    lie("the image has not the digest that is stated", lambda d: d["annotations"].update(b["annotations"]))
    lie("the config has not the digest that is stated",
        lambda d: d["config"]["annotations"].update(b["config"]["annotations"]))
    lie("image: the signature is not by a trusted key",
        lambda d: d["annotations"].update({merged + ".sig": b["annotations"][merged + ".sig"]}), *cert)
    lie("config: the signature is not by a trusted key", lambda d: d["config"]["annotations"].update(
        {config + ".sig": d["annotations"][merged + ".sig"]}), *cert)
    lie("the config is not signed", lambda d: d["config"].pop("annotations"), *cert)
    lie("the image is not signed", lambda d: d["annotations"].pop(merged + ".sig"), *cert)
    lie("a digest that is none", lambda d: d["annotations"].update({merged: "00"}))
    lie("an annotation that is no string", lambda d: d["annotations"].update({merged: 5}))
    for junk in ("", "AAAA", "!!!!", "A" * 70000, base64.b64encode(b"0" * 99).decode()):
        lie("the signature is not by a trusted key", lambda d: d["annotations"].update({merged + ".sig": junk}), *cert)
    lie("says nothing about its digest",
        lambda d: d.update(annotations={merged.replace("sha256", "sha512"): "00" * 64}))


def test_old_label(store, layout):  # noqa: F811
    """The config's label of 2024: it is of the tree, which does not depend on the config."""
    digest = json.loads(store("import", "--json", layout.index(layout.image(TREE)), "n"))["image"]

    def labelled(value):
        return layout.index(layout.image(TREE, config={
            "config": {"Labels": {"containers.composefs.fsverity": value}},
            "rootfs": {"type": "layers", "diff_ids": [sha256(TREE)]}}))
    store("import", labelled(f"sha256:{digest}"), "good")
    assert "it is what it says" in store("verify", "good")
    store("import", labelled("sha256:" + "0" * 64), "bad")
    store("verify", "bad", error="the image has not the digest that is stated for it")
    store("import", labelled("sha512:" + "0" * 128), "other")
    store("verify", "other", error="says nothing about its digest")


def test_digest(store, layout, tmp_path):  # noqa: F811
    told = json.loads(store("import", "--json", layout.index(layout.image(TREE)), "n"))
    for digest in (told["image"], "sha256:" + told["image"], told["manifest"]):
        assert "it is what it must be" in store("verify", "--digest", digest, "n")
    store("verify", "--digest", "0" * 64, "n", error="n does not have that digest")
    store("verify", "--read", "--digest", told["image"], "n")
    largest = max((p for p in (store.path / "objects").glob("*/*") if p.stat().st_size == 5000))
    largest.write_bytes(b"z" * 5000)
    store("verify", "--digest", told["image"], "n")
    store("verify", "--read", "--digest", told["image"], "n", error="wrong content")
    image = store.path / "objects" / told["image"][:2] / told["image"][2:]
    data = bytearray(image.read_bytes())
    data[-1] ^= 1
    image.write_bytes(data)
    store("verify", "--digest", told["image"], "n", error="n: ")


def test_policy(store, layout, keys, tmp_path):  # noqa: F811
    good, other, _ = keys
    shutil.copy(good.cert, tmp_path / "good.pem")
    told = json.loads(store("import", "--json", layout.index(layout.image(TREE)), "reg.example/team/app:1"))
    policy = tmp_path / "policy.json"

    def ask(*rules, error=None, name="reg.example/team/app:1", **more):
        policy.write_text(json.dumps({"version": 1, "rules": list(rules), **more}))
        store("verify", "--policy", policy, name, error=error)
    anything = {"names": ["*"], "require": "nothing"}
    signature = {"names": ["reg.example/team/*"], "require": "signature", "certs": ["good.pem"]}
    ask(anything)
    ask(error="no rule is for it")
    ask({"names": ["other/*"], "require": "nothing"}, error="no rule is for it")
    ask({"names": ["reg.example/*"], "require": "reject"}, anything, error="it is rejected")
    ask({"names": ["x", "reg.example/*"], "require": "digest", "digests": [told["image"]]})
    ask({"names": ["*"], "require": "digest", "digests": ["0" * 64, told["manifest"]]})
    ask({"names": ["*"], "require": "digest", "digests": ["0" * 64]}, error="neither its digest")
    ask(signature, anything, error="the image is not signed")
    store("seal", *good.words, "reg.example/team/app:1")
    ask(signature)
    ask({**signature, "certs": [str(other.cert)]}, error="the signature is not by a trusted key")
    ask({**signature, "certs": ["nowhere.pem"]}, error="no such file or directory")
    ask({**signature, "certs": []}, error="the signature is not by a trusted key")
    # What is not understood allows nothing.
    ask({**anything, "require": "luck"}, error="an unknown requirement")
    ask({**anything, "unless": 1}, error="an unknown key")
    ask({"names": ["*"]}, error="a rule without names")
    ask({"require": "nothing"}, error="a rule without names")
    ask(anything, default="allow", error="an unknown key")
    policy.write_text(json.dumps({"rules": [anything]}))
    store("verify", "--policy", policy, "reg.example/team/app:1", error="not a policy of version 1")
    policy.write_text("{")
    store("verify", "--policy", policy, "reg.example/team/app:1", error="policy")
    store("verify", "--policy", tmp_path / "none", "reg.example/team/app:1", error="open the policy")


def test_refused(store, layout, keys, tmp_path):  # noqa: F811
    good, other, _ = keys
    store("import", "--transform", "none", layout.index(layout.image(TREE)), "raw")
    store("seal", "raw", error="was imported with transform none")
    store("import", layout.index(layout.image(TREE)), "n")
    store("seal", "--key", good.key, "n", error="--key and --cert need each other")
    store("seal", "--key", good.key, "--cert", other.cert, "n", error="does not belong to the certificate")
    store("seal", "--key", good.cert, "--cert", good.cert, "n", error="the private key")
    store("seal", "--key", good.key, "--cert", good.key, "n", error="the certificate")
    store("seal", "--key", tmp_path / "none", "--cert", good.cert, "n", error="no such file or directory")
    store("seal", "none", error="no image 'none'")
    store("seal", "n", "not a name", error="cannot be the name")
