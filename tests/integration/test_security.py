"""Hostile images: what they may do to themselves, and never to the host. Each known attack has a
test named after it."""
import hashlib
import os
import pathlib
import re
import shutil
import stat

import pytest

import harness
import leaks
import worlds
from harness import ANY


@pytest.fixture
def outside(bundle):
    """A directory of the host that must stay as it is."""
    path = bundle.path / "outside"
    path.mkdir()
    (path / "file").write_text("the host's")
    yield path
    assert sorted(p.name for p in path.iterdir()) == ["file"]
    assert (path / "file").read_text() == "the host's"


def replace(path, target):
    """Puts a symbolic link in the place of a path of the image."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
    path.symlink_to(target)


def link_targets(outside):
    return {"absolute": str(outside), "relative": "../outside", "far": "../" * 20 + str(outside)[1:],
            "dot-dot": "../../outside", "inside": "/data", "loop": "loop"}


KINDS = ["absolute", "relative", "far", "dot-dot", "inside", "loop"]


# --- links where mounts go ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_cve_2019_19921_proc_and_sys_links(runtime, bundle, outside, name, kind):
    """Also CVE-2023-27561, CVE-2025-54867: /proc or /sys of the image is a link."""
    replace(bundle.rootfs / name, link_targets(outside)[kind] if kind != "loop" else name)
    bound = any(m["destination"] == f"/{name}" and m["source"].startswith("/")
                for m in bundle.config["mounts"])
    if bound:  # an ordinary user's /sys is a bind: it may follow links inside the image
        runtime.run(bundle.probe("exit", 0), code=ANY, stderr=ANY)
    else:
        runtime.fails(bundle.probe("exit", 0), r"mounts\[\d+\]")


@pytest.mark.parametrize("kind", KINDS)
def test_cve_2026_47766_dev_link(runtime, bundle, outside, kind):
    """Also CVE-2026-41579: a link as /dev must not take devices and links out of the image."""
    replace(bundle.rootfs / "dev", link_targets(outside)[kind] if kind != "loop" else "dev")
    runtime.run(bundle.probe("exit", 0), code=ANY, stderr=ANY)


@pytest.mark.parametrize("kind", KINDS)
def test_cve_2026_47766_dev_link_without_a_mount(runtime, bundle, outside, kind, world):
    """The same when no tmpfs covers it: nodes would be made through the link."""
    bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    replace(bundle.rootfs / "dev", link_targets(outside)[kind] if kind != "loop" else "dev")
    runtime.run(bundle.probe("exit", 0), code=ANY, stderr=ANY)


@pytest.mark.parametrize("kind", KINDS)
def test_cve_2019_18837_mount_target_links(runtime, bundle, outside, kind):
    """A target's parents are links: what is made stays in the root filesystem."""
    replace(bundle.rootfs / "data", link_targets(outside)[kind] if kind not in ("inside", "loop")
            else {"inside": "/etc", "loop": "data"}[kind])
    bundle.mount("/data/made/deep", "tmpfs", "tmpfs")
    bundle.mount("/data/file", "bind", bundle.path / "config.json", ["bind"])
    result = runtime.run(bundle.probe("report"), code=ANY, stdout=ANY, stderr=ANY)
    if result.code == 0:
        targets = [m.target for m in result.report().mounts]
        assert all(t.startswith("/") for t in targets)


@pytest.mark.parametrize("name", ["shm", "mqueue", "pts"])
def test_links_below_dev(runtime, bundle, outside, name):
    """Without the tmpfs, the image's /dev holds links where mounts go."""
    bundle.drop_mount("/dev")
    (bundle.rootfs / "dev" / name).symlink_to(outside)
    runtime.run(bundle.probe("exit", 0), code=ANY, stderr=ANY)


def test_masked_and_readonly_links(runtime, bundle, outside, world):
    """A masked path that is a link is masked where it leads, inside."""
    (bundle.rootfs / "masked").symlink_to(outside)
    (bundle.rootfs / "readonly").symlink_to("/../../../etc")
    bundle.linux["maskedPaths"].append("/masked/file")
    bundle.linux["readonlyPaths"].append("/readonly")
    bundle.config["root"]["readonly"] = False
    r = runtime.report(bundle, "open", "/etc/passwd", "w")
    assert r.open["/etc/passwd"] == "EROFS"
    assert r.mount("/etc") is not None


# --- devices that are none ------------------------------------------------------------------------


def make_null(path, kind, outside):
    if path.exists() or path.is_symlink():
        path.unlink()
    if kind == "file":
        path.write_text("not a device")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "zero":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    else:
        path.symlink_to({"link to core_pattern": "/proc/sys/kernel/core_pattern",
                         "link outside": str(outside / "file"), "link to null": "null2",
                         "dangling link": "nothing"}[kind])


