"""Commands that need no container; logs; what is not there yet and says so."""
import copy
import json
import os
import re
import subprocess

import pytest

import harness
from harness import ANY
from test_cgroups import where_it_is

# What is not implemented must be refused, naming the key: where in the configuration, the value.
UNSUPPORTED = {
    "vm": {"kernel": {"path": "/boot/vmlinuz"}},
}


def put(config, path, value):
    *parents, last = path.split(".")
    for name in parents:
        config = config.setdefault(name, {})
    config[last] = value


@pytest.mark.parametrize("key", sorted(UNSUPPORTED))
def test_unsupported(runtime, bundle, key):
    """One clear error that names the key; the container does not exist afterwards."""
    put(bundle.config, key, UNSUPPORTED[key])
    bundle.probe("print", "ran").save()
    id = runtime.new_id()
    runtime("create", "-b", bundle.path, id, error=re.escape(key))
    runtime("state", id, error="container does not exist")


def test_pids_limit(runtime, bundle, world):
    world.need_host_root("needs the pids controller")
    where_it_is(world, "pids", "pids")
    bundle.linux.setdefault("resources", {})["pids"] = {"limit": 4}
    bundle.probe("children", 3, "exit", 5)
    runtime.run(bundle, code=5)
    bundle.probe("children", 4, "exit", 5)
    runtime.run(bundle, code=97)


# --- configuration errors -------------------------------------------------------------------------


@pytest.mark.parametrize("content, words", [
    ("", "config.json"), ("{", "config.json"), ("[]", "object"), ("null", "object"),
    ('{"ociVersion": "1.0.0"', "config.json"),
    ('{"ociVersion": "1.0.0", "process": {"args": ["a"], "cwd": "/", "terminal": 3}}',
     r"process\.terminal"),
    ('{"ociVersion": "1.0.0", "process": {"args": ["a", 7], "cwd": "/"}}', r"process\.args\[1\]"),
    ('{"ociVersion": "1.0.0", "root": {"path": "x"}, "root": {"path": "y"}}', "root"),
    ('{"ociVersion": "1.0.0", "hostname": "a\\u0000b"}', "hostname"),
    ('{"ociVersion": "1.0.0", "linux": {"resources": {"pids": {"limit": 1e400}}}}',
     r"linux\.resources\.pids\.limit"),
    ('{"x": ' + "[" * 100000, "nested"), ('{"a":' * 100000, "nested"),
])
def test_wrong_config(runtime, bundle, content, words):
    (bundle.path / "config.json").write_text(content)
    runtime("create", "-b", bundle.path, runtime.new_id(), error=words)


def test_missing_config(runtime, folder):
    runtime("create", "-b", folder, runtime.new_id(), error=r"config\.json.*no such file or directory")
    runtime("create", "-b", folder / "none", runtime.new_id(), error="no such file or directory")


def test_missing_rootfs(runtime, bundle):
    bundle.config["root"]["path"] = "none"
    runtime.fails(bundle, r"root\.path|rootfs|none.*no such file")


def test_rootfs_is_a_file(runtime, bundle):
    bundle.config["root"]["path"] = "config.json"
    runtime.fails(bundle, "not a directory")


def test_unknown_keys_are_ignored(runtime, bundle):
    put(bundle.config, "linux.resources.fromTheFuture", {"a": [1, {"b": None}]})
    put(bundle.config, "fromTheFuture", 1)
    runtime.run(bundle.probe("exit", 3), code=3)


# --- plan, features, version ----------------------------------------------------------------------


def test_plan(runtime, bundle, folder):
    """No side effects, no privileges: the same for nobody, without a rootfs."""
    bundle.save()
    before = sorted(p for p in bundle.path.rglob("*"))
    text = runtime("plan", "-b", bundle.path, stdout=ANY).stdout
    assert "root.path" in text and "process.args" in text
    assert sorted(p for p in bundle.path.rglob("*")) == before
    document = runtime("plan", "--format", "json", "-b", bundle.path, stdout=ANY).json()
    assert document


def test_plan_of_exec(runtime, bundle, folder):
    """Another process than the configuration's, and nothing of what only a start does."""
    process = copy.deepcopy(bundle.config["process"])
    process["args"] = ["/bin/another", "x"]
    (folder / "process.json").write_text(json.dumps(process))
    text = runtime("plan", "-b", bundle.path, "--process", folder / "process.json", stdout=ANY).stdout
    assert text.startswith("exec container\n") and "arg     /bin/another\narg     x\n" in text
    assert "pivot" in runtime("plan", "-b", bundle.path, stdout=ANY).stdout and "pivot" not in text


def test_plan_without_privileges(runtime, bundle, world, program):
    world.need_root("needs to become nobody")
    bundle.save()

    def nobody():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)

    runtime("plan", "-b", bundle.path, stdout=ANY, preexec_fn=nobody)


def test_features(runtime):
    """Pure JSON on stdout: engines read both streams together."""
    document = runtime("features", stdout=ANY).json()
    assert document["ociVersionMin"] and document["ociVersionMax"]
    assert {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"} <= set(
        document["linux"]["namespaces"])
    assert "rro" in document["mountOptions"]
    assert "CAP_CHOWN" in document["linux"]["capabilities"]


