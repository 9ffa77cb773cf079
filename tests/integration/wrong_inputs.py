"""Wrong inputs: name → what to do. A function changes the bundle's configuration, or returns the text
of one; a list is a command line, in which ID is a container that runs, NEW one that does not exist,
BUNDLE the bundle. What must come of each is in wrong_inputs.json."""


def put(path, value):
    """Set a key: process.user.uid, mounts[0].type; mounts[+] appends."""
    def change(bundle):
        at = bundle.config
        *parents, last = path.replace("[", ".[").split(".")
        for name in parents:
            at = at[int(name[1:-1])] if name[0] == "[" else at.setdefault(name, {})
        if last == "[+]":
            at.append(value)
        elif last[0] == "[":
            at[int(last[1:-1])] = value
        else:
            at[last] = value
    return change


def drop(path):
    def change(bundle):
        at = bundle.config
        *parents, last = path.split(".")
        for name in parents:
            at = at[name]
        del at[last]
    return change


def text(content):
    """The whole of config.json."""
    return lambda bundle: content


def mount(**members):
    return lambda bundle: bundle.config["mounts"].append(members)


def change_mount(destination, **members):
    def change(bundle):
        next(m for m in bundle.config["mounts"] if m["destination"] == destination).update(members)
    return change


def namespace(**members):
    return lambda bundle: bundle.config["linux"]["namespaces"].append(members)


def device(**members):
    return put("linux.devices", [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, **members}])


def hook(kind, **members):
    return put(f"hooks.{kind}", [members])


