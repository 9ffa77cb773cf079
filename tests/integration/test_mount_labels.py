"""linux.mountLabel, and what a user namespace that sees only part of /proc gets instead."""
import os
import pathlib
import subprocess

import pytest

import harness

LABEL = "system_u:object_r:container_file_t:s0:c1,c2"


def has_selinux():
    return pathlib.Path("/sys/fs/selinux").exists()


def test_label_needs_selinux(runtime, bundle, world):
    """It is the first mount that takes a label which fails, not the container later."""
    world.need(not has_selinux(), "needs a kernel without SELinux")
    bundle.linux["mountLabel"] = LABEL
    runtime.fails(bundle, rf'mounts\[\d+\]: set the label "{LABEL}"')


def test_label_of_masks(runtime, bundle, world):
    """The empty file system of masked paths has the label too."""
    world.need(not has_selinux(), "needs a kernel without SELinux")
    bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup")
    bundle.linux["maskedPaths"] = ["/data"]
    bundle.linux["mountLabel"] = LABEL
    runtime.fails(bundle, rf'linux.maskedPaths\[0\]: .*set the label "{LABEL}"')


def test_label_of_message_queues(runtime, bundle, world):
    world.need(not has_selinux(), "needs a kernel without SELinux")
    bundle.linux["mountLabel"] = LABEL
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] in ("proc", "mqueue")]
    runtime.fails(bundle, rf'mounts\[1\]: set the label "{LABEL}"')


def test_only_bind_mounts(runtime, bundle, world):
    """Binds have the labels of their files, the kernel's file systems those of its policy."""
    bundle.linux["mountLabel"] = LABEL
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] in ("proc", "sysfs")]
    bundle.linux["maskedPaths"] = []
    bundle.mount("/data", "bind", bundle.path, ["bind"])
    runtime.run(bundle.args("/bin/true"))


def test_unknown_way_to_label(runtime, bundle):
    bundle.config["annotations"] = {"run.oci.mount_context_type": "kontext"}
    runtime.fails(bundle, r'run.oci.mount_context_type.*expected context.*"kontext"')


@pytest.mark.parametrize("covered", [False, True])
def test_parameters_where_proc_is_not_whole(runtime, bundle, world, covered):
    """As in a container whose engine masks parts of /proc: the kernel gives no procfs of our own
    then, and the host's is written. What covers it there does not catch the write."""
    world.need_host_root("makes a user namespace around the runtime")
    for name in (".", "dev", "proc", "sys", "data"):
        os.chown(bundle.rootfs / name, 0, 0)
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.domainname": "inside"}
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.linux.pop("resources", None)
    # unshare denies setgroups.
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
    bundle.drop_namespace("pid").drop_mount("/proc", "/sys/fs/cgroup", "/sys", "/dev/pts")
    bundle.mount("/proc", "bind", "/proc", ["rbind"])
    bundle.args("/bin/cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/domainname").save()
    state = bundle.path / "state"
    script = f"""mount -t tmpfs x /proc/irq && {'mount -t tmpfs x /proc/sys &&' if covered else ''}
        exec unshare --user --map-root-user --mount --propagation unchanged \\
        {runtime.program} --root {state} --cgroup-manager disabled run -b {bundle.path} x"""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True,
                          timeout=harness.TIMEOUT)
    if covered:
        assert done.returncode == 1 and "linux.sysctl" in done.stderr, done
    else:
        assert done.stderr == ""
        assert (done.returncode, done.stdout) == (0, "1\ninside\n")
