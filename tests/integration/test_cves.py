"""Attacks that others were open to, each by its name; races are in test_races.py, and what is about the
root filesystem or our own program in test_security.py. After each, the listed part of the host's and
the installed programs are what they were, byte for byte; the mount table is looked at after every test."""
import hashlib
import json
import re

import pytest

import harness
import hostile
from harness import ANY


def digests(program):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
            for p in program.parent.glob("coracle*") if p.is_file()}


@pytest.fixture(scope="module", autouse=True)
def installed(program):
    before = digests(program)
    assert before
    yield
    assert digests(program) == before


@pytest.fixture(autouse=True)
def outside(bundle):
    with hostile.unchanged(bundle.path / "outside") as path:
        yield path


# --- Docker's first, and runc's -------------------------------------------------------------------


def test_cve_2015_3627_standard_output(runtime, bundle, outside):
    """A link in the image with the name of a standard descriptor: nothing of ours is opened by it."""
    hostile.drop_dev(bundle)
    for name in ("stdout", "stdin", "stderr", "fd"):
        (bundle.rootfs / "dev" / name).symlink_to(outside / "made/new")
    runtime.run(bundle.args("/bin/busybox", "echo", "here"), stdout="here\n")


@pytest.mark.parametrize("target", ["/data/link", "/data/link/below", "/data/../data/link/x"])
def test_cve_2015_3629_link_at_a_target(runtime, bundle, outside, target):
    (bundle.rootfs / "data/link").symlink_to(outside)
    bundle.mount(target, "bind", bundle.path / "config.json", ["bind", "ro"])
    runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)


@pytest.mark.parametrize("path", ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys",
                                  "/proc/latency_stats", "/proc/timer_list", "/proc/scsi",
                                  "/sys/firmware"])
def test_cve_2015_3630_hidden_by_default(runtime, bundle, path):
    """What `spec` hides shows nothing, and can be neither written nor opened."""
    if path not in bundle.linux["maskedPaths"]:
        pytest.skip("not hidden by default")
    r = runtime.report(bundle, "read", path, "list", path)
    assert not r["read"][path].get("text") and not r["list"][path]


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
                                  "/proc/sys/kernel/hostname"])
def test_cve_2015_3630_read_only_by_default(runtime, bundle, path):
    r = runtime.report(bundle, "open", path, "w")
    assert r["open"][path] in ("EROFS", "EACCES", "ENOENT")


@pytest.mark.parametrize("place", ["/proc", "/proc/self", "/proc/self/attr", "/proc/sys"])
def test_cve_2015_3631_volume_over_proc(runtime, bundle, outside, place):
    """Also CVE-2019-16884 and CVE-2025-52881 for labels: a folder that a volume puts in procfs's place
    never gets what we write into procfs."""
    fake = bundle.path / "fake"
    for name in ("self/attr/apparmor", "attr/apparmor", "apparmor", "1/attr", "sys/kernel"):
        (fake / name).mkdir(parents=True)
        for file in ("exec", "current", "keycreate"):
            (fake / name / file).write_text("")
    before = hostile.look(fake)
    bundle.mount(place, "bind", fake, ["bind"])
    bundle.linux["readonlyPaths"] = bundle.linux["maskedPaths"] = []
    runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)
    bundle.process["apparmorProfile"] = "no-such-profile"
    runtime.fails(bundle, "label|procfs|AppArmor|apparmor|mounts")
    assert hostile.look(fake) == before


def test_cve_2016_9962_exec_is_closed(runtime, bundle, world, fault_program):
    """What joins a container cannot be looked into: test_peers.py holds an exec at its last step. Here
    is what its processes see of others' descriptors during many execs."""
    bundle.args("/bin/busybox", "sh", "-c", "echo up; while :; do for p in /proc/[0-9]*; do "
                "ls -l $p/fd 2>/dev/null; done; done")
    container = runtime.start(bundle)
    container.wait_output("up")
    for _ in range(30):
        container.exec("/probe", "exit", 7, code=7)
    seen = set(re.findall(r"-> (/\S*)", container.stdout))
    container.kill()
    container.wait_stopped()
    root, state = str(bundle.path), str(runtime.root)
    assert not [s for s in seen if s.startswith((root, state))], seen


