"""Changing over from another runtime to this one, and back, while containers run."""
import pathlib
import shutil

import pytest

from engine import LOOP


def cgroups():
    return set(pathlib.Path("/sys/fs/cgroup").rglob("libpod-*"))


@pytest.fixture
def peer(podman):
    """Another runtime that Podman can use here, by its name in the configuration."""
    config = podman.folder / "containers.conf"
    before, tried = config.read_text(), []
    for name in ("crun", "runc"):
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if not path:
            continue
        config.write_text(f'{before}{name} = ["{path}"]\n')
        had = cgroups()
        code, _, words = podman.result("--runtime", name, "run", "--rm", "demo", "true")
        if code == 0:
            break
        tried.append(words.splitlines()[-1])
        for left in sorted(cgroups() - had, reverse=True):  # it does not clean up
            left.rmdir()
    else:
        config.write_text(before)
        pytest.skip(f"needs crun or runc that works here: {tried}")
    yield name
    podman("rm", "--all", "--force", "--time", "0")
    config.write_text(before)


def make_default(podman, name):
    config = podman.folder / "containers.conf"
    lines = [f'runtime = "{name}"' if line.startswith("runtime = ") else line for line in config.read_text().splitlines()]
    config.write_text("\n".join(lines) + "\n")


def use(podman, name):
    """What one does with a container that was there before."""
    assert podman("exec", name, "echo", "in") == "in\n"
    podman("pause", name)
    podman("unpause", name)
    podman("restart", "--time", "10", name)
    podman.wait_log(name, "bye")
    podman("stop", "--time", "10", name)
    assert podman.inspect(name)["State"]["ExitCode"] == 5
    podman("start", name)


def test_there_and_back(podman, peer, world):
    """Old containers keep their runtime and work, new ones get the new one; in both directions."""
    world.need(world.host_root, "Podman pauses with a cgroup of the container's own only")
    try:
        make_default(podman, peer)
        podman("run", "--detach", "--name", "old", "demo", "sh", "-c", LOOP)
        make_default(podman, "coracle")
        podman("run", "--detach", "--name", "new", "demo", "sh", "-c", LOOP)
        assert [podman.inspect(n)["OCIRuntime"] for n in ("old", "new")] == [peer, "coracle"]
        use(podman, "old")
        make_default(podman, peer)
        podman("run", "--detach", "--name", "newest", "demo", "sh", "-c", LOOP)
        assert podman.inspect("newest")["OCIRuntime"] == peer
        use(podman, "new")
        use(podman, "old")
        assert len(podman("ps", "--quiet").split()) == 3
        podman("rm", "--force", "--time", "0", "old", "new", "newest")
        assert podman("ps", "--all", "--quiet") == ""
    finally:
        make_default(podman, "coracle")
