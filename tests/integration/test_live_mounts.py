"""mounts add, remove and list: what is mounted in a container that runs."""
import json

import pytest

from harness import ANY


@pytest.fixture
def bundle(bundle, world):
    """Places are made where they are missing."""
    world.need(not world.old_kernel, "attributes of a bind in a running container need Linux 5.12")
    bundle.config["root"]["readonly"] = False
    return bundle


def look(container, *actions):
    """What a further process in the container sees."""
    return container.exec("/probe", *actions, "report", stdout=ANY).report()


def add(runtime, container, *mounts, **more):
    runtime("mounts", "add", container, "-", input=json.dumps(mounts), **more)


def remove(runtime, container, *destinations, **more):
    runtime("mounts", "remove", container, "-",
            input=json.dumps([{"destination": d} for d in destinations]), **more)


def listed(runtime, container):
    return [m["destination"] for m in runtime("mounts", "list", container, stdout=ANY).json()]


def volume(bundle, text="from outside"):
    source = bundle.path / "volume"
    source.mkdir()
    (source / "file").write_text(text)
    return source


def bind(source, destination, *options):
    return {"type": "bind", "source": str(source), "destination": destination,
            "options": ["rbind", *options]}


def tmpfs(destination, *options):
    return {"type": "tmpfs", "source": "tmpfs", "destination": destination, "options": options}


def test_bind(runtime, bundle):
    source, container = volume(bundle), runtime.sleeping(bundle)
    before = listed(runtime, container)
    add(runtime, container, bind(source, "/new/place", "ro"))
    seen = look(container, "read", "/new/place/file", "open", "/new/place/file", "w")
    assert seen.read["/new/place/file"] == {"text": "from outside"}
    assert seen.open["/new/place/file"] == "EROFS"
    assert listed(runtime, container) == [*before, "/new/place"]
    remove(runtime, container, "/new/place")
    assert look(container).mount("/new/place") is None
    assert listed(runtime, container) == before
    assert (source / "file").read_text() == "from outside"


def test_bind_file(runtime, bundle):
    (bundle.path / "file").write_text("a file")
    container = runtime.sleeping(bundle)
    add(runtime, container, {"source": str(bundle.path / "file"), "destination": "//etc/new/file/",
                             "options": ["bind"]})
    assert look(container, "read", "/etc/new/file").read["/etc/new/file"] == {"text": "a file"}
    remove(runtime, container, "/etc//new/file")
    assert look(container).mount("/etc/new/file") is None


def test_created(runtime, bundle, world):
    """Between create and start: the program finds it there. Init is not to be entered by others."""
    bundle.probe("read", "/data/file", "report")
    source, container = volume(bundle), runtime.create(bundle)
    if not world.root:
        add(runtime, container, bind(source, "/data"), code=1, error="is created, not started")
        return
    add(runtime, container, bind(source, "/data"))
    container.start()
    container.wait_output("\n")
    assert json.loads(container.stdout)["read"]["/data/file"] == {"text": "from outside"}


def test_paused(runtime, bundle, world):
    world.need_cgroups()
    source, container = volume(bundle), runtime.sleeping(bundle)
    runtime("pause", container)
    add(runtime, container, bind(source, "/data"))
    runtime("resume", container)
    assert look(container).mount("/data")


@pytest.mark.parametrize("type", ["tmpfs", "sysfs", "mqueue", "devpts"])
def test_instances(runtime, bundle, world, type):
    """Each in the namespaces that it shows."""
    world.need(type != "sysfs" or bundle.has_namespace("network"), "sysfs is its network's owner's")
    container = runtime.sleeping(bundle)
    add(runtime, container, {"type": type, "source": type, "destination": "/new", "options": ["nosuid"]})
    seen = look(container)
    assert seen.mount("/new").fstype == type
    assert "nosuid" in seen.mount("/new").options
    remove(runtime, container, "/new")
    assert look(container).mount("/new") is None


