"""tmpcopyup: a tmpfs that begins with what the image has there. What the image has is hostile."""
import hashlib
import os
import stat

import pytest

import harness

OPTIONS = ["tmpcopyup", "nosuid", "nodev", "size=16m"]


@pytest.fixture
def source(bundle):
    """The directory in the image."""
    path = bundle.rootfs / "data"
    bundle.mount("/data", "tmpfs", "tmpfs", OPTIONS)
    return path


def options(bundle, *more):
    bundle.config["mounts"][-1]["options"] = [*OPTIONS, *more]


def test_contents(runtime, bundle, source):
    (source / "file").write_text("text")
    (source / "empty").touch()
    (source / "folder/deeper").mkdir(parents=True)
    (source / "folder/deeper/file").write_text("deep")
    (source / "link").symlink_to("/nowhere")
    os.mkfifo(source / "fifo", 0o622)
    os.chmod(source / "fifo", 0o622)
    (source / "file").chmod(0o4751)
    (source / "folder").chmod(0o2700)
    actions = []
    for name in ("file", "link", "fifo", "folder", "empty"):
        actions += ["look", f"/data/{name}"]
    r = runtime.report(bundle, "list", "/data", "list", "/data/folder", "read", "/data/file",
                       "read", "/data/folder/deeper/file", "write", "/data/new", "x", *actions)
    assert set(r.list["/data"]) == {"file", "empty", "folder", "link", "fifo"}
    assert set(r.list["/data/folder"]) == {"deeper"}
    assert r.read["/data/file"] == {"text": "text"}
    assert r.read["/data/folder/deeper/file"] == {"text": "deep"}
    look = {k.rsplit("/", 1)[1]: (v["type"], v["mode"]) for k, v in r.look.items()}
    assert look["file"] == ("file", 0o4751) and look["fifo"] == ("fifo", 0o622)
    assert look["folder"] == ("dir", 0o2700) and look["link"][0] == "link"
    assert not (source / "new").exists()
    m = r.mount("/data")
    assert m.fstype == "tmpfs" and {"nosuid", "nodev", "rw"} <= m.options


def test_many_and_big(runtime, bundle, source):
    """More than a buffer of names, more than one call's worth of data."""
    for n in range(300):
        (source / f"a-rather-long-name-for-a-file-{n}").touch()
    data = os.urandom(3 << 20)
    (source / "big").write_bytes(data)
    bundle.args("/bin/busybox", "sh", "-c", "ls /data | wc -l; md5sum /data/big | cut -c1-32")
    runtime.run(bundle, stdout=f"301\n{hashlib.md5(data).hexdigest()}\n")


def test_sparse_files_stay_sparse(runtime, bundle, source):
    """A hole of a terabyte does not fill the memory."""
    with open(source / "file", "wb") as f:
        f.truncate(1 << 40)
        f.seek(1 << 30)
        f.write(b"middle")
    bundle.args("/bin/busybox", "sh", "-c", "stat -c %s /data/file; du -k /data/file | cut -f1;"
                "dd if=/data/file bs=1M skip=1024 count=1 2>/dev/null | head -c 6")
    size, used, middle = runtime.run(bundle, stdout=harness.ANY).stdout.split()
    assert int(size) == 1 << 40 and int(used) < 1000 and middle == "middle"


def test_mode_of_the_directory(runtime, bundle, source):
    source.chmod(0o711)
    assert runtime.report(bundle, "look", "/data").look["/data"]["mode"] == 0o711
    options(bundle, "mode=1750")
    assert runtime.report(bundle, "look", "/data").look["/data"]["mode"] == 0o1750


def test_owners(runtime, bundle, source, world):
    world.need_host_root("changes owners")
    (source / "file").touch()
    os.chown(source / "file", 7, 8)
    os.chown(source, 9, 10)
    r = runtime.report(bundle, "look", "/data/file", "look", "/data")
    owner = lambda name: (r.look[name]["uid"], r.look[name]["gid"])
    assert owner("/data/file") == (7, 8) and owner("/data") == (9, 10)
    options(bundle, "uid=3")
    r = runtime.report(bundle, "look", "/data")
    assert owner("/data") == (3, 0)