@pytest.mark.parametrize("kind", ["file", "fifo", "directory", "zero", "link to core_pattern",
                                  "link outside", "dangling link"])
def test_cve_2025_31133_null(runtime, bundle, world, outside, kind):
    """The image brings its own /dev/null and no tmpfs covers it: create fails. A program never gets
    anything but the device."""
    if kind == "zero":
        world.need_host_root("needs mknod")
    bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    make_null(bundle.rootfs / "dev/null", kind, outside)
    if world.host_root:
        runtime.fails(bundle.probe("exit", 0), "null")
        return
    # In a user namespace the host's device is bound over it, whatever it is, or that fails.
    result = runtime.run(bundle.probe("report"), code=ANY, stdout=ANY, stderr=ANY)
    if result.code == 0:
        null = result.report().dev["null"]
        assert (null["type"], null["major"], null["minor"]) == ("char", 1, 3)


def test_image_with_proper_devices(runtime, bundle, world):
    """Nodes that are what they should be are taken."""
    world.need_host_root("needs mknod")
    bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    os.mknod(bundle.rootfs / "dev/null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    runtime.run(bundle.probe("exit", 3), code=3)


# --- descriptors of the host ----------------------------------------------------------------------


@pytest.mark.parametrize("leak", [False, True])
def test_cve_2024_21626_cwd(runtime, bundle, leak):
    """/proc/self/fd/N as working directory leads nowhere, whatever N, whatever our caller leaked."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for n in (*range(3, 25), folder):
            bundle.process["cwd"] = f"/proc/self/fd/{n}"
            runtime.fails(bundle.probe("report"), r"process\.cwd",
                          pass_fds=(folder,) if leak else ())
    finally:
        os.close(folder)


def test_cve_2024_21626_cwd_link(runtime, bundle):
    """The same by way of a link in the image."""
    for n in range(3, 15):
        replace(bundle.rootfs / "link", f"/proc/self/fd/{n}")
        bundle.process["cwd"] = "/link"
        runtime.fails(bundle.probe("exit", 0), r"process\.cwd")


def test_cve_2024_21626_exec(runtime, bundle):
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    container = runtime.sleeping(bundle)
    try:
        for n in (*range(3, 20), folder):
            runtime("exec", "--cwd", f"/proc/self/fd/{n}", container, "true", code=255,
                    error="cwd|/proc/self/fd", pass_fds=(folder,))
    finally:
        os.close(folder)


def test_program_by_descriptor(runtime, bundle):
    """Our own image and directories cannot be the program, by number."""
    for n in range(3, 15):
        runtime.fails(bundle.args(f"/proc/self/fd/{n}"), "exec")


# --- our own program ------------------------------------------------------------------------------


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize("how", ["link", "script"])
def test_cve_2019_5736(runtime, bundle, program, how):
    """The program is /proc/self/exe: it is not ours, and ours is what it was."""
    before = digest(program)
    if how == "link":
        replace(bundle.rootfs / "program", "/proc/self/exe")
    else:
        (bundle.rootfs / "program").write_text("#!/proc/self/exe\n")
        (bundle.rootfs / "program").chmod(0o755)
    bundle.args("/program", "print", "x")
    result = runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY)
    assert result.code != 0 and result.stdout == ""
    container = runtime.sleeping(bundle)
    result = runtime("exec", container, "/program", code=ANY, stdout=ANY, stderr=ANY)
    assert result.code != 0
    assert digest(program) == before


@pytest.mark.parametrize("user_namespace", [False, True])
def test_poll_exe_during_execs(runtime, bundle, world, program, user_namespace, request):
    """A privileged container watches /proc during 1,000 execs: it sees the sealed memfd and its own
    programs, can write to none of ours, and, as root of a user namespace, trace none."""
    if user_namespace:
        world.need_root("needs a user namespace with more ids")
        m = [{"containerID": 0, "hostID": 20000 if world.user_namespace else 200000, "size": 2000}]
        bundle.namespace("user")
        bundle.linux.update(uidMappings=m, gidMappings=m)
        for mount in bundle.config["mounts"]:
            mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]
    names = harness.CAPABILITIES
    if world.host_root and not user_namespace:
        status = open("/proc/self/status").read()
        names = [n.removeprefix("CAP_") for n in harness.capability_names(
            re.search(r"CapBnd:\s*(\w+)", status)[1])]
    bundle.capabilities(**{s: names for s in ("bounding", "permitted", "effective")})
    bundle.process["noNewPrivileges"] = False
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    before = digest(program)
    # Root of the host with all capabilities may trace what it likes, and would only be in the way.
    container = runtime.start(bundle.probe("catch", 15, "print", "up", "poll-exe",
                                           "trace" if user_namespace else "look"))
    container.wait_output("up\n")
    for _ in range(harness.often(10)):
        # A hundred by one shell: the runtime, not Python, is what is busy.
        runtime_line = " ".join(runtime.command("exec", container, "/bin/true"))
        done = os.system(f"i=0; while [ $i -lt 100 ]; do {runtime_line} || exit 1; i=$((i+1)); done")
        assert done == 0
    container.kill("TERM")
    container.wait_stopped()
    lines = container.stdout.splitlines()
    assert int(lines[-1].split()[1]) > 100, lines[-1]
    seen = {l.split(" ", 1)[1] for l in lines if l.startswith("exe ")}
    ours = {s for s in seen if s.startswith("/memfd:")}
    assert seen - ours <= {"/bin/busybox", "/probe"}, seen
    bad = [l for l in lines if l.startswith("writable") and "memfd" in l]
    assert not bad, bad
    traced = [l for l in lines if l.startswith("traced")]
    if user_namespace:
        assert not traced, traced
    assert digest(program) == before


def test_binfmt_misc_does_not_fire(runtime, bundle, world):
    """A handler for ELF files, registered in the container's user namespace, must not get init."""
    world.need_root("needs to mount binfmt_misc")
    if "binfmt_misc" not in open("/proc/filesystems").read():
        pytest.skip("the kernel has no binfmt_misc")
    m = [{"containerID": 0, "hostID": 20000 if world.user_namespace else 200000, "size": 2000}]
    bundle.namespace("user")
    bundle.linux.update(uidMappings=m, gidMappings=m)
    for mount in bundle.config["mounts"]:
        mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]
    bundle.mount("/data", "binfmt_misc", "binfmt_misc")
    bundle.config["root"]["readonly"] = False
    # Everything that has a zero there, as ELF files have, but the handler itself.
    handler = bytearray((bundle.rootfs / "probe").read_bytes())
    handler[15] = 1
    (bundle.rootfs / "handler").write_bytes(handler)
    (bundle.rootfs / "handler").chmod(0o755)
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    bundle.probe("write", "/data/register", ":all:M:15:\\x00::/handler:F", "print", "up", "sleep")
    result = runtime.create(bundle)
    result.start()
    try:
        result.wait_output("up\n")
    except BaseException:
        if result.status == "stopped":
            pytest.skip("binfmt_misc cannot be mounted in a user namespace here")
        raise
    # The handler is a probe, which complains about the name of what it was given: of the program,
    # so it is alive; and not of init.
    found = runtime("exec", result, "/probe", "exit", "5", code=97, stderr=ANY)
    assert found.stderr == "probe: no such action: /probe\n"


