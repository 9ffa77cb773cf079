"""What Kubernetes does with a node's containerd, through CRI: pods and their containers, as the kubelet asks
for them. The pause image is a root filesystem made here; pods have a network of their own without an uplink."""
import base64
import json
import os
import pathlib
import subprocess
import time

import cri as interface
from day import SCALE, SECONDS
from engine import LOOP, make_oci

PODS = int(os.environ.get("ENGINE_PODS", 20))
MANAGED = pathlib.Path("/run/systemd/system").exists()
NODE, POD, CONTAINER = "NODE", "POD", "CONTAINER"
IDS = {"mode": POD, "uids": [{"host_id": 100000, "container_id": 0, "length": 65536}],
       "gids": [{"host_id": 100000, "container_id": 0, "length": 65536}]}


def privileged():
    """CAP_SYS_RESOURCE, without which nobody lowers a pod's OOM score."""
    words = pathlib.Path("/proc/self/status").read_text().split()
    return bool(int(words[words.index("CapEff:") + 1], 16) >> 24 & 1)


def configure(a, socket):
    """containerd's configuration, in the form of its version."""
    version = subprocess.run(["containerd", "--version"], capture_output=True, text=True).stdout.split()[2].lstrip("v")
    old = version.startswith("1.")
    runtime = "io.containerd.grpc.v1.cri" if old else "io.containerd.cri.v1.runtime"
    images = (f'sandbox_image = "docker.io/library/demo:latest"\n' if old else
              '[plugins."io.containerd.cri.v1.images".pinned_images]\nsandbox = "docker.io/library/demo:latest"\n')
    snapshotter = (f'[plugins."{runtime}".containerd]\nsnapshotter = "overlayfs"\ndefault_runtime_name = "subject"\n' if old else
                   '[plugins."io.containerd.cri.v1.images"]\nsnapshotter = "overlayfs"\n')
    config = a.folder / "config.toml"
    config.write_text(f"""\
version = {2 if old else 3}
root = "{a.folder}/root"
state = "{a.folder}/state"
[grpc]
address = "{socket}"
[plugins."{runtime}"]
restrict_oom_score_adj = {str(not privileged()).lower()}
{images}
{snapshotter}
[plugins."{runtime}".containerd.runtimes.subject]
runtime_type = "io.containerd.runc.v2"
[plugins."{runtime}".containerd.runtimes.subject.options]
BinaryName = "{a.program}"
SystemdCgroup = {str(MANAGED).lower()}
[plugins."{runtime}".cni]
conf_dir = "{a.folder}/cni"
bin_dir{"" if old else "s"} = {json.dumps("/usr/lib/cni" if old else ["/usr/lib/cni"])}
""")
    (a.folder / "cni").mkdir()
    (a.folder / "cni/test.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "test", "plugins": [
        {"type": "ptp", "ipam": {"type": "host-local", "dataDir": f"{a.folder}/addresses", "subnet": "10.254.7.0/24"}}]}))
    return config


