"""Id-mapped mounts: idmap and ridmap, with mappings from the mount, its option or the container."""
import os

import pytest

import harness
import worlds

OWN = 100000  # what the container's root is on the host


def mapping(container, host, size):
    return {"containerID": container, "hostID": host, "size": size}


@pytest.fixture
def volume(bundle, world):
    """A directory with files of ids 0, 5 and 1000, on a file system that can be mapped."""
    world.need_root("mapping ids takes power over the file system")
    world.need(not world.old_kernel, "needs mount_setattr")
    path = bundle.path / "volume"
    path.mkdir()
    worlds.mount("tmpfs", path, "tmpfs")
    (path / "below").mkdir()
    worlds.mount("tmpfs", path / "below", "tmpfs")
    for folder in (path, path / "below"):
        for owner in (0, 5, 1000):
            (folder / str(owner)).write_text("text")
            os.chown(folder / str(owner), owner, owner)
    yield path
    worlds.umount(path / "below")
    worlds.umount(path)


@pytest.fixture
def user_namespace(bundle, world):
    def make(*mappings):
        world.need_host_root("maps ids that are not its own")
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = list(mappings or [mapping(0, OWN, 65536)])
        own = bundle.linux["uidMappings"][0]["hostID"]
        for name in ("dev", "proc", "sys", "data", "."):
            os.chown(bundle.rootfs / name, own, own)
        return bundle
    return make


def owners(runtime, bundle, folder="/data", names=(0, 5, 1000)):
    actions = []
    for name in names:
        actions += ["look", f"{folder}/{name}"]
    r = runtime.report(bundle, *actions)
    found = [r.look[f"{folder}/{name}"] for name in names]
    assert [f["uid"] for f in found] == [f["gid"] for f in found]
    return [f["uid"] for f in found]


def bind(bundle, volume, *options, **more):
    bundle.mount("/data", "bind", volume, options)
    bundle.config["mounts"][-1].update(more)


def both(*mappings):
    return {"uidMappings": list(mappings), "gidMappings": list(mappings)}


def test_mapping_of_the_container(runtime, bundle, volume, user_namespace):
    """Without: ids that nobody has; with: the ids of the file system."""
    user_namespace()
    bind(bundle, volume, "bind")
    assert owners(runtime, bundle) == [65534, 65534, 65534]
    bundle.config["mounts"][-1]["options"] = ["bind", "idmap"]
    assert owners(runtime, bundle) == [0, 5, 1000]


def test_what_is_written_belongs_to_the_file_system(runtime, bundle, volume, user_namespace):
    user_namespace()
    volume.chmod(0o777)
    bind(bundle, volume, "bind", "idmap")
    runtime.report(bundle, "write", "/data/new", "text")
    assert (volume / "new").stat().st_uid == 0


@pytest.mark.parametrize("options, below", [
    (["rbind", "idmap"], 65534), (["rbind", "ridmap"], 5)])
def test_recursive(runtime, bundle, volume, user_namespace, options, below):
    user_namespace()
    bind(bundle, volume, *options)
    assert owners(runtime, bundle) == [0, 5, 1000]
    assert owners(runtime, bundle, "/data/below", [5]) == [below]


def test_mappings_of_the_mount(runtime, bundle, volume):
    """Without a user namespace too, and without the option: the mappings say it."""
    for options in (["bind"], ["bind", "idmap"]):
        bundle.drop_mount("/data")
        bind(bundle, volume, *options, **both(mapping(0, 2000, 10), mapping(1000, 3000, 1)))
        assert owners(runtime, bundle) == [2000, 2005, 3000]


def test_mappings_of_the_mount_differ_from_the_containers(runtime, bundle, volume, user_namespace):
    user_namespace()
    bind(bundle, volume, "bind", "idmap", **both(mapping(0, OWN + 7, 100)))
    assert owners(runtime, bundle) == [7, 12, 65534]


@pytest.mark.parametrize("text, expected", [
    ("idmap=uids=0-2000-10;gids=0-2000-10", [2000, 2005, 65534]),
    ("idmap=gids=0-2000-10;uids=0-2000-10;", [2000, 2005, 65534]),
    ("ridmap=uids=0-1-1#5-6-1#1000-7-2;gids=0-1-1#5-6-1#1000-7-2", [1, 6, 7]),
])
def test_mappings_of_the_option(runtime, bundle, volume, text, expected):
    bind(bundle, volume, "rbind", text)
    assert owners(runtime, bundle) == expected


def test_relative_mappings(runtime, bundle, volume, user_namespace):
    """With @ the second number is an id in the container, whose mapping may have several ranges."""
    user_namespace(mapping(0, OWN, 3), mapping(3, OWN + 1000, 1000))
    bind(bundle, volume, "bind", "idmap=uids=@0-1-1#@5-2-1#@1000-4-1;gids=@0-1-1#@5-2-1#@1000-4-1")
    assert owners(runtime, bundle) == [1, 2, 4]
    bundle.drop_mount("/data")
    bind(bundle, volume, "bind", "idmap=uids=@0-0-1003;gids=@0-0-1003")
    assert owners(runtime, bundle) == [0, 5, 1000]


def test_the_other_kind_is_the_containers(runtime, bundle, volume, user_namespace):
    user_namespace()
    bind(bundle, volume, "bind", "idmap=uids=0-100007-10")
    r = runtime.report(bundle, "look", "/data/5")
    assert (r.look["/data/5"]["uid"], r.look["/data/5"]["gid"]) == (12, 5)


