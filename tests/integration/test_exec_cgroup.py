"""In which cgroup a process of exec runs: the container's, one below it, or init's own."""
import contextlib
import os
import pathlib
import re

import pytest

V2 = "/sys/fs/cgroup/unified", "/sys/fs/cgroup"


def cgroups(pid):
    """{controllers: path} of a process; "" is the v2 hierarchy."""
    lines = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {names: path for _, names, path in (line.split(":", 2) for line in lines)}


def directory(pid, controller=""):
    """The directory of a process's cgroup in a hierarchy, as the host sees it."""
    path = cgroups(pid)[controller]
    parents = V2 if controller == "" else (f"/sys/fs/cgroup/{controller.removeprefix('name=')}",)
    found = [pathlib.Path(p + path) for p in parents if os.path.exists(f"{p}{path}/cgroup.procs")]
    assert found, f"no directory of {controller}:{path}"
    return found[0]


@pytest.fixture
def container(runtime, bundle, world):
    world.need_cgroups()
    if world.arrangement in ("hybrid", "v1"):
        bundle.linux.setdefault("resources", {})["pids"] = {"limit": 100}
    return runtime.sleeping(bundle)


@contextlib.contextmanager
def process(container, *options):
    """A detached process of exec: its pid."""
    pid = container.runtime.exec_detached(container, *options, container, "/probe", "sleep")
    try:
        yield pid
    finally:
        os.kill(pid, 9)
        container.runtime.wait_process(pid)


@pytest.mark.parametrize("path", ["below", "/below", "below/", "below/deeper"])
def test_below(container, world, path):
    own = cgroups(container.pid)
    unified = world.arrangement != "v1"
    dirs = [directory(container.pid, c) for c in ([""] if unified else ["freezer", "devices"])]
    if own.get("pids", "/") != "/":
        dirs.append(directory(container.pid, "pids"))
    for d in dirs:
        (d / "below/deeper").mkdir(parents=True)
    with process(container, "--cgroup", path) as pid:
        found = cgroups(pid)
        name = "" if unified else "freezer"
        assert found[name] == own[name] + "/" + path.strip("/")
        if len(dirs) > 1:
            assert found["pids"] == own["pids"] + "/" + path.strip("/")


@pytest.mark.parametrize("path", ["/", ""])
def test_the_container_itself(container, path):
    with process(container, "--cgroup", path) as pid:
        assert cgroups(pid) == cgroups(container.pid)


def test_one_controller(container, world):
    world.need(world.arrangement == "hybrid" and world.host_root, "needs a hierarchy of version 1")
    (directory(container.pid, "pids") / "below").mkdir()
    with process(container, "--cgroup", "pids:below") as pid:
        assert cgroups(pid)["pids"] == cgroups(container.pid)["pids"] + "/below"
        assert cgroups(pid)[""] == cgroups(container.pid)[""]


@pytest.mark.parametrize("word, code, message", [
    ("nonexistent", 255, "adding pid to the cgroup: open .*/nonexistent/cgroup.procs: no such file"),
    ("..", 1, r"--cgroup: \.\. is not a sub cgroup path"), ("a/../../b", 1, "not a sub cgroup"),
    ("/..", 1, "not a sub cgroup"), ("whaaat:/", 1, "unknown controller whaaat")])
def test_refused(container, word, code, message):
    container.runtime("exec", "--cgroup", word, container, "/probe", "print", "ran", code=code,
                      error=message)


def test_beside_a_service_manager(container, world):
    """Its cgroup has controllers for its children, so that it takes no processes itself."""
    world.need_host_root("needs a controller in the container's v2 cgroup")
    world.need(world.arrangement != "v1", "needs cgroup v2")
    own = directory(container.pid)
    root = own
    while not os.path.ismount(root):
        root = root.parent
    controllers = (root / "cgroup.controllers").read_text().split()
    world.need(controllers, "needs a controller in the v2 hierarchy")
    above = [d for d in reversed(own.parents) if d == root or root in d.parents]
    changed = [d for d in above
               if controllers[0] not in (d / "cgroup.subtree_control").read_text().split()]
    for d in changed:
        (d / "cgroup.subtree_control").write_text(f"+{controllers[0]}")
    (own / "init.scope").mkdir()
    (own / "init.scope/cgroup.procs").write_text(str(container.pid))
    (own / "cgroup.subtree_control").write_text(f"+{controllers[0]}")
    with process(container) as pid:
        assert cgroups(pid)[""] == cgroups(container.pid)[""]
        assert re.search(r"/init\.scope$", cgroups(pid)[""])
    for d in [own, *reversed(changed)]:
        (d / "cgroup.subtree_control").write_text(f"-{controllers[0]}")
