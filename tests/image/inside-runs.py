#!/usr/bin/env python3
"""inside-runs.py OURS CORACLE [LAYOUT] — containers from a store whose files the kernel seals, in the virtual machine of
`world`: they run where everything is as it was, do not start where it is not, and cannot open what was changed while
they ran. LAYOUT is an OCI image layout with one image that has a shell and cat; else one is made of this machine's. As an
ordinary user the same is shown in /opt/runs-user, where the kernel can enforce digests in a user namespace (Linux 6.16).
Every line of the report begins with "world:"."""
import contextlib
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time

OURS, CORACLE, *LAYOUT = map(os.path.abspath, sys.argv[1:])
ROOT = os.geteuid() == 0
HERE = pathlib.Path("/opt/runs" if ROOT else "/opt/runs-user")
WHO = "root" if ROOT else "user"
STORE = HERE / "store"
failures = []


def say(text):
    print(f"world: {WHO}:", text.replace("\n", " | "), flush=True)


def expect(what, condition, said=""):
    if not condition:
        failures.append(what)
        say(f"FAILED {what}: {said}")


def call(*words):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def image(verb, *words):
    return call(OURS, verb, "--store", STORE, *words)


def make_layout():
    """A layout of one layer: a shell, cat, sleep, and what they are linked with."""
    path = HERE / "layout"
    (path / "blobs/sha256").mkdir(parents=True)
    files = {"/bin/sh", "/bin/cat", "/bin/sleep", "/etc/debian_version", "/etc/passwd"}
    for program in sorted(files):
        files |= set(re.findall(r"(/\S+) \(0x", call("ldd", program).stdout)) if "/bin/" in program else set()
    with tarfile.open(HERE / "layer", "w") as tar:
        for name in ("usr", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name in sorted(files):
            tar.add(os.path.realpath(name), arcname=name.lstrip("/"))
    blobs = {}

    def blob(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        (path / "blobs/sha256" / digest).write_bytes(data)
        blobs[kind] = {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}
        return blobs[kind]
    layer = blob("layer.v1.tar", (HERE / "layer").read_bytes())
    config = blob("config.v1+json", json.dumps({"os": "linux", "config": {"Cmd": ["cat", "/etc/debian_version"]}, "rootfs": {
        "type": "layers", "diff_ids": [layer["digest"]]}}).encode())
    manifest = blob("manifest.v1+json", json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode())
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return path


def object_of(path):
    """The object with the content of a file in the image."""
    digest = json.loads(image("inspect", "n").stdout)["image"]
    for line in call(OURS, "dump", STORE / "objects" / digest[:2] / digest[2:]).stdout.splitlines():
        fields = line.split(" ")
        if fields[0] == path:
            return STORE / "objects" / fields[8] if not fields[2].startswith("@") else object_of(fields[8])
    raise AssertionError(f"{path} is not in the image")


class Replaced:
    """An object in whose place something else lies."""

    def __init__(self, path):
        self.path, self.kept = path, path.with_name(path.name + ".kept")

    def __enter__(self):
        self.path.rename(self.kept)
        data = bytearray(self.kept.read_bytes())
        data[len(data) // 2] ^= 1
        self.path.write_bytes(data)

    def __exit__(self, *_):
        self.path.unlink()
        self.kept.rename(self.path)


def enforced():
    done = image("run", "--verity", "require", "n", "cat", "/etc/debian_version")
    expect("a sealed image runs", (done.returncode, done.stdout) == (0, VERSION), done.stderr)
    expect("nothing is warned of", done.stderr == "", done.stderr)
    done = image("run", "n", "cat", "/etc/debian_version")
    expect("without being asked, too", (done.stdout, done.stderr) == (VERSION, ""), done.stderr)
    done = image("run", "-u", "0", "--verity", "require", "n", "sh", "-c", "echo x > /new && cat /new /proc/mounts")
    expect("changes go to the upper layer", done.stdout.startswith("x\n"), done.stderr)
    expect("the kernel was asked to enforce", "verity=require" in done.stdout, done.stdout[:300])
    told = json.loads(image("fsck", "--json").stdout)
    expect("everything is sealed", told["bad"] == 0 and told["sealed"] == told["objects"] > 0, str(told))
    say(f"sealed image: {told['objects']} objects sealed, runs with the kernel's enforcement")


def tampered():
    """The program, then the image itself, replaced: no start."""
    with Replaced(object_of(CAT)):
        for mode in ("require", "try"):
            done = image("run", "--verity", mode, "n", "cat", "/etc/debian_version")
            expect(f"a tampered program does not start ({mode})", done.returncode != 0 and done.stdout == "", done.stdout)
            say(f"tampered program, {mode}: {done.stderr.strip()}")
    digest = json.loads(image("inspect", "n").stdout)["image"]
    with Replaced(STORE / "objects" / digest[:2] / digest[2:]):
        for mode in ("require", "try", "off"):
            done = image("run", "--verity", mode, "n", "cat", "/etc/debian_version")
            expect(f"a tampered image does not start ({mode})", done.returncode != 0 and done.stdout == "", done.stdout)
        say(f"tampered image: {done.stderr.strip()}")
    expect("all is well again", image("run", "n", "cat", "/etc/debian_version").stdout == VERSION)


def tampered_while_running():
    """The shell looks for cat when it is told to; whatever happened to the object since it began."""
    for changed in (True, False):
        process = subprocess.Popen([OURS, "run", "--store", STORE, "--verity", "require", "n", "sh", "-c",
                                    "echo up; read word; cat /etc/debian_version"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect("a container runs", process.stdout.readline() == "up\n")
        with Replaced(object_of(CAT)) if changed else contextlib.nullcontext():
            out, err = process.communicate("go\n", timeout=300)
        expect("what is tampered while it runs fails when it is opened", (process.returncode == 0, out) == (
            (False, "") if changed else (True, VERSION)), f"{process.returncode} {out}{err}")
        if changed:
            say(f"tampered while running: {err.strip()}")
    expect("nothing is left", list((STORE / "run").iterdir()) == [])


def tampered_before_exec():
    """The same for what another process begins in there."""
    # What it inherits it keeps open: nobody may wait for the end of that.
    done = subprocess.run([OURS, "run", "--store", STORE, "--verity", "require", "--detach", "--name", "c", "n", "sleep",
                           "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expect("a container runs", done.returncode == 0)
    with Replaced(object_of(CAT)):
        done = call(CORACLE, "exec", "c", "cat", "/etc/debian_version")
        expect("what is tampered while it runs fails when exec opens it", done.returncode != 0 and done.stdout == "",
               done.stdout)
        say(f"tampered before exec: {done.stderr.strip()}")
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    done = call(CORACLE, "exec", "c", "cat", "/etc/debian_version")
    expect("and only that", done.stdout == VERSION, done.stderr)
    call(CORACLE, "delete", "--force", "c")
    expect("nothing is left", list((STORE / "run").iterdir()) == [])


def refused():
    """Nothing enforces digests for users here: said so, whatever was asked for."""
    for mode in ("require", "try"):
        done = image("run", "--verity", mode, "n", "cat", "/etc/debian_version")
        expect(f"no run without a way to enforce ({mode})", done.returncode != 0 and done.stdout == "", done.stdout)
    say(f"refused: {done.stderr.strip()}")


def main():
    global VERSION, CAT
    HERE.mkdir(exist_ok=True)
    before = time.monotonic()
    done = image("import", "--verity", "require", LAYOUT[0] if LAYOUT else make_layout(), "n")
    expect("the import seals everything", done.returncode == 0, done.stderr)
    say(f"import: {time.monotonic() - before:.1f} s")
    call(OURS, "unpack", "--store", STORE, "n", HERE / "plain")
    VERSION = (HERE / "plain/etc/debian_version").read_text()
    CAT = "/bin/cat" if not (HERE / "plain/bin").is_symlink() else "/usr/bin/cat"
    shutil.rmtree(HERE / "plain")
    if ROOT or tuple(int(n) for n in platform.release().split("-")[0].split(".")[:2] if n.isdigit()) >= (6, 16):
        enforced()
        tampered()
        tampered_while_running()
        if ROOT:
            tampered_before_exec()
    else:
        refused()
    say(f"runs: {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
