"""Mounts, devices, links, masked and read-only paths."""
import os
import stat

import pytest

import harness
import worlds


# --- mounts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, present, absent", [
    ([], {"rw", "relatime"}, {"ro", "nosuid", "nodev", "noexec"}),
    (["ro"], {"ro"}, {"rw"}),
    (["nosuid", "nodev", "noexec"], {"nosuid", "nodev", "noexec"}, set()),
    (["nosuid", "suid"], {"rw"}, {"nosuid"}),
    (["ro", "rw"], {"rw"}, {"ro"}),
    (["noatime"], {"noatime"}, {"relatime"}),
    (["strictatime"], set(), {"noatime", "relatime"}),
    (["nodiratime"], {"nodiratime"}, set()),
    (["nosymfollow"], {"nosymfollow"}, set()),
    (["sync"], set(), set()),
    (["defaults"], {"rw"}, {"nosuid"}),
])
def test_options(runtime, bundle, options, present, absent):
    bundle.mount("/data", "tmpfs", "tmpfs", options)
    found = runtime.report(bundle).mount("/data").options
    assert present <= found and not absent & found, found


def test_file_system_options(runtime, bundle):
    bundle.mount("/data", "tmpfs", "a-source", ["mode=700", "size=1m", "nr_inodes=100"])
    r = runtime.report(bundle, "look", "/data")
    m = r.mount("/data")
    assert m.source == "a-source"
    assert {"size=1024k", "nr_inodes=100", "mode=700"} <= m.super_options
    assert r.look["/data"]["mode"] == 0o700


def test_empty_option(runtime, bundle):
    """As Podman 5 asks for the places of a container with systemd: it means nothing."""
    bundle.mount("/data", "tmpfs", "tmpfs", ["rw", "nosuid", ""]).mount("/bound", "bind", bundle.path, ["bind", ""])
    r = runtime.report(bundle)
    assert "nosuid" in r.mount("/data").options and r.mount("/bound")


def test_bad_file_system_option(runtime, bundle):
    """The kernel's own words are part of the message, and so is the place in the configuration."""
    bundle.mount("/data", "tmpfs", "tmpfs", ["size=lots"])
    n = len(bundle.config["mounts"]) - 1
    runtime.fails(bundle, rf"mounts\[{n}\].*size.*invalid argument")


def test_unknown_file_system(runtime, bundle):
    bundle.mount("/data", "nonexistentfs", "x")
    runtime.fails(bundle, r"mounts\[\d+\].*nonexistentfs")


@pytest.mark.parametrize("kind", ["bind", "none with rbind", "relative source"])
def test_bind(runtime, bundle, folder, kind):
    source = bundle.path / "source"
    source.mkdir()
    (source / "file").write_text("from outside")
    if kind == "bind":
        bundle.mount("/new/place", "bind", source, ["ro"])
    elif kind == "none with rbind":
        bundle.mount("/new/place", "none", source, ["rbind", "ro"])
    else:
        bundle.mount("/new/place", "bind", "source", ["ro"])
    r = runtime.report(bundle, "read", "/new/place/file", "open", "/new/place/file", "w")
    assert r.read["/new/place/file"] == {"text": "from outside"}
    assert r.open["/new/place/file"] == "EROFS"
    assert "ro" in r.mount("/new/place").options
    assert (bundle.rootfs / "new/place").is_dir()


def test_bind_file(runtime, bundle):
    (bundle.path / "file").write_text("a file")
    bundle.mount("/etc/new/file", "bind", bundle.path / "file", ["bind"])
    r = runtime.report(bundle, "read", "/etc/new/file")
    assert r.read["/etc/new/file"] == {"text": "a file"}
    assert (bundle.rootfs / "etc/new/file").read_text() == ""


@pytest.mark.parametrize("kind", ["link", "dots", "many"])
def test_bind_through_the_root(runtime, bundle, folder, kind):
    """A source whose way leads up to "/" and down again, as /etc/os-release does: to the host's, not to
    what the container will see there."""
    (bundle.rootfs / "tmp").mkdir(exist_ok=True)
    (folder / "file").write_text("the host's")
    up = "../" * (len(folder.parts) + 3)
    source = f"{folder}/{up}{str(folder)[1:]}/file"
    if kind != "dots":
        (folder / "link").symlink_to(f"{up}{str(folder)[1:]}/file")
        source = folder / "link"
    for number in range(300 if kind == "many" else 1):
        bundle.mount(f"/tmp/bound{number}", "bind", source, ["bind", "ro"])
    bundle.config["root"]["readonly"] = False
    last = f"/tmp/bound{number}"
    assert runtime.report(bundle, "read", last).read[last] == {"text": "the host's"}


