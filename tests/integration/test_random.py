"""Random valid configurations (randomconfig.py): planning never crashes, starting works or gives exactly
one clear error, and nothing is left.

CORACLE_RANDOM=N tries N of them instead of 100, CORACLE_RANDOM_SEED=S begins with S: `make random`."""
import json
import os
import re

import pytest

import fixtures
import harness
import randomconfig

FIRST = int(os.environ.get("CORACLE_RANDOM_SEED", "0"))
COUNT = int(os.environ.get("CORACLE_RANDOM", "100"))
GROUP = int(os.environ.get("CORACLE_RANDOM_GROUP", "20"))
ONE_ERROR = re.compile(r"coracle: [^\n]+\n")
STATUS = 7  # of the program


class Trial:
    def __init__(self, seed, runtime, bundle):
        self.seed, self.runtime, self.bundle = seed, runtime, bundle

    def command(self, *args):
        """A command that works, or fails with one line. None, or the line."""
        r = self.runtime(*args, code=harness.ANY, stdout=harness.ANY, stderr=harness.ANY)
        if r.code in (0, STATUS) and r.stderr == "":
            return None
        assert r.code == 1, f"exit code {r.code}: {r.stdout}{r.stderr}"
        assert ONE_ERROR.fullmatch(r.stderr), f"not one line: {r.stdout}{r.stderr!r}"
        return r.stderr

    def run(self, id):
        return self.command("run", "-b", self.bundle.path, id)

    def create_and_start(self, id):
        error = self.command("create", "-b", self.bundle.path, id)
        if error:
            return error
        error = self.command("start", id)
        if error:  # of a hook, say: the container may be gone with it
            self.runtime("delete", "--force", id)
            return error
        harness.poll_until(lambda: self.runtime("state", id, stdout=harness.ANY).json()["status"] == "stopped",
                           "the program ends")
        self.runtime("delete", id)
        return error

    def check(self):
        planned = self.command("plan", "-b", self.bundle.path)
        start = self.run if self.seed % 3 else self.create_and_start
        failed = start(self.runtime.new_id())
        # What the plan refuses is refused in the same words; there may be more to fail.
        assert planned is None or planned == failed
        return planned, failed


def make_sources(folder):
    (folder / "dir").mkdir()
    (folder / "dir/entry").write_text("x")
    (folder / "file").write_text("x")
    (folder / "link").symlink_to("file")


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, GROUP))
def test_random(runtime, new_bundle, folder, first):
    make_sources(folder)
    started = 0
    for seed in range(first, min(first + GROUP, FIRST + COUNT)):
        bundle = new_bundle(randomconfig.configuration(seed, folder))
        try:
            outcome = Trial(seed, runtime, bundle).check()
            started += outcome[1] is None
            print(seed, outcome)
        except (AssertionError, pytest.fail.Exception) as error:
            pytest.fail(f"seed {seed}: {error}\n{json.dumps(bundle.config)}", pytrace=False)
        fixtures.remove_tree(bundle.path)
    print(f"{started} of {GROUP} started")


def test_some_start(runtime, new_bundle, folder, world):
    """A generator whose configurations are all refused would show nothing."""
    make_sources(folder)
    outcomes = set()
    for seed in range(30):
        bundle = new_bundle(randomconfig.configuration(seed, folder))
        outcomes.add(Trial(seed, runtime, bundle).check()[1] is None)
        fixtures.remove_tree(bundle.path)
    assert outcomes == {True, False} or not world.root


def test_same_seed_same_configuration():
    assert randomconfig.configuration(3, "/x") == randomconfig.configuration(3, "/x")
    assert randomconfig.configuration(3, "/x") != randomconfig.configuration(4, "/x")