def test_several_in_order(runtime, bundle):
    source, container = volume(bundle), runtime.sleeping(bundle)
    document = {"mounts": [tmpfs("/outer", "mode=755"), bind(source, "/outer/inner"), tmpfs("/outer/inner")]}
    path = bundle.path / "mounts.json"
    path.write_text(json.dumps(document))
    runtime("mounts", "add", container, path)
    assert [m.fstype for m in look(container).mounts if m.target == "/outer/inner"][-1] == "tmpfs"
    remove(runtime, container, "/outer/inner")
    assert look(container, "read", "/outer/inner/file").read["/outer/inner/file"] == {"text": "from outside"}
    remove(runtime, container, "/outer", "/outer/inner")
    assert not [m for m in look(container).mounts if m.target.startswith("/outer")]


def test_failure_takes_all_back(runtime, bundle):
    source, container = volume(bundle), runtime.sleeping(bundle)
    before, mounts = listed(runtime, container), look(container)["mountinfo"]
    add(runtime, container, bind(source, "/one"), tmpfs("/two"), bind("/nonexistent-source", "/three"), tmpfs("/four"),
        code=1, error=r"mounts\[2\].*nonexistent-source")
    add(runtime, container, bind(source, "/one"), tmpfs("/two"), tmpfs("/three", "size=lots"),
        code=1, error=r"mounts\[2\].*size")
    assert look(container)["mountinfo"] == mounts
    assert listed(runtime, container) == before


def test_from_the_configuration(runtime, bundle):
    """A mount of config.json can go too; with what lies on it."""
    bundle.mount("/data", "tmpfs", "tmpfs")
    container = runtime.sleeping(bundle)
    remove(runtime, container, "/data")
    assert look(container).mount("/data") is None
    assert "/data" not in listed(runtime, container)
    remove(runtime, container, "/data", code=1, error=r'mounts\[0\].destination: .*has no mount at "/data"')


@pytest.mark.parametrize("destination", ["/proc/kcore", "/proc/sys", "/sys/firmware", "/nowhere"])
def test_masks_stay(runtime, bundle, destination):
    """What protects the container is no mount of its configuration."""
    container = runtime.sleeping(bundle)
    before = look(container)["mountinfo"]
    remove(runtime, container, destination, code=1, error="has no mount at")
    assert look(container)["mountinfo"] == before


@pytest.mark.parametrize("link, destination", [("/link", "/link"), ("/link", "/link/deeper/place"),
                                               ("/proc/self/attr", "/link/current")])