class Node:
    """containerd as a kubelet sees it. Each call is an action, named by the method and what is special."""

    def __init__(self, a):
        self.a = a
        socket = a.folder / "containerd.sock"
        config = configure(a, socket)
        image = make_oci(a.folder / "oci.tar", a.image, "docker.io/library/demo:latest", ["sleep", "1000000"])
        a.prefix = ["ctr", "-a", str(socket), "-n", "k8s.io"]
        a.start("containerd", "-c", config)
        a.until("version", text="Server:")
        a.run("image", "import", image)
        self.client = interface.Client(socket, a.folder, SECONDS)
        self.pods = {}

    def call(self, what, method, **request):
        """An action: its result is the gRPC status; the answer is returned, {} after an error."""
        try:
            answer, code, words = self.client(method, **request), 0, ""
        except self.client.error as error:
            answer, code, words = {}, error.code().name, error.details()
        self.a.results[f"{method} {what}"] = {"code": code, "says": bool(words), "err": self.a.plain(words), "out": ""}
        return answer

    def pod(self, name, handler="subject", network=POD, pid=CONTAINER, security=None, context=None, **linux):
        options = {"network": network, "pid": pid, "ipc": POD, **(security or {})}
        parent = "coraclepods.slice" if MANAGED else "/coraclepods"
        config = {"metadata": {"name": name, "uid": name, "namespace": "default", "attempt": 0}, "hostname": name if network == POD else "",
                  "log_directory": str(self.a.folder / "logs" / name),
                  "linux": {"security_context": {"namespace_options": options, **(context or {})}, "cgroup_parent": parent, **linux}}
        sandbox = self.call(name, "RunPodSandbox", config=config, runtime_handler=handler).get("pod_sandbox_id")
        self.pods[name] = (sandbox, config, options)
        return sandbox

    def container(self, pod, name, command, context=None, resources=None, start=True, **more):
        sandbox, config, options = self.pods[pod]
        asked = {"metadata": {"name": name, "attempt": 0}, "image": {"image": "docker.io/library/demo:latest"}, "command": command,
                 "log_path": f"{name}.log", **more,
                 "linux": {"security_context": {"namespace_options": options, **(context or {})}, "resources": resources or {}}}
        found = self.call(f"{pod}/{name}", "CreateContainer", pod_sandbox_id=sandbox or "", config=asked, sandbox_config=config).get("container_id", "")
        if start:
            self.call(f"{pod}/{name}", "StartContainer", container_id=found)
        return found

    def run(self, pod, name, command, **more):
        """A container until it ends: its exit code and its log are a result."""
        found = self.container(pod, name, ["sh", "-c", command], **more)
        deadline, status = time.monotonic() + 20 * SCALE, {}
        while status.get("state") != "CONTAINER_EXITED" and found and time.monotonic() < deadline:
            time.sleep(0.05)
            status = self.client("ContainerStatus", container_id=found)["status"]
        self.a.note(f"{pod}/{name} ended", (status.get("exit_code", 0), status.get("reason"), self.log(pod, name)))
        self.call(f"{pod}/{name}", "RemoveContainer", container_id=found)

    def log(self, pod, name):
        try:
            lines = (self.a.folder / "logs" / pod / f"{name}.log").read_text().splitlines()
        except OSError:
            return "no log"
        return [line.split(" ", 3)[3] for stream in ("stdout", "stderr") for line in lines if line.split(" ", 2)[1] == stream]

    def exec(self, what, container, *command):
        answer = self.call(what, "ExecSync", container_id=container, cmd=list(command), timeout=int(60 * SCALE))
        self.a.note(f"ExecSync {what}: gave", (answer.get("exit_code", 0), *(base64.b64decode(answer.get(k, "")).decode() for k in ("stdout", "stderr"))))

    def remove(self, name):
        sandbox = self.pods.pop(name)[0] or ""
        self.call(name, "StopPodSandbox", pod_sandbox_id=sandbox)
        self.call(name, "RemovePodSandbox", pod_sandbox_id=sandbox)