def test_features_claims_nothing_untrue(runtime):
    """What is refused is not advertised, what works is."""
    document = runtime("features", stdout=ANY).json()
    seccomp = document["linux"]["seccomp"]
    assert seccomp["enabled"] and {"SCMP_ACT_NOTIFY", "SCMP_ACT_ERRNO"} <= set(seccomp["actions"])
    assert {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"} <= set(seccomp["archs"])
    assert len(seccomp["operators"]) == 7 and len(seccomp["supportedFlags"]) == 4
    assert document["linux"]["cgroup"]["systemd"] is True
    assert document["linux"]["mountExtensions"]["idmap"]["enabled"]
    assert len(document["hooks"]) == 6


@pytest.mark.parametrize("flag", ["--version", "-v", "-V"])
def test_version(runtime, flag):
    """As Docker reads it: a line with "version", a line "commit:"."""
    lines = runtime(flag, stdout=ANY).stdout.splitlines()
    assert re.fullmatch(r"coracle version \d+\.\d+\.\d+\S*", lines[0])
    assert any(l.startswith("commit: ") for l in lines) and any(l.startswith("spec: ") for l in lines)


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["create", "--help"], ["exec", "-h"],
                                  ["checkpoint", "--help"], ["restore", "--help"], ["help"]])
def test_help(runtime, args):
    assert runtime(*args, stdout=ANY).stdout.startswith("Usage: coracle")


def test_podmans_probe(runtime):
    """restore --lsm-mount-context without a value: these words are searched for."""
    runtime("restore", "--lsm-mount-context", error="requires an argument|flag needs an argument")


@pytest.mark.parametrize("args", [[], ["nonsense"], ["create"], ["create", "a", "b"],
                                  ["create", "--nonsense", "a"], ["state"], ["--root"],
                                  ["kill", "a", "9", "b"], ["exec", "a"]])
def test_usage_errors(runtime, args):
    runtime(*args, error="")


def test_no_subreaper(runtime, bundle):
    """containerd's go-runc writes it with one dash."""
    bundle.probe("exit", 2).save()
    runtime("run", "-no-subreaper", "-bundle", bundle.path, runtime.new_id(), code=2)


# --- logs -----------------------------------------------------------------------------------------


def test_log_json(runtime, folder):
    """One object on one line, with the keys that engines read; stderr still has the message."""
    path = folder / "log.json"
    runtime("start", "none", flags=["--log", path, "--log-format", "json"],
            error="container does not exist")
    text = path.read_text()
    assert text.endswith("\n") and text.count("\n") == 1
    entry = json.loads(text)
    assert entry["level"] == "error" and "container does not exist" in entry["msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entry["time"])
    assert entry["code"] == "container-missing"


def test_log_json_where_and_hint(runtime, bundle, folder):
    bundle.mount("/data", "bind", "/nonexistent", ["bind"])
    path = folder / "log.json"
    runtime.fails(bundle, "nonexistent", flags=["--log", path, "--log-format", "json"])
    entry = json.loads(path.read_text())
    assert re.fullmatch(r"mounts\[\d+\](\.source)?", entry["where"])
    assert "bind source" in entry["hint"] and entry["hint"] not in entry["msg"]
    assert entry["code"] == "mount"


def test_log_json_on_stderr(runtime):
    result = runtime("start", "none", flags=["--log-format", "json"], code=1, stderr=ANY)
    assert json.loads(result.stderr)["level"] == "error"


def test_log_text(runtime, folder):
    path = folder / "log"
    runtime("start", "none", flags=["--log", path], error="container does not exist")
    assert "container does not exist" in path.read_text()


def test_log_appends(runtime, folder):
    path = folder / "log.json"
    for _ in range(2):
        runtime("start", "none", flags=["--log", path, "--log-format", "json"], error="")
    assert len(path.read_text().splitlines()) == 2


def test_log_is_silent_without_errors(runtime, bundle, folder):
    path = folder / "log.json"
    runtime.run(bundle.probe("exit", 0), flags=["--log", path, "--log-format", "json"])
    assert path.read_text() == ""


def test_log_that_cannot_be_written(runtime, folder):
    runtime("list", flags=["--log", folder / "none/log"], error="no such file or directory")


def test_hint_on_a_terminal(runtime, bundle):
    """A second line, for people only."""
    bundle.mount("/data", "bind", "/nonexistent", ["bind"])
    bundle.probe("exit", 0).save()
    terminal, slave = harness.open_terminal()
    process = runtime.popen("run", "-b", bundle.path, runtime.new_id(), stderr=slave)
    os.close(slave)
    text = terminal.read_to_end()
    assert process.wait(harness.TIMEOUT) == 1
    terminal.close()
    assert re.fullmatch(r"coracle: mounts\[\d+\][^\n]*\r\n  hint: [^\n]*\r\n", text)


def test_control_characters(runtime):
    """What comes from outside cannot command a terminal."""
    result = runtime("state", "x\x1b[31m\n\ty", code=1, stderr=ANY)
    assert result.stderr.count("\n") == 1 and "\x1b" not in result.stderr


# --- the state directory --------------------------------------------------------------------------


@pytest.mark.parametrize("user, place", [("somebody", "xdg/coracle"), (None, "xdg/coracle"),
                                         ("root", "run/coracle")])
def test_default_root_in_a_user_namespace(program, bundle, folder, world, user, place):
    """An engine of an ordinary user is root of its own namespace, where /run is not its own."""
    world.need(world.root or world.subids, "needs a user namespace of its own")
    for name in ("xdg", "run"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    bundle.probe("exit", 0).save()
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(folder / "xdg")}
    if user:
        environment["USER"] = user
    subprocess.run(["unshare", "-Urm", "sh", "-c", 'mount --bind "$0" /run && "$@"; true',
                    folder / "run", program, "--cgroup-manager=disabled", "run", "-b", bundle.path,
                    f"{folder.name}"], env=environment, capture_output=True, timeout=20, check=True)
    assert [str(p.relative_to(folder)) for p in folder.glob("*/coracle")] == [place]
