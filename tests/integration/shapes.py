"""What other runtimes' `spec` prints, as facts: bundles in the wild look like this."""
import copy

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
THREE = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
QUIET = ["nosuid", "noexec", "nodev"]


def namespaces(*kinds):
    return [{"type": kind} for kind in kinds]


def one_id():
    return [{"containerID": 0, "hostID": 0, "size": 1}]


RUNC = {
    "ociVersion": "1.2.1",
    "process": {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": [PATH, "TERM=xterm"],
        "cwd": "/",
        "capabilities": {"bounding": THREE, "effective": THREE, "permitted": THREE},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "runc",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": [*QUIET, "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": QUIET},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*QUIET, "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": [*QUIET, "relatime", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": namespaces("pid", "network", "ipc", "uts", "mount"),
        "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                        "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                          "/proc/sysrq-trigger"],
    },
}


def without_group_5(config):
    for mount in config["mounts"]:
        if mount["destination"] == "/dev/pts":
            mount["options"] = [o for o in mount["options"] if o != "gid=5"]


def runc():
    return copy.deepcopy(RUNC)


def runc_cgroup():
    """On a cgroup2 host runc adds a cgroup namespace."""
    config = runc()
    config["linux"]["namespaces"] += namespaces("cgroup")
    return config


def crun():
    config = runc()
    config["ociVersion"] = "1.0.0"
    config["hostname"] = "crun"
    config["process"]["capabilities"].update(inheritable=[], ambient=list(THREE))
    config["linux"]["namespaces"] += namespaces("cgroup")
    return config


def runc_rootless(uid, gid):
    config = runc()
    without_group_5(config)
    for mount in config["mounts"]:
        if mount["destination"] == "/sys":
            mount.update(type="none", source="/sys", options=["rbind", *QUIET, "ro"])
    del config["linux"]["resources"]
    config["linux"].update(
        uidMappings=[{"containerID": 0, "hostID": uid, "size": 1}],
        gidMappings=[{"containerID": 0, "hostID": gid, "size": 1}],
        namespaces=namespaces("pid", "ipc", "uts", "mount", "cgroup", "user"))
    return config


def crun_rootless():
    """A user namespace, and no mapping: crun makes one up."""
    config = crun()
    without_group_5(config)
    config["linux"]["namespaces"] += namespaces("user")
    return config
