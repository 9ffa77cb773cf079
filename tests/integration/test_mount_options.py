"""Mount options beyond the flags of test_mounts.py: links, the root itself, what the mount API cannot
say, and what the kernel refuses to a user namespace."""
import os
import pathlib

import pytest

import harness

OLD_ONLY = ("iversion", "noiversion", "silent", "loud")


@pytest.fixture
def volume(bundle):
    path = bundle.path / "volume"
    path.mkdir()
    (path / "file").write_text("from outside")
    (path / "link").symlink_to("/etc/nowhere")
    (path / "to-file").symlink_to("file")
    return path


# --- instances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", OLD_ONLY)
def test_flags_of_mount2(runtime, bundle, option):
    """Also with everything else that a mount can have."""
    bundle.mount("/data", "tmpfs", "a-source", [option, "nosuid", "noexec", "size=1m", "sync", "ro"])
    m = runtime.report(bundle).mount("/data")
    assert (m.fstype, m.source) == ("tmpfs", "a-source")
    assert {"ro", "nosuid", "noexec"} <= m.options and "nodev" not in m.options
    assert {"size=1024k", "sync", "ro"} <= m.super_options


def test_nothing_is_left_of_the_place(runtime, bundle):
    """mount(2) needs a place of its own; nobody sees it later."""
    before = runtime.report(bundle.mount("/data", "tmpfs", "x"))
    bundle.config["mounts"][-1]["options"] = ["silent"]
    after = runtime.report(bundle)
    assert [m.target for m in before.mounts] == [m.target for m in after.mounts]
    assert not (bundle.rootfs / "tmpfs").exists()


def test_long_values(runtime, bundle, world):
    """A context of the mount API takes 255 characters; overlays have longer lists of layers."""
    world.need_host_root("mounts an overlay over the host's file system")
    layers = []
    for n in range(8):
        layers.append(bundle.path / ("layer" * 6 + str(n)))
        layers[-1].mkdir()
        (layers[-1] / f"file{n}").touch()
    option = "lowerdir=" + ":".join(map(str, layers))
    assert len(option) > 300
    bundle.mount("/data", "overlay", "overlay", [option, "nodev"])
    r = runtime.report(bundle, "list", "/data")
    assert set(r.list["/data"]) == {f"file{n}" for n in range(8)}
    assert "nodev" in r.mount("/data").options


def test_too_many_options(runtime, bundle):
    bundle.mount("/data", "tmpfs", "x", [f"option{n}=" + "x" * 300 for n in range(20)])
    runtime.fails(bundle, r"mounts\[\d+\].options: .*longer than 4095")


def test_relative_destination(runtime, bundle):
    bundle.mount("new/place", "tmpfs", "x")
    assert runtime.report(bundle).mount("/new/place").source == "x"


# --- symbolic links -------------------------------------------------------------------------------


def test_links_are_followed(runtime, bundle, volume):
    bundle.mount("/data/here", "bind", volume / "to-file", ["bind"])
    r = runtime.report(bundle, "look", "/data/here", "read", "/data/here")
    assert r.look["/data/here"]["type"] == "file"
    assert r.read["/data/here"] == {"text": "from outside"}


def test_src_nofollow(runtime, bundle, volume):
    bundle.mount("/data/here", "bind", volume / "link", ["bind", "src-nofollow"])
    r = runtime.report(bundle, "look", "/data/here")
    assert (r.look["/data/here"]["type"], r.mount("/data/here").root[-5:]) == ("link", "/link")


def test_dest_nofollow(runtime, bundle, volume):
    (bundle.rootfs / "data/there").symlink_to("/etc/passwd")
    bundle.mount("/data/there", "bind", volume / "file", ["bind", "dest-nofollow"])
    r = runtime.report(bundle, "read", "/data/there", "read", "/etc/passwd")
    assert r.read["/data/there"] == {"text": "from outside"}
    assert r.read["/etc/passwd"]["text"].startswith("root:")


def test_dest_nofollow_makes_what_is_missing(runtime, bundle, volume):
    bundle.mount("/data/new/file", "bind", volume / "file", ["bind", "dest-nofollow"])
    bundle.mount("/data/new/folder", "bind", volume, ["bind", "dest-nofollow"])
    r = runtime.report(bundle, "read", "/data/new/file", "read", "/data/new/folder/file")
    assert set(map(str, r.read.values())) == {"{'text': 'from outside'}"}


def test_copy_symlink(runtime, bundle, volume):
    """A link is made again, twice too; what is no link is bound as always."""
    bundle.mount("/data/new/link", "bind", volume / "link", ["bind", "copy-symlink"])
    bundle.mount("/data/new/link", "bind", volume / "link", ["bind", "copy-symlink"])
    bundle.mount("/data/file", "bind", volume / "file", ["bind", "copy-symlink"])
    r = runtime.report(bundle, "look", "/data/new/link", "read", "/data/file")
    assert r.look["/data/new/link"]["type"] == "link"
    assert r.read["/data/file"] == {"text": "from outside"}
    assert os.readlink(bundle.rootfs / "data/new/link") == "/etc/nowhere"
    assert r.mount("/data/new/link") is None


def test_copy_symlink_onto_something_else(runtime, bundle, volume):
    bundle.mount("/etc/passwd", "bind", volume / "link", ["bind", "copy-symlink"])
    runtime.fails(bundle, r'mounts\[\d+\]: make the link "/etc/passwd": file exists')


