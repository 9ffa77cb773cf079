"""Podman's limits on this runtime: what holds inside, under each manager that Podman has."""
import os
import shutil
import subprocess

import pytest

import worlds

FILES = "cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max"
LIMITS = ("--memory", "64m", "--memory-swap", "96m", "--cpus", "0.5", "--pids-limit", "50")
HELD = ["67108864", "33554432", "50000 100000", "50"]


def controllers(world):
    """What a container of ours can be limited by."""
    own = worlds.own_cgroup()
    path = "/sys/fs/cgroup" if world.host_root or not own else own.parent
    with open(f"{path}/cgroup.controllers") as f:
        return f.read().split()


@pytest.fixture(params=["cgroupfs", "systemd"])
def limited(request, podman, world):
    """Podman with the manager; ordinary users' limits need systemd's."""
    world.need({"memory", "cpu", "pids"} <= set(controllers(world)), "needs memory, cpu and pids")
    world.need(request.param == "systemd" or world.host_root, "needs root for Podman's cgroupfs")
    world.need(request.param == "cgroupfs" or worlds.systemd_folder(), "needs systemd")
    podman.flags.append(f"--cgroup-manager={request.param}")
    podman.manager = request.param
    yield podman
    podman.flags.pop()


def reload_systemd(podman):
    if podman.manager == "systemd" and shutil.which("systemctl"):
        own = [] if os.geteuid() == 0 else ["--user"]
        subprocess.run(["systemctl", *own, "daemon-reload"], check=True, timeout=300)


def test_limits_hold(limited):
    assert limited("run", "--rm", *LIMITS, "demo", "sh", "-c", FILES).splitlines() == HELD


def test_limits_change(limited):
    """Changed while the container runs, and still so when systemd has reloaded."""
    limited("run", "--detach", "--name", "limited", *LIMITS, "demo", "sleep", "1000")
    try:
        reload_systemd(limited)
        assert limited("exec", "limited", "sh", "-c", FILES).splitlines() == HELD
        limited("update", "--memory", "80m", "--memory-swap", "96m", "--cpus", "0.25", "limited")
        reload_systemd(limited)
        assert limited("exec", "limited", "sh", "-c", FILES).splitlines() == [
            "83886080", "16777216", "25000 100000", "50"]
    finally:
        limited("rm", "--force", "--time", "0", "limited")
