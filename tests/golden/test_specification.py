"""No property of the specification is ignored: without it the plan of a case is another one
(tests/specification.txt), or a test below tests/integration/ is its proof; docs/specification.md tells both,
and where each is done. scripts/spec-table writes that, and explains."""
import copy
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import shutil

import pytest

import test_golden

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def load_table():
    loader = importlib.machinery.SourceFileLoader("spec_table", str(ROOT / "scripts/spec-table"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("spec_table", loader))
    loader.exec_module(module)
    return module


table = load_table()


def without(node, path):
    """Takes a property out, wherever it is; whether it was there. [] are the elements of a list,
    * the values of a map."""
    name, _, rest = path.partition(".")
    if name == "*":
        return any([without(value, rest) for value in node.values()])
    name, is_list = name.removesuffix("[]"), name.endswith("[]")
    if name not in node:
        return False
    if not rest:
        del node[name]
        return True
    return any([without(each, rest) for each in node[name]]) if is_list else without(node[name], rest)


@pytest.mark.parametrize("path, case", [(p, c) for p, c in table.rows().items() if c])
def test_another_plan(tmp_path, path, case):
    case = test_golden.GOLDEN / case
    config = json.loads((case / "config.json").read_text())
    less = copy.deepcopy(config)
    assert without(less, path), f"{case.name} does not have it"
    for name in ("facts.json", "args"):
        if (case / name).exists():
            shutil.copy(case / name, tmp_path)
    plans = []
    for each in (config, less):
        (tmp_path / "config.json").write_text(json.dumps(each))
        plans.append(test_golden.plan(tmp_path))
    assert plans[0] != plans[1], f"{path} is ignored"


def test_document_is_current():
    assert table.TARGET.read_text() == table.document()


@pytest.mark.parametrize("name", sorted({*table.SHOWN.values()}))
def test_named_test_exists(name):
    file, _, test = name.partition("::")
    text = (ROOT / "tests/integration" / file).read_text()
    assert re.search(rf"^def {test.partition('[')[0]}\(", text, re.M)


@pytest.mark.parametrize("file", sorted({*table.PLACES.values()}))
def test_named_file_exists(file):
    assert (ROOT / "src" / file).is_file()


def test_every_row_is_used():
    """What the two tables of spec-table have is about some property."""
    paths = list(table.rows())
    for prefixes in (table.PLACES, table.SHOWN):
        for prefix in prefixes:
            assert any(p == prefix or p.startswith((prefix + ".", prefix + "[")) for p in paths), prefix


def test_all_keys_are_the_specifications():
    """The tables of keys have nothing that the specification lacks, but for what it dropped."""
    text = (ROOT / "src/oci/tables.c").read_text()
    text = text[:text.index("/* --- of annotations")] + text[text.index("/* --- the document"):]
    keys = set(re.findall(r'^\t[A-Z0-9_]+\("(\w+)"', text, re.M))
    known = {p.rpartition(".")[2].removesuffix("[]") for p in table.rows()}
    assert keys - known == {"enableCMT", "enableMBM"}
    assert len(keys) > 100
