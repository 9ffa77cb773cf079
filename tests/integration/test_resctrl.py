"""linux.intelRdt. No machine for tests has resctrl, so that this shows what is written, and not what comes of
it: a build with fault injection takes a folder for the file system, and does the kernel's part there."""
import os
import re

import pytest

LINES = {"l3CacheSchema": "L3:0=7f0;1=1f", "memBwSchema": "MB:0=20;1=70", "schemata": ["L2:0=f;1=f"]}
TEXT = "L3:0=7f0;1=1f\nMB:0=20;1=70\nL2:0=f;1=f\n"
# As the kernel writes them: padded, in an order of its own.
KERNEL = "    MB:0=  20;1=  70\n    L2:0=0f;1=0f\n    L3:0=7f0;1=01f\n"


@pytest.fixture
def tree(runtime, folder, fault_program):
    path = folder / "resctrl"
    (path / "mon_groups").mkdir(parents=True)
    (path / "info").mkdir()
    (path / "schemata").write_text("L3:0=fff\n")
    for each in (path, path / "mon_groups"):
        each.chmod(0o777)
    runtime.program = str(fault_program)
    runtime.environment["CORACLE_RESCTRL"] = str(path)
    return path


def group(tree, name, schemata=KERNEL):
    path = tree / name
    (path / "mon_groups").mkdir(parents=True)
    (path / "schemata").write_text(schemata)
    (path / "tasks").write_text("")
    for each in (path, path / "mon_groups", path / "schemata", path / "tasks"):
        each.chmod(0o777 if each.is_dir() else 0o666)
    return path


def names(tree):
    return {p.name for p in tree.iterdir()} - {"mon_groups", "info", "schemata", "tasks"}


def task(path):
    return int((path / "tasks").read_text())


def is_in(container, path):
    """By itself, or by the bridge that it was cloned from: the kernel lets children be where their
    parent is."""
    return task(path) == container.pid or container.bundle.has_namespace("user") and task(path) > 0


def test_group_of_its_own(runtime, bundle, tree):
    """Without a name it is the container's, and goes with it."""
    bundle.linux["intelRdt"] = {}
    container = runtime.sleeping(bundle)
    assert names(tree) == {container.id}
    assert is_in(container, tree / container.id)
    assert not (tree / container.id / "schemata").exists()
    container.delete("--force")
    assert names(tree) == set()


@pytest.mark.parametrize("key", [*LINES, "all"])
def test_schemata(runtime, bundle, tree, key):
    """In the specification's order; a group with a name is made, and stays."""
    bundle.linux["intelRdt"] = {"closID": "named", **(LINES if key == "all" else {key: LINES[key]})}
    container = runtime.sleeping(bundle)
    wanted = LINES.get(key, "")
    assert (tree / "named/schemata").read_text() == \
        (TEXT if key == "all" else f"{wanted if isinstance(wanted, str) else wanted[0]}\n")
    assert is_in(container, tree / "named")
    container.delete("--force")
    assert names(tree) == {"named"}


def test_what_exists_is_compared(runtime, bundle, tree):
    path = group(tree, "named")
    bundle.linux["intelRdt"] = {"closID": "named", **LINES}
    runtime.run(bundle.probe("exit", 7), code=7)
    assert (path / "schemata").read_text() == KERNEL and (path / "tasks").read_text()
    for lines in ({"l3CacheSchema": "L3:0=7f0;1=1e"}, {"l3CacheSchema": "L3:2=1"},
                  {"memBwSchema": "MB:0=2"}, {"schemata": ["L2:0=f", "L4:0=f"]}):
        (path / "tasks").write_text("")
        bundle.linux["intelRdt"] = {"closID": "named", **lines}
        runtime.fails(bundle, "exists, and does not have")
        assert (path / "tasks").read_text() == ""


def test_group_that_must_exist(runtime, bundle, tree):
    """With a name, and nothing to write, nothing is made."""
    bundle.linux["intelRdt"] = {"closID": "named"}
    runtime.fails(bundle.probe("exit", 7), r"linux\.intelRdt\.closID: there is no group")
    assert names(tree) == set()
    path = group(tree, "named")
    runtime.run(bundle, code=7)
    assert task(path) > 0


def test_default_group(runtime, bundle, tree):
    bundle.linux["intelRdt"] = {"closID": "/"}
    container = runtime.sleeping(bundle)
    assert is_in(container, tree)
    container.delete("--force")
    assert (tree / "mon_groups").is_dir()


