"""linux.seccomp: filters that really hold, loaded where nothing of ours can trip over them."""
import base64
import os
import platform
import re
import struct

import pytest

import harness
from harness import ANY

NUMBERS = {
    "x86_64": {"mkdirat": 258, "getppid": 110, "sync": 162, "nice": 34},
    "aarch64": {"mkdirat": 34, "getppid": 173, "sync": 81, "nice": None},
}.get(platform.machine())

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="numbers of another machine")

# What init does until the last moment. None of it may be needed after the filter is there.
INITS_OWN = ["sendmsg", "recvmsg", "read", "accept4", "close", "close_range", "capset", "prctl",
             "setgroups", "setresuid", "setresgid", "umask", "statx", "faccessat", "faccessat2",
             "clone3", "setns", "unshare", "execveat", "mmap", "sched_yield"]

# What a static program needs to come up and say nothing.
TRUE = ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64",
        "readlink", "readlinkat", "getrandom", "mprotect", "exit_group", "getuid", "geteuid",
        "getgid", "getegid", "prctl", "setuid", "setgid", "uname", "newfstatat", "fstat",
        "ioctl", "mmap", "munmap", "rt_sigaction", "rt_sigprocmask", "gettid", "getpid"]


def rule(*names, action="SCMP_ACT_ERRNO", **more):
    return {"names": list(names), "action": action, **more}


def profile(*rules, default="SCMP_ACT_ALLOW", **more):
    return {"defaultAction": default, "syscalls": list(rules), **more}


def call(name):
    return "call", NUMBERS[name], 0


@pytest.fixture
def filtered(bundle):
    """A bundle whose filter answers getppid with ENOTDIR."""
    bundle.linux["seccomp"] = profile(rule("getppid", errnoRet=20))
    return bundle


def filters():
    """How many filters we are under ourselves: they are inherited. -1 before 5.9."""
    found = re.search(r"Seccomp_filters:\s*(\d+)", open("/proc/self/status").read())
    return int(found[1]) if found else -1


def expect_filter(report):
    assert report.seccomp == 2
    assert report.seccomp_filters == (filters() + 1 if filters() >= 0 else -1)
    assert report["call"][str(NUMBERS["getppid"])] == "ENOTDIR"


# --- order: whatever the process may have -----------------------------------------------------------


@pytest.mark.parametrize("admin", [False, True], ids=["", "admin"])
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("no_new_privileges", [True, False], ids=["nnp", "privs"])
@pytest.mark.parametrize("how", ["run", "create", "exec"])
def test_combinations(runtime, filtered, world, how, no_new_privileges, uid, admin):
    """The filter is there, and the capabilities are those that would be there without it."""
    world.need(uid == 0 or world.root or world.subids, "needs more than one id")
    caps = ["CHOWN", "KILL"] + ["SYS_ADMIN"] * admin
    filtered.process["user"] = {"uid": uid, "gid": uid}
    filtered.process["noNewPrivileges"] = no_new_privileges
    filtered.capabilities(bounding=caps, permitted=caps, effective=caps,
                          inheritable=["CHOWN"], ambient=["CHOWN"])
    actions = call("getppid")
    if how == "run":
        found = runtime.report(filtered, *actions)
    elif how == "create":
        container = runtime.start(filtered.probe(*actions, "report"))
        container.wait_stopped()
        found = harness.Result([], 0, container.stdout, "").report()
    else:
        container = runtime.sleeping(filtered)
        found = container.exec("/probe", *actions, "report", stdout=ANY).report()
    expect_filter(found)
    assert found.no_new_privs == no_new_privileges
    everything = harness.capability_mask(*caps)
    has = everything if uid == 0 else harness.capability_mask("CHOWN")
    assert found.capabilities == {
        "bounding": everything, "permitted": has, "effective": has,
        "inheritable": harness.capability_mask("CHOWN"),
        "ambient": harness.capability_mask("CHOWN")}


@pytest.mark.parametrize("no_new_privileges", [True, False], ids=["nnp", "privs"])
@pytest.mark.parametrize("action", [{"action": "SCMP_ACT_ERRNO"}, {"action": "SCMP_ACT_KILL_PROCESS"}],
                         ids=["errno", "kill"])