def test_bind_without_source(runtime, bundle):
    bundle.mount("/data", "bind", "/nonexistent", ["bind"])
    n = len(bundle.config["mounts"]) - 1
    runtime.fails(bundle, rf"mounts\[{n}\].*/nonexistent.*no such file or directory")


def test_bind_recursive(runtime, bundle, world):
    world.need_root("needs a mount below the source")
    source = bundle.path / "source"
    (source / "below").mkdir(parents=True)
    worlds.mount("tmpfs", source / "below", "tmpfs")
    (source / "below/file").touch()
    try:
        for option, seen in (("rbind", True), ("bind", False)):
            bundle.drop_mount("/data").mount("/data", "bind", source, [option])
            r = runtime.report(bundle, "list", "/data/below")
            assert ("file" in r.list["/data/below"]) == seen
            assert (r.mount("/data/below") is not None) == seen
    finally:
        worlds.umount(source / "below")


@pytest.mark.parametrize("option, flag", [("rro", "ro"), ("rnosuid", "nosuid"), ("rnoexec", "noexec"),
                                          ("rnodev", "nodev")])
def test_recursive_options(runtime, bundle, world, option, flag):
    world.need_root("needs a mount below the source")
    source = bundle.path / "source"
    (source / "below").mkdir(parents=True)
    worlds.mount("tmpfs", source / "below", "tmpfs")
    bundle.mount("/data", "bind", source, ["rbind", option])
    try:
        if world.old_kernel:
            runtime.fails(bundle, "mount attributes need Linux 5.12")
        else:
            r = runtime.report(bundle)
            assert flag in r.mount("/data").options and flag in r.mount("/data/below").options
    finally:
        worlds.umount(source / "below")


@pytest.mark.parametrize("option, expected", [("rshared", {"shared"}), ("rprivate", set()),
                                              ("private", set())])
def test_propagation(runtime, bundle, option, expected):
    (bundle.path / "source").mkdir()
    bundle.mount("/data", "bind", "source", ["rbind", option])
    found = {p.split(":")[0] for p in runtime.report(bundle).mount("/data").propagation}
    assert found - {"master", "propagate_from"} == expected


def test_later_mounts_cover_earlier_ones(runtime, bundle):
    bundle.mount("/data", "tmpfs", "first").mount("/data", "tmpfs", "second")
    bundle.mount("/data/inside", "tmpfs", "third")
    r = runtime.report(bundle)
    assert r.mount("/data").source == "second" and r.mount("/data/inside").source == "third"


def test_read_only_root(runtime, bundle):
    """The root is read-only, what is mounted on it is not."""
    bundle.mount("/data", "tmpfs", "tmpfs")
    bundle.config["root"]["readonly"] = True
    r = runtime.report(bundle, "open", "/etc/passwd", "w", "write", "/data/file", "x")
    assert r.open["/etc/passwd"] == "EROFS"
    bundle.config["root"]["readonly"] = False
    r = runtime.report(bundle, "open", "/etc/passwd", "w")
    assert r.open["/etc/passwd"] == "ok"


@pytest.mark.parametrize("target", ["/dev", "/data"])
def test_read_only_when_full(runtime, bundle, target):
    """A new file system becomes read-only once there is in it what is mounted and made there."""
    mounts = bundle.config["mounts"]
    if target == "/dev":
        mount = next(m for m in mounts if m["destination"] == target)
        mount["options"] = [*mount["options"], "ro"]
    else:
        bundle.mount(target, "tmpfs", "tmpfs", ["ro", "nosuid"])
        bundle.mount(target + "/a/b", "tmpfs", "inside")
    r = runtime.report(bundle, "open", "/dev/null", "w")
    assert r.open["/dev/null"] == "ok" and "ro" in r.mount(target).options
    if target == "/data":
        assert "rw" in r.mount("/data/a/b").options


@pytest.mark.parametrize("options, covered, mode", [
    ([], 0o750, 0o750), ([], 0o1770, 0o1770), (["mode=700"], 0o755, 0o700), ([], None, 0o1777)])
def test_permissions_of_what_is_covered(runtime, bundle, options, covered, mode):
    """A tmpfs has those of the directory below it, unless an option says others."""
    if covered is not None:
        (bundle.rootfs / "covered").mkdir()
        (bundle.rootfs / "covered").chmod(covered)
    r = runtime.report(bundle.mount("/covered", "tmpfs", "tmpfs", options), "look", "/covered")
    assert r.look["/covered"]["mode"] == mode


