"""Changing over from another runtime to this one, and back, while containers run."""
import shutil

import pytest

from engine import LOOP


@pytest.fixture(params=["crun", "runc"])
def peer(request, podman):
    """Another runtime that Podman can use here, by its name in the configuration."""
    path = shutil.which(request.param) or shutil.which(request.param, path="/usr/sbin:/usr/local/sbin")
    if not path:
        pytest.skip(f"needs {request.param}")
    config = podman.folder / "containers.conf"
    before = config.read_text()
    config.write_text(f'{before}{request.param} = ["{path}"]\n')
    code, _, words = podman.result("--runtime", request.param, "run", "--rm", "demo", "true")
    if code:
        config.write_text(before)
        pytest.skip(f"{request.param} does not work here: {words.splitlines()[-1]}")
    yield request.param
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