def test_our_own_calls_denied(runtime, bundle, world, action, no_new_privileges):
    """A filter that denies all that init does stops the program, not init."""
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = profile(rule(*INITS_OWN, **action))
    bundle.args("/bin/sleep", "0")
    bundle.linux["seccomp"]["syscalls"][0]["names"] = [n for n in INITS_OWN if n not in TRUE]
    runtime.run(bundle)
    container = runtime.create(bundle.args("/bin/sleep", "1000"))
    container.start()
    assert container.status == "running"
    runtime("exec", container, "/bin/true")


@pytest.mark.parametrize("default", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP",
                                     "SCMP_ACT_KILL_THREAD"])
def test_little_allowed(runtime, bundle, default):
    bundle.linux["seccomp"] = profile(rule(*TRUE, action="SCMP_ACT_ALLOW"), default=default)
    runtime.run(bundle.args("/bin/true"))
    container = runtime.start(bundle)
    container.wait_stopped()


def test_hooks_are_not_filtered(runtime, filtered):
    """startContainer hooks run in the container, before the filter."""
    filtered.linux["seccomp"]["syscalls"].append(rule("mkdirat", "mkdir"))
    filtered.config["hooks"] = {"startContainer": [{"path": "/bin/mkdir",
                                                    "args": ["mkdir", "/tmp/made"]}]}
    filtered.config["root"]["readonly"] = False
    found = runtime.report(filtered, *call("getppid"), *call("mkdirat"), "look", "/tmp/made")
    expect_filter(found)
    assert found["call"][str(NUMBERS["mkdirat"])] == "EPERM"
    assert found.look["/tmp/made"]["type"] == "dir"


# --- the exec itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mute", [[], ["sendmsg", "exit_group"]], ids=["", "mute"])
@pytest.mark.parametrize("no_new_privileges", [True, False], ids=["nnp", "privs"])
def test_exec_denied(runtime, bundle, no_new_privileges, mute):
    """The words come although nothing can be said any more."""
    words = 'process.args: exec: "/probe": permission denied'
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = profile(rule("execve", *mute, errnoRet=13))
    bundle.probe("print", "ran")
    runtime.fails(bundle, words)
    container = runtime.create(bundle)
    runtime("start", container, error=words)
    assert container.status == "stopped"


def test_exec_killed(runtime, bundle):
    bundle.linux["seccomp"] = profile(rule("execve", action="SCMP_ACT_KILL_PROCESS"))
    runtime.fails(bundle.probe("print", "ran"), "init was killed by signal 31 in step 'exec'")


def test_exec_of_a_missing_program(runtime, filtered):
    """Found before the filter."""
    runtime.fails(filtered.args("/nothing"), 'exec: "/nothing": no such file or directory')


# --- what a profile says -----------------------------------------------------------------------------


def test_errno_is_the_profiles(runtime, bundle):
    """Two profiles that differ in nothing but an errno."""
    for number, name in ((20, "ENOTDIR"), (2, "ENOENT")):
        bundle.linux["seccomp"] = profile(rule("getppid", errnoRet=number))
        found = runtime.report(bundle, *call("getppid"))
        assert found["call"][str(NUMBERS["getppid"])] == name


def test_arguments(runtime, bundle):
    number = NUMBERS["sync"]
    for value, name in ((0, "EPERM"), (1, "ok")):
        bundle.linux["seccomp"] = profile(
            rule("sync", args=[{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}]))
        assert runtime.report(bundle, *call("sync"))["call"][str(number)] == name


