"""What the program that enters containers is made of: no paths, no options, no JSON, no heap."""
import re
import subprocess

import pytest

import harness

FORBIDDEN_SYMBOLS = {"malloc", "calloc", "realloc", "free", "fopen", "fread", "printf", "fprintf",
                     "vfprintf", "getpwnam", "getpwuid", "getopt", "getopt_long", "dlopen", "system",
                     "popen", "qsort", "setlocale"}


@pytest.fixture
def init(program):
    path = program.parent / "coracle-init"
    if not path.exists():
        pytest.skip("coracle-init is not beside coracle")
    return path


def strings(path):
    return subprocess.run(["strings", "-n", "3", path], capture_output=True, text=True,
                          check=True).stdout.splitlines()


def test_symbols(init):
    lines = subprocess.run(["nm", init], capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[-1] for line in lines.splitlines()}
    assert "main" in symbols, "it has no symbols: nothing was tested"
    assert not symbols & FORBIDDEN_SYMBOLS
    assert not [s for s in symbols if re.match(r"(json|spec|args|option|command)_", s)]


def test_no_paths(init):
    stripped = init.with_name("coracle-init.stripped")
    path = stripped if stripped.exists() else init
    found = [s for s in strings(path) if re.match(r"/[a-z]{3}", s) or "/proc" in s or "/sys" in s
             or "/dev" in s]
    # musl's start code opens it where a set-user-id program lacks a standard descriptor.
    assert found in ([], ["/dev/null"])


def test_no_configuration(init):
    """No key of config.json and no option of the command line."""
    stripped = init.with_name("coracle-init.stripped")
    path = stripped if stripped.exists() else init
    text = "\n".join(strings(path))
    for word in ("ociVersion", "maskedPaths", "noNewPrivileges", "additionalGids", "rlimits",
                 "--bundle", "--root", "console-socket", "config.json", "process.", "linux.",
                 "SIGTERM", "CAP_"):
        assert word not in text, word


def test_static(init, program):
    for path in (init, program):
        headers = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True,
                                 check=True).stdout
        assert "INTERP" not in headers and "RWE" not in headers


def test_small(init):
    stripped = init.with_name("coracle-init.stripped")
    if not stripped.exists() or b"musl" not in init.read_bytes() and stripped.stat().st_size > 200000:
        pytest.skip("not the musl build")
    assert stripped.stat().st_size <= 40 * 1024


def test_run_by_hand(init):
    """Whoever executes it without our plan gets nothing."""
    for args in ([], ["0"], ["x"], ["1", "2"], ["99999999999"]):
        done = subprocess.run([init, *args], capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=harness.TIMEOUT)
        assert done.returncode != 0 and done.stdout == done.stderr == b"", args
