"""Golden plans: what `coracle plan` prints for a bundle, compared with the file beside it.

A case is a folder with a config.json. What else may lie in it:
  plan.txt      the plan, as it must be printed
  error.txt     instead of plan.txt: what must be said on stderr, with exit code 1
  warnings.txt  what --log-level warning says beside a plan
  args          more command-line options, a line each; {case} is the folder
  facts.json    the host that the plan is for; without it, the facts.json of this folder

CORACLE is the program. CORACLE_GOLDEN_UPDATE=1 (`make golden-update`) writes the files anew."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parent
CORACLE = pathlib.Path(os.environ.get("CORACLE", GOLDEN.parent.parent / "build/coracle")).resolve()
UPDATE = os.environ.get("CORACLE_GOLDEN_UPDATE") == "1"
CASES = sorted(p.parent for p in GOLDEN.glob("**/config.json"))
PLACE = "/BUNDLE"  # stands for the folder of the case, wherever that is


def arguments(case):
    facts = case / "facts.json"
    if not facts.exists():
        facts = GOLDEN / "facts.json"
    more = (case / "args").read_text().replace("{case}", str(case)).split("\n") \
        if (case / "args").exists() else []
    return ["plan", "--facts", str(facts), *filter(None, more)]


def plan(case, *more, flags=(), cwd=None, env=None, **popen):
    """(what the result is, its text, the warnings)."""
    command = [CORACLE, "--log-level", "warning", *flags, *arguments(case), "--bundle",
               str(case) if cwd else ".", *more]
    done = subprocess.run(command, cwd=cwd or case, env=env or {}, capture_output=True, timeout=30,
                          **popen)
    out, err = (t.decode().replace(str(case), PLACE) for t in (done.stdout, done.stderr))
    if done.returncode == 0 and out:
        return "plan.txt", out, err
    assert done.returncode == 1 and out == "", f"exit code {done.returncode}\n{out}{err}"
    assert err.count("\n") == 1, f"an error is one line:\n{err}"
    return "error.txt", err, ""


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.relative_to(GOLDEN).as_posix())
def test_plan(case):
    kind, text, warnings = plan(case)
    found = {kind: text, **({"warnings.txt": warnings} if warnings else {})}
    names = ("plan.txt", "error.txt", "warnings.txt")
    if UPDATE:
        for name in names:
            (case / name).unlink(missing_ok=True)
        for name, content in found.items():
            (case / name).write_text(content)
    golden = {n: (case / n).read_text() for n in names if (case / n).exists()}
    assert golden, "there is no golden file yet (make golden-update)"
    for name in names:
        assert found.get(name, "").splitlines() == golden.get(name, "").splitlines(), name


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.relative_to(GOLDEN).as_posix())
def test_deterministic(case):
    """The same bytes a second time, from elsewhere, with another environment, as another user."""
    first = plan(case)
    assert plan(case) == first
    environment = {"PATH": "/x", "HOME": "/y", "XDG_RUNTIME_DIR": "/z", "LC_ALL": "C", "TZ": "Asia/Tokyo",
                   "NOTIFY_SOCKET": "/n", "LISTEN_PID": "1", "LISTEN_FDS": "3"}
    assert plan(case, cwd="/", env=environment) == first
    if os.geteuid() == 0:
        assert plan(case, user=65534, group=65534, extra_groups=[]) == first
    json = plan(case, "--format", "json")
    assert plan(case, "--format", "json", cwd="/", env=environment) == json
    assert json[0] == first[0]


def test_nothing_is_read_but_the_bundle(tmp_path):
    """The plan of a copy without a root filesystem, somewhere else, is the same."""
    case = GOLDEN / "default-root"
    copy = tmp_path / "copy"
    shutil.copytree(case, copy)
    (copy / "facts.json").write_text((GOLDEN / "facts.json").read_text())
    kind, text, warnings = plan(copy)
    assert (kind, text) == plan(case)[:2]


def test_there_are_cases():
    assert len(CASES) >= 120


# What `crun features` (1.28) and `runc features` (1.3.6) call mountOptions, and crun's idmap with ridmap.
PEERS = """async atime bind copy-symlink defaults dest-nofollow dev diratime dirsync exec idmap iversion lazytime
loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid
nosymfollow private rasync ratime rbind rdev rdiratime rdirsync relatime remount rexec ridmap rmand rnoatime
rnodev rnodiratime rnoexec rnomand rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro
rrw rshared rslave rstrictatime rsuid rsymfollow rsync runbindable rw shared silent slave src-nofollow
strictatime suid symfollow sync tmpcopyup unbindable""".split()
# Of a file system and not of a mount, so that there is nothing recursive about them; crun fails too, or
# does something else (rdirsync).
IMPOSSIBLE = {"rasync", "rdirsync", "rmand", "rnomand", "rsync"}


def options_of(case):
    mounts = json.loads((case / "config.json").read_text()).get("mounts", [])
    return {o for m in mounts for o in m.get("options", [])}


def test_every_mount_option_is_in_a_plan():
    known = set(json.loads(subprocess.run([CORACLE, "features"], capture_output=True,
                                          check=True).stdout)["mountOptions"])
    assert known >= set(PEERS) - IMPOSSIBLE
    assert not known & IMPOSSIBLE
    planned = set().union(*(options_of(c) for c in CASES if (c / "plan.txt").exists()))
    refused = set().union(*(options_of(c) for c in CASES if c.name.endswith("-refused")))
    assert planned >= known
    assert refused >= IMPOSSIBLE and not planned & IMPOSSIBLE
