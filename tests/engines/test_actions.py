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