def test_cve_2021_43784_lengths(runtime, bundle):
    """Nothing that is long wraps around: a start works, or one error says what is too long."""
    longs = {
        "environment": lambda c: c["process"]["env"].append("X=" + "x" * 120000),
        "arguments": lambda c: c["process"]["args"].extend(["y" * 1000] * 100),
        "path": lambda c: c["process"].update(cwd="/" + "z/" * 40000),
        "name": lambda c: c["mounts"].append({"destination": "/data/" + "n" * 300, "type": "tmpfs",
                                              "source": "x"}),
        "groups": lambda c: c["process"]["user"].update(additionalGids=[0] * 70000),
        "annotations": lambda c: c.setdefault("annotations", {}).update(
            {f"key{n}": "v" * 100 for n in range(2000)}),
        "namespace path": lambda c: c["linux"]["namespaces"].append(
            {"type": "time", "path": "/" + "p" * 70000}),
        "mappings": lambda c: c["linux"].update(uidMappings=[
            {"containerID": n, "hostID": n, "size": 1} for n in range(1000)]),
        "options": lambda c: c["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "x",
                                                 "options": ["size=" + "1" * 70000]}),
        "masks": lambda c: c["linux"].update(maskedPaths=["/" + "m" * 200] * 1000),
    }
    for name, change in longs.items():
        bundle.probe("exit", 7)
        config = json.loads(json.dumps(bundle.config))
        change(config)
        (bundle.path / "config.json").write_text(json.dumps(config))
        done = runtime("run", "-b", bundle.path, runtime.new_id(), code=ANY, stdout=ANY, stderr=ANY)
        assert done.code == 7 or \
            done.code == 1 and re.fullmatch(r"coracle: [^\n]{1,600}\n", done.stderr), (name, done.stderr)


# --- capabilities and users of exec ---------------------------------------------------------------


@pytest.mark.parametrize("options", [("--cap", "CAP_CHOWN"), ("-c", "CAP_KILL", "-u", "0"), ()])
def test_cve_2022_29162_inheritable(runtime, bundle, options):
    """Also CVE-2022-27650 and CVE-2025-27612: exec fills no inheritable set, and no ambient one of
    what it adds."""
    container = runtime.sleeping(bundle)
    r = container.runtime("exec", *options, container, "/probe", "report", stdout=ANY).report()
    assert r.capabilities["inheritable"] == "0" * 16
    assert not {"CAP_CHOWN"} & harness.capability_names(r.capabilities["ambient"])


@pytest.mark.parametrize("text, ids", [
    ("0", (0, 0)), ("1", (1, 0)), ("1:2", (1, 2)), ("1:", None), (":1", None), ("-1", None),
    ("4294967295", None), ("1x", None), ("", None), ("1 ", None), ("+1", None)])
def test_cve_2026_30892_user(runtime, bundle, world, text, ids):
    """-u is exactly what it says, or an error; never root instead."""
    world.need(world.root or world.subids or ids in (None, (0, 0)), "needs more than one id")
    container = runtime.sleeping(bundle)
    done = runtime("exec", f"--user={text}", container, "/probe", "report", code=ANY, stdout=ANY,
                   stderr=ANY)
    if ids is None:
        assert done.code != 0 and done.stdout == "" and "--user" in done.stderr
    else:
        assert (done.report().uids, done.report().gids) == ([ids[0]] * 3, [ids[1]] * 3)


# --- what is written into a root filesystem -------------------------------------------------------


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("aim", ["/data", "data", "/", "."])
def test_cve_2023_28642_link_inside(runtime, bundle, name, aim):
    """Also CVE-2023-27561, CVE-2025-54867: /proc or /sys is a link that stays inside. Then masks and
    labels would be about other files than programs read."""
    path = bundle.rootfs / name
    path.rmdir()
    path.symlink_to(aim)
    bound = any(m["destination"] == f"/{name}" and m["source"].startswith("/")
                for m in bundle.config["mounts"])
    if bound:
        runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)
    else:
        runtime.fails(bundle.probe("exit", 7), r"mounts\[\d+\]")


@pytest.mark.parametrize("aim", ["made/new", "file"])
def test_cve_2025_24965_file_through_a_link(runtime, bundle, outside, aim):
    """A file that is made for a mount, or a directory for the process, through a link outward."""
    (bundle.rootfs / "name").symlink_to(outside / aim)
    bundle.mount("/name", "bind", bundle.path / "config.json", ["bind", "ro"])
    runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)
    bundle.drop_mount("/name").process["cwd"] = "/name"
    runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)