def test_read_only_tmpfs_that_is_covered(runtime, bundle):
    """What covers it stays writable."""
    bundle.mount("/data", "tmpfs", "first", ["ro"]).mount("/data", "tmpfs", "second")
    bundle.mount("/data/inside", "tmpfs", "third")
    r = runtime.report(bundle)
    assert (r.mount("/data").source, "ro" in r.mount("/data").options) == ("second", False)


def test_image_directories_are_made(runtime, bundle):
    """Targets that the image lacks appear, readable for everyone whatever our umask is."""
    for name in ("dev", "proc", "sys"):
        (bundle.rootfs / name).rmdir()
    old = os.umask(0o077)
    try:
        runtime.report(bundle.mount("/a/b/c", "tmpfs", "tmpfs"))
    finally:
        os.umask(old)
    for name in ("dev", "proc", "sys", "a", "a/b", "a/b/c"):
        assert stat.S_IMODE((bundle.rootfs / name).stat().st_mode) == 0o755, name


# --- devices --------------------------------------------------------------------------------------

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
           "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
         "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}


def test_default_devices(runtime, bundle, world):
    r = runtime.report(bundle, "open", "/dev/null", "rw", "open", "/dev/zero", "rw",
                       "open", "/dev/full", "rw", "open", "/dev/urandom", "r")
    for name, numbers in DEVICES.items():
        d = r.dev[name]
        assert (d["type"], d["major"], d["minor"]) == ("char", *numbers), name
        assert d["mode"] == 0o666, name
        if world.host_root:
            assert (d["uid"], d["gid"]) == (0, 0)
    for name, target in LINKS.items():
        assert (r.dev[name]["type"], r.dev[name]["target"]) == ("link", target)
    folders = {"mqueue", "pts", "shm"}
    assert set(r.dev) - {"core"} == {*DEVICES, *LINKS, *folders}
    assert set(r.open.values()) == {"ok"}
    assert r["dev/pts"]["ptmx"]["mode"] == 0o666


def test_device_policy(runtime, bundle, world):
    """A device that can be made cannot be opened unless the rules allow it."""
    world.need_host_root("needs a device policy")
    disk = {"path": "/dev/disk", "type": "b", "major": 7, "minor": 200, "fileMode": 0o600}
    bundle.linux["devices"] = [disk, {"path": "/dev/mem2", "type": "c", "major": 1, "minor": 1}]
    bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    r = runtime.report(bundle, "look", "/dev/disk", "open", "/dev/disk", "r",
                       "open", "/dev/mem2", "r", "open", "/dev/null", "rw")
    assert r.look["/dev/disk"]["mode"] == 0o600 and r.look["/dev/disk"]["type"] == "block"
    assert r.open == {"/dev/disk": "EPERM", "/dev/mem2": "EPERM", "/dev/null": "ok"}
    bundle.linux["resources"]["devices"].append(
        {"allow": True, "type": "b", "major": 7, "minor": 200, "access": "r"})
    r = runtime.report(bundle, "open", "/dev/disk", "r", "open", "/dev/disk", "rw")
    assert r.open["/dev/disk"] == "EPERM"  # the last one: for writing
    r = runtime.report(bundle, "open", "/dev/disk", "r")
    assert r.open["/dev/disk"] in ("ENXIO", "ok", "ENODEV")


def test_configured_devices(runtime, bundle, world):
    world.need_host_root("needs mknod")
    bundle.linux["devices"] = [
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 7,
         "gid": 8},
        {"path": "/dev/deep/er/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o666},
        {"path": "/dev/fifo", "type": "p", "fileMode": 0o622},
        {"path": "/data/zero", "type": "u", "major": 1, "minor": 5, "fileMode": 0o777}]
    r = runtime.report(bundle, "look", "/dev/deep/er/zero", "look", "/data/zero")
    null = r.dev["null"]
    assert (null["mode"], null["uid"], null["gid"]) == (0o640, 7, 8)
    assert r.dev["fifo"]["type"] == "fifo" and r.dev["fifo"]["mode"] == 0o622
    assert r.look["/dev/deep/er/zero"]["minor"] == 5
    assert r.look["/data/zero"]["mode"] == 0o777


