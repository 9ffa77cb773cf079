"""coracle doctor in broken worlds: the verdict is right, and what it calls the cure is one. Each world is
made in a child with mounts of its own, in which the cure's commands are typed as they stand.

Not under faults, and not as an ordinary user: breaking a machine takes root."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import traceback

import pytest

import worlds

CORACLE = pathlib.Path(os.environ.get("CORACLE", "build/coracle")).absolute()
USER, NAME = 54322, "doctor-test"
PATH = f"{CORACLE.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

pytestmark = [
    pytest.mark.skipif(not (CORACLE.parent / "coracle-doctor").exists(), reason="no coracle-doctor"),
]
needs_root = pytest.mark.skipif(os.geteuid() != 0 or worlds.fingerprint()["own user namespace"],
                                reason="breaking a machine takes its root")


def in_child(function, *, user_namespace=False):
    """Call it in a child with private mounts, root in a user namespace of its own if asked for."""
    ready, mapped = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if user_namespace:
                worlds.unshare(worlds.CLONE_NEWUSER)
                os.write(ready[1], b"x")
                os.read(mapped[0], 1)
                os.setresgid(0, 0, 0)
                os.setresuid(0, 0, 0)
            worlds.unshare(worlds.CLONE_NEWNS)
            worlds.mount(None, "/", None, worlds.MS_REC | worlds.MS_PRIVATE)
            function()
            code = 0
        except BaseException:  # noqa: B036 — a child never returns to pytest
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    if user_namespace:
        os.read(ready[0], 1)
        for kind in ("uid", "gid"):
            pathlib.Path(f"/proc/{pid}/{kind}_map").write_text("0 0 65536\n")
        os.write(mapped[1], b"x")
    for fd in (*ready, *mapped):
        os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "see the child's traceback"


def private_etc(subuid=""):
    """A user database that cures may write, with one ordinary user."""
    keep = {}
    for name in ("os-release", "login.defs"):
        if pathlib.Path("/etc", name).exists():
            keep[name] = pathlib.Path("/etc", name).read_text()
    worlds.mount("tmpfs", "/etc", "tmpfs")
    keep |= {
        "passwd": f"root:x:0:0:root:/root:/bin/sh\n{NAME}:x:{USER}:{USER}::/:/bin/sh\n",
        "group": f"root:x:0:\n{NAME}:x:{USER}:\n", "shadow": f"root:*:1::::::\n{NAME}:*:1::::::\n",
        "gshadow": f"root:*::\n{NAME}:!::\n", "subuid": subuid, "subgid": subuid,
    }
    for name, text in keep.items():
        pathlib.Path("/etc", name).write_text(text)
    pathlib.Path("/etc/sysctl.d").mkdir()


def doctor(*arguments, uid=USER, environment={}):
    """The findings by their names, and the exit status."""
    env = {"PATH": PATH, "HOME": "/", "XDG_RUNTIME_DIR": "/nonexistent", **environment}

    def become():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    done = subprocess.run([CORACLE, *arguments[:arguments.index("doctor")], "doctor", "--json",
                           *arguments[arguments.index("doctor") + 1:]], env=env, preexec_fn=become,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    assert report["works"] == (done.returncode == 0)
    return {c["id"]: c for c in report["checks"]}, done.returncode


def follow(finding):
    """Type the cure, as root."""
    assert finding["cure"]["commands"], finding
    for command in finding["cure"]["commands"]:
        subprocess.run(["sh", "-c", command], check=True, env={"PATH": PATH},
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def without_systemd():
    """Its cures need it; here are those without."""
    if pathlib.Path("/run/systemd/system").exists():
        worlds.mount("tmpfs", "/run/systemd", "tmpfs")


# --- the five worlds -----------------------------------------------------------------------------


@needs_root
@pytest.mark.skipif(not shutil.which("newuidmap"), reason="newuidmap is not installed")
def test_no_subordinate_ids():
    def world():
        private_etc()
        found, code = doctor("doctor", "--for", "rootless")
        assert found["subordinate-ids"]["verdict"] == "fail" and code == 2
        assert found["subordinate-ids"]["found"] == f"/etc/subuid has no range for {NAME}"
        follow(found["subordinate-ids"])
        found, _ = doctor("doctor", "--for", "rootless")
        assert found["subordinate-ids"]["verdict"] == "ok", found["subordinate-ids"]

    in_child(world)


@needs_root
def test_no_delegation():
    home = worlds.own_cgroup()
    folder = pathlib.Path("/sys/fs/cgroup", f"user-{USER}")

    def world():
        private_etc()
        without_systemd()
        worlds.World.unified_cgroups(None)
        found, code = doctor("doctor", "--for", "rootless")
        assert found["cgroup-layout"]["verdict"] == "ok"
        assert found["delegation"]["verdict"] == "fail" and code == 2
        assert "make a cgroup" in found["delegation"]["found"]
        try:
            follow(found["delegation"])
            found, _ = doctor("doctor", "--for", "rootless")
        finally:
            pathlib.Path("/sys/fs/cgroup/cgroup.procs").write_text(str(os.getpid()))
            (folder / "shell").rmdir()
            folder.rmdir()
        # What a v1 hierarchy of this machine holds cannot be had, and is what is left to say.
        there = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
        if {"cpu", "memory", "pids"} <= set(there):
            assert found["delegation"]["verdict"] == "ok", found["delegation"]
        else:
            assert found["delegation"]["verdict"] == "warning", found["delegation"]
            assert "works, but without limits of" in found["delegation"]["found"]

    if home is None:
        pytest.skip("there is no cgroup2")
    in_child(world)


@needs_root
def test_hybrid_cgroups():
    def world():
        private_etc()
        without_systemd()
        while worlds.filesystem_type("/sys/fs/cgroup"):
            worlds.umount("/sys/fs/cgroup")
        worlds.mount("tmpfs", "/sys/fs/cgroup", "tmpfs")
        pathlib.Path("/sys/fs/cgroup/unified").mkdir()
        worlds.mount("cgroup2", "/sys/fs/cgroup/unified", "cgroup2")
        found, code = doctor("doctor", "--for", "rootless")
        assert found["cgroup-layout"]["verdict"] == "fail" and code == 2
        assert found["cgroup-layout"]["found"].startswith("hybrid")
        assert found["delegation"]["verdict"] == "skipped"
        follow(found["cgroup-layout"])
        found, _ = doctor("doctor", "--for", "rootless")
        assert found["cgroup-layout"]["verdict"] == "ok", found["cgroup-layout"]

    in_child(world)


@needs_root
def test_no_user_namespaces():
    """By the sysctl of a user namespace around, which is the only one that is touched."""
    def world():
        private_etc()
        pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("0")
        found, code = doctor("doctor", "--for", "rootless")
        assert found["user-namespace"]["verdict"] == "fail" and code == 2
        assert "make a user namespace: no space left on device" in found["user-namespace"]["found"]
        assert found["start"]["verdict"] in ("fail", "skipped")
        follow(found["user-namespace"])
        found, _ = doctor("doctor", "--for", "rootless")
        assert found["user-namespace"]["verdict"] == "ok", found["user-namespace"]
        assert "user.max_user_namespaces=65536" in \
            pathlib.Path("/etc/sysctl.d/60-coracle.conf").read_text()

    in_child(world, user_namespace=True)


@needs_root
def test_stale_state(tmp_path):
    """One container whose process was killed, and one whose document is damaged."""
    state, bundle = tmp_path / "state", tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    shutil.copy(CORACLE.parent / "coracle-doctor", bundle / "rootfs/nothing")
    subprocess.run([CORACLE, "spec", "-b", bundle], check=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"] |= {"args": ["/nothing"], "terminal": False}
    config["mounts"] = []
    (bundle / "config.json").write_text(json.dumps(config))
    look = lambda: doctor("--root", str(state), "doctor", "--for", "root", uid=0)

    subprocess.run([CORACLE, "--root", state, "create", "-b", bundle, "ended"], check=True,
                   stdin=subprocess.DEVNULL)
    found, _ = look()
    assert found["stale-state"]["verdict"] == "ok", "it waits to be started"
    subprocess.run([CORACLE, "--root", state, "kill", "ended", "KILL"], check=True)
    subprocess.run([CORACLE, "--root", state, "wait", "ended"], stdout=subprocess.DEVNULL)
    found, _ = look()
    assert found["stale-state"]["verdict"] == "warning"
    (state / "damaged").mkdir()
    (state / "damaged/state.json").write_text('{"pid":')
    found, code = look()
    assert found["stale-state"]["verdict"] == "fail" and code == 2
    follow(found["stale-state"])
    found, _ = look()
    assert found["stale-state"]["verdict"] == "ok", found["stale-state"]
    assert os.listdir(state) == []


# --- subordinate ids over time -------------------------------------------------------------------


@needs_root
@pytest.mark.skipif(not shutil.which("useradd"), reason="useradd is not installed")
def test_a_range_that_was_somebody_elses():
    """useradd gives away what userdel took; the ledger knows, and the cure ends it."""
    def world():
        private_etc()
        pathlib.Path("/var/lib/coracle").mkdir(exist_ok=True)
        worlds.mount("tmpfs", "/var/lib/coracle", "tmpfs")
        run = lambda *command: subprocess.run(command, check=True, capture_output=True)
        run("usermod", "--add-subuids", "200000-265535", NAME)
        found, _ = doctor("doctor", "--for", "root", uid=0)
        assert found["subid-audit"]["verdict"] == "ok"
        run(CORACLE, "doctor", "--record")
        pathlib.Path("/etc/subuid").write_text("")
        run("useradd", "-M", "next")
        pathlib.Path("/etc/subuid").write_text("next:200000:65536\n")
        pathlib.Path("/etc/subgid").write_text("")
        found, code = doctor("doctor", "--for", "root", uid=0)
        assert found["subid-audit"]["verdict"] == "fail" and code == 2
        assert f"uids 200000-265535 of next were those of {NAME} from" in \
            found["subid-audit"]["found"]
        follow(found["subid-audit"])
        found, _ = doctor("doctor", "--for", "root", uid=0)
        assert found["subid-audit"]["verdict"] == "ok", found["subid-audit"]
        assert "200000" not in pathlib.Path("/etc/subuid").read_text()

    there = os.path.isdir("/var/lib/coracle")
    in_child(world)
    if not there and os.path.isdir("/var/lib/coracle"):
        os.rmdir("/var/lib/coracle")


@needs_root
def test_set_id_files(tmp_path):
    def world():
        private_etc(subuid=f"{NAME}:300000:65536\n")
        (tmp_path / "deep").mkdir()
        file = tmp_path / "deep/program"
        file.touch()
        os.chown(file, 300007, 0)
        found, _ = doctor("doctor", "--for", "root", "--scan", str(tmp_path), uid=0)
        assert found["set-id-files"]["verdict"] == "ok"
        file.chmod(0o4755)
        found, _ = doctor("doctor", "--for", "root", "--scan", str(tmp_path), uid=0)
        assert found["set-id-files"]["verdict"] == "warning"
        assert str(file) in found["set-id-files"]["found"]

    in_child(world)


# --- in every world ------------------------------------------------------------------------------


def look(*arguments):
    return subprocess.run([CORACLE, "doctor", *arguments], capture_output=True, text=True,
                          timeout=20)


@pytest.mark.parametrize("purpose", ["rootless", "root", "seccomp", "checkpoint", "images"])
def test_every_purpose_reports(purpose):
    done = look("--for", purpose, "--json")
    assert done.returncode in (0, 2) and done.stderr == ""
    report = json.loads(done.stdout)
    assert report["checks"]
    for check in report["checks"]:
        assert check["verdict"] in ("ok", "warning", "fail", "skipped")
        assert check["tried"] and check["why"] and check["found"]
        assert check["verdict"] != "fail" or "cure" in check, check
    text = look("--for", purpose)
    assert text.returncode == done.returncode
    assert all(f" {c['id']}: " in text.stdout for c in report["checks"])


def test_manual_names_every_check():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/man/coracle-doctor.1.scd").read_text().split("# CHECKS")[1]
    page = page.split("# EXIT STATUS")[0]
    reports = [json.loads(look("--for", purpose, "--json").stdout)["checks"]
               for purpose in ("rootless", "root", "seccomp", "checkpoint", "images")]
    assert set(re.findall(r"\*([a-z][a-z-]+)\*(?!\()", page)) - {"coracle"} == {c["id"] for r in reports for c in r}


def test_a_container_starts_in_every_world():
    """What works for the other tests is not called broken."""
    checks = {c["id"]: c for c in json.loads(look("--json").stdout)["checks"]}
    assert checks["start"]["verdict"] == "ok", checks["start"]
    assert checks["kernel"]["verdict"] in ("ok", "warning")


def traces():
    """What a doctor could leave: bundles, cgroups, mounts."""
    places = ["/run", "/tmp", "/sys/fs/cgroup", "/sys/fs/cgroup/unified",
              os.environ.get("XDG_RUNTIME_DIR", "/run")]
    own = worlds.own_cgroup()
    places += [own, own.parent] if own else []
    names = {str(path) for place in places for path in pathlib.Path(place).glob("coracle-doctor*")}
    return names, pathlib.Path("/proc/self/mounts").read_text().count("\n")


def test_nothing_is_left():
    before = traces()
    for purpose in ("rootless", "root", "seccomp", "images", "checkpoint"):
        look("--for", purpose)
    names, mounts = traces()
    assert names <= before[0] and mounts == before[1]


def test_usage():
    done = look("--for", "nothing")
    assert done.returncode == 1 and "--for" in done.stderr
    done = look("word")
    assert done.returncode == 1 and 'too many arguments: "word"' in done.stderr
