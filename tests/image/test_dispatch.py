"""`coracle image VERB …`: the main program becomes coracle-image, from wherever it is installed. CORACLE is
the main program (default: beside coracle-image)."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import OURS, ROOT

CORACLE = pathlib.Path(os.environ.get("CORACLE", OURS.parent / "coracle")).resolve()
PAGE = (ROOT / "docs/man/coracle-image.1.scd").read_text()
TREE = "/ 0 40755 2 0 0 0 0.0 - - -\n"


def run(program, *arguments, **more):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, **more)


def place(prefix, companion=None):
    """A moved installation: bin/coracle, and the companion below the prefix."""
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(CORACLE, prefix / "bin/coracle")
    if companion:
        (prefix / companion).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OURS, prefix / companion)
    return prefix / "bin/coracle"


@pytest.fixture(scope="module", autouse=True)
def programs():
    for program in (OURS, CORACLE):
        if not program.exists():
            pytest.skip(f"{program} is not there: build it, or set CORACLE and CORACLE_IMAGE")


def verbs():
    tables = json.loads(run(CORACLE, "internal-args").stdout)
    return next(c for c in tables["commands"] if c["name"] == "image")["arguments"][0]["choices"].split("|")


def test_build_tree(tmp_path):
    """Arguments, standard input, output and exit status are the companion's."""
    dump, image = tmp_path / "dump", tmp_path / "image"
    dump.write_text(TREE)
    done = run(CORACLE, "image", "build", "--dump", "--print-digest", dump, image)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(OURS, "build", "--dump", "--print-digest", dump).stdout
    done = subprocess.run([CORACLE, "image", "build", "-d", "-", "-"], input=TREE.encode(), capture_output=True)
    assert (done.stdout, done.stderr) == (image.read_bytes(), b"")
    assert run(CORACLE, "image", "diff", image, image).returncode == 0
    done = run(CORACLE, "image", "diff", image, "/nowhere/at/all")
    assert (done.returncode, done.stderr) == (2, "coracle image: open /nowhere/at/all: no such file or directory\n")


def test_global_options():
    done = run(CORACLE, "--log-format", "json", "image", "info", "/nowhere/at/all")
    assert done.returncode == 1
    assert json.loads(done.stderr)["msg"] == "open /nowhere/at/all: no such file or directory"
    assert run(CORACLE, "--debug", "image", "info", "/nowhere/at/all").stderr.startswith("coracle image: ")


@pytest.mark.parametrize("companion", ["libexec/coracle/coracle-image", "bin/coracle-image"])
def test_moved(tmp_path, companion):
    """The companion is found below the same prefix, wherever that is, from any directory and by any name."""
    coracle = place(tmp_path / "prefix", companion)
    assert run(coracle, "image", "info", "--help").stdout.startswith("Usage: coracle image info")
    (tmp_path / "name").symlink_to(coracle)
    done = run("./name", "image", "info", "/nowhere/at/all", cwd=tmp_path)
    assert done.stderr == "coracle image: open /nowhere/at/all: no such file or directory\n"
    # It is this one that runs.
    (tmp_path / "prefix" / companion).write_text("#!/bin/sh\necho \"$0\" \"$@\"; exit 7\n")
    done = run(coracle, "image", "dump", "a b", "--", "")
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.endswith("coracle-image dump a b -- \n")


def test_not_installed(tmp_path):
    coracle = place(tmp_path / "prefix")
    if not run(coracle, "image", "info", "--help").stderr:
        pytest.skip("coracle-image is installed on this machine")
    done = run(coracle, "image", "info", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "coracle: coracle-image is not installed\n"
    told = json.loads(run(coracle, "--log-format=json", "image", "info", "x").stderr)
    assert told["code"] == "companion" and "libexec" in told["hint"]
    assert run(coracle, "image", "--help").returncode == 0


def test_not_executable(tmp_path):
    coracle = place(tmp_path / "prefix", "bin/coracle-image")
    companion = tmp_path / "prefix/bin/coracle-image"
    companion.chmod(0o644)
    assert run(coracle, "image", "info").stderr == f"coracle: execute {companion}: permission denied\n"
    companion.write_text("#!/nowhere/at/all\n")
    companion.chmod(0o755)
    assert run(coracle, "image", "info").stderr == f"coracle: {companion}: its dynamic loader is missing\n"


def test_same_verbs():
    """The main program's table, the companion's, and the manual page."""
    listed = re.findall(r"^  ([a-z]+) +\S", run(OURS, "--help").stdout.split("Commands:")[1], re.M)
    assert verbs() == listed
    assert re.findall(r"^\*coracle image ([a-z]+)\*", PAGE, re.M) == listed


HELP_OPTION = re.compile(r"^ {2}(?:-(\w), | {4})--([\w-]+)(?: ([A-Z]+))?(?:  |$)", re.M)
PAGE_OPTION = re.compile(r"(?:\*-(\w)\*, )?\*--([\w-]+)\*(?: _(\S+)_)?")


def section(title):
    text = re.search(rf"^# {title}\n(.*?)(?=^# )", PAGE, re.M | re.S)[1]
    lines = [line for line in text.splitlines() if line.startswith("*-")]
    return {option for line in lines for option in PAGE_OPTION.findall(line)}


@pytest.mark.parametrize("verb", ["build", "info", "dump", "diff", "check", "mount", "umount", "import", "list",
                                  "inspect", "tag", "rm", "gc", "fsck", "run", "export",
                                  "unpack", "seal", "verify"])
def test_manual_page(verb):
    def plain(options):
        return {(letter, name, bool(value)) for letter, name, value in options}
    told = plain(HELP_OPTION.findall(run(OURS, verb, "--help").stdout))
    store = {("", "store", "DIR")} if ("", "store", True) in told else set()
    assert told == plain(section(verb.upper()) | section("OPTIONS OF ALL COMMANDS") | store)


def complete(*line):
    """What bash offers for the last word of @line."""
    code = run(CORACLE, "completion", "bash").stdout + (
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n_coracle\nprintf "%s\\n" "${COMPREPLY[@]}"\n')
    done = run("bash", "-c", code, "bash", *line)
    assert (done.returncode, done.stderr) == (0, "")
    return {word for word in done.stdout.split("\n") if word}


def test_completion(tmp_path):
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "file").touch()
    assert complete(CORACLE, "image", "") == set(verbs())
    assert complete(CORACLE, "image", "um") == {"umount"}
    assert complete(CORACLE, "image", "umount", "-") == {
        "--lazy", "-l", "--json", "--quiet", "-q", "--log-format", "--help", "-h"}
    assert complete(CORACLE, "image", "mount", "x", "--obj") == {"--objects"}
    assert complete(CORACLE, "image", "build", f"{tmp_path}/") == {f"{tmp_path}/rootfs", f"{tmp_path}/file"}
