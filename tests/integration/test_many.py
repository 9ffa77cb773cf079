"""Two hundred containers, twenty at a time, from creation to deletion: nothing is left."""
import concurrent.futures
import os
import subprocess

import pytest

import harness
import leaks

TOTAL, AT_A_TIME = harness.often(200), 20


def keyring_options(world):
    """An ordinary user may have 200 keys, and those of the dead are collected late: so many
    containers cannot have a session keyring each."""
    return [] if world.host_root else ["--no-new-keyring"]


def test_two_hundred(runtime, new_bundle, world):
    bundles = [new_bundle().probe("print", "up", "sleep").save() for _ in range(AT_A_TIME)]

    def command(*args, code=0):
        done = subprocess.run(runtime.command(*args), env=runtime.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=3 * harness.TIMEOUT)
        assert done.returncode == code and done.stderr == "", (args, done)
        return done.stdout

    def life(n):
        id = f"{runtime.marker}-many{n}"
        # Its output is not ours to wait for: it would hold the pipe open.
        with open(os.devnull, "w") as null:
            done = subprocess.run(runtime.command("create", *keyring_options(world), "-b",
                                                  bundles[n % AT_A_TIME].path, id),
                                  env=runtime.environment, stdin=subprocess.DEVNULL, stdout=null,
                                  stderr=null, timeout=3 * harness.TIMEOUT)
        assert done.returncode == 0, id
        command("start", id)
        assert command("exec", id, "/probe", "print", id) == f"{id}\n"
        command("state", id)
        command("kill", id, "KILL")
        command("delete", "--force", id)

    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(life, range(TOTAL)))
    runtime("list", "-q", stdout="")


def test_same_id_at_once(runtime, bundle, world):
    """Of many creates with one id exactly one succeeds, and its container works."""
    bundle.probe("print", "up", "sleep").save()
    id = runtime.new_id()
    errors = harness.Capture("stderr")
    with open(os.devnull, "w") as null:
        attempts = [runtime.popen("create", *keyring_options(world), "-b", bundle.path, id,
                                  stdout=null, stderr=errors.fd)
                    for _ in range(10)]
    codes = sorted(p.wait(harness.TIMEOUT) for p in attempts)
    text = errors.text()
    errors.close()
    assert codes == [0] + [1] * 9, text
    assert text.count("\n") == text.count("exists") == 9, text
    runtime("start", id)
    runtime("exec", id, "/probe", "exit", "3", code=3)
    runtime("delete", "--force", id)


def test_exec_at_once(runtime, bundle):
    container = runtime.sleeping(bundle)
    attempts = [runtime.popen("exec", container, "/probe", "exit", str(n)) for n in range(20)]
    assert [p.wait(harness.TIMEOUT) for p in attempts] == list(range(20))


def test_start_at_once(runtime, bundle):
    """One start wins; the others are told."""
    container = runtime.create(bundle.probe("print", "up", "sleep"))
    with open(os.devnull, "w") as null:
        attempts = [runtime.popen("start", container, stderr=null) for _ in range(8)]
    codes = sorted(p.wait(harness.TIMEOUT) for p in attempts)
    assert codes == [0] + [1] * 7
    container.wait_output("up\n")
    assert container.stdout == "up\n"


def test_delete_at_once(runtime, bundle):
    container = runtime.sleeping(bundle)
    attempts = [runtime.popen("delete", "--force", container, stderr=2) for _ in range(5)]
    assert {p.wait(harness.TIMEOUT) for p in attempts} == {0}
    runtime.containers.pop(container.id)
    runtime("state", container, error="container does not exist")