def cri(a):
    node = Node(a)
    status = node.call("of the runtime", "Status", verbose=True)
    a.note("conditions", [(c["type"], c.get("status", False)) for c in status.get("status", {}).get("conditions", [])])
    a.note("what the handler can", [h.get("features") for h in status.get("runtime_handlers", []) if h.get("name") == "subject"])
    node.pod("web", sysctls={"net.ipv4.ip_forward": "1"})
    for name, command, more in (
            ("plain", "echo out; echo err >&2; exit 3", {}), ("caps", "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status", {}),
            ("dropped", "grep Cap /proc/self/status", {"context": {"capabilities": {"drop_capabilities": ["ALL"]}, "no_new_privs": True}}),
            ("added", "grep CapEff /proc/self/status", {"context": {"capabilities": {"add_capabilities": ["SYS_TIME"]}}}),
            ("user", "id -u; id -g; id -G", {"context": {"run_as_user": {"value": 33}, "run_as_group": {"value": 33}, "supplemental_groups": [7]}}),
            ("readonly", "echo x > /x", {"context": {"readonly_rootfs": True}}), 
            ("seccomp", "grep Seccomp: /proc/self/status", {"context": {"seccomp": {"profile_type": "RuntimeDefault"}}}),
            ("unmasked", "ls /proc/kcore | wc -l; head -c 1 /proc/timer_list | wc -c", {"context": {"masked_paths": ["/proc/timer_list"]}}),
            ("env", "echo $A $PWD", {"envs": [{"key": "A", "value": "1"}], "working_dir": "/tmp"}),
            ("missing", "nosuch", {}),
            ("mount", "echo x > /m/x; ls /m/passwd", {"mounts": [{"container_path": "/m", "host_path": "/etc", "readonly": True}]}),
            ("rro", "echo x > /m/x", {"mounts": [{"container_path": "/m", "host_path": "/etc", "readonly": True, "recursive_read_only": True}]}),
            ("slave", "grep ' /m ' /proc/self/mountinfo | grep -c master", {"mounts": [{"container_path": "/m", "host_path": "/run", "propagation": "PROPAGATION_HOST_TO_CONTAINER"}]}),
            ("limited", "cd /sys/fs/cgroup; cat memory.max cpu.max cpu.weight", {"resources": {"memory_limit_in_bytes": 67108864, "cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 512}}),
            ("unified", "cat /sys/fs/cgroup/memory.high", {"resources": {"unified": {"memory.high": "50331648"}}}),
            ("oom", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", {"resources": {"memory_limit_in_bytes": 16777216, "memory_swap_limit_in_bytes": 16777216}}),
            ("device", "ls /dev/thing", {"devices": [{"container_path": "/dev/thing", "host_path": "/dev/null", "permissions": "rwm"}]}),
            ("sysctl", "cat /proc/sys/net/ipv4/ip_forward", {})):
        node.run("web", name, command, **more)
    node.container("web", "notthere", ["/nosuch"])
    stays = node.container("web", "stays", ["sh", "-c", LOOP], resources={"memory_limit_in_bytes": 67108864})
    for what, command in (("true", ["true"]), ("code", ["sh", "-c", "echo in; exit 4"]), ("missing", ["nosuch"]), ("id", ["id", "-u"])):
        node.exec(what, stays, *command)
    node.call("memory", "UpdateContainerResources", container_id=stays, linux={"memory_limit_in_bytes": 100663296, "cpu_quota": 25000, "cpu_period": 100000})
    node.exec("after the update", stays, "sh", "-c", "cd /sys/fs/cgroup; cat memory.max cpu.max")
    stats = node.call("of a container", "ContainerStats", container_id=stays).get("stats", {})
    a.note("statistics", sorted(k for k in stats))
    node.call("of a pod", "PodSandboxStats", pod_sandbox_id=node.pods["web"][0] or "")
    node.call("stays", "StopContainer", container_id=stays, timeout=10)
    a.note("stays ended", node.client("ContainerStatus", container_id=stays)["status"].get("exit_code", 0) if stays else None)
    node.remove("web")
    node.pod("shared", pid=POD)
    first = node.container("shared", "first", ["sh", "-c", LOOP])
    node.container("shared", "second", ["sleep", "1000"])
    node.exec("what is in a shared pid namespace", first, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 1000'")
    node.remove("shared")
    node.pod("host", network=NODE, pid=NODE, context={"privileged": True})
    node.run("host", "privileged", "grep -E '^(CapEff|Seccomp:)' /proc/self/status; ls /dev | sort | tr '\\n' ' '", context={"privileged": True})
    node.run("host", "pid", "test $$ -ne 1 && echo host", context={})
    node.remove("host")
    node.pod("users", security={"userns_options": IDS})
    folder = a.folder / "volume"
    folder.mkdir()
    (folder / "file").write_text("words\n")
    mount = {"container_path": "/v", "host_path": str(folder), "uidMappings": IDS["uids"], "gidMappings": IDS["gids"]}
    node.run("users", "map", "id -u; tr -s ' ' < /proc/self/uid_map")
    node.run("users", "volume", "ls -ln /v/file | cut -d' ' -f3-6; echo x > /v/x", mounts=[mount])
    a.note("owner of what a pod with a user namespace wrote", (folder / "x").stat().st_uid if (folder / "x").exists() else None)
    node.remove("users")
    many = [f"many{number}" for number in range(PODS)]
    for name in many:
        node.pod(name)
        node.container(name, "c", ["sleep", "1000"])
    a.note("20 pods: containers that run", len(node.client("ListContainers", filter={"state": {"state": "CONTAINER_RUNNING"}}).get("containers", [])))
    for name in many:
        node.remove(name)
    a.note("20 pods: left", (node.client("ListPodSandbox").get("items", []), a.run("task", "ls", "-q").stdout.split()))
