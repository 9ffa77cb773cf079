"""What users do with engines, action by action: each scenario is one engine's day. The same scenarios
run on this runtime in the gate (test_actions.py), and beside another runtime (compare)."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from engine import LOOP, make_image  # noqa: E402

SECONDS = 120
# Behind these a command's output differs from run to run, or belongs to the runtime.
VARIES = [(r"\b[0-9a-f]{64}\b", "ID"), (r"\b[0-9a-f]{12}\b", "ID"),
          (r"\d{4}-\d\d-\d\d[T ][0-9:.]+( ?[+-]\d{4}( [A-Z]+)?|Z)?", "TIME")]


class Day:
    """One engine with one runtime: calls are actions, and what came of them is in results."""

    def __init__(self, engine, program, busybox, rootless):
        self.engine, self.program, self.rootless = engine, str(program), rootless
        # Podman wants its paths to have at most 50 characters.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="day-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.image = make_image(self.folder / "image.tar", busybox)
        self.environment = {**os.environ, "TMPDIR": str(self.folder)}
        self.results, self.prefix, self.daemon = {}, [], None

    def run(self, *args, input=None):
        return subprocess.run([*self.prefix, *map(str, args)], env=self.environment, text=True,
                              capture_output=True, timeout=SECONDS,
                              **({"input": input} if input else {"stdin": subprocess.DEVNULL}))

    def plain(self, text):
        text = text.replace(str(self.folder), "FOLDER").replace(self.program, "RUNTIME").replace("\r", "")
        for pattern, word in VARIES:
            text = re.sub(pattern, word, text)
        return text

    def __call__(self, *args, show=True, input=None):
        """An action. show: its output is compared too."""
        key = self.plain(" ".join(map(str, args)))
        while key in self.results:
            key += "'"
        done = self.run(*args, input=input)
        self.results[key] = {"code": done.returncode, "says": bool(done.stderr),
                             **({"out": self.plain(done.stdout)} if show else {})}
        self.results[key]["err"] = self.plain(done.stderr)
        return done.stdout

    def until(self, *args, text):
        """Waits for @text in what a command prints. That it does not come is a result too."""
        deadline = time.monotonic() + 20
        while text not in self.run(*args).stdout:
            if time.monotonic() > deadline:
                self.results[f"{' '.join(args)}: no {text!r}"] = {"code": None, "says": False, "err": ""}
                return
            time.sleep(0.05)

    def start(self, *command):
        with open(self.folder / "daemon.log", "ab") as log:
            self.daemon = subprocess.Popen(list(map(str, command)), env=self.environment, stdout=log,
                                           stderr=log, stdin=subprocess.DEVNULL)

    def close(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        if "podman" in self.engine:
            self.run("rm", "--all", "--force", "--time", "0")
        if self.rootless:  # files of subordinate ids
            self.run("unshare", "rm", "-rf", self.folder / "store")
            self.run("system", "migrate")
        shutil.rmtree(self.folder, ignore_errors=True)


# --- Podman ---------------------------------------------------------------------------------------


def podman_begin(a):
    config = a.folder / "containers.conf"
    config.write_text(f"""\
