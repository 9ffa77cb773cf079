"""coracle image run, and the annotations by which any bundle has an image as its root filesystem. Containers run
busybox. CORACLE is the main program (default: beside coracle-image)."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from conftest import OURS
from test_dispatch import CORACLE
from test_layers import DIR, SYMLINK, archive, info
from test_layout import Layout, sha256

BUSYBOX = next((pathlib.Path(p) for p in ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static",
                                          "/usr/bin/busybox-static") if pathlib.Path(p).exists()), None)
APPLETS = ("sh", "cat", "id", "ls", "env", "pwd", "touch", "true", "sleep", "echo", "rm", "hostname", "mkdir")
PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n"
GROUP = "root:x:0:\nweb:x:34:\nextra:x:50:web\n"


def unshared(*flags):
    return subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.skipif(BUSYBOX is None, reason="no busybox"),
    pytest.mark.skipif(not CORACLE.exists(), reason=f"{CORACLE} is not there"),
    pytest.mark.skipif(os.geteuid() != 0 or not unshared("-m"), reason="needs root, and mount namespaces"),
    pytest.mark.skipif("erofs" not in open("/proc/filesystems").read(), reason="needs EROFS"),
]


def rootfs():
    """As a Debian is made: a whole tree with the programs, /etc, and directories to mount on."""
    entries = [info(d, DIR, mode=0o755, mtime=3) for d in
               ("usr", "usr/bin", "etc", "proc", "sys", "dev", "tmp", "srv", "srv/data", "root")]
    entries += [info("bin", SYMLINK, linkname="usr/bin"), info("etc/passwd", content=PASSWD.encode()),
                info("etc/group", content=GROUP.encode()), info("srv/data/seed", content=b"seed" * 50),
                info("usr/bin/busybox", content=BUSYBOX.read_bytes(), mode=0o755)]
    return archive(entries + [info(f"usr/bin/{name}", SYMLINK, linkname="busybox") for name in APPLETS])


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A store with an image; tests that damage it copy it."""
    path = tmp_path_factory.mktemp("images")
    layout = Layout(path / "layout")
    base = rootfs()

    def take(name, **config):
        source = layout.index(layout.image(base, config={
            "config": config, "rootfs": {"type": "layers", "diff_ids": [sha256(base)]}}))
        subprocess.run([OURS, "import", "--store", path / "store", source, name], check=True, capture_output=True)
    take("plain:latest", Cmd=["id"])
    take("service", User="web", Entrypoint=["sh", "-c"], Cmd=["id; pwd; echo $HOME $A"], WorkingDir="/srv/data",
         Env=["A=a b", "PATH=/usr/bin"], Volumes={"/srv/data": {}})
    take("nothing")
    return path / "store"