def test_arguments_by_number_and_mask(runtime, bundle):
    """The rule is about the argument that it names, with both of its values."""
    number = NUMBERS["sync"]
    for arg, name in (({"index": 1, "value": 0, "op": "SCMP_CMP_EQ"}, "EPERM"),
                      ({"index": 1, "value": 5, "op": "SCMP_CMP_EQ"}, "ok"),
                      ({"index": 0, "value": 0xf0, "valueTwo": 0x10, "op": "SCMP_CMP_MASKED_EQ"}, "EPERM"),
                      ({"index": 0, "value": 0xf0, "valueTwo": 0x20, "op": "SCMP_CMP_MASKED_EQ"}, "ok")):
        bundle.linux["seccomp"] = profile(rule("sync", args=[arg]))
        assert runtime.report(bundle, "call", number, 0x1f)["call"][str(number)] == name


def test_errno_by_default(runtime, bundle):
    bundle.linux["seccomp"] = profile(rule(*TRUE, "write", "writev", action="SCMP_ACT_ALLOW"),
                                      default="SCMP_ACT_ERRNO", defaultErrnoRet=71)
    done = runtime.run(bundle.args("/bin/busybox", "cat", "/etc/passwd"), code=ANY, stdout=ANY, stderr=ANY)
    bundle.linux["seccomp"]["defaultErrnoRet"] = 38
    other = runtime.run(bundle, code=ANY, stdout=ANY, stderr=ANY)
    assert "Protocol error" in done.stderr and "not implemented" in other.stderr, (done, other)


def test_flags(runtime, bundle):
    bundle.linux["seccomp"] = profile(
        rule("getppid", errnoRet=20),
        flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
               "SECCOMP_FILTER_FLAG_TSYNC"])
    expect_filter(runtime.report(bundle, *call("getppid")))


@pytest.mark.parametrize("change,words", [
    ({"defaultAction": "SCMP_ACT_MAYBE"}, r"linux\.seccomp\.defaultAction"),
    ({"defaultAction": ""}, r"linux\.seccomp\.defaultAction"),
    ({"architectures": ["SCMP_ARCH_Z80"]}, r"linux\.seccomp\.architectures\[0\]"),
    ({"flags": ["SECCOMP_FILTER_FLAG_NO"]}, r"linux\.seccomp\.flags\[0\]"),
    ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000}]},
     r"linux\.seccomp\.syscalls\[0\]\.errnoRet"),
    ({"listenerMetadata": "x"}, r"linux\.seccomp\.listenerMetadata"),
])
def test_bad_profile(runtime, bundle, change, words):
    bundle.linux["seccomp"] = {**profile(), **change}
    runtime.fails(bundle.probe("print", "ran"), words)


def test_unknown_names(runtime, bundle):
    """A warning; with crun's annotation an error."""
    where = r'linux\.seccomp\.syscalls\[0\]\.names\[1\]: unknown system call "?frobnicate'
    bundle.linux["seccomp"] = profile(rule("getppid", "frobnicate", errnoRet=20))
    found = runtime.run(bundle.probe(*call("getppid"), "report"), stdout=ANY, stderr=ANY,
                        flags=["--log-level", "warning"])
    assert re.search(where, found.stderr)
    expect_filter(found.report())
    bundle.config["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"}
    runtime.fails(bundle, where)


# --- raw programs -----------------------------------------------------------------------------------


def raw(*insns):
    return base64.b64encode(b"".join(struct.pack("=HBBI", *i) for i in insns)).decode()


LOAD_NR, ALLOW, DENY = (0x20, 0, 0, 0), (0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x00050014)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
def test_raw_program(runtime, bundle, beside):
    """It replaces linux.seccomp."""
    if beside:
        bundle.linux["seccomp"] = profile(default="SCMP_ACT_KILL_PROCESS")
    bundle.config["annotations"] = {"run.oci.seccomp_bpf_data": raw(
        LOAD_NR, (0x15, 0, 1, NUMBERS["getppid"]), DENY, ALLOW)}
    expect_filter(runtime.report(bundle, *call("getppid")))
    container = runtime.sleeping(bundle)
    found = container.exec("/probe", *call("getppid"), "report", stdout=ANY).report()
    expect_filter(found)


@pytest.mark.parametrize("text", ["", "AAAA", "@", raw(LOAD_NR), raw((0x05, 0, 0, 7), ALLOW)])
def test_damaged_raw_program(runtime, bundle, text):
    bundle.config["annotations"] = {"run.oci.seccomp_bpf_data": text}
    runtime.fails(bundle.probe("print", "ran"),
                  r'annotations\["run\.oci\.seccomp_bpf_data"\]: [^\n]+')