def test_several_mounts_with_one_mapping(runtime, bundle, volume, user_namespace):
    user_namespace()
    bind(bundle, volume, "bind", "idmap")
    bundle.mount("/etc/other", "bind", volume, ["bind", "idmap"])
    bundle.mount("/etc/third", "bind", volume, ["bind", "idmap=uids=0-100001-9;gids=0-100001-9"])
    for folder, expected in (("/data", [0, 5]), ("/etc/other", [0, 5]), ("/etc/third", [1, 6])):
        os.chown(bundle.rootfs / "etc", OWN, OWN)
        assert owners(runtime, bundle, folder, [0, 5]) == expected


def test_joined_user_namespace(runtime, new_bundle, volume, user_namespace, bundle):
    """Its mapping, even if the configuration does not know it."""
    user_namespace()
    first = runtime.sleeping(bundle)
    other = new_bundle(bundle.config)
    for kind in ("uid", "gid"):
        del other.linux[f"{kind}Mappings"]
    other.namespace("user", f"/proc/{first.pid}/ns/user")
    for name in ("dev", "proc", "sys", "data", "."):
        os.chown(other.rootfs / name, OWN, OWN)
    bind(other, volume, "bind", "idmap")
    assert owners(runtime, other) == [0, 5, 1000]


def test_relative_source(runtime, bundle, volume):
    bind(bundle, "volume", "bind", "idmap=uids=0-3-9;gids=0-3-9")
    assert owners(runtime, bundle, names=[0, 5]) == [3, 8]


def test_instances(runtime, bundle, world, user_namespace):
    """A file system of the mount's own: what the container writes is the host's root's there."""
    world.need(not world.old_kernel, "needs mount_setattr")
    user_namespace()
    bundle.mount("/data", "tmpfs", "x", ["idmap", "size=1m", "nosuid", "mode=700"])
    r = runtime.report(bundle, "write", "/data/file", "x", "look", "/data/file", "look", "/data")
    m = r.mount("/data")
    assert r.look["/data/file"]["uid"] == 0 and r.look["/data"]["mode"] == 0o700
    assert {"size=1024k", "mode=700"} <= m.super_options and "nosuid" in m.options
    assert "uid=100000" not in m.super_options and "idmapped" in m.options


@pytest.mark.parametrize("options", [["ro"], ["ro", "noexec"]])
def test_other_attributes(runtime, bundle, volume, user_namespace, options):
    user_namespace()
    bind(bundle, volume, "bind", "idmap", *options)
    r = runtime.report(bundle)
    assert set(options) <= r.mount("/data").options


# --- refused --------------------------------------------------------------------------------------


def test_without_any_mapping(runtime, bundle, volume):
    bind(bundle, volume, "bind", "idmap")
    runtime.fails(bundle, r"mounts\[\d+\].options: an id-mapped mount needs uidMappings")


@pytest.mark.parametrize("text, words", [
    ("uids=0-0-10", "both uids and gids"),
    ("", "both uids and gids"),
    ("uids=;gids=0-0-1", "expected a number"),
    ("uids=0-0;gids=0-0-1", "expected \"-\""),
    ("uids=0-0-1x;gids=0-0-1", "expected \"#\""),
    ("uids=0-0-0;gids=0-0-1", "empty range"),
    ("uids=0-4294967295-1;gids=0-0-1", "beyond the last id"),
    ("uids=0-99999999999-1;gids=0-0-1", "no id"),
    ("uids=0-0-1;uids=0-0-1", "twice"),
    ("groups=0-0-1", "expected \"uids=\""),
    ("uids=@0-0-1;gids=@0-0-1", "does not map"),
    ("uids=0-0-5#3-9-5;gids=0-0-1", "overlap"),
])
def test_bad_mappings(runtime, bundle, world, text, words):
    world.need(world.root or words not in ("both uids and gids", "does not map"),
               "needs a container without a user namespace")
    bundle.mount("/data", "bind", bundle.path, ["bind", f"idmap={text}"])
    runtime.fails(bundle, rf"mounts\[\d+\].*{words}")


def test_two_sources_of_mappings(runtime, bundle):
    bind(bundle, bundle.path, "bind", "idmap=uids=0-0-1;gids=0-0-1", **both(mapping(0, 0, 1)))
    runtime.fails(bundle, r"mounts\[\d+\].options: .*uidMappings already")


@pytest.mark.parametrize("source, kind", [("/sys", "sysfs"), ("/proc", "proc")])
def test_file_system_without_support(runtime, bundle, world, source, kind):
    """The error names the file system."""
    world.need_host_root("needs power over the host's file systems")
    world.need(not world.old_kernel, "needs mount_setattr")
    bind(bundle, source, "bind", **both(mapping(0, 5, 1)))
    runtime.fails(bundle, rf'mounts\[\d+\]: .*"{source}".*"{kind}"')


def test_instance_without_support(runtime, bundle):
    bundle.mount("/data", "sysfs", "x", ["idmap"])
    bundle.config["mounts"][-1].update(both(mapping(0, 5, 1)))
    runtime.fails(bundle, r'mounts\[\d+\]: .*"sysfs" does not support id mappings')


def test_old_kernel(runtime, bundle, world):
    world.need(world.old_kernel, "needs a kernel without mount_setattr")
    bind(bundle, bundle.path, "bind", **both(mapping(0, 5, 1)))
    runtime.fails(bundle, r"mounts\[\d+\]: id-mapped mounts need Linux 5.12")


def test_without_privilege(runtime, bundle, world):
    world.need(not world.root, "needs an ordinary user")
    bind(bundle, bundle.path, "bind", "idmap")
    runtime.fails(bundle, r"mounts\[\d+\]: an id-mapped mount needs CAP_SYS_ADMIN")


def test_features(runtime, world):
    features = runtime("features", stdout=harness.ANY).json()
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True
    assert {"idmap", "ridmap", "tmpcopyup", "copy-symlink"} <= set(features["mountOptions"])
