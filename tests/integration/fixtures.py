"""The fixtures and hooks of the suite; conftest.py of each folder imports them."""
import copy
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

import pytest

import harness
import leaks
import worlds

TESTS = pathlib.Path(__file__).resolve().parent.parent
PR_SET_CHILD_SUBREAPER = 36


# --- pytest ---------------------------------------------------------------------------------------


def pytest_addoption(parser):
    try:
        parser.addoption("--world", default="root" if os.geteuid() == 0 else worlds.HERE_ONLY,
                         choices=(*worlds.WORLDS, worlds.HERE_ONLY),
                         help="where to run (tests/integration/worlds.py explains them)")
    except ValueError:
        pass  # another folder's conftest.py was first


def pytest_cmdline_main(config):
    """Runs all of pytest again, inside the world."""
    name = config.getoption("world", None)
    if name in (None, worlds.HERE_ONLY) or os.environ.get(worlds.VARIABLE) == name \
            or config.option.collectonly or config.option.help:
        return None
    if os.geteuid() != 0:
        raise pytest.UsageError(f"world {name}: only root can make it")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    return worlds.World(name).run([sys.executable, "-m", "pytest",
                                   *config.invocation_params.args])


def pytest_report_header(config):
    name = config.getoption("world", None)
    if config.option.collectonly:
        return None
    found = worlds.verify(name)
    return [f"world {name}: " + ", ".join(f"{k} {v}" for k, v in found.items())]


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        item.test_failed = True


# --- once -----------------------------------------------------------------------------------------


class Here:
    """The world that the tests are in, by its facts."""

    def __init__(self, name):
        self.name, self.facts = name, worlds.verify(name)
        self.root = os.geteuid() == 0
        self.user_namespace = self.facts["own user namespace"]
        self.host_root = self.root and not self.user_namespace
        self.subids = self.facts["subordinate ids"]
        self.arrangement = self.facts["cgroups"]
        self.old_kernel = self.facts["mount_setattr"] == "missing"
        # Limits and a cgroup of the container's own are possible.
        self.cgroups = self.host_root or self.facts["own cgroup writable"]

    def need(self, condition, reason):
        if not condition:
            pytest.skip(f"{reason} (world {self.name})")

    def need_host_root(self, why="needs the host's root"):
        self.need(self.host_root, why)

    def need_root(self, why="needs root"):
        self.need(self.root, why)

    def need_cgroups(self, why="needs a cgroup of its own"):
        self.need(self.cgroups, why)


@pytest.fixture(scope="session")
def world(request):
    return Here(request.config.getoption("world"))


@pytest.fixture(scope="session")
def marker():
    """In the id of each container, and so in the name of all that belongs to it."""
    return f"tst{os.getpid()}x{os.urandom(3).hex()}"


@pytest.fixture(scope="session")
def program():
    """The program under test: $CORACLE, or what `make` built."""
    path = pathlib.Path(os.environ.get("CORACLE", TESTS.parent / "build/coracle")).resolve()
    if not os.access(path, os.X_OK):
        pytest.exit(f"there is no {path}: build it, or set CORACLE", 4)
    return path


@pytest.fixture(scope="session")
def fault_program():
    """The same with fault injection: $CORACLE_FAULT_BUILD, or what CONTRIBUTING.md builds."""
    path = pathlib.Path(os.environ.get("CORACLE_FAULT_BUILD",
                                       TESTS.parent / "build-fault/coracle")).resolve()
    if not os.access(path, os.X_OK):
        pytest.skip("needs a build with -Dfault=true in CORACLE_FAULT_BUILD")
    return path