def test_devices_and_capabilities(runtime, bundle, source, world):
    world.need_host_root("makes a device")
    os.mknod(source / "null", 0o640 | stat.S_IFCHR, os.makedev(1, 3))
    (source / "able").write_text("")
    # cap_net_raw=ep, revision 2
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(source / "able", "security.capability", value)
    bundle.args("/bin/sh", "-c", "exec sleep 1000")
    container = runtime.start(bundle)
    inside = f"/proc/{container.pid}/root/data"
    assert os.stat(f"{inside}/null").st_rdev == os.makedev(1, 3)
    assert os.getxattr(f"{inside}/able", "security.capability") == value
    container.kill()
    container.delete("--force")


def test_read_only(runtime, bundle, source):
    (source / "file").write_text("text")
    options(bundle, "ro")
    r = runtime.report(bundle, "read", "/data/file", "open", "/data/file", "w")
    assert r.read["/data/file"] == {"text": "text"} and r.open["/data/file"] == "EROFS"


def test_missing_directory(runtime, bundle):
    bundle.mount("/new/place", "tmpfs", "x", ["tmpcopyup"])
    assert runtime.report(bundle, "list", "/new/place").list["/new/place"] == {}


def test_links_are_not_followed(runtime, bundle, source):
    """Neither out of the root filesystem, nor in circles."""
    (source / "out").symlink_to("/proc/self/root/etc")
    (source / "circle").symlink_to(".")
    r = runtime.report(bundle, "look", "/data/out", "look", "/data/circle", "list", "/data")
    assert {v["type"] for v in r.look.values()} == {"link"}
    assert set(r.list["/data"]) == {"out", "circle"}


def test_other_file_systems_are_left_out(runtime, bundle, source):
    """What was mounted there before is not part of the image."""
    (source / "below").mkdir()
    (source / "file").write_text("text")
    bundle.config["mounts"].insert(-1, {"destination": "/data/below", "type": "proc",
                                        "source": "proc"})
    r = runtime.report(bundle, "list", "/data")
    assert set(r.list["/data"]) == {"file"}


@pytest.mark.parametrize("depth, fits", [(63, True), (64, False)])
def test_depth(runtime, bundle, source, depth, fits):
    path = source
    for _ in range(depth):
        path = path / "d"
    path.mkdir(parents=True)
    if fits:
        name = "/data" + "/d" * depth
        assert runtime.report(bundle, "look", name).look[name]["type"] == "dir"
    else:
        runtime.fails(bundle, r"mounts\[\d+\]: what is to be copied is deeper than 64 directories")


def test_too_big(runtime, bundle, source):
    (source / "file").write_bytes(b"x" * (2 << 20))
    bundle.config["mounts"][-1]["options"] = ["tmpcopyup", "size=1m"]
    runtime.fails(bundle, r'mounts\[\d+\]: copy "file": no space left on device')


@pytest.mark.parametrize("destination, kind, words", [
    ("/", "tmpfs", "whole root"), ("/data", "ramfs", "only a tmpfs"), ("/data", "bind", "only a tmpfs")])
def test_where_it_is_refused(runtime, bundle, destination, kind, words):
    bundle.mount(destination, kind, bundle.path, ["tmpcopyup"])
    runtime.fails(bundle, rf"mounts\[\d+\].options: .*{words}.*tmpcopyup")


def test_in_a_user_namespace(runtime, bundle, source, world):
    """Owners that are not mapped become the container's root; the rest keeps its own."""
    world.need_host_root("maps ids that are not its own")
    bundle.namespace("user")
    for kind in ("uid", "gid"):
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
    os.chown(source, 100000, 100000)
    for name, owner in (("mapped", 100007), ("foreign", 5)):
        (source / name).write_text(name)
        os.chown(source / name, owner, owner)
    r = runtime.report(bundle, "look", "/data/mapped", "look", "/data/foreign",
                       "read", "/data/foreign")
    assert r.look["/data/mapped"]["uid"] == 7 and r.look["/data/foreign"]["uid"] == 0
    assert r.read["/data/foreign"] == {"text": "foreign"}
