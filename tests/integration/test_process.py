"""What config.json's "process" asks for, and what a process must not inherit."""
import os
import resource
import shutil
import signal
import socket

import pytest

import harness

ALL = harness.CAPABILITIES


def available():
    """The capabilities that we could give."""
    status = open("/proc/self/status").read()
    mask = status.split("CapBnd:")[1].split()[0]
    return [n.removeprefix("CAP_") for n in harness.capability_names(mask)]


# --- capabilities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [0, 1000])
def test_five_sets(runtime, bundle, world, uid):
    """Each set exactly as asked, for root and for a user."""
    world.need(uid == 0 or world.root or world.subids, "needs more than one id")
    bundle.process["user"] = {"uid": uid, "gid": uid}
    bundle.capabilities(bounding=["CHOWN", "KILL", "SETUID", "SETGID", "NET_RAW"],
                        permitted=["CHOWN", "KILL", "SETUID", "NET_RAW"],
                        effective=["CHOWN", "KILL", "NET_RAW"],
                        inheritable=["KILL", "NET_RAW"], ambient=["NET_RAW"])
    bundle.process["noNewPrivileges"] = True
    found = runtime.report(bundle).capabilities
    # execve computes them anew from what we set (capabilities(7)): for root the file has all, so
    # permitted is inheritable | bounding; for others ambient is what survives.
    if uid == 0:
        assert found["bounding"] == harness.capability_mask("CHOWN", "KILL", "SETUID", "SETGID",
                                                            "NET_RAW")
        assert found["effective"] == found["permitted"]
    else:
        assert found["permitted"] == found["effective"] == harness.capability_mask("NET_RAW")
    assert found["inheritable"] == harness.capability_mask("KILL", "NET_RAW")
    assert found["ambient"] == harness.capability_mask("NET_RAW")


def test_no_capabilities_for_users(runtime, bundle, world):
    world.need(world.root or world.subids, "needs more than one id")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.capabilities(bounding=["KILL"], permitted=["KILL"], effective=["KILL"])
    found = runtime.report(bundle).capabilities
    assert found == {"bounding": harness.capability_mask("KILL"), "effective": "0" * 16,
                     "permitted": "0" * 16, "inheritable": "0" * 16, "ambient": "0" * 16}


@pytest.mark.parametrize("capable", [False, True])
def test_program_for_others(runtime, bundle, world, capable):
    """A user may execute what only root may, with the capability for it, as it is before the exec."""
    world.need(world.root or world.subids, "needs more than one id")
    shutil.copy(bundle.rootfs / "probe", bundle.rootfs / "own")
    (bundle.rootfs / "own").chmod(0o744)
    bundle.probe("exit", 7).process["args"][0] = "/own"
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    names = ["DAC_OVERRIDE"] if capable else []
    bundle.capabilities(bounding=names, permitted=names, effective=names)
    bundle.save()
    runtime.run(bundle, **(dict(code=7) if capable else dict(code=1, error="permission denied")))


def test_without_the_key(runtime, bundle):
    """No "capabilities" means none."""
    del bundle.process["capabilities"]
    assert set(runtime.report(bundle).capabilities.values()) == {"0" * 16}


def test_all_capabilities(runtime, bundle, world):
    names = ALL if not world.host_root else available()
    bundle.capabilities(**{s: names for s in ("bounding", "permitted", "effective")})
    found = runtime.report(bundle).capabilities
    assert found["effective"] == found["bounding"] == harness.capability_mask(*names)


@pytest.mark.parametrize("name", ["CAP_NONSENSE", "CHOWN", "cap_chown"])
def test_unknown_capability(runtime, bundle, name):
    """Ignored, as the specification says; with --log-level warning it is told."""
    bundle.capabilities(bounding=["KILL"], permitted=["KILL"], effective=["KILL"])
    bundle.process["capabilities"]["bounding"].append(name)
    found = runtime.report(bundle)
    if name == "CAP_NONSENSE":
        assert found.capabilities["bounding"] == harness.capability_mask("KILL")
        bundle.args("true")
        runtime.run(bundle, flags=["--log-level", "warning"],
                    stderr=harness.re.compile("coracle: warning: .*CAP_NONSENSE.*\n"))