@pytest.mark.parametrize("option", ["src-nofollow", "copy-symlink"])
def test_only_binds_have_a_source(runtime, bundle, option):
    bundle.mount("/data", "tmpfs", "x", [option])
    runtime.fails(bundle, rf'mounts\[\d+\].options: .*"{option}"')


# --- the root -------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["/", "//", "/."])
def test_root_is_replaced(runtime, bundle, destination):
    """What is mounted on "/" is the root, for the rest of the mounts, and for who joins later."""
    other = bundle.path / "other"
    bundle.rootfs.rename(other)
    bundle.rootfs.mkdir()
    bundle.config["mounts"].insert(0, {"destination": destination, "type": "bind",
                                       "source": str(other), "options": ["rbind"]})
    bundle.mount("/data", "tmpfs", "x")
    container = runtime.sleeping(bundle, "report")
    r = container.exec("/probe", "look", "/probe", "report", stdout=harness.ANY).report()
    assert r.look["/probe"]["type"] == "file"
    assert [m.target for m in r.mounts].count("/") == 1
    assert r.mount("/").root.endswith("/other") and r.mount("/data").source == "x"


def test_overlay_as_root(runtime, bundle, world, volume):
    world.need_host_root("mounts an overlay over the host's file system")
    bundle.config["mounts"].insert(0, {
        "destination": "/", "type": "overlay", "source": "overlay",
        "options": [f"lowerdir={bundle.rootfs}:{volume}"]})
    bundle.mount("/data", "tmpfs", "x")
    r = runtime.report(bundle)
    assert [(m.fstype, m.target) for m in r.mounts if m.target == "/"] == [("overlay", "/")]


@pytest.mark.parametrize("with_user", [False, True])
def test_no_pivot(runtime, bundle, world, with_user):
    """Nothing of the host's procfs and sysfs is left for whoever looks below the root."""
    if with_user:
        world.need_host_root("maps ids that are not its own")
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    bundle.probe("print", "up", "sleep")
    container = runtime.start(bundle, "--no-pivot")
    container.wait_output("up\n")
    r = container.exec("/probe", "report", stdout=harness.ANY).report()
    assert r.mount("/").root.endswith("/rootfs")
    if world.host_root:
        text = pathlib.Path(f"/proc/{container.pid}/mountinfo").read_text()
        targets = [line.split()[4] for line in text.splitlines()]
        assert targets.count("/proc") == targets.count("/sys") == 1


# --- sysfs in a user namespace --------------------------------------------------------------------


@pytest.fixture
def host_network(bundle, world):
    """In a user namespace, with a network that is not its own."""
    bundle.drop_namespace("network")
    if not bundle.has_namespace("user"):
        world.need_host_root("maps ids that are not its own")
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    bundle.drop_mount("/sys")
    return bundle


def sysfs(bundle, *options):
    bundle.config["mounts"].insert(0, {"destination": "/sys", "type": "sysfs", "source": "sysfs",
                                       "options": ["nosuid", *options]})


def test_sysfs_of_the_host(runtime, host_network, world):
    """Read-only all over; the host's cgroups are there, and covered by the container's own."""
    sysfs(host_network, "ro")
    if world.old_kernel:
        runtime.fails(host_network, "mount attributes need Linux 5.12")
        return
    r = runtime.report(host_network, "list", "/sys/fs/cgroup")
    tree = [m for m in r.mounts if m.target == "/sys" or m.target.startswith("/sys/")]
    assert r.mount("/sys").fstype == "sysfs"
    assert [m.target for m in tree].count("/sys/fs/cgroup") == 2
    assert all("ro" in m.options for m in tree)
    assert "nosuid" in r.mount("/sys").options


def test_sysfs_of_the_host_without_cgroups(runtime, host_network, world):
    world.need(not world.old_kernel, "needs mount_setattr")
    host_network.drop_mount("/sys/fs/cgroup")
    sysfs(host_network, "ro")
    r = runtime.report(host_network, "list", "/sys/fs/cgroup")
    assert r.list["/sys/fs/cgroup"] == {}


def test_writable_sysfs_is_refused(runtime, host_network):
    sysfs(host_network)
    runtime.fails(host_network, r"mounts\[0\]: .*sysfs.*operation not permitted")


def test_own_sysfs(runtime, bundle):
    """With a network namespace of its own there is exactly one."""
    bundle.namespace("network").drop_mount("/sys", "/sys/fs/cgroup")
    sysfs(bundle, "ro")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro"])
    r = runtime.report(bundle)
    assert [m.target for m in r.mounts].count("/sys/fs/cgroup") == 1


def test_more_than_can_be_handed_over(runtime, bundle, world):
    world.need_host_root("maps ids that are not its own")
    bundle.namespace("user")
    for kind in ("uid", "gid"):
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    for _ in range(1030):
        bundle.mount("/data", "bind", "/tmp", ["bind"])
    runtime.fails(bundle, r"10\d\d mounts, devices and namespaces .* 1024 are the most")


def test_remount(runtime, bundle):
    """The flags of a mount that an earlier entry made, after what was mounted below it meanwhile."""
    bundle.mount("/data", "tmpfs", "tmpfs", ["nosuid", "noexec"])
    bundle.mount("/data/below", "tmpfs", "tmpfs")
    bundle.mount("/data", "tmpfs", "tmpfs", ["remount", "ro", "exec"])
    r = runtime.report(bundle)
    assert r.mount("/data").options >= {"ro", "nosuid"} and "noexec" not in r.mount("/data").options
    assert "ro" not in r.mount("/data/below").options
