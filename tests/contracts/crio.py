"""CRI-O's part in its table: Debian has no CRI-O, so this makes the calls that it makes (VERSION, its
internal/oci/runtime_oci.go and pkg/config), in its order, with its environment, and through the same conmon.

The configuration has what CRI-O puts into each: namespaces of the pod that are pinned as files, mounts with
propagation, a cgroup below the pod's, its annotations."""
import json
import os
import socket
import subprocess
import time

VERSION = "1.36"
NAMESPACES = ("network", "ipc", "uts")


class Crio:
    """One pod's containers, made and used as CRI-O does it."""

    def __init__(self, stage):
        self.s, self.root = stage, stage.folder / "crio"
        self.attach = stage.folder / "attach"  # sockets of conmon's
        self.root.mkdir()
        self.attach.mkdir()
        self.rootfs = stage.folder / "image"  # what the image was made of
        self.environment = {"CRI_O_EXTERNAL": "1", "PATH": os.environ["PATH"]}
        # Its pinns keeps the pod's namespaces in files.
        for name in NAMESPACES:
            (stage.folder / name).touch()
        subprocess.run(["unshare", *(f"--{'net' if n == 'network' else n}={stage.folder / n}" for n in NAMESPACES), "true"], check=True)

    def configuration(self, name, command, terminal=False):
        folder = self.s.folder
        return {"ociVersion": "1.2.1", "hostname": "pod", "annotations": {"io.kubernetes.cri-o.ContainerID": name, "io.kubernetes.cri-o.TTY": "false"},
                "root": {"path": str(self.rootfs), "readonly": False},
                "process": {"terminal": terminal, "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [0]}, "cwd": "/", "args": command,
                            "env": ["PATH=/bin", "TERM=xterm", "HOSTNAME=pod"], "oomScoreAdj": 1000,
                            "capabilities": {kind: ["CAP_CHOWN", "CAP_KILL"] for kind in ("bounding", "effective", "permitted")}},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
                           {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                           {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
                           {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
                           {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
                           {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
                           {"destination": "/etc/hostname", "type": "bind", "source": "/etc/hostname", "options": ["ro", "bind", "nodev", "nosuid", "noexec"]}],
                "linux": {"cgroupsPath": f"/crio-test/crio-{name}", "resources": {"devices": [{"allow": False, "access": "rwm"}]},
                          "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "cgroup"}, *({"type": n, "path": str(folder / n)} for n in NAMESPACES)],
                          "maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys", "/proc/bus"]}}

    def runtime(self, *args, code=0, stdin=None):
        """A call without conmon."""
        done = subprocess.run([str(self.s.shim), *map(str, args)], env=self.environment, capture_output=True, text=True, timeout=60,
                              **({"input": stdin} if stdin else {"stdin": subprocess.DEVNULL}))
        assert code is None or done.returncode == code, f"{args}: {done.returncode} {done.stderr}"
        return done

    def call(self, *args, **more):
        """runtimeCmd() there."""
        return self.runtime("--root", self.root, *args, **more)

    def conmon(self, *args):
        """conmon with its two pipes; returns the pid, or what it says instead."""
        ours, theirs = socket.socketpair()
        start_ours, start_theirs = socket.socketpair()
        environment = {**self.environment, "_OCI_SYNCPIPE": str(theirs.fileno()), "_OCI_STARTPIPE": str(start_theirs.fileno())}
        process = subprocess.Popen(["conmon", *map(str, args)], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   pass_fds=[theirs.fileno(), start_theirs.fileno()])
        theirs.close(), start_theirs.close()
        start_ours.send(b"\0")
        process.wait(60)
        with ours, start_ours, ours.makefile() as words:
            return json.loads(words.readline())

    def create(self, name, command, terminal=False):
        bundle = self.s.folder / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(self.configuration(name, command, terminal)))
        folder = self.s.folder
        return self.conmon("-b", bundle, "-c", name, "--exit-dir", folder, "-l", folder / f"{name}.log", "--log-level", "info", "-n", f"k8s_{name}",
                           "-P", bundle / "conmon.pid", "-p", bundle / "pidfile", "--persist-dir", bundle, "-r", self.s.shim,
                           "--runtime-arg", f"--root={self.root}", "--socket-dir-path", self.attach, "-u", name, *(["-t"] if terminal else []))

    def process(self, command):
        path = self.s.folder / "exec.json"
        path.write_text(json.dumps({**self.configuration("x", command)["process"], "terminal": False}))
        return path

    def exec_sync(self, name, command):
        folder = self.s.folder
        (folder / "exec.pid").unlink(missing_ok=True)
        return self.conmon("-c", name, "-n", f"k8s_{name}", "-r", self.s.shim, "-p", folder / "exec.pid", "-e", "-l", folder / "exec.log",
                           "--socket-dir-path", self.attach, "--log-level", "info", "--sync", "-T", "30", "--exec-process-spec", self.process(command),
                           "--runtime-arg", f"--root={self.root}")

    def until(self, name, status):
        self.s.until(lambda: json.loads(self.call("state", name).stdout)["status"] == status, f"{name} {status}")

    def close(self):
        for name in NAMESPACES:
            subprocess.run(["umount", str(self.s.folder / name)], check=True)
        try:
            os.rmdir("/sys/fs/cgroup/crio-test")
        except OSError:
            pass


def crio(s):
    """A node's day."""
    c = Crio(s)
    try:
        c.runtime("--version")
        c.runtime("features")
        for name, command, terminal in (("web", ["sleep", "1000"], False), ("tty", ["sleep", "1000"], True)):
            c.create(name, command, terminal)
            c.call("state", name)
            c.call("start", name)
            c.until(name, "running")
        c.exec_sync("web", ["true"])
        c.exec_sync("web", ["nosuch"])
        c.call("exec", "--process", c.process(["true"]), "web")
        c.call("exec", "--process", c.process(["nosuch"]), "web", code=None)
        c.runtime("--root", c.root, "update", "--resources", "-", "web", stdin=json.dumps({"cpu": {}, "memory": {}}))
        c.call("pause", "web")
        c.call("state", "web")
        c.call("resume", "web")
        c.call("kill", "web", "15")
        c.call("kill", "web", "KILL")
        c.until("web", "stopped")
        c.call("kill", "web", "KILL", code=None)
        c.call("delete", "--force", "web")
        c.call("state", "web", code=None)
        c.call("delete", "--force", "tty")
        c.create("wrong", ["nosuch"])
        c.call("delete", "--force", "wrong", code=None)
        c.create("never", ["sleep", "1000"])
        c.call("kill", "-a", "never", "9")
        c.until("never", "stopped")
        c.call("delete", "--force", "never")
        time.sleep(0.2)  # conmon writes what it knows
    finally:
        c.close()