def test_cve_2025_62161_masked_by_anything_else(runtime, bundle, outside, world):
    """youki's CVE-2025-31133: the image's null device is a file that is then shown, and may be
    written, in the place of every masked one."""
    hostile.drop_dev(bundle)
    (bundle.rootfs / "dev/null").write_text("mine")
    (bundle.rootfs / "secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/secret"]
    done = runtime.run(bundle.probe("read", "/secret", "report"), code=ANY, stdout=ANY, stderr=ANY)
    if done.code == 0:
        assert not done.report()["read"]["/secret"].get("text")


# --- the weak spots of others ---------------------------------------------------------------------


def test_null_device_is_not_taken_for_a_pipe(runtime, bundle, world):
    """crun 1.28: a regular file at /dev/null had the device number 0:0, like every pipe, so that the
    program's output went into the image."""
    hostile.drop_dev(bundle)
    null = bundle.rootfs / "dev/null"
    null.write_text("")
    done = runtime.run(bundle.args("/bin/busybox", "echo", "mine"), code=ANY, stdout=ANY, stderr=ANY)
    assert done.stdout == ("mine\n" if done.code == 0 else "")
    assert null.read_text() == ""


def test_mount_without_a_type(runtime, bundle, world):
    """crun 1.8 and 1.28 crashed: a user namespace, a joined pid namespace, a bind without a type."""
    first = runtime.sleeping(bundle)
    bundle.config["mounts"].append({"destination": "/data", "source": str(bundle.path / "outside"),
                                    "options": ["bind", "ro"]})
    if not bundle.has_namespace("user"):
        bundle.namespace("user")
        mapped = [{"containerID": 0, "hostID": 0, "size": 1}]
        bundle.linux.update(uidMappings=mapped, gidMappings=mapped)
        for mount in bundle.config["mounts"]:
            mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]
    if world.host_root:
        bundle.namespace("pid", f"/proc/{first.pid}/ns/pid")
        bundle.drop_mount("/proc").drop_mount("/sys")
        bundle.drop_namespace("network")
        bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    r = runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)
    assert r.code == 7 or re.fullmatch(r"coracle: [^\n]+\n", r.stderr) and "signal" not in r.stderr, r.stderr


def test_half_an_error_is_none(runtime, bundle):
    """crun: a scheduler that the kernel refuses was told after the clone, and the child stayed. The
    check after each test finds processes."""
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 99}
    done = runtime.run(bundle.probe("exit", 7), code=ANY, stderr=ANY)
    assert done.code in (1, 7)
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 1, "period": 1}
    runtime.fails(bundle, "scheduler")


@pytest.mark.parametrize("key, value, words", [
    ("linux.resources.rdma", {"nosuchdevice": {"hcaHandles": 3}}, "rdma|cgroup"),
    ("linux.intelRdt", {"closID": "../../escape"}, "intelRdt"),
    ("vm", {"kernel": {"path": "/x"}}, "vm"),
])
def test_nothing_is_ignored(runtime, bundle, world, key, value, words):
    """crun leaves rdma out in silence, against its own words. (And the flags of a personality:
    test_scheduling.py.)"""
    *parents, last = key.split(".")
    at = bundle.config
    for name in parents:
        at = at.setdefault(name, {})
    at[last] = value
    runtime.fails(bundle.probe("exit", 7), words)


def test_same_order_for_create_and_exec(runtime, bundle):
    """crun has two hand-written sequences that drifted apart. What a process sees of itself is the
    same in both, but for what differs by nature."""
    bundle.process["user"]["umask"] = 0o27
    bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]
    bundle.process["noNewPrivileges"] = True
    created = runtime.report(bundle)
    executed = runtime.sleeping(bundle).exec("/probe", "report", stdout=ANY).report()
    for key in ("uids", "gids", "groups", "capabilities", "no_new_privs", "securebits", "umask",
                "rlimits", "env", "cwd", "dumpable", "pdeathsig", "ignored_signals", "blocked_signals",
                "keepcaps", "seccomp", "oom_score_adj"):
        assert executed[key] == created[key], key
    assert set(created.fds) == set(executed.fds) == {"0", "1", "2"}