[containers]
default_ulimits = []
pids_limit = 0
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "subject"
runtime_supports_json = ["subject"]
runtime_supports_nocgroups = ["subject"]
[engine.runtimes]
subject = ["{a.program}"]
""")
    a.environment["CONTAINERS_CONF"] = str(config)
    store = ["--root", a.folder / "store", "--runroot", a.folder / "run", "--storage-driver", "vfs"]
    a.prefix = ["podman", *map(str, store)]
    done = a.run("import", a.image, "demo")
    assert done.returncode == 0, done.stderr


def run(a, *args, show=True):
    """podman run --rm OPTION… demo COMMAND…; the image stands before the first word without a dash
    that is no value: given as None."""
    words = ["demo" if w is None else w for w in args]
    return a("run", "--rm", *words, show=show)


def podman_runs(a):
    status = ("grep", "-E", "^(Cap|NoNewPrivs|Groups|Umask)", "/proc/self/status")
    for options in ([], ["--privileged"], ["--cap-drop", "all"], ["--cap-add", "sys_time"],
                    ["--cap-drop", "all", "--cap-add", "chown"], ["--user", "33"], ["--user", "33:0"],
                    ["--user", "web"], ["--user", "root:web"], ["--group-add", "33"], ["--umask", "0077"],
                    ["--security-opt", "no-new-privileges"], ["--user", "33", "--cap-add", "chown"]):
        run(a, *options, None, *status)
    limits = ("grep", "-E", "^Max (open|processes|core|stack)", "/proc/self/limits")
    for options in (["--ulimit", "nofile=512:600"], ["--ulimit", "core=0"], ["--ulimit", "stack=4194304"]):
        run(a, *options, None, *limits)
    for options, command in (
            (["--hostname", "here"], "cat /proc/sys/kernel/hostname /etc/hostname"),
            (["--env", "A=1", "--env", "B"], "echo $A $B $HOME $PATH $TERM $HOSTNAME | cut -d. -f1"),
            (["--env-host"], "echo ${PATH:+yes}"), (["--workdir", "/tmp"], "pwd"),
            (["--workdir", "/not/there"], "pwd"), (["--entrypoint", "id"], ""),
            (["--sysctl", "kernel.msgmax=1234"], "cat /proc/sys/kernel/msgmax"),
            (["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward"),
            (["--sysctl", "vm.swappiness=1"], "true"),
            (["--shm-size", "1m"], "grep /dev/shm /proc/mounts"),
            (["--ipc", "private"], "grep /dev/shm /proc/mounts"), (["--ipc", "none"], "ls /dev"),
            (["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj"),
            (["--tmpfs", "/scratch:size=1m,mode=700"], "grep scratch /proc/mounts; ls -ld /scratch | cut -c1-10"),
            (["--tmpfs", "/etc"], "ls /etc/passwd"),
            (["--tmpfs", "/etc:notmpcopyup"], "ls /etc/passwd"),
            (["--read-only"], "echo x > /x; echo x > /tmp/x && echo tmp"),
            (["--read-only", "--read-only-tmpfs=false"], "echo x > /tmp/x"),
            (["--mount", "type=tmpfs,destination=/m,tmpfs-mode=711"], "ls -ld /m | cut -c1-10"),
            (["--mount", "type=bind,source=/etc/os-release,destination=/o,ro"], "echo x > /o"),
            (["--mount", "type=bind,source=/not/there,destination=/o"], "true"),
            (["--volume", "named:/v"], "echo x > /v/x; cat /v/x"), (["--volume", "named:/v:ro"], "cat /v/x; echo y > /v/x"),
            (["--volume", "named:/v:nosuid,noexec,nodev"], "grep ' /v ' /proc/mounts | cut -d' ' -f2,4"),
            (["--volume", "named:/v:rshared"], "grep ' /v ' /proc/self/mountinfo | grep -c shared"),
            (["--volume", "named:/v:U", "--user", "33"], "ls -ldn /v | cut -c1-20"),
            (["--volume", "/etc:/host:O"], "echo x > /host/new && echo over"),
            (["--device", "/dev/null:/dev/other"], "echo x > /dev/other && ls -l /dev/other | cut -c1-10"),
            (["--device", "/dev/null:/dev/other:r"], "cat /dev/other"),
            (["--device", "/dev/not-there"], "true"),
            (["--security-opt", "mask=/proc/version"], "cat /proc/version"),
            (["--security-opt", "unmask=ALL"], "ls -d /proc/kcore; grep -c /proc/sys /proc/mounts"),
            (["--security-opt", "proc-opts=hidepid=2"], "grep -o hidepid=[a-z0-9]* /proc/mounts"),
            (["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status"),
            ([], "grep Seccomp: /proc/self/status"), ([], "ls -l /dev | grep -v total | wc -l"),
            ([], "cut -d' ' -f2 /proc/mounts | grep -v -e /etc -e /run/.con | sort"),
            ([], "ls -l /dev/stdin /dev/fd /dev/core /dev/ptmx | sed 's/.* \\/dev/\\/dev/'"),
            ([], "cat /proc/self/cgroup"), (["--cgroupns", "host"], "cut -c1-3 /proc/self/cgroup"),
            (["--cgroups", "disabled"], "echo ok"), (["--cgroups", "no-conmon"], "echo ok"),
            (["--pid", "host"], "test $$ -ne 1 && echo host"), ([], "echo $$"),
            (["--uts", "host"], "test $(cat /proc/sys/kernel/hostname) && echo ok"),
            (["--network", "host"], "echo ok"), (["--init"], "cat /proc/1/comm"),
            (["--stop-signal", "USR1"], "true"), (["--annotation", "a=b"], "true"),
            (["--annotation", "run.oci.keep_original_groups=1"], "id -G > /dev/null; echo ok"),
            (["--personality", "LINUX32"], "uname -m"), (["--timezone", "UTC"], "date +%Z"),
            (["--passwd=false"], "cat /etc/passwd"), (["--log-driver", "none"], "echo ok"),
            (["--memory", "64m"], "true"), (["--cpus", "0.5"], "true"), (["--pids-limit", "20"], "true"),
            (["--blkio-weight", "100"], "true"), (["--cpuset-cpus", "0"], "true"),
            (["--device-cgroup-rule", "c 10:229 rwm"], "true")):
        # A container that does not start has the runtime's words, not the program's, for output.
        a("run", "--rm", *options, "demo", *(["sh", "-c", command] if command else []))
    for command in (["true"], ["false"], ["sh", "-c", "exit 7"], ["sh", "-c", "kill -9 $$"],
                    ["sh", "-c", "kill -TERM $$; sleep 1"], ["/nosuch"], ["nosuch"], ["/etc"], ["/etc/passwd"],
                    ["./bin/echo", "relative"], ["sh", "-c", "echo out; echo err >&2"]):
        a("run", "--rm", "demo", *command)
    a("run", "--rm", "--interactive", "demo", "cat", input="through\n")
    a("run", "--rm", "--tty", "demo", "sh", "-c", "tty; test -t 1 && echo terminal; stty size | wc -w")


def podman_life(a):
    a("create", "--name", "never", "demo", "true")
    a("init", "never")
    a("ps", "--all", "--format", "{{.Names}} {{.Status}}")
    a("start", "--attach", "never")
    a("rm", "never")
    a("run", "--detach", "--name", "web", "demo", "sh", "-c", LOOP)
    a.until("logs", "web", text="up")
    a("inspect", "--format", "{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.OCIRuntime}}", "web")
    for command in (["true"], ["sh", "-c", "exit 4"], ["nosuch"], ["/nosuch"], ["/etc"], ["id"],
                    ["sh", "-c", "echo $PWD $HOME"], ["sh", "-c", "kill -9 $$"],
                    ["grep", "-E", "^(Cap|NoNew|Seccomp:)", "/proc/self/status"]):
        a("exec", "web", *command)
    for options in (["--user", "33:33"], ["--user", "web"], ["--workdir", "/tmp"], ["--env", "C=3"], ["--privileged"],
                    ["--tty"], ["--workdir", "/not/there"]):
        a("exec", *options, "web", "sh", "-c", "id -u; id -g; echo $C $PWD; tty; grep CapEff /proc/self/status")
    a("exec", "--interactive", "web", "cat", input="in\n")
    a("exec", "--detach", "web", "touch", "/touched", show=False)
    a.until("exec", "web", "ls", "/", text="touched")
    a("top", "web", "pid", "args", show=False)
    a("stats", "--no-stream", "--format", "{{.Name}}", "web")
    a("cp", a.image, "web:/copied")
    a("exec", "web", "ls", "/copied")
    a("diff", "web")
    a("rename", "web", "renamed")
    a("rename", "renamed", "web")
    a("pause", "web")
    a("exec", "web", "true")
    a("ps", "--format", "{{.Names}} {{.Status}}", show=False)
    a("unpause", "web")
    a("exec", "web", "echo", "again")
    a("kill", "--signal", "USR2", "web")
    a("update", "--cpus", "1", "web", show=False)
    a("update", "--memory", "128m", "web", show=False)
    a("stop", "--time", "10", "web")
    a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", "web")
    a("logs", "web")
    a("start", "web")
    a("restart", "--time", "10", "web")
    a("kill", "web")
    a("wait", "web")
    a("rm", "web")
    a("run", "--detach", "--name", "stuck", "demo", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    a("stop", "--time", "1", "stuck")
    a("inspect", "--format", "{{.State.ExitCode}}", "stuck")
    a("rm", "--force", "stuck")
    a("run", "--detach", "--name", "again", "--restart", "on-failure:2", "demo", "sh", "-c", "echo x; exit 3")
    a("wait", "--condition", "stopped", "again")
    a("rm", "--force", "again")
    a("run", "--name", "quick", "--health-cmd", "true", "--health-interval", "disable", "--detach", "demo",
      "sleep", "1000")
    a("healthcheck", "run", "quick")
    a("run", "--rm", "--pid", "container:quick", "--network", "container:quick", "--ipc", "container:quick", "demo",
      "cat", "/proc/1/cmdline")
    a("commit", "quick", "committed", show=False)
    a("export", "--output", a.folder / "export.tar", "quick")
    a("rm", "--force", "--time", "0", "quick")
    a("secret", "create", "hidden", "-", input="secret words", show=False)
    a("run", "--rm", "--secret", "hidden", "demo", "cat", "/run/secrets/hidden")
    a("run", "--rm", "--secret", "hidden,type=env,target=H", "demo", "sh", "-c", "echo $H")
    a("pod", "create", "--name", "pod", "--infra=false", show=False)
    a("run", "--detach", "--pod", "pod", "--name", "inpod", "demo", "sleep", "1000")
    a("pod", "inspect", "--format", "{{.State}} {{.NumContainers}}", "pod")
    a("pod", "pause", "pod", show=False)
    a("pod", "unpause", "pod", show=False)
    a("pod", "stop", "--time", "0", "pod", show=False)
    a("pod", "rm", "--force", "pod", show=False)
    context = a.folder / "context"
    context.mkdir()
    (context / "Containerfile").write_text(
        'FROM demo AS one\nRUN echo built > /etc/built && mkdir /made\nFROM one\nUSER web\nWORKDIR /made\n'
        'RUN id -u > /tmp/who\nCMD ["cat", "/etc/built", "/tmp/who"]\n')
    a("build", "--network", "none", "--isolation", "oci", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
      "--tag", "built", context, show=False)
    a("run", "--rm", "built")
    a("ps", "--all", "--format", "{{.Names}}")


def podman_rootless(a):
    for options, command in ((["--userns", "keep-id"], "id -u | grep -c ."),
                             (["--userns", "nomap"], "id -u"), (["--userns", "host"], "id -u"),
                             (["--uidmap", "0:1:100", "--gidmap", "0:1:100"], "cat /proc/self/uid_map"),
                             (["--userns", "keep-id:uid=7,gid=8"], "id -u; id -g")):
        a("run", "--rm", *options, "demo", "sh", "-c", command)


def podman_root(a):
    for options, command in ((["--uidmap", "0:100000:1000"], "cat /proc/self/uid_map"),
                             (["--uidmap", "0:100000:1000", "--user", "5"], "id -u"),
                             (["--subuidname", "nobody-has-it"], "true"),
                             (["--volume", "named:/v:idmap", "--uidmap", "0:100000:1000"], "ls -ldn /v | cut -c1-20")):
        a("run", "--rm", *options, "demo", "sh", "-c", command)


def podman(a):
    podman_begin(a)
    podman_runs(a)
    podman_life(a)
    (podman_rootless if a.rootless else podman_root)(a)


# --- Buildah --------------------------------------------------------------------------------------


def buildah(a):
    podman_begin(a)
    a.prefix[0] = "buildah"
    flags = ("--runtime", a.program, "--isolation", "oci", "--network", "none", "--ulimit=nofile=1024:1024",
             "--ulimit=nproc=1024:1024")
    context = a.folder / "context"
    context.mkdir()
    for name, steps in (("good", "RUN echo x > /etc/x\nRUN cat /etc/x && test $(id -u) = 0\n"),
                        ("bad", "RUN exit 7\n"), ("missing", 'RUN ["/nosuch"]\n'),
                        ("user", "USER 33\nWORKDIR /tmp\nRUN id -u > who && test $(cat who) = 33\n"),
                        ("stages", "FROM demo AS b\nRUN echo y > /y\nFROM demo\nCOPY --from=b /y /y\nRUN cat /y\n")):
        (context / name).write_text(("" if name == "stages" else "FROM demo\n") + steps)
        a("bud", *flags, "--file", context / name, "--tag", name, context, show=False)
    name = a("from", "--name", "work", "demo").strip()
    run_flags = flags[:6]
    for command in (["true"], ["sh", "-c", "exit 7"], ["nosuch"], ["/nosuch"], ["id"],
                    ["grep", "-E", "^(Cap|NoNew|Seccomp:)", "/proc/self/status"]):
        a("run", *run_flags, name, "--", *command)
    a("run", *run_flags, "--tty", name, "--", "tty")
    a("run", *run_flags, "--user", "33", "--env", "A=1", "--workingdir", "/tmp", name, "--", "sh", "-c", "id -u; echo $A $PWD")
    a("run", *run_flags, "--hostname", "here", name, "--", "cat", "/proc/sys/kernel/hostname")
    a("run", *run_flags, "--cap-drop", "all", name, "--", "grep", "Cap", "/proc/self/status")
    a("run", *run_flags, "--volume", f"{context}:/c:ro", name, "--", "ls", "/c")
    a("rm", name, show=False)


# --- containerd -----------------------------------------------------------------------------------


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
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", f"tarball:{a.image}",
                    f"oci-archive:{a.folder}/oci.tar:demo:latest"], check=True, env=a.environment)
    a.prefix = ["ctr", "-a", str(socket)]
    a.start("containerd", "-c", config)
    a.until("version", text="Server:")
    a.run("image", "import", "--snapshotter", "native", a.folder / "oci.tar")
    image = a.run("image", "ls", "-q").stdout.split()[0]
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


# --- all ------------------------------------------------------------------------------------------

# What must be installed, and for whom it is.
ENGINES = {"podman": (podman, ("podman", "conmon"), "v2"), "podman-rootless": (podman, ("podman", "conmon", "newuidmap"), "user"),
           "buildah": (buildah, ("buildah", "podman"), "v2"),
           "containerd": (containerd, ("containerd", "ctr", "skopeo"), "v2"), "docker": (docker, ("dockerd", "docker"), "v2")}


def missing(engine):
    return [name for name in ENGINES[engine][1] if not shutil.which(name)]


def live(engine, program, busybox):
    """One day of @engine on the runtime @program: {action: result}."""
    day = Day(engine, program, busybox, rootless=engine.endswith("-rootless"))
    try:
        ENGINES[engine][0](day)
    finally:
        day.close()
    return day.results


if __name__ == "__main__":
    engine, program, output = sys.argv[1:]
    found = next(b for b in ("/bin/busybox", "/usr/bin/busybox") if os.access(b, os.X_OK))
    pathlib.Path(output).write_text(json.dumps(live(engine, program, found)))
