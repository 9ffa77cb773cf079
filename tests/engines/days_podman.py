"""What users do with Podman and Buildah from day to day."""
from engine import LOOP


def begin(a, manager="cgroupfs"):
    """Podman with the runtime and a cgroup manager, and the image."""
    config = a.folder / "containers.conf"
    config.write_text(f"""\
[containers]
default_ulimits = []
pids_limit = 0
netns = "none"
[engine]
cgroup_manager = "{manager}"
events_logger = "file"
runtime = "subject"
runtime_supports_json = ["subject"]
runtime_supports_nocgroups = ["subject"]
[engine.runtimes]
subject = ["{a.program}"]
""")
    a.environment["CONTAINERS_CONF"] = str(config)
    store = ["--root", a.folder / "store", "--runroot", a.folder / "run", "--storage-driver", "vfs"]
    a.prefix = a.podman = ["podman", *map(str, store)]
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


def quick(a):
    """A selection that takes seconds, of what does not depend on the machine."""
    begin(a)
    status = ("grep", "-E", "^(Cap(Eff|Bnd)|NoNewPrivs|Seccomp):", "/proc/self/status")
    for options in (["--cap-drop", "all", "--cap-add", "chown"], ["--user", "33:0", "--security-opt", "no-new-privileges"]):
        a("run", "--rm", *options, "demo", *status)
    for options, command in (
            (["--hostname", "here", "--env", "A=1", "--workdir", "/tmp"], "cat /proc/sys/kernel/hostname; echo $A $PWD"),
            (["--read-only"], "echo x > /x; echo x > /tmp/x && echo tmp"),
            (["--tmpfs", "/scratch:size=1m,mode=700"], "ls -ld /scratch | cut -c1-10"),
            (["--volume", "named:/v:nosuid,noexec,nodev"], "echo x > /v/x; grep ' /v ' /proc/mounts | cut -d' ' -f2"),
            (["--mount", "type=bind,source=/not/there,destination=/o"], "true"),
            (["--security-opt", "mask=/proc/version"], "cat /proc/version"), (["--init"], "cat /proc/1/comm"),
            (["--sysctl", "kernel.msgmax=1234"], "cat /proc/sys/kernel/msgmax"), (["--cgroups", "disabled"], "echo ok")):
        a("run", "--rm", *options, "demo", "sh", "-c", command)
    for command in (["sh", "-c", "exit 7"], ["/nosuch"], ["nosuch"], ["/etc"], ["/etc/passwd"], ["sh", "-c", "echo out; echo err >&2"]):
        a("run", "--rm", "demo", *command)
    a("run", "--rm", "--interactive", "demo", "cat", input="through\n")
    a("run", "--rm", "--tty", "demo", "tty")
    a("run", "--detach", "--name", "web", "--health-cmd", "true", "--health-interval", "disable", "demo", "sh", "-c", LOOP)
    a.until("logs", "web", text="up")
    for options, command in (([], ["sh", "-c", "exit 4"]), ([], ["nosuch"]), (["--user", "33:33", "--workdir", "/tmp"], ["sh", "-c", "id -u; pwd"]), (["--tty"], ["tty"])):
        a("exec", *options, "web", *command)
    a.at_once(5, "exec", "web", "sh", "-c", "exit 3")
    a("healthcheck", "run", "web")
    a("stop", "--time", "10", "web")
    a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", "web")
    a("logs", "web")
    a("start", "web")
    a("kill", "web")
    a("wait", "web")
    a("rm", "web")
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
    begin(a)
    podman_runs(a)
    podman_life(a)
    (podman_rootless if a.rootless else podman_root)(a)


# --- Buildah --------------------------------------------------------------------------------------


def buildah(a):
    begin(a)
    a.prefix = ["buildah", *a.podman[1:]]
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
