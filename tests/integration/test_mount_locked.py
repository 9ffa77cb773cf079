"""Flags that a parent user namespace has set on a mount: they stay."""
import os
import subprocess

import pytest

import harness


@pytest.fixture
def run_inside(runtime, bundle, world):
    """Runs the bundle as root of a user namespace, in which a tmpfs with some flags is locked."""
    world.need_host_root("makes a user namespace around the runtime")
    for name in (".", "dev", "proc", "sys", "data"):
        os.chown(bundle.rootfs / name, 0, 0)
    locked = bundle.path / "locked"
    locked.mkdir()
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
    bundle.linux.pop("resources", None)
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["destination"] in ("/proc", "/dev")]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []

    def run(flags, *options):
        bundle.drop_mount("/data").mount("/data", "bind", locked, options)
        bundle.probe("open", "/data", "r", "report").save()
        script = f"""mount -t tmpfs -o {flags} x {locked} &&
            exec unshare --user --map-root-user --mount --propagation unchanged {runtime.program} \\
            --root {bundle.path}/state --cgroup-manager disabled run -b {bundle.path} x"""
        return subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True,
                              text=True, timeout=harness.TIMEOUT)
    return run


def flags_of(done):
    assert (done.returncode, done.stderr) == (0, "")
    return harness.Report(harness.json.loads(done.stdout)).mount("/data").options


@pytest.mark.parametrize("options", [["bind"], ["bind", "rw"], ["bind", "noexec"], ["rbind", "rw"],
                                     ["bind", "rw", "noexec"]])
def test_locked_flags_stay(run_inside, options):
    found = flags_of(run_inside("ro,nosuid,nodev", *options))
    assert {"ro", "nosuid", "nodev"} <= found
    assert ("noexec" in found) == ("noexec" in options)


@pytest.mark.parametrize("option", ["suid", "dev", "exec"])
def test_what_was_asked_for_by_name(run_inside, option):
    """Not "rw", which is what everybody says: it cannot be had, and that is an error."""
    done = run_inside("nosuid,nodev,noexec", "bind", option)
    assert done.returncode == 1
    assert "mounts[2]: set mount attributes: operation not permitted" in done.stderr


def test_what_is_not_locked_can_be_cleared(run_inside):
    assert "rw" in flags_of(run_inside("nosuid", "bind", "ro", "rw"))