# --- user names, capabilities ---------------------------------------------------------------------


def test_cve_2016_3697_numeric_names(runtime, bundle, world):
    """A user called "1000" with id 0 in the image's passwd changes nothing."""
    world.need(world.root or world.subids, "needs more than one id")
    (bundle.rootfs / "etc/passwd").write_text("1000:x:0:0::/root:/bin/sh\n")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert runtime.report(bundle).uids == [1000] * 3


def test_cve_2023_25809_cgroup_is_readonly(runtime, bundle, world):
    """Without a cgroup namespace the host's cgroups are not writable inside."""
    bundle.drop_namespace("cgroup")
    r = runtime.report(bundle, "open", "/sys/fs/cgroup/cgroup.procs", "w",
                       "open", "/sys/fs/cgroup/unified/cgroup.procs", "w")
    assert "ok" not in r.open.values()
    assert "ro" in r.mount("/sys/fs/cgroup").options


def test_cve_2025_52881_covered_proc(runtime, bundle, world):
    """Kernel parameters are written through a procfs of our own, whatever covers /proc/sys."""
    bundle.namespace("network")
    fake = bundle.path / "fake/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_forward").write_text("fake\n")
    bundle.mount("/proc/sys", "bind", bundle.path / "fake", ["bind"])
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["readonlyPaths"] = []
    runtime.report(bundle)
    assert (fake / "ip_forward").read_text() == "fake\n"


def test_exchange_race(runtime, bundle, outside):
    """CVE-2021-30465, CVE-2024-45310: a path below a shared volume is exchanged between a directory
    and a link while containers are created."""
    volume = bundle.path / "volume"
    (volume / "dir/deep").mkdir(parents=True)
    (volume / "link").symlink_to(outside)
    bundle.mount("/data", "bind", volume, ["bind"]).mount("/data/dir/deep/made", "tmpfs", "tmpfs")
    bundle.probe("exit", 0).save()
    child = os.fork()
    if child == 0:
        libc, a, b = worlds.libc, str(volume / "dir").encode(), str(volume / "link").encode()
        while True:
            libc.renameat2(-100, a, -100, b, 2)  # RENAME_EXCHANGE
    try:
        for _ in range(60):
            runtime("run", "-b", bundle.path, runtime.new_id(), code=ANY, stdout=ANY, stderr=ANY)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