@pytest.fixture(scope="session")
def session_folder(marker):
    """A folder that every user may search: mapped ids too must reach the bundles."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"coracle-{marker}-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def static_busybox():
    for name in ("/bin/busybox.static", "/bin/busybox", "/usr/bin/busybox", "/sbin/busybox",
                 "/usr/bin/busybox-static"):
        if os.access(name, os.X_OK) and "INTERP" not in subprocess.run(
                ["readelf", "-lW", name], capture_output=True, text=True, check=True).stdout:
            return name
    pytest.exit("there is no static busybox (Debian: busybox-static)", 4)


@pytest.fixture(scope="session")
def probe(program, session_folder):
    """The program that runs inside: built beside the one under test, else compiled here."""
    built = program.parent / "tests/probe/probe"
    sources = sorted((TESTS / "probe").glob("*.c"))
    if built.exists() and built.stat().st_mtime >= max(s.stat().st_mtime for s in sources):
        return built
    target = session_folder / "probe"
    subprocess.run(["cc", "-static", "-O1", "-w", "-D_GNU_SOURCE", "-o", target, *sources],
                   check=True)
    return target


@pytest.fixture(scope="session")
def prototype(session_folder, static_busybox, probe):
    """The files that all root filesystems link to."""
    path = session_folder / "prototype"
    (path / "bin").mkdir(parents=True)
    shutil.copy(static_busybox, path / "bin/busybox")
    shutil.copy(probe, path / "probe")
    for name in ("bin/busybox", "probe"):
        (path / name).chmod(0o755)
    return path


@pytest.fixture(scope="session")
def state_root(session_folder):
    return session_folder / "state"


@pytest.fixture(scope="session")
def specs(program, session_folder):
    """What `coracle spec` prints: for root, and for an ordinary user."""
    found = {}
    for name, options in (("root", []), ("rootless", ["--rootless"])):
        folder = session_folder / f"spec-{name}"
        folder.mkdir()
        subprocess.run([program, "spec", *options, "-b", folder], check=True)
        found[name] = json.loads((folder / "config.json").read_text())
    return found


@pytest.fixture(scope="session")
def base_config(world, specs):
    """The configuration that tests start from: the one for us, without a terminal."""
    config = copy.deepcopy(specs["root" if world.root else "rootless"])
    config["process"]["terminal"] = False
    if not world.root and world.subids:
        for kind in ("uid", "gid"):
            config["linux"][f"{kind}Mappings"].append(
                {"containerID": 1, "hostID": worlds.SUBIDS, "size": worlds.N_SUBIDS})
    return config


@pytest.fixture(scope="session", autouse=True)
def subreaper():
    """Lost processes become our children; see leaks.py."""
    worlds.prctl(PR_SET_CHILD_SUBREAPER, 1)


# --- for each test --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_left(request, marker, state_root, subreaper):
    """After every test: no process, mount, cgroup, state, namespace, socket or descriptor more than
    before. Set up first, so it looks after everything else has been torn down."""
    before = leaks.Snapshot(marker, state_root)
    yield
    found = leaks.Snapshot(marker, state_root).leaks(before)
    if found:
        leaks.clean_up(before)
        for path in state_root.glob("*"):
            shutil.rmtree(path, ignore_errors=True)
        if not getattr(request.node, "test_failed", False):
            pytest.fail("left behind:\n" + "\n".join(found), pytrace=False)


def remove_tree(path):
    """Removes what containers may have made: folders without permissions, unreadable ones."""
    def forgive(function, name, _):
        try:
            os.chmod(os.path.dirname(name), stat.S_IRWXU)
            function(name)
        except OSError:
            pass  # owned by a subordinate id: goes with the world's folder

    shutil.rmtree(path, onerror=forgive)


@pytest.fixture
def folder(session_folder, nothing_left):
    """An empty folder of the test."""
    path = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    path.chmod(0o755)
    yield path
    remove_tree(path)


@pytest.fixture
def new_bundle(folder, base_config, prototype):
    """new_bundle(config=None): another bundle, from the base configuration."""
    made = []

    def make(config=None):
        made.append(harness.Bundle(folder / f"bundle{len(made)}",
                                   copy.deepcopy(config or base_config), prototype))
        return made[-1]

    return make


@pytest.fixture
def bundle(new_bundle):
    return new_bundle()


@pytest.fixture
def runtime(request, program, state_root, marker, folder):
    r = harness.Runtime(program, state_root, marker, folder)
    # Ids are unique in the session: two tests never meet in a cgroup.
    r.marker = f"{marker}-{next_number()}"
    yield r
    r.close(failed=getattr(request.node, "test_failed", False))


@pytest.fixture(params=["cgroupfs", "systemd"])
def cgroup_manager(request, runtime, world, program):
    """Who makes the cgroups of the test's containers: ourselves, or the machine's systemd, an
    ordinary user's own one."""
    if request.param == "systemd":
        world.need(worlds.systemd_folder() and world.arrangement == "unified",
                   "needs a machine that runs systemd")
        world.need((program.parent / "coracle-systemd").exists(), "needs a build with libsystemd")
        runtime.use_systemd()
    return request.param


def run_criu(*args):
    """Whether criu(8) does this."""
    try:
        return subprocess.run(["criu", *args], capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def criu_checked():
    """Debian 12's CRIU does not know the newest kernels' virtual shared object."""
    return run_criu("check")


@pytest.fixture
def criu(world, program, criu_checked):
    """For checkpoints; a function that tells whether criu(8) does something."""
    world.need_host_root("CRIU needs the host's root")
    world.need((program.parent / "coracle-criu").exists(), "needs a build with libcriu")
    world.need(not world.old_kernel, "CRIU is a program of its own, and may use what is new")
    world.need(criu_checked, "needs a CRIU that works with this kernel (criu check)")
    return run_criu


def next_number(counter=[0]):
    counter[0] += 1
    return counter[0]


@pytest.fixture
def console_socket(folder):
    s = harness.ConsoleSocket(folder)
    yield s
    s.close()