def test_bound_dev_is_left_alone(runtime, bundle):
    """Somebody who binds a /dev gets it as it is: making nodes there would change the host."""
    (bundle.path / "dev").mkdir()
    (bundle.path / "dev/only").touch()
    bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    bundle.mount("/dev", "bind", bundle.path / "dev", ["bind"])
    bundle.linux["maskedPaths"] = []
    r = runtime.report(bundle)
    assert set(r.dev) == {"only"}
    assert os.listdir(bundle.path / "dev") == ["only"]


# --- masked and read-only paths -------------------------------------------------------------------


def test_masked_paths(runtime, bundle):
    (bundle.rootfs / "secret-file").write_text("secret")
    (bundle.rootfs / "secret-dir").mkdir()
    (bundle.rootfs / "secret-dir/file").write_text("secret")
    bundle.linux["maskedPaths"] += ["/secret-file", "/secret-dir", "/nonexistent/path",
                                    "/secret-file/below"]
    r = runtime.report(bundle, "read", "/secret-file", "list", "/secret-dir", "look", "/secret-file",
                       "open", "/secret-file", "w", "read", "/proc/timer_list",
                       "read", "/proc/keys", "list", "/sys/firmware")
    assert r.read["/secret-file"] == {"text": ""}
    assert r.list["/secret-dir"] == {} and r.list["/sys/firmware"] == {}
    assert r.read["/proc/timer_list"]["text"] == "" and r.read["/proc/keys"]["text"] == ""
    m = r.mount("/secret-dir")
    assert (m.fstype, "ro" in m.options) == ("tmpfs", True)
    d = r.look["/secret-file"]
    assert (d["type"], d["major"], d["minor"]) == ("char", 1, 3)
    assert (bundle.rootfs / "secret-file").read_text() == "secret"
    assert not (bundle.rootfs / "nonexistent").exists()


def test_default_masks_hold(runtime, bundle, world):
    """Of every default masked path that exists nothing can be read."""
    masked = bundle.linux["maskedPaths"]
    actions = []
    for path in masked:
        actions += ["look", path, "read", path, "list", path]
    r = runtime.report(bundle, *actions)
    shown = 0
    for path in masked:
        if "error" in r.look[path]:
            continue
        shown += 1
        if r.look[path]["type"] == "dir":
            assert r.list[path] == {}, path
        else:
            assert r.read[path] == {"text": ""}, path
    assert shown > 0


def test_readonly_paths(runtime, bundle, world):
    bundle.config["root"]["readonly"] = False
    bundle.linux["readonlyPaths"] += ["/etc", "/data", "/nonexistent"]
    bundle.mount("/data", "tmpfs", "tmpfs")
    r = runtime.report(bundle, "open", "/etc/passwd", "w", "open", "/proc/sys/kernel/domainname", "w",
                       "open", "/proc/sysrq-trigger", "w", "write", "/tmp/file", "x")
    assert r.open["/etc/passwd"] == "EROFS"
    assert r.open["/proc/sys/kernel/domainname"] == ("EROFS" if world.host_root else "EACCES")
    # Not every kernel has it.
    assert r.open["/proc/sysrq-trigger"] in ("EROFS", "EACCES", "ENOENT")
    for path in ("/etc", "/data", "/proc/sys", "/proc/bus", "/proc/irq", "/proc/fs"):
        assert "ro" in r.mount(path).options, path
    assert r.mount("/etc").options - {"ro"} == r.mount("/").options - {"rw"}


def test_readonly_keeps_other_flags(runtime, bundle):
    bundle.mount("/data", "tmpfs", "tmpfs", ["nosuid", "nodev", "noexec", "noatime"])
    bundle.linux["readonlyPaths"].append("/data")
    found = runtime.report(bundle).mount("/data").options
    assert found == {"ro", "nosuid", "nodev", "noexec", "noatime"}


def test_hundreds_of_masks(runtime, bundle):
    """All directories show one file system, all files the null device."""
    names = [f"{kind}{n}" for kind in ("directory", "file") for n in range(250)]
    for name in names:
        path = bundle.rootfs / "data" / name
        if name.startswith("directory"):
            path.mkdir()
            (path / "secret").write_text("x")
        else:
            path.write_text("x")
    bundle.linux["maskedPaths"] = [f"/data/{name}" for name in names]
    r = runtime.report(bundle, "list", "/data/directory249", "look", "/data/file249")
    lines = [line.split() for line in r["mountinfo"].splitlines() if "/data/" in line]
    assert len(lines) == len(names)
    assert len({device for _, _, device, _, target, *_ in lines if "/directory" in target}) == 1
    assert r.list["/data/directory249"] == {}
    seen = r.look["/data/file249"]
    assert (seen["type"], seen["major"], seen["minor"]) == ("char", 1, 3)