@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges(runtime, bundle, value):
    bundle.process["noNewPrivileges"] = value
    assert runtime.report(bundle).no_new_privs == int(value)


# --- user -----------------------------------------------------------------------------------------


def test_user_and_groups(runtime, bundle, world):
    world.need(world.root or world.subids, "needs more than one id")
    bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 1002, 60000],
                              "umask": 0o27}
    r = runtime.report(bundle)
    assert r.uids == [1000] * 3 and r.gids == [1001] * 3
    assert sorted(r.groups) == [5, 1002, 60000]
    assert r.umask == 0o27
    assert r.environment["HOME"] == "/home/someone"


def test_our_groups_do_not_come_in(runtime, bundle, world):
    world.need_root("needs to have groups")
    before = os.getgroups()
    os.setgroups([4, 20, 24])
    try:
        assert runtime.report(bundle).groups == []
    finally:
        os.setgroups(before)


def test_groups_without_ids(runtime, bundle, world):
    world.need(not world.root and not world.subids, "only where groups cannot be set")
    bundle.process["user"]["additionalGids"] = [5]
    runtime.fails(bundle, r"process\.user\.additionalGids")


# --- limits, environment, working directory -------------------------------------------------------


def test_rlimits(runtime, bundle):
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096},
        {"type": "RLIMIT_AS", "soft": 1 << 40, "hard": (1 << 64) - 1}]
    r = runtime.report(bundle)
    assert r.rlimits["NOFILE"] == [100, 200]
    assert r.rlimits["CORE"] == [0, 4096]
    assert r.rlimits["AS"] == [1 << 40, -1]


def test_rlimits_inherited(runtime, bundle):
    """What is not in the configuration stays as our caller has it."""
    bundle.process["rlimits"] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    r = runtime.report(bundle)
    assert r.rlimits["CORE"] == [soft, hard]
    assert r.rlimits["NOFILE"] == list(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_tiny_limits(runtime, bundle):
    """Limits that would hinder our own work are set last."""
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 3, "hard": 3},
                                 {"type": "RLIMIT_MSGQUEUE", "soft": 0, "hard": 0}]
    assert runtime.report(bundle).rlimits["NOFILE"] == [3, 3]


@pytest.mark.parametrize("limits, words", [
    ([{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}], r"process\.rlimits\[0\]"),
    ([{"type": "RLIMIT_X", "soft": 1, "hard": 1}], r"process\.rlimits\[0\]"),
    ([{"type": "RLIMIT_CPU", "soft": 9, "hard": 9}] * 2, r"process\.rlimits\[1\]")])
def test_wrong_rlimits(runtime, bundle, limits, words):
    bundle.process["rlimits"] = limits
    runtime.fails(bundle, words)


def test_environment(runtime, bundle):
    """The configuration's and nothing else: ours does not come in."""
    bundle.process["env"] = ["A=1", "B=two words", "EMPTY=", "EQUALS=a=b", "HOME=/here"]
    r = runtime.report(bundle)
    assert r.env == bundle.process["env"]


@pytest.mark.parametrize("passwd, home", [
    ("root:x:0:0:root:/the/root:/bin/sh\n", "/the/root"),
    ("x:x:1:1::/one:\nroot:x:0:0:root:/second:/bin/sh", "/second"),
    ("root:x:0:0:root::/bin/sh\n", "/"),
    ("root:x:0:0\n", "/"),
    ("", "/"),
    (None, "/"),
    ("0:x:5:5::/name:\n", "/"),
    ("a" * 10000 + "\nroot:x:0:0::/long:\n", "/"),
    ("\n\n:::::\nroot:x:00:0::/octal:\n", None)])
