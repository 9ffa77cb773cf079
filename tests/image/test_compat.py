"""Other programs' names: the same arguments, outputs and exit codes."""
import json
import subprocess

import pytest
import randomtree

ROOT = "/ 0 40755 2 0 0 0 0.0 - - -\n"


def test_mkcomposefs(alias, tmp_path):
    run = alias("mkcomposefs")
    dump = tmp_path / "dump"
    dump.write_text(ROOT + "/w 0 20644 1 0 0 0 0.0 - - -\n")
    assert run("--from-file", dump, tmp_path / "a") == ""
    printed = run("--from-file", "--print-digest", dump, tmp_path / "a")
    assert printed == run("--from-file", "--print-digest-only", dump)
    assert len(printed) == 65
    # A whiteout makes it format 1; one limit makes the other 0.
    assert (tmp_path / "a").read_bytes()[12] == 1
    run("--from-file", "--max-version=0", dump, tmp_path / "b")
    assert (tmp_path / "b").read_bytes()[12] == 0
    run("--from-file", "--min-version=1", dump, tmp_path / "b")
    assert (tmp_path / "b").read_bytes()[12] == 1
    with open(dump) as stdin:
        done = subprocess.run([run.path, "--from-file", "-", "-"], stdin=stdin, capture_output=True)
    assert done.stdout == (tmp_path / "a").read_bytes()
    for arguments, words in [
        ([], "No source path specified"),
        (["x"], "No destination path specified"),
        (["--print-digest-only", "x", "y"], "Cannot specify destination path with --print-digest-only"),
        (["--skip-xattrs", "--user-xattrs", "x", "y"], "Only one of"),
        (["--nothing", "x", "y"], "nrecognized option"),
        (["--min-version=2", "--from-file", str(dump), str(tmp_path / "c")], "cannot write file: Invalid argument"),
        (["/nowhere/at/all", str(tmp_path / "c")], "o such file or directory"),
    ]:
        done = subprocess.run([run.path, *arguments], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr and done.stdout == ""
    strict = tmp_path / "strict"
    strict.write_text(ROOT.strip())
    run("--from-file", strict, tmp_path / "c")
    run("--from-file", strict, tmp_path / "c", env={"CFS_PARSE_STRICT": "1"}, error="the last line has no end")


def test_composefs_info(alias, image, tmp_path):
    info = alias("composefs-info")
    (tmp_path / "dump").write_text(
        ROOT + "/a\\x20b 0 40755 2 0 0 0 0.0 - - -\n"
        "/a\\x20b/f 100 100644 1 0 0 0 0.0 aa/bb - -\n"
        "/h 0 @100644 1 0 0 0 0.0 /a\\x20b/f - -\n"
        "/s 1 120777 1 0 0 0 0.0 t - -\n")
    image("build", "-d", tmp_path / "dump", tmp_path / "image")
    assert info("ls", tmp_path / "image") == "/a b/\t\n/a b/f\t@ aa/bb\n/h\n/s\t-> t\n"
    assert info("--filter=s", "ls", tmp_path / "image") == "/s\t-> t\n"
    assert info("objects", tmp_path / "image") == "aa/bb\n"
    assert info("--basedir", tmp_path, "missing-objects", tmp_path / "image") == "aa/bb\n"
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa/bb").write_text("")
    assert info("--basedir", tmp_path, "missing-objects", tmp_path / "image") == ""
    assert info("dump", tmp_path / "image").splitlines()[2:] == [
        "/a\\x20b/f 100 100644 1 0 0 0 0.0 aa/bb - -", "/h 100 @100644 1 0 0 0 0.0 /a\\x20b/f - -",
        "/s 1 120777 1 0 0 0 0.0 t - -"]
    assert info("measure-file", "/dev/null").strip() == \
        "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"
    info("dump", tmp_path / "dump", error="Failed to load")
    info("dump", tmp_path / "none", error="No such file")


@pytest.mark.parametrize("seed", range(10))
def test_info_like_peer(alias, image, peer_info, tmp_path, seed):
    """Outputs of the peer's tool, except for its defect with some lengths of paths."""
    (tmp_path / "dump").write_bytes(randomtree.dump(seed, 60))
    image("build", "-d", tmp_path / "dump", tmp_path / "image")

    def without_defect(text):
        return [line for line in text.splitlines() if b"\\xff" not in line]
    for command in ("ls", "dump", "objects"):
        theirs = subprocess.run([peer_info.path, command, tmp_path / "image"], capture_output=True, check=True).stdout
        ours = subprocess.run([alias("composefs-info").path, command, tmp_path / "image"], capture_output=True,
                              check=True).stdout
        if command == "dump":
            paths = {line.split(b" ")[0] for line in without_defect(theirs)}
            ours = b"\n".join(line for line in ours.splitlines() if line.split(b" ")[0] in paths)
            assert len(ours.splitlines()) > len(theirs.splitlines()) // 3
            theirs = b"\n".join(line for line in theirs.splitlines() if line.split(b" ")[0] in paths)
        assert len(ours.splitlines()) == len(theirs.splitlines())


def test_mount_composefs_arguments(alias, image, tmp_path):
    run = alias("mount.composefs")
    (tmp_path / "dump").write_text(ROOT)
    image("build", "-d", tmp_path / "dump", tmp_path / "image")
    for arguments, words in [
        ([], "No source path specified"),
        ([tmp_path / "image"], "No mount point specified"),
        ([tmp_path / "image", tmp_path], "No object dirs specified"),
        (["-o", "nothing", "a", "b"], "Unsupported option nothing"),
        (["-t", "ext4", "a", "b"], "Unsupported fs type"),
        (["-o", "upperdir=", "a", "b"], "No value specified for upperdir"),
        (["-o", "basedir=x,upperdir=y", "a", "b"], "Both workdir and upperdir"),
        (["-o", f"basedir={tmp_path},digest={'0' * 64}", tmp_path / "image", tmp_path], "Image has no fs-verity"),
    ]:
        done = subprocess.run([run.path, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr, done.stderr


def test_json_is_json(image, tmp_path):
    (tmp_path / "dump").write_bytes(randomtree.dump(7, 60))
    image("build", "-d", tmp_path / "dump", tmp_path / "image")
    assert json.loads(image("info", "--json", tmp_path / "image"))[0]["format"] == 1
    assert json.loads(image("check", "--json", tmp_path / "image"))["canonical"] is True
