"""The default configurations run, and what they ask for is what the process sees, exactly."""
import copy
import os

import pytest

import harness
import shapes
import worlds

THREE = harness.capability_mask("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")
NOTHING = "0" * 16


def check_default_process(r):
    assert r.uids == [0, 0, 0] and r.gids == [0, 0, 0]
    assert r.pid == 1 and r.ppid == 0 and r.sid == 1 and r.pgid == 1
    assert r.processes == [1]
    assert r.capabilities == {"effective": THREE, "permitted": THREE, "bounding": THREE,
                              "inheritable": NOTHING, "ambient": NOTHING}
    assert r.no_new_privs == 1
    assert r.securebits == 0 and r.keepcaps == 0
    assert r.rlimits["NOFILE"] == [1024, 1024]
    assert r.cwd == "/" and r.umask == 0o022
    assert r.environment == {"PATH": shapes.PATH.removeprefix("PATH="), "TERM": "xterm",
                             "HOME": "/root"}
    assert r.ignored_signals == [] and r.blocked_signals == []
    assert r.pdeathsig == 0 and r.dumpable == 1 and r.child_subreaper == 0
    assert set(r.fds) == {"0", "1", "2"}
    assert r.exe == "/probe"


def check_own_namespaces(r, kinds):
    """Of these kinds and no others the container has its own."""
    names = {"network": "net", "mount": "mnt"}
    own = {names.get(k, k) for k in kinds}
    host = {k: os.stat(f"/proc/self/ns/{k}").st_ino for k in r.namespaces}
    assert {k for k in host if r.namespaces[k] != host[k]} == own


def expected_mounts(world, config):
    """destination → (file system, options of the mount) of the default configuration."""
    quiet = {"nosuid", "nodev", "noexec", "relatime"}
    found = {
        "/proc": ("proc", {"rw", "relatime"}),
        "/dev": ("tmpfs", {"rw", "nosuid"}),
        "/dev/pts": ("devpts", {"rw", "nosuid", "noexec", "relatime"}),
        "/dev/shm": ("tmpfs", {"rw", *quiet}),
        "/dev/mqueue": ("mqueue", {"rw", *quiet}),
        "/sys": ("sysfs", {"ro", *quiet}),
        "/sys/fs/cgroup": ("cgroup2" if world.arrangement == "unified" else "tmpfs",
                           {"ro", *quiet}),
    }
    return found


def is_shared(mount):
    """Whether what is mounted there shows elsewhere. Where the host's mounts are shared, as with
    systemd, binds of them still receive."""
    return any(p.startswith("shared:") for p in mount.propagation)


def check_mounts(world, config, r):
    for target, (fstype, options) in expected_mounts(world, config).items():
        m = r.mount(target)
        assert m is not None, f"{target} is not mounted"
        assert (m.fstype, m.options) == (fstype, options), target
        assert not is_shared(m), f"{target} is {m.propagation}"
    assert {"mode=755", "size=65536k"} <= r.mount("/dev").super_options
    assert {"mode=620", "ptmxmode=666"} <= r.mount("/dev/pts").super_options
    # The kernel shows the id of the first user namespace.
    gids = [o for o in r.mount("/dev/pts").super_options if o.startswith("gid=")]
    assert len(gids) == any("gid=5" in m.get("options", ()) for m in config["mounts"])
    assert not world.host_root or gids in ([], ["gid=5"])
    assert "size=65536k" in r.mount("/dev/shm").super_options
    assert "ro" in r.mount("/").options and not is_shared(r.mount("/"))


def config_of(name):
    return {
        "runc": shapes.runc, "runc-cgroup": shapes.runc_cgroup, "crun": shapes.crun,
        "runc-rootless": lambda: shapes.runc_rootless(os.geteuid(), os.getegid()),
        "crun-rootless": shapes.crun_rootless,
    }[name]()


@pytest.mark.parametrize("name", ["runc", "runc-cgroup", "crun"])
def test_root_shapes(runtime, new_bundle, world, name):
    """What runc and crun print for root."""
    world.need_root()
    config = config_of(name)
    config["process"]["terminal"] = False
    bundle = new_bundle(config)
    r = runtime.report(bundle)
    check_default_process(r)
    check_own_namespaces(r, [n["type"] for n in config["linux"]["namespaces"]])
    check_mounts(world, config, r)
    assert r.hostname == config["hostname"]
    assert r.loopback_up and r.interfaces == ["lo"]


@pytest.mark.parametrize("name", ["runc-rootless", "crun-rootless"])
def test_rootless_shapes(runtime, new_bundle, world, name):
    """What they print for ordinary users; root can run it too."""
    config = config_of(name)
    config["process"]["terminal"] = False
    bundle = new_bundle(config)
    r = runtime.report(bundle)
    check_default_process(r)
    check_own_namespaces(r, [n["type"] for n in config["linux"]["namespaces"]])
    assert r.hostname == config["hostname"]
    assert r.mount("/sys").fstype == "sysfs"
    first = r.uid_map.split()
    assert first[:2] == ["0", str(os.geteuid())]


def test_own_spec(runtime, bundle, world):
    """What `coracle spec` prints for us."""
    kinds = [n["type"] for n in bundle.linux["namespaces"]]
    r = runtime.report(bundle)
    check_default_process(r)
    check_own_namespaces(r, kinds)
    assert r.hostname == "coracle"
    if world.root:
        check_mounts(world, bundle.config, r)


def test_spec_is_like_the_others(specs):
    """Nothing in the default configuration differs from runc's, but names and versions."""
    ours, theirs = copy.deepcopy(specs["root"]), shapes.runc_cgroup()
    for config in (ours, theirs):
        del config["ociVersion"], config["hostname"]
        config["linux"]["namespaces"].sort(key=lambda n: n["type"])
    assert ours == theirs
    ours, theirs = (copy.deepcopy(specs["rootless"]),
                    shapes.runc_rootless(os.geteuid(), os.getegid()))
    for config in (ours, theirs):
        del config["ociVersion"], config["hostname"]
        config["linux"]["namespaces"].sort(key=lambda n: n["type"])
    assert ours == theirs


def test_spec_does_not_overwrite(runtime, folder):
    runtime("spec", "-b", folder)
    before = (folder / "config.json").read_bytes()
    runtime("spec", "-b", folder, error="config.json")
    assert (folder / "config.json").read_bytes() == before


def test_shell(runtime, bundle):
    """The image's own programs run."""
    bundle.args("sh", "-c", "echo $0 $$; id -u; read x </proc/1/comm; echo $x; exit 3")
    runtime.run(bundle, code=3, stdout="sh 1\n0\nsh\n")


def test_keyring(runtime, bundle):
    """A session keyring of its own, unless it is asked not to."""
    r = runtime.report(bundle)
    assert ";_ses." in r.session_keyring_description
    r = runtime.report(bundle, args=["--no-new-keyring"])
    assert ";_ses.t" not in r.session_keyring_description


def test_cgroup(runtime, bundle, world):
    """The process is in a cgroup named after the container, and in a cgroup namespace sees "/"."""
    world.need_cgroups()
    bundle.namespace("cgroup").probe("read", "/proc/self/cgroup", "print", "up", "sleep")
    container = runtime.start(bundle)
    container.wait_output("up")
    outside = open(f"/proc/{container.pid}/cgroup").read()
    name = ":freezer:" if world.arrangement == "v1" else "0::"
    line = next(l for l in outside.splitlines() if name in l)
    assert container.id in line
    r = runtime("exec", container, "/probe", "report", stdout=harness.ANY).report()
    assert next(l for l in r.cgroup.splitlines() if name in l).endswith(":/")