@pytest.mark.parametrize("key", ["enableMonitoring", "enableCMT", "enableMBM"])
@pytest.mark.parametrize("name", ["named", None])
def test_monitoring(runtime, bundle, tree, name, key):
    """A monitoring group of the container's own, in whatever group it is; gone with it."""
    if name:
        group(tree, name)
    bundle.linux["intelRdt"] = {key: True, **({"closID": name} if name else {})}
    container = runtime.sleeping(bundle)
    at = tree / (name or container.id)
    assert [p.name for p in (at / "mon_groups").iterdir()] == [container.id]
    assert is_in(container, at) and is_in(container, at / "mon_groups" / container.id)
    container.delete("--force")
    assert names(tree) == ({name} if name else set())
    assert not name or list((at / "mon_groups").iterdir()) == []


def test_exec_is_there_too(runtime, bundle, tree):
    bundle.linux["intelRdt"] = {"enableMonitoring": True}
    container = runtime.sleeping(bundle)
    at = tree / container.id
    before = task(at)
    container.exec("/probe", "exit", 7, code=7)
    assert task(at) == task(at / "mon_groups" / container.id) != before


def test_update(runtime, bundle, tree, world):
    """Of the group that it is in; the kernel's part, to keep other lines, is not done here."""
    bundle.linux["intelRdt"] = {"l3CacheSchema": "L3:0=7f0"}
    container = runtime.sleeping(bundle)
    schemata = tree / container.id / "schemata"
    runtime("update", "--l3-cache-schema", "L3:0=1f", container)
    assert schemata.read_text() == "L3:0=1f\n"
    runtime("update", "--l3-cache-schema", "L3:0=3", "--mem-bw-schema", "MB:0=20", container)
    assert schemata.read_text() == "L3:0=3\nMB:0=20\n"
    if world.cgroups:  # whose processes have the limit
        runtime("update", "--rlimit", "nofile=100", container)
    assert schemata.read_text() == "L3:0=3\nMB:0=20\n"
    container.delete("--force")
    assert names(tree) == set()


@pytest.mark.parametrize("name, place", [("named", "named"), ("/", "")])
def test_update_of_a_shared_group(runtime, bundle, tree, name, place):
    group(tree, "named")
    bundle.linux["intelRdt"] = {"closID": name}
    container = runtime.sleeping(bundle)
    runtime("update", "--mem-bw-schema", "MB:0=50", container)
    assert (tree / place / "schemata").read_text() == "MB:0=50\n"
    container.delete("--force")
    assert names(tree) == {"named"}


def test_update_makes_a_group(runtime, bundle, tree, world):
    """For a container that had none: its processes are moved, those of exec too, and it goes with it."""
    world.need_cgroups("its processes are those of its cgroup")
    container = runtime.sleeping(bundle)
    assert names(tree) == set()
    runtime("update", "--l3-cache-schema", "L3:0=f", container)
    assert names(tree) == {container.id} and task(tree / container.id) == container.pid
    runtime("update", "--l3-cache-schema", "L3:0=1", container)
    container.exec("/probe", "exit", 7, code=7)
    assert task(tree / container.id) != container.pid
    assert (tree / container.id / "schemata").read_text() == "L3:0=1\n"
    container.delete("--force")
    assert names(tree) == set()


def test_update_refused(runtime, bundle, tree):
    bundle.linux["intelRdt"] = {}
    container = runtime.sleeping(bundle)
    (tree / "info/last_cmd_status").write_text("Mask out of range\n")
    (tree / container.id / "schemata").mkdir()
    runtime("update", "--l3-cache-schema", "L3:0=f", container,
            error=r"linux\.intelRdt: write .*\(Mask out of range\)")
    (tree / container.id / "schemata").rmdir()


def test_failure_leaves_nothing(runtime, bundle, tree):
    bundle.linux["intelRdt"] = {"enableMonitoring": True, "schemata": ["L3:0=f"]}
    bundle.args("/missing")
    runtime.fails(bundle, "no such file")
    assert names(tree) == set()


def test_run_removes(runtime, bundle, tree):
    bundle.linux["intelRdt"] = {"enableMonitoring": True}
    runtime.run(bundle.probe("exit", 7), code=7)
    assert names(tree) == set()


def test_without_resctrl(runtime, bundle):
    """One error, with what is missing."""
    if os.path.exists("/sys/fs/resctrl/schemata"):
        pytest.skip("this machine has it")
    bundle.linux["intelRdt"] = {"closID": "x"}
    runtime.fails(bundle.probe("exit", 7), r"linux\.intelRdt: no resctrl file system is mounted")


@pytest.mark.parametrize("value, where", [
    ({"closID": "a/b"}, "closID"), ({"closID": ".."}, "closID"), ({"closID": "."}, "closID"),
    ({"l3CacheSchema": "L3:0=f\nMB:0=1"}, "l3CacheSchema"), ({"memBwSchema": "L3:0=f"}, "memBwSchema"),
    ({"schemata": ["L3:0=f", "x\ny"]}, "schemata")])
def test_wrong(runtime, bundle, value, where):
    bundle.linux["intelRdt"] = value
    runtime.fails(bundle.probe("exit", 7), re.escape(f"linux.intelRdt.{where}: expected"))