def test_home(runtime, bundle, passwd, home):
    """From the image's user database, which is not to be trusted."""
    (bundle.rootfs / "etc/passwd").unlink()
    if passwd is not None:
        (bundle.rootfs / "etc/passwd").write_text(passwd)
    found = runtime.report(bundle).environment["HOME"]
    assert found == home or home is None


def test_home_from_a_fifo(runtime, bundle):
    """A fifo as the user database must not hold us."""
    (bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(bundle.rootfs / "etc/passwd")
    assert runtime.report(bundle).environment["HOME"] == "/"


def test_cwd(runtime, bundle):
    bundle.process["cwd"] = "/tmp"
    assert runtime.report(bundle).cwd == "/tmp"


def test_cwd_is_made(runtime, bundle):
    bundle.process["cwd"] = "/made/by/us"
    bundle.config["root"]["readonly"] = False
    assert runtime.report(bundle).cwd == "/made/by/us"


def test_cwd_not_a_directory(runtime, bundle):
    bundle.process["cwd"] = "/etc/passwd"
    runtime.fails(bundle, r"process\.cwd.*not a directory")


def test_cwd_relative(runtime, bundle):
    bundle.process["cwd"] = "tmp"
    runtime.fails(bundle, r"process\.cwd")


def test_oom_score_adj(runtime, bundle):
    bundle.process["oomScoreAdj"] = 500
    assert runtime.report(bundle).oom_score_adj == "500\n"


# --- signals, descriptors -------------------------------------------------------------------------


def test_signals_of_the_caller(runtime, bundle):
    """Ignored and blocked signals of whoever calls us are the default inside."""
    def prepare():
        for sig in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, 34):
            signal.signal(sig, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])

    r = runtime.report(bundle, preexec_fn=prepare)
    assert r.ignored_signals == [] and r.blocked_signals == []


def test_death_signal_of_the_caller(runtime, bundle):
    """Engines have their runtime die with them; the container must not."""
    container = runtime.create(bundle.probe("report", "sleep"))
    container.start()
    container.wait_output("}\n")
    assert '"pdeathsig":0' in container.stdout and container.status == "running"


def test_leaked_descriptors(runtime, bundle):
    """Descriptors that our caller leaks stay outside, as do ours."""
    read, write = os.pipe()
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        r = runtime.report(bundle, pass_fds=(read, write, folder))
    finally:
        for fd in (read, write, folder):
            os.close(fd)
    assert set(r.fds) == {"0", "1", "2"}


@pytest.mark.parametrize("n", [1, 3, 20])
def test_preserve_fds(runtime, bundle, n):
    """--preserve-fds N passes 3 to 3 + N - 1, with their numbers, and no others."""
    pairs = [os.pipe() for _ in range(n + 3)]

    def prepare():
        for i, (fd, _) in enumerate(pairs):
            os.dup2(fd, 100 + i)
        for i in range(len(pairs)):
            os.dup2(100 + i, 3 + i)

    names = [os.readlink(f"/proc/self/fd/{fd}") for fd, _ in pairs]
    try:
        r = runtime.report(bundle, args=["--preserve-fds", n], preexec_fn=prepare, close_fds=False)
    finally:
        for pair in pairs:
            os.close(pair[0])
            os.close(pair[1])
    assert {fd: r.fds[fd] for fd in r.fds if int(fd) > 2} == \
        {str(3 + i): names[i] for i in range(n)}


def test_preserve_more_than_there_are(runtime, bundle):
    runtime.run(bundle.args("true"), "--preserve-fds", 7, code=harness.ANY, stderr=harness.ANY)


