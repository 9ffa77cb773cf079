"""kill -9 at random moments of import and gc: what was complete stays complete, and the store is sound. STORE_KILLS is
how many moments of each (default 12), STORE_SEED the first seed."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from test_layers import DIR, archive, info
from test_layout import Layout

KILLS = int(os.environ.get("STORE_KILLS", 12))
SEED = int(os.environ.get("STORE_SEED", 1))


def make_sources(tmp_path, r):
    """Images that share some files; the layers are random, so that they do not compress."""
    common = [info(f"usr/common{i}", content=r.randbytes(r.randrange(65, 3000))) for i in range(300)]
    sources = []
    for i in range(3):
        own = [info(f"usr/own{k}", content=r.randbytes(r.randrange(65, 3000))) for k in range(300)]
        layout = Layout(tmp_path / f"layout{i}")
        sources.append(layout.index(layout.image(archive([info("usr", DIR), *common]), archive(own))))
    return sources


class Killer:
    def __init__(self, image, store):
        self.image, self.store = image, store
        self.complete = {}  # the names that must be there, with what they stand for

    def run(self, *arguments, after=None):
        """The command, killed after a time if one is given. True if it came to its end."""
        child = subprocess.Popen([self.image.path, *map(str, arguments), "--store", self.store],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if after is not None:
            time.sleep(after)
            child.send_signal(signal.SIGKILL)
        out, err = child.communicate(timeout=120)
        assert child.returncode in (0, -signal.SIGKILL), err
        return child.returncode == 0, out.strip()

    def time(self, *arguments):
        before = time.monotonic()
        assert self.run(*arguments)[0]
        return time.monotonic() - before

    def check(self):
        if not (self.store / "meta.json").exists():
            assert not self.complete
            return
        ok, out = self.run("fsck", "--json")
        assert ok and json.loads(out)["bad"] == 0, out
        rows = {row["name"]: row["manifest"] for row in json.loads(self.run("list", "--json")[1])}
        for name, digest in self.complete.items():
            assert rows[name] == digest, name


@pytest.mark.parametrize("what", ["import", "gc"])
def test_kill(image, tmp_path, what):
    r = random.Random(SEED)
    sources = make_sources(tmp_path, r)
    killer = Killer(image, tmp_path / "store")
    longest = killer.time("import", sources[0], "first")
    subprocess.run(["rm", "-rf", killer.store], check=True)
    finished = 0
    for n in range(KILLS):
        i = r.randrange(len(sources))
        if what == "gc":
            # One image stays, another one's files are to go.
            ok, digest = killer.run("import", sources[i], f"image:{i}")
            killer.complete[f"image:{i}"] = digest
            gone = f"image:{r.choice([k for k in range(3) if k != i])}"
            if gone in killer.complete:
                killer.run("rm", gone)
                del killer.complete[gone]
            ok, _ = killer.run("gc", after=r.random() * longest / 3)
        else:
            ok, digest = killer.run("import", sources[i], f"image:{i}", after=r.random() * longest)
            if ok:
                killer.complete[f"image:{i}"] = digest
            elif r.random() < 0.2:
                assert killer.run("gc")[0]
        finished += ok
        killer.check()
        if what == "import" and r.random() < 0.3 and killer.complete:
            # Start over, so that there is something to write.
            name = r.choice(sorted(killer.complete))
            assert killer.run("rm", name)[0]
            del killer.complete[name]
            assert killer.run("gc")[0]
    print(f"{what}: {KILLS} moments, {KILLS - finished} killed before the end, longest {longest:.3f} s")
    assert finished < KILLS
    # Whatever was left behind is no hindrance, and goes.
    for i, source in enumerate(sources):
        killer.complete[f"image:{i}"] = killer.run("import", source, f"image:{i}")[1]
    assert killer.run("gc")[0]
    killer.check()
    told = json.loads(killer.run("gc", "--json")[1])
    assert [told[k] for k in ("images", "blobs", "objects", "temporary")] == [0, 0, 0, 0]
    assert not list(killer.store.rglob(".tmp-*"))
