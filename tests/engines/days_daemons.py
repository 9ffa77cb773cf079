"""What users do with containerd and Docker from day to day."""
import json
import pathlib
import pwd

from engine import LOOP, make_oci


def containerd(a):
    socket, config = a.folder / "containerd.sock", a.folder / "config.toml"
    config.write_text(f"""\
version = 2
root = "{a.folder}/root"
state = "{a.folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{socket}"
""")
    make_oci(a.folder / "oci.tar", a.image, "docker.io/library/demo:latest", ["sh"])
    a.prefix = ["ctr", "-a", str(socket)]
    a.start("containerd", "-c", config)
    a.until("version", text="Server:")
    a.run("image", "import", "--snapshotter", "native", a.folder / "oci.tar")
    image = "docker.io/library/demo:latest"
    flags = ("--snapshotter", "native", "--runc-binary", a.program)
    for number, (options, command) in enumerate((
            ([], ["true"]), ([], ["sh", "-c", "exit 7"]), ([], ["/nosuch"]), ([], ["nosuch"]), ([], ["id"]),
            ([], ["sh", "-c", "echo out; echo err >&2"]), ([], ["grep", "Cap", "/proc/self/status"]),
            (["--cap-add", "CAP_SYS_TIME"], ["grep", "Cap", "/proc/self/status"]),
            (["--privileged"], ["grep", "-E", "Cap|Seccomp:", "/proc/self/status"]),
            (["--seccomp"], ["grep", "Seccomp:", "/proc/self/status"]),
            (["--read-only"], ["sh", "-c", "echo x > /x"]), (["--cwd", "/tmp"], ["sh", "-c", "pwd"]),
            (["--env", "A=1"], ["sh", "-c", "echo $A"]), (["--user", "33"], ["id", "-u"]),
            (["--rootfs-propagation", "rslave"], ["true"]), (["--null-io"], ["true"]),
            (["--mount", "type=bind,src=/etc,dst=/mnt,options=rbind:ro"], ["ls", "/mnt/passwd"]),
            (["--mount", "type=tmpfs,src=tmpfs,dst=/mnt,options=size=1m"], ["grep", "-c", "/mnt", "/proc/mounts"]),
            (["--device", "/dev/fuse"], ["ls", "/dev/fuse"]), (["--net-host"], ["true"]),
            (["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000", "--remap-labels"], ["id", "-u"]),
            (["--hostname", "here"], ["cat", "/proc/sys/kernel/hostname"]),
            (["--allow-new-privs"], ["grep", "NoNew", "/proc/self/status"]))):
        a("run", "--rm", *flags, *options, image, f"once{number}", *command)
    a("run", "--detach", *flags, image, "web", "sh", "-c", LOOP)
    task = lambda *args, **more: a("task", *args, **more)  # noqa: E731
    for number, command in enumerate((["true"], ["sh", "-c", "exit 4"], ["nosuch"], ["id"], ["sh", "-c", "echo $PWD $$"])):
        task("exec", "--exec-id", f"exec{number}", "web", *command, show=number != 4)
    task("exec", "--exec-id", "user", "--user", "33", "--cwd", "/tmp", "web", "sh", "-c", "id -u; pwd")
    task("exec", "--exec-id", "gone", "--detach", "web", "sleep", "1000")
    task("kill", "--exec-id", "gone", "--signal", "9", "web")
    task("ps", "web", show=False)
    task("metrics", "web", show=False)
    task("pause", "web")
    task("ls", show=False)
    task("resume", "web")
    task("kill", "--signal", "USR2", "web")
    task("kill", "--signal", "TERM", "web")
    a.until("task", "ls", text="STOPPED")
    task("kill", "--signal", "TERM", "web")
    task("delete", "web")
    a("container", "rm", "web")
    a("run", "--detach", *flags, image, "all", "sleep", "1000")
    task("kill", "--all", "--signal", "9", "all")
    a.until("task", "ls", text="STOPPED")
    task("delete", "all")
    a("container", "rm", "all")
    a("container", "ls", "-q")


# --- Docker ---------------------------------------------------------------------------------------


def subordinate_user():
    """A user who has subordinate ids, for --userns-remap; None if there is none."""
    names = [line.split(":")[0] for line in pathlib.Path("/etc/subuid").read_text().splitlines()]
    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_name in names), None)


