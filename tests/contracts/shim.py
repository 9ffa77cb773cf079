#!/usr/bin/python3 -I
"""What an engine finds in place of the runtime while contracts are recorded: writes down how it was
called and what came of it, and lets the real one do the work. record makes a copy with two lines
in front, RUNTIME and RECORDS: engines clear the environment."""
import hashlib
import json
import os
import stat
import subprocess
import sys

# Commands that hand their standard streams to a container: those stay untouched.
PASSED_ON = {"create", "run", "exec", "restore"}
FLAGS_WITH_FILES = {"--bundle": "config.json", "-b": "config.json"}


def kind(fd):
    """What a descriptor is; None if it is closed."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return None
    if os.isatty(fd):
        return "terminal"
    for name, test in (("pipe", stat.S_ISFIFO), ("socket", stat.S_ISSOCK), ("file", stat.S_ISREG),
                       ("folder", stat.S_ISDIR)):
        if test(mode):
            return name
    return "null" if os.readlink(f"/proc/self/fd/{fd}") == "/dev/null" else "device"


def value_of(argv, *names):
    for i, word in enumerate(argv):
        for name in names:
            if word == name and i + 1 < len(argv):
                return argv[i + 1]
            if word.startswith(name + "="):
                return word[len(name) + 1:]
    return None


def document(path):
    """A JSON file: what is in it, and its digest."""
    try:
        data = open(path, "rb").read()
        return {"digest": hashlib.sha256(data).hexdigest(), "document": json.loads(data)}
    except (OSError, ValueError):
        return None


def command_of(argv):
    """The first word that is no option; global options with values stand before it."""
    words = iter(argv)
    for word in words:
        if not word.startswith("-"):
            return word
        if word in ("--root", "--log", "--log-format", "--log-level", "--cgroup-manager", "--criu"):
            next(words, None)
    return argv[0] if argv else ""


def describe(argv):
    command = command_of(argv)
    call = {"command": command, "argv": argv, "cwd": os.getcwd(), "environment": dict(os.environ),
            "stdio": [kind(fd) for fd in range(3)], "files": {}}
    bundle = value_of(argv, "--bundle", "-b")
    if command in ("create", "run", "restore"):
        call["files"]["config"] = document(os.path.join(bundle or ".", "config.json"))
    for name in ("--process", "-p", "--resources", "-r"):
        path = value_of(argv, name)
        if path and path != "-":
            call["files"][name.lstrip("-")] = document(path)
    console = value_of(argv, "--console-socket")
    if console:
        call["console"] = stat.S_ISSOCK(os.stat(console).st_mode)
    return call


def ask(argv, *command):
    """A question of our own to the runtime, about what the call is about."""
    root = value_of(argv, "--root")
    flags = ["--root", root] if root else []
    return subprocess.run([RUNTIME, *flags, *command], capture_output=True, text=True).stdout


def container_of(call):
    """The id among the words: one that exists, else the last word."""
    argv = call["argv"]
    words = argv[argv.index(call["command"]) + 1:] if call["command"] in argv else []
    known = ask(argv, "list", "--quiet").split()
    return next((w for w in words if w in known), words[-1] if words else "")


def status_of(call):
    """The container's status as the runtime tells it; "missing" if there is none."""
    if not call["id"]:
        return ""
    text = ask(call["argv"], "state", call["id"])
    return json.loads(text)["status"] if text else "missing"


def run(call, argv):
    if call["command"] in PASSED_ON:
        done = subprocess.run([RUNTIME, *argv], close_fds=False)
        call["code"] = done.returncode
        return done.returncode
    stdin = sys.stdin.buffer.read() if value_of(argv, "--resources", "-r") == "-" else None
    done = subprocess.run([RUNTIME, *argv], close_fds=False, capture_output=True, input=stdin)
    os.write(1, done.stdout)
    os.write(2, done.stderr)
    call.update(code=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())
    if stdin is not None:
        call["input"] = stdin.decode()
    return done.returncode


def main():
    argv = sys.argv[1:]
    call = describe(argv)
    log = value_of(argv, "--log")
    before = os.path.getsize(log) if log and os.path.exists(log) else 0
    call["id"] = container_of(call)
    call["before"] = status_of(call)
    code = run(call, argv)
    call["after"] = status_of(call)
    if log and os.path.exists(log):
        with open(log) as f:
            f.seek(before)
            call["log"] = f.read()
    pid_file = value_of(argv, "--pid-file")
    if pid_file and os.path.exists(pid_file):
        call["pid_file"] = open(pid_file).read()
    with open(RECORDS, "a") as f:
        f.write(json.dumps(call) + "\n")
    # As the runtime would: 128 + signal is for shells.
    return code if code >= 0 else 128 - code


sys.exit(main())
