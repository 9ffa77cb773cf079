"""The command line is described in five places: the tables that drive the parser, --help, completion
scripts, manual pages, and docs/errors.md for what comes back. They must say the same. The tables
come from `coracle internal-args`; nothing here needs privileges.

The program is $CORACLE, or build/coracle."""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORACLE = os.environ.get("CORACLE", str(ROOT / "build/coracle"))
MAN = ROOT / "docs/man"

# Described in coracle(1) alone: they take no options of their own.
WITHOUT_PAGE = {"help", "version"}

# Of matters that are not commands.
OTHER_PAGES = {"coracle-config.5", "coracle-state.5", "coracle-seccomp.5", "coracle-errors.7"}


def coracle(*args):
    return subprocess.run([CORACLE, *args], capture_output=True, text=True, timeout=10)


@functools.cache
def tables():
    done = coracle("internal-args")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def shown_commands():
    return [c for c in tables()["commands"] if not c["hidden"]]


def shown_options(table):
    """{(letter, name, argument)} of a command or of the program."""
    return {(o["letter"], o["name"], o["argument"]) for o in table["options"] if not o["hidden"]}


def words(command):
    return [] if command is None else [command["name"]]


def each_command(hidden=False):
    """Parameters for one test a command; None is the program itself. Evaluated at collection, so it
    does not fail if the program is missing: the tests do, then."""
    try:
        commands = tables()["commands"] if hidden else shown_commands()
    except (AssertionError, OSError, ValueError):
        commands = []
    every = [None, *commands]
    return pytest.mark.parametrize("command", every, ids=[c["name"] if c else "coracle" for c in every])


# --- the tables ----------------------------------------------------------------------------------


def test_tables_are_sound():
    for table in [tables(), *tables()["commands"]]:
        named = [o["name"] for o in table["options"] if o["name"]]
        letters = [o["letter"] for o in table["options"] if o["letter"]]
        assert len(named) == len(set(named)), "two options of one name"
        assert len(letters) == len(set(letters)), "two options of one letter"
        for option in table["options"]:
            assert option["help"] and not option["help"].endswith(".")
            assert bool(option["argument"]) == (option["type"] not in ("flag", "help"))
            assert option["hidden"] or option["name"]
            if option["type"] == "choice":
                choices = option["argument"].split("|")
                assert len(choices) > 1
                assert not option["default"] or option["default"] in choices
    names = [c["name"] for c in tables()["commands"]]
    assert len(names) == len(set(names))
    for command in tables()["commands"]:
        optional = [a["optional"] for a in command["arguments"]]
        assert optional == sorted(optional), "a required argument follows an optional one"
        assert not any(a["repeated"] for a in command["arguments"][:-1])


# --- help ----------------------------------------------------------------------------------------

HELP_OPTION = re.compile(r"^ {2}(?:-(\w), | {4})--([\w-]+)(?: (\S+))?(?:  |$)", re.M)