def docker(a):
    socket, config = a.folder / "docker.sock", a.folder / "daemon.json"
    config.write_text(json.dumps({"runtimes": {"subject": {"path": a.program}}, "default-runtime": "subject"}))
    a.prefix = ["docker", "-H", f"unix://{socket}"]
    # In a network of its own: it would ask registries for what it does not find.
    a.start("unshare", "--net", "dockerd", "--config-file", config, "-H", f"unix://{socket}", "--data-root", a.folder / "data",
            "--exec-root", a.folder / "exec", "--pidfile", a.folder / "docker.pid", "--iptables=false",
            "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "--live-restore")
    a.until("info", text="Server Version")
    a.run("import", a.image, "demo")
    flags = ("run", "--rm", "--network", "none")
    for options, command in (
            ([], ["true"]), ([], ["sh", "-c", "exit 7"]), ([], ["/nosuch"]), ([], ["nosuch"]), ([], ["/etc"]), ([], ["id"]),
            ([], ["sh", "-c", "echo out; echo err >&2"]), ([], ["grep", "-E", "Cap|Seccomp:|NoNew", "/proc/self/status"]),
            (["--privileged"], ["grep", "-E", "Cap|Seccomp:", "/proc/self/status"]),
            (["--cap-drop", "all"], ["grep", "Cap", "/proc/self/status"]), (["--user", "33:33"], ["id"]),
            (["--read-only"], ["sh", "-c", "echo x > /x"]), (["--tmpfs", "/scratch:size=1m"], ["grep", "scratch", "/proc/mounts"]),
            (["--volume", "named:/v"], ["sh", "-c", "echo x > /v/x; cat /v/x"]), (["--volume", "named:/v:ro"], ["sh", "-c", "echo x > /v/x"]),
            (["--env", "A=1", "--workdir", "/tmp", "--hostname", "here"], ["sh", "-c", "echo $A $PWD; cat /etc/hostname"]),
            (["--ulimit", "nofile=512:600"], ["grep", "open", "/proc/self/limits"]), (["--shm-size", "1m"], ["grep", "/dev/shm", "/proc/mounts"]),
            (["--sysctl", "kernel.msgmax=1234"], ["cat", "/proc/sys/kernel/msgmax"]), (["--oom-score-adj", "500"], ["cat", "/proc/self/oom_score_adj"]),
            (["--security-opt", "no-new-privileges"], ["grep", "NoNew", "/proc/self/status"]),
            (["--security-opt", "seccomp=unconfined"], ["grep", "Seccomp:", "/proc/self/status"]),
            (["--device", "/dev/fuse"], ["ls", "/dev/fuse"]), (["--group-add", "33"], ["id", "-G"]),
            (["--pid", "host"], ["sh", "-c", "test $$ -ne 1 && echo host"]), (["--cgroupns", "host"], ["sh", "-c", "cut -c1-3 /proc/self/cgroup"]),
            (["--cgroupns", "private"], ["cat", "/proc/self/cgroup"]), (["--init"], ["sh", "-c", "echo ok"]), (["--tty"], ["tty"]),
            (["--memory", "64m"], ["true"]), (["--cpus", "0.5"], ["true"]), (["--ipc", "private"], ["true"]), (["--uts", "host"], ["true"])):
        a(*flags, *options, "demo", *command)
    a(*flags, "--interactive", "demo", "cat", input="through\n")
    a("run", "--detach", "--network", "none", "--name", "web", "demo", "sh", "-c", LOOP)
    a.until("logs", "web", text="up")
    for options, command in (([], ["true"]), ([], ["sh", "-c", "exit 4"]), ([], ["nosuch"]), ([], ["id"]),
                             (["--user", "33"], ["id", "-u"]), (["--env", "B=2", "--workdir", "/tmp"], ["sh", "-c", "echo $B $PWD"]),
                             (["--privileged"], ["grep", "CapEff", "/proc/self/status"]), (["--tty"], ["tty"]), (["--detach"], ["true"])):
        a("exec", *options, "web", *command)
    a("top", "web", show=False)
    a("stats", "--no-stream", "--format", "{{.Name}}", "web")
    a("pause", "web")
    a("exec", "web", "true")
    a("unpause", "web")
    a("update", "--cpu-shares", "512", "web", show=False)
    a("kill", "--signal", "USR2", "web")
    a("restart", "--time", "10", "web")
    a("stop", "--time", "10", "web")
    a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "web")
    a("start", "web")
    a("kill", "web")
    a("wait", "web")
    a("commit", "web", "committed", show=False)
    a("rm", "--force", "web")
    context = a.folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text('FROM demo\nRUN echo built > /etc/built\nUSER 33\nRUN test $(id -u) = 33\nCMD ["cat", "/etc/built"]\n')
    a.environment["DOCKER_BUILDKIT"] = "0"
    a("build", "--quiet", "--network", "none", "--tag", "built", context, show=False)
    a("run", "--rm", "--network", "none", "built")
    a("ps", "--all", "--format", "{{.Names}}")
