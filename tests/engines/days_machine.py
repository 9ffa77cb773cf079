"""What users do with Podman and Docker that wants a machine of its own: controllers, systemd, networks, ids.
On other machines some of it fails, in the same way with each runtime."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import days_daemons
import days_podman
from engine import LOOP, make_system

PODS = int(os.environ.get("ENGINE_PODS", 20))
LIMITED = "cat memory.max memory.swap.max cpu.max pids.max"
KUBE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data: {greeting: hello}
---
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, image: localhost/demo, command: [sh, -c, "echo made > /shared/file"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - name: web
    image: localhost/demo
    command: [sh, -c, "cat /shared/file; echo $GREETING; id -u; while :; do sleep 1; done"]
    env: [{name: GREETING, valueFrom: {configMapKeyRef: {name: words, key: greeting}}}]
    volumeMounts: [{name: shared, mountPath: /shared, readOnly: true}]
    securityContext: {runAsUser: 33, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    livenessProbe: {exec: {command: ["true"]}, periodSeconds: 5}
  - {name: side, image: localhost/demo, command: [sleep, "1000"], securityContext: {privileged: true}}
  volumes: [{name: shared, emptyDir: {}}]
"""
QUADLET = """\
[Container]
Image=localhost/demo
ContainerName=quadlet
Exec=sh -c "echo up; while :; do sleep 1; done"
Network=none
HealthCmd=true
GlobalArgs={store}
[Service]
Environment=CONTAINERS_CONF={config}
"""