def test_links_lead_nowhere(runtime, bundle, link, destination):
    """A process in there could make one while we look: none is followed, in it or out of it."""
    target = "/elsewhere" if link == "/link" else link
    bundle.probe("link", target, "/link", "print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    before = look(container)["mountinfo"]
    source = volume(bundle)
    add(runtime, container, bind(source, destination), code=1, error="too many levels of symbolic links|ELOOP")
    assert look(container)["mountinfo"] == before


def test_link_made_before_removal(runtime, bundle):
    """The directory with a mount is moved away, and a link to a mask's takes its place."""
    source = volume(bundle)
    bundle.probe("print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up\n")
    add(runtime, container, bind(source / "file", "/holder/kcore"))
    (bundle.rootfs / "holder").rename(bundle.rootfs / "away")
    container.exec("/probe", "link", "/proc", "/holder")
    before = [m for m in look(container).mounts if m.target == "/proc/kcore"]
    remove(runtime, container, "/holder/kcore", code=1, error="symbolic link|no such file")
    assert [m for m in look(container).mounts if m.target == "/proc/kcore"] == before


@pytest.mark.parametrize("mount, error", [
    (tmpfs("/"), 'below "/"'),
    (tmpfs("/../etc"), 'below "/"'),
    (tmpfs("/a/./b"), 'below "/"'),
    ({"type": "tmpfs"}, "needs a destination"),
    ({"destination": "/a"}, "needs a type"),
    (tmpfs("/dev", "remount", "ro"), "remount"),
    (tmpfs("/tmp", "tmpcopyup"), "a copy of what is there cannot be added"),
    ({"type": "cgroup", "destination": "/c"}, "a cgroup mount cannot be added"),
    ({"type": "proc", "destination": "/p"}, "a procfs cannot be added"),
    ({"type": "bind", "destination": "/a"}, "needs a source"),
    (tmpfs("/a", "tmpcopyup", "bind"), "only a tmpfs takes|has no file system"),
    (bind("/etc/hostname", "/a", "copy-symlink"), "a copy of a link cannot be added"),
])
def test_wrong_mounts(runtime, bundle, mount, error):
    container = runtime.sleeping(bundle)
    before = look(container)["mountinfo"]
    add(runtime, container, mount, code=1, error=error)
    assert look(container)["mountinfo"] == before


@pytest.mark.parametrize("text, error", [
    ("", "end of the document"), ("7", "expected an array"), ("[7]", r"mounts\[0\]: .*expected an object"),
    ("[{}, {}] x", "line 1"), ('{"mounts": {}}', "expected an array"),
])
def test_wrong_documents(runtime, bundle, text, error):
    container = runtime.sleeping(bundle)
    runtime("mounts", "add", container, "-", input=text, code=1, error=error)


def test_read_only_root(runtime, bundle):
    """The place has to be there; then the root may stay as it is."""
    bundle.config["root"]["readonly"] = True
    (bundle.rootfs / "there").mkdir()
    container = runtime.sleeping(bundle)
    add(runtime, container, tmpfs("/missing"), code=1, error=r"mounts\[0\]: .*\"/missing\": read-only")
    add(runtime, container, tmpfs("/there"))
    assert look(container).mount("/there")


def test_not_running(runtime, bundle):
    bundle.args("/bin/true")
    container = runtime.start(bundle)
    container.wait_stopped()
    add(runtime, container, tmpfs("/a"), code=1, error="container not running")
    runtime("mounts", "add", "no-such-container", "-", input="[]", code=1, error="does not exist")


def test_old_kernel(runtime, new_bundle, world):
    world.need(world.old_kernel, "mount_setattr is there")
    bundle = new_bundle()
    container = runtime.sleeping(bundle)
    add(runtime, container, bind("/", "/tmp"), code=1, error=r"mounts\[0\]: .*need Linux 5.12")
    add(runtime, container, tmpfs("/tmp"))


def test_without_mount_namespace(runtime, bundle, world):
    world.need_host_root()
    bundle.drop_namespace("mount")
    for destination in [m["destination"] for m in bundle.config["mounts"]]:
        bundle.drop_mount(destination)
    bundle.linux.pop("maskedPaths", None)
    bundle.linux.pop("readonlyPaths", None)
    container = runtime.sleeping(bundle)
    add(runtime, container, tmpfs("/a"), code=1, error="no mount namespace of its own")


def test_user_namespace(runtime, bundle, world):
    """Of root's: the host half opens what ids in there could not reach."""
    world.need_host_root()
    bundle.namespace("user")
    ids = [{"containerID": 0, "hostID": 300000, "size": 1000}]
    bundle.linux.update(uidMappings=ids, gidMappings=ids)
    for mount in bundle.config["mounts"]:
        mount["options"] = [o for o in mount.get("options", ()) if o != "gid=5"]
    source = volume(bundle)
    source.chmod(0o700)
    (bundle.rootfs / "data").mkdir(exist_ok=True)
    (bundle.rootfs / "tmp2").mkdir()
    container = runtime.sleeping(bundle)
    add(runtime, container, bind(source, "/data"), tmpfs("/tmp2"))
    seen = look(container, "look", "/data", "look", "/tmp2")
    assert (seen.look["/data"]["uid"], seen.look["/tmp2"]["uid"]) == (65534, 0)
    remove(runtime, container, "/data", "/tmp2")
    assert not look(container).mount("/data")


def test_deleted_with_the_container(runtime, bundle):
    """The list of mounts goes with the state directory."""
    container = runtime.sleeping(bundle)
    add(runtime, container, tmpfs("/a"))
    container.kill()
    container.wait_stopped()
    assert "/a" in listed(runtime, container)
    container.delete()