INPUTS = {
    # --- the document
    "empty": text(""),
    "not an object": text("[]"),
    "truncated": text('{"ociVersion": "1.0.0"'),
    "no comma": text('{"ociVersion": "1.0.0" "root": {}}'),
    "trailing comma": text('{"ociVersion": "1.0.0",}'),
    "something behind it": text('{"ociVersion": "1.0.0"} x'),
    "a comment": text('{\n  // here\n  "ociVersion": "1.0.0"\n}'),
    "single quotes": text("{'ociVersion': '1.0.0'}"),
    "nested too deeply": text('{"x": ' + "[" * 2000),
    "key twice": text('{"ociVersion": "1.0.0", "ociVersion": "1.0.1"}'),
    "not UTF-8": text(b'{"hostname": "\xff"}'),
    "NUL in a string": put("hostname", "a\0b"),
    "control character": text('{"hostname": "a\nb"}'),
    "half a surrogate": text(r'{"hostname": "\ud800"}'),
    "no ociVersion": drop("ociVersion"),
    "version of the future": put("ociVersion", "2.0.0"),
    "version that is none": put("ociVersion", "one"),
    # --- types and ranges
    "string for a number": put("process.user.uid", "0"),
    "number for a string": put("process.cwd", 1),
    "number for a flag": put("process.terminal", 1),
    "object for a list": put("process.args", {}),
    "fraction": put("process.user.uid", 0.5),
    "negative": put("process.user.uid", -1),
    "id too large": put("process.user.uid", 4294967295),
    "gid too large": put("process.user.gid", 4294967295),
    "additional gid too large": put("process.user.additionalGids", [1, 4294967295]),
    "number too large": put("linux.resources.pids", {"limit": 1 << 80}),
    "umask too large": put("process.user.umask", 0o1000),
    "null in a list": put("process.args", ["/probe", None]),
    # --- process
    "no process": drop("process"),
    "no arguments": put("process.args", []),
    "empty program": put("process.args", [""]),
    "relative cwd": put("process.cwd", "tmp"),
    "no cwd": put("process.cwd", ""),
    "variable without a name": put("process.env", ["=x"]),
    "unknown capability set": put("process.capabilities", {"bounding": "CAP_KILL"}),
    "unknown limit": put("process.rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
    "limit twice": put("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}] * 2),
    "soft above hard": put("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}]),
    "OOM score": put("process.oomScoreAdj", 1001),
    "scheduling policy": put("process.scheduler", {"policy": "SCHED_X"}),
    "priority of an ordinary policy": put("process.scheduler", {"policy": "SCHED_OTHER", "priority": 5}),
    "deadline without a runtime": put("process.scheduler", {"policy": "SCHED_DEADLINE", "deadline": 1}),
    "nice": put("process.scheduler", {"policy": "SCHED_OTHER", "nice": 20}),
    "I/O class": put("process.ioPriority", {"class": "IOPRIO_CLASS_X", "priority": 1}),
    "I/O priority": put("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}),
    "terminal without a socket": put("process.terminal", True),
    # --- root and host names
    "no root": drop("root"),
    "no root path": put("root", {}),
    "root filesystem missing": put("root.path", "none"),
    "root filesystem is a file": put("root.path", "config.json"),
    "propagation": put("linux.rootfsPropagation", "sideways"),
    "hostname too long": put("hostname", "a" * 65),
    "domainname too long": put("domainname", "a" * 65),
    # --- mounts
    "no destination": mount(type="tmpfs", source="x"),
    "empty destination": mount(destination="", type="tmpfs", source="x"),
    "bind source missing": mount(destination="/data", type="bind", source="/nonexistent", options=["bind"]),
    "bind without a source": mount(destination="/data", type="bind", options=["bind"]),
    "unknown file system": mount(destination="/data", type="nosuchfs", source="x"),
    "unknown option": mount(destination="/data", type="tmpfs", source="x", options=["nosuchoption"]),
    "option value": mount(destination="/data", type="tmpfs", source="x", options=["size=big"]),
    "data on a bind": mount(destination="/data", type="bind", source="/etc", options=["bind", "size=1"]),
    "file on a folder": mount(destination="/etc", type="bind", source="/etc/passwd", options=["bind"]),
    "folder on a file": mount(destination="/etc/passwd", type="bind", source="/etc", options=["bind"]),
    "idmap without mappings": mount(destination="/data", type="tmpfs", source="x", options=["idmap"]),
    "mappings of ids of one kind": mount(destination="/data", type="bind", source="/etc",
                                         options=["bind", "idmap"], uidMappings=[
                                             {"containerID": 0, "hostID": 0, "size": 1}]),
    "loop of links": lambda bundle: (bundle.rootfs / "loop").symlink_to("loop")
        or bundle.config["mounts"].append({"destination": "/loop/x", "type": "tmpfs", "source": "x"}),
    # --- namespaces and ids
    "unknown namespace": namespace(type="space"),
    "namespace twice": namespace(type="mount"),
    "namespace path missing": put("linux.namespaces", [{"type": "mount"}, {"type": "pid"},
                                                     {"type": "uts", "path": "/nonexistent"}]),
    "namespace path relative": put("linux.namespaces", [{"type": "mount"}, {"type": "uts", "path": "x"}]),
    "namespace of another kind": put("linux.namespaces", [{"type": "mount"}, {"type": "pid"},
                                                        {"type": "uts", "path": "/proc/self/ns/net"}]),
    "namespace that is none": put("linux.namespaces", [{"type": "mount"}, {"type": "pid"},
                                                     {"type": "uts", "path": "/proc/self/exe"}]),
    "hostname without uts": put("linux.namespaces", [{"type": "mount"}, {"type": "pid"}]),
    "time offset without time": put("linux.timeOffsets", {"boottime": {"secs": 1}}),
    "unknown clock": lambda bundle: (namespace(type="time")(bundle),
                                     put("linux.timeOffsets", {"realtime": {"secs": 1}})(bundle))[1],
    "empty mapping": put("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 0}]),
    "kernel parameter unknown": put("linux.sysctl", {"kernel.nosuch": "1"}),
    "kernel parameter of the host": put("linux.sysctl", {"kernel.panic": "1"}),
    "kernel parameter with dots": put("linux.sysctl", {"net/../kernel.panic": "1"}),
    # --- devices and the rest of linux
    "unknown type of device": device(type="x"),
    "relative device": device(path="x"),
    "device rule": put("linux.resources.devices", [{"allow": True, "access": "x"}]),
    "device rule type": put("linux.resources.devices", [{"allow": True, "type": "z"}]),
    "masked path relative": put("linux.maskedPaths", ["proc"]),
    "read-only path relative": put("linux.readonlyPaths", ["proc"]),
    "cgroup path leads up": put("linux.cgroupsPath", "/a/../../b"),
    "personality": put("linux.personality", {"domain": "BSD"}),
    "memory policy": put("linux.memoryPolicy", {"mode": "MPOL_X"}),
    "memory policy nodes": put("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": "x"}),
    # --- hooks
    "hook without a path": hook("createRuntime"),
    "hook with a relative path": hook("createRuntime", path="true"),
    "hook that is missing": hook("createRuntime", path="/nonexistent"),
    "hook that fails": hook("createRuntime", path="/bin/sh", args=["sh", "-c", "echo no >&2; exit 3"]),
    "hook that takes too long": hook("createRuntime", path="/bin/sleep", args=["sleep", "100"], timeout=1),
    "hook timeout": hook("createRuntime", path="/bin/true", timeout=0),
    # --- the program
    "program missing": put("process.args", ["/nosuch"]),
    "program not in PATH": put("process.args", ["nosuch"]),
    "program is a folder": put("process.args", ["/etc"]),
    "program may not be executed": lambda bundle: (bundle.rootfs / "plain").write_text("x")
        and put("process.args", ["/plain"])(bundle),
    "cwd is a file": put("process.cwd", "/probe"),
    # --- the command line
    "unknown command": ["craete", "NEW"],
    "unknown option of a command": ["create", "--bundel", "x", "NEW"],
    "option of the program behind the command": ["create", "--log", "x", "NEW"],
    "no argument": ["create"],
    "too many arguments": ["start", "ID", "more"],
    "option without a value": ["create", "-b"],
    "choice": ["list", "--format", "xml"],
    "number": ["create", "--preserve-fds", "some", "NEW"],
    "flag": ["run", "--detach=perhaps", "NEW"],
    "invalid id": ["create", "-b", "BUNDLE", "a/b"],
    "empty id": ["create", "-b", "BUNDLE", ""],
    "id exists": ["create", "-b", "BUNDLE", "ID"],
    "bundle missing": ["create", "-b", "/nonexistent", "NEW"],
    "descriptor to preserve is closed": ["create", "-b", "BUNDLE", "--preserve-fds", "7", "NEW"],
    "console socket without a terminal": ["create", "-b", "BUNDLE", "--console-socket", "/nonexistent", "NEW"],
    "pid file in a missing folder": ["create", "-b", "BUNDLE", "--pid-file", "/nonexistent/pid", "NEW"],
    "pidfd socket missing": ["create", "-b", "BUNDLE", "--pidfd-socket", "/nonexistent", "NEW"],
    "start what does not exist": ["start", "NEW"],
    "start what runs": ["start", "ID"],
    "delete what runs": ["delete", "ID"],
    "unknown signal": ["kill", "ID", "NOPE"],
    "signal too large": ["kill", "ID", "65"],
    "not a regular expression": ["delete", "--regex", "a("],
    "exec without a command": ["exec", "ID"],
    "exec of what does not exist": ["exec", "NEW", "true"],
    "exec of a missing program": ["exec", "ID", "/nosuch"],
    "exec as a user by name": ["exec", "-u", "root", "ID", "/probe"],
    "exec with an unknown capability": ["exec", "--cap", "CAP_X", "ID", "/probe"],
    "exec with a variable without =": ["exec", "-e", "A", "ID", "/probe"],
    "exec with a missing file": ["exec", "-p", "/nonexistent", "ID"],
    "exec with two processes": ["exec", "-p", "/nonexistent", "ID", "/probe"],
    "exec in a relative folder": ["exec", "--cwd", "tmp", "ID", "/probe"],
    "exec detached with a terminal": ["exec", "-d", "-t", "ID", "/probe"],
    "exec above the cgroup": ["exec", "--cgroup", "..", "ID", "/probe"],
    "resume what is not paused": ["resume", "ID"],
    "spec where one is": ["spec", "-b", "BUNDLE"],
    "completion for a strange shell": ["completion", "csh"],
    "facts missing": ["plan", "-b", "BUNDLE", "--facts", "/nonexistent"],
    "root that is the root": ["--root", "/", "list"],
    "log that cannot be written": ["--log", "/nonexistent/log", "list"],
}