# --- the store of compiled filters -----------------------------------------------------------------


@pytest.fixture
def store(filtered):
    """The folder for compiled filters that `filtered` names."""
    folder = filtered.path / "filters"
    folder.mkdir()
    filtered.config["annotations"] = {"run.oci.coracle.seccomp_store": str(folder)}
    return folder


def complaints(runtime, bundle):
    """What a run says of the store, and that the filter holds all the same."""
    found = runtime.run(bundle.probe(*call("getppid"), "report"), stdout=ANY, stderr=ANY,
                        flags=["--log-level", "warning"])
    expect_filter(found.report())
    return re.findall(r'annotations\["run\.oci\.coracle\.seccomp_store"\]: ([^\n]+)', found.stderr)


def test_store_keeps_and_gives(runtime, filtered, store):
    assert complaints(runtime, filtered) == []
    (kept,) = store.iterdir()
    assert re.fullmatch(r"[0-9a-f]{64}\.bpf", kept.name) and kept.stat().st_size % 8 == 0
    before = kept.stat()
    assert complaints(runtime, filtered) == []
    # Reading it may change the time of access.
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    # What lies there is what is loaded: the same meaning with a jump to the next instruction.
    kept.write_bytes(struct.pack("=HBBI", 0x05, 0, 0, 0) + kept.read_bytes())
    assert complaints(runtime, filtered) == []
    plan = runtime("plan", "--bundle", filtered.path, stdout=ANY).stdout
    assert f"instructions={kept.stat().st_size // 8}" in plan


def test_store_is_by_meaning(runtime, filtered, store):
    """The error number of one rule is part of it."""
    assert complaints(runtime, filtered) == []
    filtered.linux["seccomp"]["syscalls"][0]["errnoRet"] = 13
    found = runtime.report(filtered, *call("getppid"))
    assert found["call"][str(NUMBERS["getppid"])] == "EACCES"
    assert len(list(store.iterdir())) == 2


@pytest.mark.parametrize("content", [
    b"", b"words", struct.pack("=HBBI", *ALLOW), struct.pack("=HBBI", 0x05, 0, 0, 7)],
    ids=["empty", "words", "allow", "jump"])
def test_store_is_not_believed(runtime, filtered, store, content):
    assert complaints(runtime, filtered) == []
    (kept,) = store.iterdir()
    good = kept.read_bytes()
    kept.write_bytes(content)
    (said,) = complaints(runtime, filtered)
    assert said.endswith("is not the program of this profile: compiled anew")
    assert [f.read_bytes() for f in store.iterdir()] == [good]


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_store_with_something_else(runtime, filtered, store, kind):
    """It neither holds us up nor leads us elsewhere."""
    assert complaints(runtime, filtered) == []
    (kept,) = store.iterdir()
    good = kept.read_bytes()
    kept.unlink()
    if kind == "fifo":
        os.mkfifo(kept)
    elif kind == "link":
        kept.symlink_to(filtered.path / "config.json")
    else:
        kept.mkdir()
    assert len(complaints(runtime, filtered)) == 1
    if kind != "folder":
        assert not kept.is_symlink() and kept.read_bytes() == good
    assert len(list(store.iterdir())) == 1


def test_store_missing(runtime, filtered, store):
    store.rmdir()
    (said,) = complaints(runtime, filtered)
    assert "no such file or directory" in said
    assert not store.exists()


def test_store_is_absolute(runtime, filtered):
    filtered.config["annotations"] = {"run.oci.coracle.seccomp_store": "filters"}
    runtime.fails(filtered, r'annotations\["run\.oci\.coracle\.seccomp_store"\]: expected an absolute '
                            r'path, got "filters"')


def test_plan_keeps_nothing(runtime, filtered, store):
    filtered.save()
    runtime("plan", "--bundle", filtered.path, stdout=ANY)
    assert list(store.iterdir()) == []