def test_closed_standard_descriptors(runtime, bundle):
    """Nothing of ours may take the number of a standard stream."""
    def prepare():
        for fd in (0, 1, 2):
            os.close(fd)

    bundle.config["root"]["readonly"] = False
    bundle.probe("report-to", "/tmp/report")
    bundle.save()
    process = runtime.popen("run", "-b", bundle.path, runtime.new_id(), preexec_fn=prepare,
                            stdin=None)
    assert process.wait(harness.TIMEOUT) == 0
    r = harness.Report(harness.json.loads((bundle.rootfs / "tmp/report").read_text()))
    assert r.fds.pop("3") == "/tmp/report"
    assert set(r.fds) == {"0", "1", "2"} and set(r.fds.values()) == {"/dev/null"}


# --- input, output, exit codes --------------------------------------------------------------------


def test_standard_streams(runtime, bundle):
    bundle.probe("cat", "error", "to stderr")
    runtime.run(bundle, input="some\ninput", stdout="some\ninput", stderr="to stderr\n")


def test_large_output(runtime, bundle):
    text = "0123456789abcdef" * 65536
    runtime.run(bundle.probe("cat"), input=text, stdout=text)


@pytest.mark.parametrize("code", [0, 1, 2, 77, 125, 126, 127, 128, 255])
def test_exit_code(runtime, bundle, code):
    runtime.run(bundle.probe("exit", code), code=code)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGUSR1])
def test_killed_by(runtime, bundle, sig):
    """128 + signal. The first process of a pid namespace has no default actions but SIGKILL's."""
    if sig != signal.SIGKILL:
        bundle.drop_namespace("pid")
    bundle.probe("print", "up", "sleep")
    out, err = harness.Capture("out"), harness.Capture("err")
    bundle.save()
    id = runtime.new_id()
    process = runtime.popen("run", "-b", bundle.path, id, stdout=out.fd, stderr=err.fd)
    harness.poll_until(lambda: out.text() == "up\n", "the process is up")
    pid = harness.poll_until(lambda: runtime("state", id, stdout=harness.ANY).json()["pid"],
                             "the state has a pid")  # os.kill(0, …) would be ourselves
    os.kill(pid, sig)
    assert process.wait(harness.TIMEOUT) == 128 + sig
    assert err.text() == ""
    out.close()
    err.close()


@pytest.mark.parametrize("args, words", [
    (["nonexistent"], r'exec: "nonexistent": executable file not found in \$PATH'),
    (["/nonexistent"], r'exec: "/nonexistent": .*no such file or directory'),
    (["/etc/passwd"], r'exec: "/etc/passwd": .*permission denied'),
    (["/etc"], r'exec: "/etc": .*is a directory'),
    (["/etc/passwd/x"], r'exec: "/etc/passwd/x": .*not a directory'),
])
def test_program_missing(runtime, bundle, args, words):
    """It fails in create, with words that engines look for, and nothing stays."""
    bundle.args(*args).save()
    id = runtime.new_id()
    runtime("create", "-b", bundle.path, id, error=words)
    runtime("state", id, error="container does not exist")


def test_no_arguments(runtime, bundle):
    bundle.process["args"] = []
    runtime.fails(bundle, r"process\.args")


def test_path_is_the_containers(runtime, bundle):
    """PATH of the configuration is searched, in order; a file that may not be executed is passed
    over."""
    for name, mode in (("first", 0o644), ("second", 0o755)):
        (bundle.rootfs / name).mkdir()
        (bundle.rootfs / name / "program").symlink_to("/probe") if mode == 0o755 else \
            (bundle.rootfs / name / "program").write_text("")
    bundle.process["env"] = ["PATH=/first:/second:/bin"]
    bundle.args("program", "exit", "9")
    runtime.run(bundle, code=9)


def test_script_without_interpreter(runtime, bundle):
    """It looks executable until the kernel says otherwise: an error, not a hang."""
    script = bundle.rootfs / "script"
    script.write_text("#!/nonexistent\n")
    script.chmod(0o755)
    runtime.fails(bundle.args("/script"), "no such file or directory")
