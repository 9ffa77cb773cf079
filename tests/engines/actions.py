"""The days of engines (what users do with them), by name. As a program: actions.py NAME RUNTIME OUTPUT lives
the day on the runtime, and writes what came of each action."""
import json
import os
import pathlib
import shutil
import sys
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import days_daemons  # noqa: E402
import days_machine  # noqa: E402
import days_cri  # noqa: E402
import days_podman  # noqa: E402
from day import Day  # noqa: E402


class Engine(typing.NamedTuple):
    live: typing.Callable  # the day
    needs: tuple  # programs
    peer: str  # the runtime that Debian has it with
    world: str  # the surroundings, where it is not the machine's own (worlds.py)
    daily: bool = True  # of what compare does unless it is told what


PODMAN = ("podman", "conmon")
ROOTLESS = (*PODMAN, "newuidmap")
ENGINES = {
    "podman": Engine(days_podman.podman, PODMAN, "crun", "v2"),
    "podman-rootless": Engine(days_podman.podman, ROOTLESS, "crun", "user"),
    "buildah": Engine(days_podman.buildah, ("buildah", "podman"), "crun", "v2"),
    "buildah-rootless": Engine(days_podman.buildah, ("buildah", *ROOTLESS), "crun", "user"),
    "containerd": Engine(days_daemons.containerd, ("containerd", "ctr"), "runc", "v2"),
    "docker": Engine(days_daemons.docker, ("dockerd", "docker"), "runc", "v2"),
    "quick": Engine(days_podman.quick, PODMAN, "crun", "v2", False),
    "quick-rootless": Engine(days_podman.quick, ROOTLESS, "crun", "user", False),
    # What machines are for: pods, services, limits, systemd.
    "pods": Engine(lambda a: days_machine.podman(a, "systemd"), PODMAN, "crun", "v2", False),
    "pods-cgroupfs": Engine(lambda a: days_machine.podman(a, "cgroupfs"), PODMAN, "crun", "v2", False),
    "pods-rootless": Engine(lambda a: days_machine.podman(a, "systemd"), ROOTLESS, "crun", "user", False),
    "many": Engine(lambda a: days_machine.many(a, "systemd"), PODMAN, "crun", "v2", False),
    "many-rootless": Engine(lambda a: days_machine.many(a, "systemd"), ROOTLESS, "crun", "user", False),
    "services": Engine(days_machine.services, (*PODMAN, "systemctl"), "crun", "v2", False),
    "services-rootless": Engine(days_machine.services, (*ROOTLESS, "systemctl"), "crun", "user", False),
    "limits": Engine(lambda a: days_machine.limits(a, "systemd"), PODMAN, "crun", "v2", False),
    "limits-cgroupfs": Engine(lambda a: days_machine.limits(a, "cgroupfs"), PODMAN, "crun", "v2", False),
    "limits-rootless": Engine(lambda a: days_machine.limits(a, "systemd"), ROOTLESS, "crun", "user", False),
    "docker-more": Engine(days_machine.docker, ("dockerd", "docker"), "runc", "v2", False),
    "cri": Engine(days_cri.cri, ("containerd", "ctr", "protoc"), "runc", "v2", False),
}


def missing(engine):
    return [name for name in ENGINES[engine].needs if not shutil.which(name)]


def live(engine, program, busybox):
    """One day of @engine on the runtime @program: {action: result}."""
    day = Day(engine, program, busybox)
    try:
        ENGINES[engine].live(day)
    finally:
        day.close()
    return day.results


if __name__ == "__main__":
    engine, program, output = sys.argv[1:]
    found = next(b for b in ("/bin/busybox", "/usr/bin/busybox") if os.access(b, os.X_OK))
    pathlib.Path(output).write_text(json.dumps(live(engine, program, found)))