@pytest.fixture
def run(imported, tmp_path):
    """run("plain", "cat", "/x") runs that; what it printed, and that nothing is left, is checked."""
    def call(*arguments, status=0, store=imported, error=None, verb="run", keep=False):
        done = subprocess.run([OURS, verb, "--store", store, *(["--root", tmp_path / "state"] if verb == "run" else []),
                               *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
        if error:
            assert error in done.stderr, done.stderr
        if not keep:
            assert list((store / "run").iterdir()) == []
        call.said = done.stderr
        return done.stdout
    call.state = tmp_path / "state"
    return call


def coracle(run, *arguments):
    done = subprocess.run([CORACLE, "--root", run.state, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def leave_running(*command):
    """Run a command that leaves a container behind, which has its output."""
    subprocess.run([*map(str, command)], check=True, timeout=60, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_config(run):
    """User, groups, home, environment, directory, entrypoint and command are the image's, until somebody says
    otherwise."""
    assert run("plain").startswith("uid=0(root) gid=0(root)")
    assert run("service").splitlines() == ["uid=33(web) gid=34(web) groups=50(extra)", "/srv/data", "/srv a b"]
    assert run("service", "echo $A").strip() == "a b"
    assert run("-e", "A=c", "-u", "7:8", "-w", "/tmp", "service", "echo $A; pwd; id -u; id -g").split() == \
        ["c", "/tmp", "7", "8"]
    assert run("--entrypoint", "/bin/echo", "service", "x", "y") == "x y\n"
    assert run("--name", "the-one", "plain", "hostname") == "the-one\n"
    run("plain", "sh", "-c", "exit 7", status=7)
    run("nothing", status=1, error="the image does not say what to run")
    run("-u", "nobody", "plain", status=1, error='no user "nobody" in the image')
    run("missing", status=1, error="no image 'missing' in the store")
    run("plain", "/nowhere", status=1, error="/nowhere")


def test_print_config(run):
    spec = json.loads(run("--print-config", "--read-only", "--name", "n", "service"))
    assert spec["process"]["user"] == {"uid": 33, "gid": 34, "additionalGids": [50]}
    assert spec["process"]["args"] == ["sh", "-c", "id; pwd; echo $HOME $A"]
    assert spec["root"]["readonly"] is True
    assert spec["mounts"][-1]["destination"] == "/srv/data" and "tmpcopyup" in spec["mounts"][-1]["options"]
    assert spec["annotations"]["run.oci.coracle.image"] == "service"
    assert "effective" not in spec["process"]["capabilities"]


def test_changes(run, tmp_path):
    """They are thrown away, kept, or not possible."""
    write = "echo new > /etc/new; rm /etc/group; ls /etc"
    assert run("plain", "sh", "-c", write).split() == ["new", "passwd"]
    assert run("plain", "ls", "/etc").split() == ["group", "passwd"]
    for _ in range(2):
        run("--upper", tmp_path / "kept", "plain", "sh", "-c", "echo x >> /etc/new")
    assert (tmp_path / "kept/upper/etc/new").read_text() == "x\nx\n"
    assert run("--upper", tmp_path / "kept", "plain", "cat", "/etc/new") == "x\nx\n"
    said = run("--read-only", "-u", "0", "service", "touch /etc/new || echo no; touch /srv/data/n && cat /srv/data/seed")
    assert said == "no\n" + "seed" * 50


def test_what_the_kernel_does_not_see_to_is_read(run, imported):
    """Verified before the start and told; refused if that is not enough; not looked at if nobody cares."""
    run("plain", "true")
    if not run.said:
        pytest.skip("this filesystem seals: tests/image/world shows that")
    assert "verified, but the kernel does not enforce digests here" in run.said
    run("--verity", "require", "plain", "true", status=1, error="Image has no fs-verity")
    run("--verity", "off", "plain", "true")
    assert run.said == ""


def test_tampered(run, imported, tmp_path):
    """Any object changed, or another image in its place: it does not start."""
    store = tmp_path / "store"
    shutil.copytree(imported, store)
    image = json.loads(run("plain", verb="inspect", store=store))["image"]
    run("--digest", image, "plain", "true", store=store)
    run("--digest", "0" * 64, "plain", "true", store=store, status=1,
        error="the image does not have the digest that it must have")
    for file in (store / "objects").glob("*/*"):
        whole = file.read_bytes()
        file.chmod(0o644)
        at = len(whole) // 2
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        run("plain", "true", store=store, status=1)
        assert "wrong" in run.said, (file, run.said)
        file.write_bytes(whole)
    run("plain", "true", store=store)


def test_policy(run, imported, tmp_path):
    """It decides by the name that was given, before anything is mounted."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"version": 1, "rules": [{"names": ["plain"], "require": "nothing"},
                                                          {"names": ["service"], "require": "signature"}]}))
    run("--policy", policy, "plain", "true")
    run("--policy", policy, "service", status=1, error="the policy does not allow service: the image is not signed")
    run("--policy", policy, "plain:latest", "true", status=1, error="no rule is for it")
    run("--policy", "policy.json", "plain", "true", status=1, error="bad option or value")
    path = bundle(tmp_path / "bundle", ["true"], image="service", image_store=imported, image_policy=policy)
    done = subprocess.run([CORACLE, "--root", run.state, "run", "-b", path, "one"], capture_output=True, text=True)
    assert done.returncode == 1 and "the image is not signed" in done.stderr


def test_gc_leaves_what_runs(run, imported, tmp_path):
    """A container keeps its image, whatever becomes of its name; delete gives it back."""
    store = tmp_path / "store"
    shutil.copytree(imported, store)
    leave_running(OURS, "run", "--store", store, "--root", run.state, "--detach", "--name", "c", "plain", "sleep", "100")
    try:
        run("plain:latest", "service", "nothing", verb="rm", store=store, keep=True)
        told = json.loads(run("--json", verb="gc", store=store, keep=True))
        assert told["containers"] == 0 and told["images"] == 2
        assert coracle(run, "exec", "c", "/bin/cat", "/srv/data/seed") == "seed" * 50
        run(verb="fsck", store=store, keep=True)
    finally:
        coracle(run, "delete", "--force", "c")
    assert list((store / "run").iterdir()) == []
    told = json.loads(run("--json", verb="gc", store=store))
    assert told["images"] == 1 and list((store / "objects").glob("*/*")) == []


@pytest.mark.skipif(tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2]) < (6, 16),
                    reason="needs overlayfs with data-only layers for users")
def test_exec_and_delete_by_a_user():
    """From outside of the user namespace that `run` made: exec joins it, and delete leaves nothing."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        layout, base = Layout(folder / "layout"), rootfs()
        source = layout.index(layout.image(base, config={"config": {}, "rootfs": {"type": "layers",
                                                                                 "diff_ids": [sha256(base)]}}))
        for program in (OURS, CORACLE):
            shutil.copy(program, folder)
        subprocess.run(["chown", "-R", "54321:54321", folder], check=True)

        def as_user(program, *words, output=subprocess.PIPE):
            done = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", folder / program.name,
                                   *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, timeout=60,
                                  env={"HOME": name, "XDG_RUNTIME_DIR": f"{name}/layout", "PATH": os.environ["PATH"]})
            assert done.returncode == 0, done.stderr
            return done.stdout
        store, state = ("--store", folder / "store"), ("--root", folder / "state")
        as_user(OURS, "import", *store, source, "n")
        # What it inherits it keeps open: nobody may wait for the end of that.
        as_user(OURS, "run", *store, *state, "--detach", "--name", "c", "n", "sleep", "100", output=subprocess.DEVNULL)
        try:
            assert as_user(CORACLE, *state, "exec", "c", "/bin/cat", "/srv/data/seed") == "seed" * 50
            assert as_user(CORACLE, *state, "exec", "c", "/bin/id", "-u") == "0\n"
        finally:
            as_user(CORACLE, *state, "delete", "--force", "c")
        assert list((folder / "store/run").iterdir()) == []


def test_gc_takes_what_was_left(run, imported, tmp_path):
    """What a container left that no delete was called for, however deep it made its directories."""
    store = tmp_path / "store"
    shutil.copytree(imported, store)
    deep = "i=0; cd /tmp; while [ $i -lt 1600 ]; do mkdir d; cd d; touch f; i=$((i + 1)); done; sleep 100"
    leave_running(OURS, "run", "--store", store, "--root", run.state, "-d", "--name", "c", "plain", "sh", "-c", deep)
    # Deeper than there are descriptors, and than a path may be long.
    while not any(os.path.exists(f"{p}/upper/tmp" + "/d" * 1500) for p in (store / "run").iterdir()):
        time.sleep(0.05)
    pid = json.loads(coracle(run, "state", "c"))["pid"]
    os.kill(pid, 9)
    # As after the machine went down.
    subprocess.run(["umount", "-l", run.state / "c/exit"], capture_output=True)
    shutil.rmtree(run.state)
    for cgroup in pathlib.Path("/sys/fs/cgroup").glob("**/coracle/c"):
        while (cgroup / "cgroup.procs").read_text():
            time.sleep(0.02)
        cgroup.rmdir()
    assert len(list((store / "run").iterdir())) == 1
    assert json.loads(run("--json", verb="gc", store=store))["containers"] == 1
    assert list((store / "run").iterdir()) == []


def bundle(path, args, **annotations):
    path.mkdir(exist_ok=True)
    (path / "rootfs").mkdir(exist_ok=True)
    subprocess.run([CORACLE, "spec", "-b", path, "-f", "new.json"], check=True)
    spec = json.loads((path / "new.json").read_text())
    (path / "new.json").unlink()
    spec["process"].update(terminal=False, args=args)
    spec["annotations"] = {"run.oci.coracle." + key: str(value) for key, value in annotations.items()}
    (path / "config.json").write_text(json.dumps(spec))
    return path


def test_annotations(run, imported, tmp_path):
    """A bundle of anybody's; the root filesystem is never to be seen on the host."""
    path = bundle(tmp_path / "bundle", ["cat", "/srv/data/seed"], image="plain", image_store=imported)
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    assert coracle(run, "run", "-b", path, "one") == "seed" * 50
    bundle(path, ["sh", "-c", "touch /x && ls /x"], image="plain", image_store=imported, image_upper=tmp_path / "kept")
    spec = json.loads((path / "config.json").read_text())
    spec["root"]["readonly"] = False
    (path / "config.json").write_text(json.dumps(spec))
    leave_running(CORACLE, "--root", run.state, "create", "--keep-status", "-b", path, "two")
    coracle(run, "start", "two")
    coracle(run, "wait", "two")
    coracle(run, "delete", "two")
    assert (tmp_path / "kept/upper/x").exists()
    assert list((path / "rootfs").iterdir()) == []
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before
    assert list((imported / "run").iterdir()) == []


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_engine(imported, tmp_path):
    """Podman, which knows nothing of it, runs an image of ours."""
    (tmp_path / "empty").mkdir()
    state = tempfile.mkdtemp(dir="/tmp")  # podman wants a short path
    engine = ["podman", "--root", tmp_path / "root", "--runroot", state, "--cgroup-manager", "cgroupfs",
              "--runtime", CORACLE]
    done = subprocess.run([*engine, "run", "--rm", "--network", "none", "--ulimit", "nofile=512:512", "--ulimit",
                           "nproc=512:512", "--annotation", "run.oci.coracle.image=plain", "--annotation",
                           f"run.oci.coracle.image_store={imported}", "--rootfs", tmp_path / "empty", "cat",
                           "/srv/data/seed"], capture_output=True, text=True, timeout=60)
    subprocess.run(["umount", tmp_path / "root/overlay"], capture_output=True)
    shutil.rmtree(state)
    assert (done.returncode, done.stdout) == (0, "seed" * 50), done.stderr
    assert list((imported / "run").iterdir()) == []


@pytest.mark.parametrize("annotations, words", [
    (dict(image="none"), "no image 'none' in the store"),
    (dict(image="plain", image_verity="often"), "bad option or value"),
    (dict(image="plain", image_upper="relative"), "bad option or value"),
    (dict(image="plain", image_digest="sha256:" + "1" * 64), "does not have the digest"),
    (dict(image="plain", image_store="/nowhere/at/all"), "no image store at /nowhere/at/all"),
    (dict(image="plain", image_verity="require"), "fs-verity"),
])
def test_wrong_annotations(run, imported, tmp_path, annotations, words):
    path = bundle(tmp_path / "bundle", ["true"], **{"image_store": imported, **annotations})
    done = subprocess.run([CORACLE, "--root", run.state, "run", "-b", path, "one"], capture_output=True, text=True)
    if done.returncode == 0 and annotations.get("image_verity") == "require":
        pytest.skip("this filesystem seals")
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert 'annotations["run.oci.coracle.image"]' in done.stderr
    assert coracle(run, "list", "-q") == "" and list((imported / "run").iterdir()) == []


@pytest.fixture
def home():
    """Where somebody else may go."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        pathlib.Path(path).chmod(0o755)
        yield pathlib.Path(path) / "home"


def test_without_privileges(imported, home):
    """In a user namespace, on stub files; where the kernel has overlayfs for that."""
    shutil.copytree(imported, home / "store")
    subprocess.run(["chown", "-R", "65534:65534", home], check=True)
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}

    def call(*arguments):
        return subprocess.run([OURS, "run", "--store", home / "store", "-u", "0", *arguments], env=environment,
                              user=65534, group=65534, extra_groups=[], capture_output=True, text=True, timeout=60)
    done = call("plain", "cat", "/srv/data/seed")
    if "6.16" in done.stderr or "user namespace" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout) == (0, "seed" * 50), done.stderr
    assert list((home / "store/run").iterdir()) == []
    done = call("plain", "sh", "-c", "id -u; touch /x && ls /x")
    assert done.stdout == "0\n/x\n", done.stderr