def systemctl(a, *args):
    """systemctl of the user's manager, or the system's."""
    own = ["--user"] if a.rootless else []
    return subprocess.run(["systemctl", *own, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def cgroups_left():
    """Cgroups of Podman's containers that are still there."""
    return sorted(p.name[:7] for p in pathlib.Path("/sys/fs/cgroup").rglob("libpod-*"))


def pods(a):
    a("pod", "create", "--name", "pod", "--network", "none", "--share", "ipc,uts,pid,net")
    a("run", "--detach", "--pod", "pod", "--name", "one", "demo", "sh", "-c", LOOP)
    a("run", "--detach", "--pod", "pod", "--name", "two", "demo", "sleep", "1000")
    a("exec", "two", "sh", "-c", "cat /proc/1/comm; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 1000'")
    a("pod", "ps", "--format", "{{.Name}} {{.Status}} {{.NumberOfContainers}}")
    for verb in ("pause", "unpause", "restart"):
        a("pod", verb, "pod")
    a("pod", "inspect", "--format", "{{.State}}", "pod")
    a("pod", "stop", "--time", "1", "pod")
    a("pod", "start", "pod")
    a("pod", "rm", "--force", "--time", "0", "pod")
    path = a.folder / "kube.yaml"
    path.write_text(KUBE)
    a("kube", "play", "--network", "none", path, show=False)
    a.until("logs", "kube-web", text="33")
    a("logs", "kube-web")
    a("exec", "kube-web", "grep", "-E", "^(Cap|NoNew|Seccomp:)", "/proc/self/status")
    a("exec", "kube-side", "grep", "^Cap", "/proc/self/status")
    a("kube", "generate", "kube", show=False)
    a("kube", "down", path, show=False)


def twenty(a):
    """Many pods: what runs, and that nothing is left."""
    for number in range(PODS):
        a.run("run", "--detach", "--pod", f"new:p{number}", "--network", "none", "--name", f"c{number}", "demo", "sleep", "1000")
    a.note("20 pods: containers that run", len(a.run("ps", "--quiet").stdout.split()))
    a.at_once(5, "exec", "c1", "true")
    a("pod", "rm", "--all", "--force", "--time", "0", show=False)
    a.note("20 pods: left", a.run("ps", "--all", "--quiet").stdout.split() + cgroups_left())


def health(a):
    a("run", "--detach", "--name", "ill", "--health-cmd", "test -f /ok", "--health-interval", "disable", "demo", "sleep", "1000")
    a("healthcheck", "run", "ill")
    a("exec", "ill", "touch", "/ok")
    a("healthcheck", "run", "ill")
    a("inspect", "--format", "{{.State.Health.Status}}", "ill")
    a("rm", "--force", "--time", "0", "ill")
    a("run", "--detach", "--name", "timed", "--health-cmd", "true", "--health-interval", "2s", "demo", "sleep", "1000")
    a.until("inspect", "--format", "{{.State.Health.Status}}", "timed", text="healthy")
    a("rm", "--force", "--time", "0", "timed")


def ids(a):
    """User namespaces, and volumes for them."""
    ways = (["keep-id", "nomap", "keep-id:uid=7,gid=8"] if a.rootless else ["auto", "auto:size=2000", "nomap"])
    for way in ways:
        a("run", "--rm", "--userns", way, "demo", "sh", "-c", "id -u; id -g; tr -s ' ' < /proc/self/uid_map | cut -d' ' -f4")
    maps = ["--uidmap", "0:1:100", "--gidmap", "0:1:100"] if a.rootless else ["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"]
    for flags in ("U", "idmap", "idmap=uids=0-0-10;gids=0-0-10", "U,ro"):
        a("run", "--rm", *maps, "--volume", f"vol:/v:{flags}", "demo", "sh", "-c", "ls -ldn /v | cut -d' ' -f1-5; echo x > /v/x && ls -ln /v/x | cut -d' ' -f3-6")
    folder = a.folder / "data"
    folder.mkdir()
    (folder / "file").write_text("words\n")
    a("run", "--rm", *maps, "--mount", f"type=bind,source={folder},destination=/d,idmap", "demo", "ls", "-ln", "/d/file", show=False)
    a("run", "--rm", "--volume", f"{folder}:/d:O", "demo", "sh", "-c", "echo more >> /d/file; cat /d/file")
    a("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,nodev", "small", show=False)
    a("run", "--rm", "--volume", "small:/s", "demo", "grep", "-c", " /s ", "/proc/mounts")


def devices(a):
    specs = a.folder / "cdi"
    specs.mkdir()
    (specs / "test.json").write_text(json.dumps({
        "cdiVersion": "0.5.0", "kind": "example.com/thing", "devices": [{"name": "one", "containerEdits": {
            "env": ["CDI=given"], "deviceNodes": [{"path": "/dev/fuse"}],
            "mounts": [{"hostPath": "/etc/os-release", "containerPath": "/thing-release", "options": ["ro", "bind"]}]}}]}))
    a("run", "--rm", "--device", "example.com/thing=one", "demo", "sh", "-c", "echo $CDI; ls /dev/fuse; grep -c . /thing-release")
    a("run", "--rm", "--device", "example.com/thing=two", "demo", "true")
    a("run", "--rm", "--device", "/dev/zero:/dev/other:r", "demo", "sh", "-c", "head -c 1 /dev/other | wc -c; echo x > /dev/other")
    a("run", "--rm", "--cap-add", "mknod", "demo", "sh", "-c", "busybox mknod /z c 1 8 && head -c 1 /z > /dev/null; busybox mknod /k c 1 11 && head -c 1 /k")
    a("run", "--rm", "--init", "demo", "sh", "-c", "cat /proc/1/comm; echo $$")
    a("secret", "create", "hidden", "-", input="secret words", show=False)
    a("run", "--rm", "--secret", "hidden,uid=33,mode=0400", "--user", "33", "demo", "cat", "/run/secrets/hidden")
    a("run", "--rm", "--secret", "hidden,type=env,target=H", "demo", "sh", "-c", "echo $H")


def crash(a):
    """What is known of a container that ended badly."""
    for name, command in (("segv", "echo before; kill -SEGV $$; sleep 9"), ("abort", "echo words >&2; kill -ABRT $$; sleep 9")):
        a("run", "--name", name, "--pid", "host", "demo", "sh", "-c", command)  # the first process of a namespace ignores them
        a("logs", name)
        a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", name)
        a("rm", name)
    a("run", "--detach", "--name", "many", "demo", "sleep", "1000")
    a.at_once(10, "exec", "many", "sh", "-c", "echo in; exit 3")
    a("rm", "--force", "--time", "0", "many")


def build(a):
    context = a.folder / "context"
    context.mkdir()
    (context / "secret").write_text("hidden\n")
    (context / "Containerfile").write_text(
        "FROM demo AS one\nRUN --mount=type=tmpfs,target=/t touch /t/x && echo built > /etc/built\nFROM one AS two\n"
        "USER web\nWORKDIR /tmp\nRUN --mount=type=secret,id=s,uid=33 cat /run/secrets/s > who\nFROM demo\nCOPY --from=two /tmp/who /who\n"
        'CMD ["cat", "/who"]\n')
    a("build", "--network", "none", "--isolation", "oci", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--secret", f"id=s,src={context}/secret", "--tag", "built", context, show=False)
    a("run", "--rm", "built")


def system(a):
    """systemd as the container's first process, until its default target; and its end."""
    tree, mounts = make_system(a.folder / "system")
    a.run("import", tree, "system")
    a("run", "--detach", "--systemd", "always", "--name", "sysd", *mounts, "system", "/usr/lib/systemd/systemd", "--show-status=0")
    a.until("exec", "sysd", "systemctl", "show", "--property=ActiveState", "default.target", text="=active", seconds=40)
    a("exec", "sysd", "systemctl", "is-active", "default.target", "multi-user.target", "dbus.socket")
    a("exec", "sysd", "systemctl", "--failed", "--plain", "--no-legend")
    a("exec", "sysd", "systemd-run", "--wait", "--quiet", "-p", "MemoryMax=32M", "/usr/bin/true")
    a("stop", "--time", "60", "sysd")
    a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "sysd")
    a("start", "sysd")
    a("kill", "--signal", "RTMIN+3", "sysd")
    a("wait", "sysd")
    a("rm", "--force", "--time", "0", "sysd")


def quadlet(a):
    """A unit that Podman's generator makes of a few lines."""
    folder = pathlib.Path(os.environ["XDG_RUNTIME_DIR"] if a.rootless else "/run", "containers/systemd")
    folder.mkdir(parents=True, exist_ok=True)
    unit = folder / "coracle-test.container"
    unit.write_text(QUADLET.format(store=" ".join(a.podman[1:]), config=a.environment["CONTAINERS_CONF"]))
    try:
        systemctl(a, "daemon-reload")
        for verb in ("start", "is-active", "restart", "stop"):
            a.note(f"quadlet: {verb}", systemctl(a, verb, "coracle-test").returncode)
            if verb == "start":
                a("exec", "quadlet", "true")
        a.note("quadlet: result", systemctl(a, "show", "--property=Result,ActiveState", "coracle-test").stdout)
    finally:
        unit.unlink()
        systemctl(a, "daemon-reload")


def checkpoint(a):
    a("run", "--detach", "--name", "frozen", "demo", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.2; done")
    a("container", "checkpoint", "frozen")
    a("inspect", "--format", "{{.State.Status}} {{.State.Checkpointed}}", "frozen")
    a("container", "restore", "frozen")
    a("exec", "frozen", "sh", "-c", "test $(cat /count) -gt 0")
    a("container", "checkpoint", "--export", a.folder / "frozen.tar.gz", "--leave-running", "frozen")
    a("rm", "--force", "--time", "0", "frozen")
    a("container", "restore", "--import", a.folder / "frozen.tar.gz", "--name", "thawed", show=False)
    a("exec", "thawed", "true")
    a("rm", "--force", "--time", "0", "thawed")


def podman(a, manager):
    days_podman.begin(a, manager)
    config = pathlib.Path(a.environment["CONTAINERS_CONF"])
    config.write_text(config.read_text().replace("[engine]\n", f'[engine]\ncdi_spec_dirs = ["{a.folder}/cdi"]\n'))
    for part in (pods, health, ids, devices, crash, build, *([] if a.rootless else [checkpoint])):
        part(a)


def services(a):
    """systemd in a container, a container in systemd."""
    days_podman.begin(a, "systemd")
    system(a)
    quadlet(a)


def many(a, manager):
    days_podman.begin(a, manager)
    twenty(a)


def limits(a, manager):
    """What holds of limits, as it is asked for and as it is changed."""
    days_podman.begin(a, manager)
    show = lambda *files: f"cd /sys/fs/cgroup; cat {' '.join(files)}"  # noqa: E731
    for options, files in (
            (["--memory", "64m"], ["memory.max", "memory.swap.max"]), (["--memory", "64m", "--memory-swap", "96m"], ["memory.max", "memory.swap.max"]),
            (["--memory", "64m", "--memory-swap", "-1"], ["memory.max", "memory.swap.max"]), (["--memory-reservation", "32m"], ["memory.low"]),
            (["--cpus", "0.5"], ["cpu.max"]), (["--cpu-shares", "512"], ["cpu.weight"]), (["--cpu-quota", "20000", "--cpu-period", "50000"], ["cpu.max"]),
            (["--cpuset-cpus", "0", "--cpuset-mems", "0"], ["cpuset.cpus", "cpuset.mems"]), (["--pids-limit", "20"], ["pids.max"]), (["--pids-limit", "-1"], ["pids.max"]),
            (["--blkio-weight", "100"], ["io.weight"]), (["--device-read-bps", "/dev/vda:1mb"], ["io.max"]),
            (["--cgroup-conf", "memory.high=50331648"], ["memory.high"]), (["--cgroup-conf", "no.such=1"], [])):
        a("run", "--rm", *options, "demo", "sh", "-c", show(*files) if files else "true")
    a("run", "--name", "oom", "--memory", "16m", "--memory-swap", "16m", "demo", "sh", "-c", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done")
    a("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", "oom")
    a("rm", "oom")
    a("run", "--detach", "--name", "limited", "--memory", "64m", "--pids-limit", "50", "demo", "sleep", "1000")
    for options in (["--memory", "80m"], ["--memory", "32m", "--memory-swap", "32m"], ["--cpus", "0.25"], ["--cpu-shares", "256"], ["--pids-limit", "70"],
                    ["--cpuset-cpus", "0"], ["--blkio-weight", "200"]):
        a("update", *options, "limited", show=False)
        a("exec", "limited", "sh", "-c", show("memory.max", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max"))
    a("pause", "limited")
    a("ps", "--format", "{{.Names}} {{.State}}")
    a("unpause", "limited")
    a("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "limited")
    a("rm", "--force", "--time", "0", "limited")


# --- Docker ---------------------------------------------------------------------------------------


def daemon(a, *options):
    socket, config = a.folder / "docker.sock", a.folder / "daemon.json"
    config.write_text(json.dumps({"runtimes": {"subject": {"path": a.program}}, "default-runtime": "subject"}))
    a.prefix = ["docker", "-H", f"unix://{socket}"]
    a.start("unshare", "--net", "dockerd", "--config-file", config, "-H", f"unix://{socket}", "--data-root", a.folder / "data",
            "--exec-root", a.folder / "exec", "--pidfile", a.folder / "docker.pid", "--iptables=false",
            "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", *options)
    a.until("info", text="Server Version", seconds=40)


def docker(a):
    """BuildKit, limits, a user namespace for all, and a daemon that is started anew."""
    a.environment["DOCKER_BUILDKIT_RUNC_COMMAND"] = a.program
    daemon(a, "--live-restore")
    a.run("import", a.image, "demo")
    flags = ("--network", "none")
    for options, files in ((["--memory", "64m", "--memory-swap", "96m"], "memory.max memory.swap.max"), (["--cpus", "0.5"], "cpu.max"),
                           (["--pids-limit", "20"], "pids.max"), (["--cpuset-cpus", "0"], "cpuset.cpus"), (["--cpu-shares", "512"], "cpu.weight"),
                           (["--blkio-weight", "100"], "io.weight")):
        a("run", "--rm", *flags, *options, "demo", "sh", "-c", f"cd /sys/fs/cgroup; cat {files}")
    a("run", "--rm", *flags, "--mount", "type=bind,source=/etc,target=/e,readonly,bind-propagation=rprivate,bind-recursive=readonly", "demo", "sh", "-c", "echo x > /e/x")
    a("run", "--name", "oom", *flags, "--memory", "16m", "--memory-swap", "16m", "demo", "sh", "-c", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done")
    a("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", "oom")
    context = a.folder / "context"
    context.mkdir()
    (context / "secret").write_text("hidden\n")
    (context / "Dockerfile").write_text(
        "FROM demo AS one\nRUN --network=none echo built > /etc/built\nFROM one\nUSER 33\nRUN --network=none --mount=type=secret,id=s,uid=33 cat /run/secrets/s > /tmp/s\n"
        'RUN --network=none --mount=type=tmpfs,target=/t grep -c " /t " /proc/mounts\nCMD ["cat", "/etc/built", "/tmp/s"]\n')
    a("build", "--quiet", "--network", "none", "--secret", f"id=s,src={context}/secret", "--tag", "built", context, show=False)
    a("run", "--rm", *flags, "built")
    (context / "Dockerfile").write_text("FROM demo\nRUN --network=none exit 7\n")
    a("build", "--quiet", "--network", "none", context, show=False)
    a("run", "--detach", *flags, "--name", "stays", "--memory", "64m", "demo", "sh", "-c", LOOP)
    a("update", "--memory", "96m", "--memory-swap", "96m", "stays")
    a("exec", "stays", "cat", "/sys/fs/cgroup/memory.max")
    a.at_once(10, "exec", "stays", "sh", "-c", "exit 3")
    stop(a)
    a.note("live-restore: the container without a daemon", alive(LOOP))
    daemon(a, "--live-restore")
    a("ps", "--format", "{{.Names}} {{.State}}")
    a("exec", "stays", "echo", "still")
    a("stop", "--time", "10", "stays")
    a("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "stays")
    a("rm", "stays", "oom")
    owner = days_daemons.subordinate_user()
    if not owner:
        return
    stop(a)
    daemon(a, f"--userns-remap={owner}")
    a.run("import", a.image, "demo")
    for options, command in (([], "id -u; tr -s ' ' < /proc/self/uid_map"), (["--user", "33"], "id -u"), (["--userns", "host"], "tr -s ' ' < /proc/self/uid_map"),
                             (["--volume", "named:/v"], "echo x > /v/x && ls -ln /v/x | cut -d' ' -f1-4"), (["--privileged"], "true"),
                             (["--read-only", "--tmpfs", "/t"], "echo x > /t/x; echo x > /x"), (["--tty"], "tty"), (["--init"], "echo ok")):
        a("run", "--rm", *flags, *options, "demo", "sh", "-c", command)
    a("build", "--quiet", "--network", "none", context, show=False)
    a("ps", "--all", "--format", "{{.Names}}")


def stop(a):
    a.daemon.terminate()
    a.daemon.wait()


def alive(command):
    """How many processes have this shell command."""
    time.sleep(1)
    count = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += path.read_bytes() == b"sh\0-c\0" + command.encode() + b"\0"
        except OSError:
            pass
    return count