@each_command(hidden=True)
def test_help(command):
    done = coracle(*words(command), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == coracle(*words(command), "-h").stdout
    assert done.stdout == coracle("help", *words(command)).stdout
    assert set(HELP_OPTION.findall(done.stdout)) == shown_options(command or tables())
    assert max(map(len, done.stdout.splitlines())) <= 100
    if command is None:
        listed = re.findall(r"^  ([a-z-]+) {2,}\S", done.stdout.split("Options:")[0], re.M)
        assert listed == [c["name"] for c in shown_commands()]
    else:
        for argument in command["arguments"]:
            assert f"  {argument['name']} " in done.stdout


def test_every_visible_option_is_accepted():
    """With --help behind it, so that nothing happens."""
    for command in tables()["commands"]:
        for option in command["options"]:
            if option["type"] == "help" or not option["name"]:
                continue
            value = {"number": "7"}.get(option["type"], "x")
            if option["type"] == "choice":
                value = option["argument"].split("|")[0]
            spellings = [[f"--{option['name']}"], [f"-{option['name']}"]]
            if option["letter"]:
                spellings.append([f"-{option['letter']}"])
            for spelling in spellings:
                arguments = spelling + ([] if option["type"] == "flag" else [value])
                done = coracle(command["name"], *arguments, "--help")
                assert (done.returncode, done.stderr) == (0, ""), (command["name"], arguments)


# --- manual pages --------------------------------------------------------------------------------

PAGE_OPTION = re.compile(r"^(?:\*-(\w)\*, )?\*--([\w-]+)\*(?: _(\S+)_)?$", re.M)


def page(command):
    return MAN / ("-".join(["coracle", *words(command)]) + ".1.scd")


def section(text, title):
    match = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    assert match, f"no section {title}"
    return match[1]


@each_command()
def test_manual_page(command):
    if command and command["name"] in WITHOUT_PAGE:
        assert not page(command).exists()
        return
    text = page(command).read_text()
    assert text.startswith(page(command).name.replace(".1.scd", "(1)\n"))
    if command and command["companion"]:
        return  # its options are its own business: tests/image/test_dispatch.py
    assert set(PAGE_OPTION.findall(section(text, "OPTIONS"))) == shown_options(command or tables())
    if command:
        for argument in command["arguments"]:
            assert f"_{argument['name']}_" in section(text, "SYNOPSIS")


def test_manual_lists_the_commands():
    text = (MAN / "coracle.1.scd").read_text()
    rows = re.findall(r"^\|.  ?\*([a-z]+)\*\n:.? (.*)\.$", section(text, "COMMANDS"), re.M)
    summaries = [(c["name"], c["summary"][0].upper() + c["summary"][1:]) for c in shown_commands()]
    assert rows == summaries
    for command in shown_commands():
        if command["name"] not in WITHOUT_PAGE:
            assert f"*coracle-{command['name']}*(1)" in section(text, "SEE ALSO")


def test_manual_pages_are_built():
    pages = {p.name.removesuffix(".scd") for p in MAN.glob("*.scd")}
    commands = {c["name"] for c in shown_commands()} - WITHOUT_PAGE
    assert pages == {"coracle.1"} | {f"coracle-{c}.1" for c in commands} | OTHER_PAGES
    assert set(re.findall(r"'(coracle[\w.-]*\.\d)'", (ROOT / "docs/meson.build").read_text())) == pages


def test_manual_references_exist():
    for source in MAN.glob("*.scd"):
        for name, number in re.findall(r"\*(coracle[a-z-]*)\*\((\d)\)", source.read_text()):
            assert (MAN / f"{name}.{number}.scd").exists(), f"{source.name} names {name}({number})"


def test_manual_of_annotations():
    """What the plan honours, coracle-config(5) explains, and nothing else; the short list names it."""
    source = (ROOT / "src/plan/build-annotations.c").read_text()
    headers = "".join((ROOT / f"src/{name}").read_text()
                      for name in ("plan/cgroup.h", "seccomp/compile/compile.h"))
    macros = dict(re.findall(r'define (\w+_ANNOTATION_\w+) "(.*?)"', headers))
    body = re.search(r"honoured\[\] = \{(.*?)\};", source, re.S)[1]
    honoured = {a or macros[b] for a, b in re.findall(r'"(.*?)"|(\w+_ANNOTATION_\w+)', body)}
    assert len(honoured) > 10
    text = section((MAN / "coracle-config.5.scd").read_text(), "ANNOTATIONS")
    explained = [line for line in text.splitlines() if line.startswith(("*run.oci.", "*org.criu."))]
    assert set(re.findall(r"\*((?:run\.oci|org\.criu)\.[\w.]+)\*", "\n".join(explained))) == honoured
    short = coracle("help", "annotations").stdout
    for name in honoured:  # the short list joins some by their beginnings
        last = re.search(r"[._]\w+?$", name.removeprefix("run.oci.coracle.image"))
        assert name in short or last[0] in short, name


def test_manual_of_the_state_document():
    """The keys that container/state.c writes are those of coracle-state(5)."""
    source = (ROOT / "src/container/state.c").read_text().split("/* --- reading")[0]
    written = set(re.findall(r'json_k(?:v_\w+|ey)\(&?w, "(\w+)"', source))
    page_text = (MAN / "coracle-state.5.scd").read_text()
    text = section(page_text, "THE STATE DOCUMENT")
    assert written == set(re.findall(r"\*(\w+)\*(?=[,\n])", "\n".join(
        line for line in text.splitlines() if not line.startswith("\t")) + "\n")) | \
        set(re.findall(r"_(\w+?)_ (?:is|whether|the|a) ", text))


def test_manual_of_errors():
    """coracle-errors(7), docs/errors.md and `coracle help errors` are of one list."""
    listed = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", (ROOT / "docs/errors.md").read_text(), re.M)
    assert len(listed) > 30
    text = section((MAN / "coracle-errors.7.scd").read_text(), "CODES")
    rows = re.findall(r"^\|.  ?\*([\w-]+)\*\n:.? (.*)\.$", text, re.M)
    assert [(name, meaning[0].lower() + meaning[1:]) for name, meaning in rows] == listed
    shown = coracle("help", "errors").stdout
    for name, meaning in listed:
        assert re.search(rf"^  {name} +{re.escape(meaning)}$", shown, re.M)


def test_words_of_other_programs():
    """Whoever types what podman or git calls it is told what it is here."""
    for word, answer in (("stop", "coracle kill"), ("ls", "coracle list"), ("rm", "coracle delete"),
                         ("status", "coracle state"), ("logs", "nothing is kept")):
        done = coracle("--log-format", "json", word)
        assert done.returncode == 1
        assert answer in json.loads(done.stderr)["hint"]


def test_topics():
    """Each topic of the help is there, and fits a terminal."""
    names = re.search(r"`coracle help TOPIC`: (.*)\.$", coracle("--help").stdout, re.M)[1].split(", ")
    assert "errors" in names and "rootless" in names
    for name in names:
        done = coracle("help", name)
        assert (done.returncode, done.stderr) == (0, "")
        assert max(map(len, done.stdout.splitlines())) <= 100
        assert not any(c["name"] == name for c in tables()["commands"])


@pytest.mark.skipif(not shutil.which("scdoc"), reason="scdoc is not installed")
@pytest.mark.parametrize("source", sorted(MAN.glob("*.scd")), ids=lambda p: p.name)
def test_manual_page_is_well_formed(source):
    done = subprocess.run(["scdoc"], stdin=source.open(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, source.read_text().splitlines())) <= 105


# --- coracle seccomp -----------------------------------------------------------------------------

VERB_PAGE_OPTION = re.compile(r"^(?:\*-(\w)\*, )?\*--([\w-]+)\*(?: _(\S+)_)?$", re.M)


def seccomp_verbs():
    """Of the main program's table; evaluated at collection."""
    try:
        command = next(c for c in tables()["commands"] if c["name"] == "seccomp")
    except (AssertionError, OSError, ValueError, StopIteration):
        return []
    return command["arguments"][0]["choices"].split("|")


def test_seccomp_verbs():
    """The main program's table, the companion's, and the manual page."""
    listed = re.findall(r"^  ([a-z]+) +\S", coracle("seccomp", "help").stdout.split("Commands:")[1], re.M)
    assert listed == seccomp_verbs()
    text = (MAN / "coracle-seccomp.1.scd").read_text()
    assert re.findall(r"^\*coracle seccomp ([a-z]+)\*", text, re.M) == listed


@pytest.mark.parametrize("verb", seccomp_verbs())
def test_seccomp_manual_page(verb):
    text = (MAN / "coracle-seccomp.1.scd").read_text()
    told = set(HELP_OPTION.findall(coracle("seccomp", verb, "--help").stdout))
    paged = set(VERB_PAGE_OPTION.findall(section(text, verb.upper())))
    paged |= set(VERB_PAGE_OPTION.findall(section(text, "OPTIONS OF ALL COMMANDS")))
    if verb not in ("trace", "dump"):
        paged |= set(VERB_PAGE_OPTION.findall(section(text, "OPTIONS OF POLICIES")))
    assert told == paged


# --- completion ----------------------------------------------------------------------------------

SHELLS = ("bash", "zsh", "fish")


@functools.cache
def script(shell):
    done = coracle("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def bash_complete(*line):
    """What bash offers for the last word of @line."""
    code = script("bash") + (
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
        '_coracle\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", code, "bash", *line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [word for word in done.stdout.split("\n") if word]


def test_completion_parses():
    """By the shells that are installed; bash always is."""
    installed = [shell for shell in SHELLS if shutil.which(shell)]
    assert "bash" in installed
    for shell in installed:
        subprocess.run([shell, "-n"], input=script(shell), text=True, check=True)


@each_command()
def test_completion_of_options(command):
    expected = set()
    for letter, name, _ in shown_options(command or tables()):
        expected |= {f"--{name}"} | ({f"-{letter}"} if letter else set())
    assert set(bash_complete(CORACLE, *words(command), "-")) == expected

    zsh = script("zsh")
    if command is None:
        block = zsh[zsh.index("_arguments -C") :]
    else:
        block = re.search(rf"^\t{command['name']}\)\n(.*?)^\t\t;;", zsh, re.M | re.S)[1]
    condition = "not __fish_seen_subcommand_from $__coracle_commands"
    if command:
        condition = f"__fish_seen_subcommand_from {command['name']}"
    for letter, name, argument in shown_options(command or tables()):
        assert re.search(rf"--{name}[=}}\[]", block)
        row = f"complete -c coracle -n '{condition}' -l {name}{f' -s {letter}' if letter else ''} "
        assert row in script("fish")
        assert not argument or re.search(re.escape(row) + "-[xr]", script("fish")), "takes a value"


def test_completion_of_words(tmp_path):
    names = [c["name"] for c in shown_commands()]
    assert bash_complete("coracle", "") == names
    assert bash_complete("coracle", "--debug", "--log-format", "json", "sp") == ["spec"]
    assert bash_complete("coracle", "help", "") == names
    assert bash_complete("coracle", "--log-format", "") == ["text", "json"]
    assert bash_complete("coracle", "--log-format", "=", "j") == ["json"]
    assert bash_complete("coracle", "list", "-f", "") == ["table", "json"]
    assert bash_complete("coracle", "create", "") == []
    assert "TERM" in bash_complete("coracle", "kill", "--all", "id", "")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "file").touch()
    assert bash_complete("coracle", "run", "-b", f"{tmp_path}/") == [f"{tmp_path}/bundle"]


# --- outputs that engines read -------------------------------------------------------------------


def test_version():
    done = coracle("--version")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"coracle version \d+\.\d+\.\d+\S*", lines[0])
    assert "spec: 1.3.0" in lines
    for spelling in ("-v", "-V", "-version", "version"):
        assert coracle(spelling).stdout == done.stdout


def test_features():
    done = coracle("features")
    assert (done.returncode, done.stderr) == (0, "")
    features = json.loads(done.stdout)
    assert (features["ociVersionMin"], features["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert {"rro", "rbind", "ro"} <= set(features["mountOptions"])
    assert "user" in features["linux"]["namespaces"]
    assert features["linux"]["capabilities"][0] == "CAP_CHOWN"
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] in (True, False)


def test_podman_probes():
    assert coracle("checkpoint", "--help").returncode == 0
    done = coracle("restore", "--lsm-mount-context")
    assert done.returncode == 1
    assert "requires an argument" in done.stderr


def test_spec(tmp_path):
    assert coracle("spec", "-b", tmp_path).returncode == 0
    spec = json.loads((tmp_path / "config.json").read_text())
    assert spec["ociVersion"] == "1.3.0"
    assert "resources" in spec["linux"] and "uidMappings" not in spec["linux"]

    again = coracle("spec", "--bundle", tmp_path, "--rootless")
    assert again.returncode == 1
    assert again.stderr == "coracle: config.json exists\n"
    assert json.loads((tmp_path / "config.json").read_text()) == spec

    assert coracle("spec", f"-b{tmp_path}", "--rootless", "-f", "other.json").returncode == 0
    spec = json.loads((tmp_path / "other.json").read_text())
    assert "resources" not in spec["linux"]
    assert spec["linux"]["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert {"type": "network"} not in spec["linux"]["namespaces"]


# --- errors --------------------------------------------------------------------------------------


def test_errors_document_is_current():
    subprocess.run([ROOT / "scripts/gen-errors", "--check"], check=True)


def test_failures_are_what_the_program_says():
    """docs/failures.md against the table that the integration tests prove."""
    table = json.loads((ROOT / "tests/integration/wrong_inputs.json").read_text())
    known = {(re.sub(r"\"(ID|NEW)\"", "\"web\"", row["msg"]), row.get("hint", ""), row["code"])
             for row in table.values()}
    shown = re.findall(r"^    coracle: (.*)\n(?:      hint: (.*)\n)?\nCode: `(.*?)`",
                       (ROOT / "docs/failures.md").read_text(), re.M)
    assert len(shown) == 10
    assert set(shown) <= known


def test_usage_errors():
    """One line on standard error, one object in the log, exit status 1, wherever the mistake is."""
    for arguments, message in (
        ([], "no command"),
        (["craete"], 'unknown command "craete"'),
        (["--nope"], "unknown option --nope"),
        (["create"], "create: missing argument ID"),
        (["create", "--bundel", "x"], "create: unknown option --bundel"),
        (["delete", "a", "b"], 'delete: too many arguments: "b"'),
        (["exec", "-u", "1x", "id", "true"], 'exec: option --user: expected UID or UID:GID, got "1x"'),
        (["exec", "-u", "", "id", "true"], 'exec: option --user: expected UID or UID:GID, got ""'),
        (["kill", "id", "NOPE"], 'kill: unknown signal "NOPE"'),
        (["--cgroup-manager", "x", "list"],
         'option --cgroup-manager: expected cgroupfs|systemd|disabled, got "x"'),
    ):
        done = coracle(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"coracle: {message}\n"
        done = coracle("--log-format", "json", *arguments)
        assert done.returncode == 1
        logged = json.loads(done.stderr)
        assert (logged["level"], logged["msg"], logged["code"]) == ("error", message, "usage")


def test_log_file(tmp_path):
    log = tmp_path / "log"
    for arguments in (["--bogus"], ["create", "--bogus"], ["bogus"]):
        done = coracle("--log", log, "--log-format=json", *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("coracle: ") and done.stderr.count("\n") == 1
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["code"] for entry in logged] == ["usage"] * 3
    for entry in logged:
        assert set(entry) <= {"level", "msg", "time", "code", "hint"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["time"])
    assert log.stat().st_mode & 0o777 == 0o644 & ~current_umask()


def current_umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_closed_descriptors():
    """Nothing that is opened may become somebody's standard output."""
    for closed in (0, 1, 2):
        done = subprocess.run(
            [CORACLE, "features"], preexec_fn=lambda fd=closed: os.close(fd),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        assert done.returncode == 0
