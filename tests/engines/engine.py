"""Podman with this runtime, and the image that all engines get. The fixture is in conftest.py."""
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import time

import pytest

APPLETS = """sh cat echo id sleep ls mkdir grep true false tty stty env cut wc uname date sed touch sort""".split()
LOOP = 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'


def controllers():
    """What a container's cgroup can limit here."""
    try:
        return pathlib.Path("/sys/fs/cgroup/cgroup.subtree_control").read_text().split()
    except OSError:
        return []


class Podman:
    def __init__(self, folder, program):
        self.folder = folder
        config = folder / "containers.conf"
        config.write_text(f"""\
[containers]
default_ulimits = []
netns = "none"
{'' if "pids" in controllers() else 'pids_limit = 0'}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "coracle"
runtime_supports_json = ["coracle"]
runtime_supports_nocgroup = ["coracle"]
runtime_supports_nocgroups = ["coracle"]
[engine.runtimes]
coracle = ["{program}"]
""")
        # Podman wants this path to have at most 50 characters.
        self.short = pathlib.Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))
        self.flags = ["--root", self.short / "store", "--runroot", self.short / "run",
                      "--storage-driver", "vfs"]
        self.environment = {**os.environ, "CONTAINERS_CONF": str(config)}
        self.environment.pop("TMPDIR", None)

    def popen(self, *args, **more):
        return subprocess.Popen(["podman", *map(str, [*self.flags, *args])], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def result(self, *args):
        process = self.popen(*args)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def __call__(self, *args, code=0):
        found, out, err = self.result(*args)
        assert found == code, f"podman {args}: {found}\n{out}\n{err}"
        return out

    def wait_log(self, name, line):
        deadline = time.monotonic() + 20
        while line not in self("logs", name).splitlines():
            assert time.monotonic() < deadline, f"no {line!r} in the log of {name}"

    def inspect(self, name):
        return json.loads(self("inspect", name))[0]


def make_image(path, busybox):
    """A root filesystem as a tar file."""
    root = path.with_suffix("")
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev", "run"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(busybox, root / "bin/busybox")
    for name in APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nweb:x:33:\n")
    with tarfile.open(path, "w") as tar:
        tar.add(root, ".")
    return path


def make_oci(path, layer, name, command):
    """An image archive of one layer, as `ctr image import` reads it."""
    def blob(data, media):
        digest = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    described = blob(layer.read_bytes(), "layer.v1.tar")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = blob(json.dumps({"architecture": machine, "os": "linux", "config": {"Cmd": command, "Env": ["PATH=/bin"]},
                              "rootfs": {"type": "layers", "diff_ids": [described["digest"]]}}).encode(), "config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                "config": config, "layers": [described]}).encode(), "manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": name}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    with tarfile.open(path, "w") as tar:
        for member, data in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def make_system(root):
    """A root filesystem for systemd as a tar file, and Podman's options that mount the machine's /usr
    into it: /etc is the packages' own, without units that an administrator enabled."""
    (root / "etc").mkdir(parents=True)
    for name in ("proc", "sys", "dev", "run", "tmp", "usr", "var", "root"):
        (root / name).mkdir()
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            (root / name).symlink_to(f"usr/{name}")
    for name in ("passwd", "group", "nsswitch.conf", "os-release", "ld.so.cache", "ld.so.conf"):
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", root / "etc" / name)
    for name in ("pam.d", "dbus-1", "security"):
        if os.path.isdir(f"/etc/{name}"):
            shutil.copytree(f"/etc/{name}", root / "etc" / name, symlinks=True, ignore=lambda folder, names: [
                n for n in names if not os.access(os.path.join(folder, n), os.R_OK)])
    # Not the first boot, at which systemd would enable all services that there are.
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    path = root.with_suffix(".tar")
    with tarfile.open(path, "w") as tar:
        tar.add(root, ".")
    return path, ["--volume", "/usr:/usr:ro"]


@pytest.fixture(scope="session")
def podman(world, program, session_folder, static_busybox):
    for name in ("podman", "conmon", "newuidmap"):
        if not shutil.which(name):
            pytest.skip(f"needs {name} (Debian: podman, conmon, uidmap)")
    world.need(world.arrangement == "unified", "needs cgroup2: Podman knows no hybrid host")
    world.need(world.host_root or world.subids, "needs root, or subordinate ids")
    p = Podman(session_folder, program)
    p("import", make_image(session_folder / "image.tar", static_busybox), "demo")
    yield p
    p("rm", "--all", "--force")
    p("system", "migrate")  # ends the process that holds the user namespace
    if not world.root:  # files of subordinate ids
        p("unshare", "rm", "-rf", p.short / "store")
        p("system", "migrate")
    shutil.rmtree(p.short)
