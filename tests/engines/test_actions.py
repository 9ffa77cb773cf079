"""A quick selection of what compare does, and what crun made of it: quick.json, written by

    tests/engines/compare --expected tests/engines/quick.json --engine quick --engine quick-rootless CORACLE CRUN"""
import json
import pathlib

import actions
import comparing

EXPECTED = pathlib.Path(__file__).resolve().with_name("quick.json")


def test_quick(podman, program, static_busybox, world):
    """With Podman: the same exit codes and output, and something on stderr where crun says something."""
    name = "quick" if world.root else "quick-rootless"
    found = actions.live(name, program, static_busybox)
    expected = json.loads(EXPECTED.read_text())[name]
    assert len(found) > 30
    assert [d for d in comparing.differences(found, expected) if not comparing.reason_of(comparing.known(), name, d[0])] == []


def test_differences_are_found():
    """Of the exit code, the output, whether anything was said, and of what only one side did."""
    same = {"code": 0, "out": "a", "says": False, "err": "x"}
    other = [{**same, "code": 1}, {**same, "out": "b"}, {**same, "says": True}]
    ours = {"same": same, "0": same, "1": same, "2": same, "ours": same, "words": {**same, "err": "y"}}
    theirs = {"same": same, "0": other[0], "1": other[1], "2": other[2], "theirs": same, "words": same}
    assert [d[0] for d in comparing.differences(ours, theirs)] == ["0", "1", "2", "ours", "theirs"]
    failed = {"code": 125, "out": "", "says": True, "err": ""}
    assert comparing.failed_on_both({"a": failed, "b": failed, "c": same}, {"a": failed, "b": same, "c": same}) == 1
