"""Errors are an interface: for each wrong input of wrong_inputs.py the exit code, the stable code, the
place in the configuration, the message and the hint are those of wrong_inputs.json, to the letter,
and nothing is left behind.

After a change that is meant, `CORACLE_WRITE_ERRORS=1 … test_errors.py` writes the file anew, for review
like code."""
import json
import os
import pathlib

import pytest

import harness
import wrong_inputs

TABLE = pathlib.Path(__file__).with_name("wrong_inputs.json")
KEYS = ("code", "where", "msg", "hint")


def expected():
    return json.loads(TABLE.read_text()) if TABLE.exists() else {}


def command_of(what, runtime, bundle, new_bundle):
    """(command line, what stands for which placeholder) of an input."""
    names = {"NEW": runtime.new_id(), "BUNDLE": str(bundle.path)}
    if callable(what):
        content = what(bundle)
        bundle.save()
        if isinstance(content, (str, bytes)):
            content = content if isinstance(content, bytes) else content.encode()
            (bundle.path / "config.json").write_bytes(content)
        return ["create", "-b", str(bundle.path), names["NEW"]], names
    if "ID" in what:
        names["ID"] = str(runtime.sleeping(new_bundle()))
    bundle.save()
    return [names.get(word, word) for word in what], names


def told(runtime, args, names, folder):
    """What the failure was, with placeholders: from the log, which must agree with stderr."""
    own_log = args[0] == "--log"
    log = folder / "log"
    flags = ["--log-format", "json"] if own_log else ["--log", log, "--log-format", "json"]
    done = runtime(*args, code=harness.ANY, stderr=harness.ANY, flags=flags)
    text = done.stderr if own_log else log.read_text()
    assert text.count("\n") == 1, f"not one line: {text!r}"
    entry = json.loads(text)
    if not own_log:
        assert done.stderr == f"coracle: {entry['msg']}\n"
    found = {"exit": done.code}
    for key in KEYS:
        value = entry.get(key)
        for name, text in names.items():
            value = value.replace(text, name) if value else value
        if value:
            found[key] = value
    return found


@pytest.mark.parametrize("name", wrong_inputs.INPUTS)
def test_wrong_input(runtime, bundle, new_bundle, folder, world, name):
    world.need_host_root("words of mount and namespace steps depend on who takes them")
    bundle.probe("print", "ran")
    args, names = command_of(wrong_inputs.INPUTS[name], runtime, bundle, new_bundle)
    found = told(runtime, args, names, folder)
    runtime("state", names["NEW"], error="container does not exist")
    assert not pathlib.Path(runtime.root, names["NEW"]).exists()
    if os.environ.get("CORACLE_WRITE_ERRORS"):
        table = {**expected(), name: found}
        rows = [f"{json.dumps(n)}: {json.dumps(table[n], ensure_ascii=False)}"
                for n in wrong_inputs.INPUTS if n in table]
        TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    assert found == expected()[name]


def test_the_table_is_whole():
    """Every input has its row, there are many, and they show most codes."""
    table = expected()
    assert list(table) == list(wrong_inputs.INPUTS)
    assert len(table) >= 80
    assert len({row["code"] for row in table.values()}) >= 18
