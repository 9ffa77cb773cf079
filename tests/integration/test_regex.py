"""kill and delete of all containers whose id matches a regular expression."""
import pytest


@pytest.fixture
def three(runtime, new_bundle):
    """Two of one name, that run, and one of another that has ended."""
    base = runtime.new_id()
    made = [runtime.create(new_bundle().probe("print", "up", "sleep"), id=f"{base}-{name}").start()
            for name in ("web1", "web2")]
    for container in made:
        container.wait_output("up\n")
    ended = runtime.create(new_bundle().probe("exit", 0), id=f"{base}-db").start()
    ended.wait_stopped()
    return base, *made, ended


def test_kill(runtime, three):
    base, web1, web2, db = three
    runtime("kill", "--regex", f"^{base}-(web[0-9]|db)$", "KILL")
    web1.wait_stopped()
    web2.wait_stopped()
    runtime("kill", "-r", f"{base}-nobody", "KILL")


def test_delete(runtime, three):
    """What can be removed is, the failure is told."""
    base, web1, web2, db = three
    runtime("delete", "-r", f"^{base}", error="not stopped")
    runtime("state", db, error="container does not exist")
    assert web1.status == web2.status == "running"
    runtime("delete", "-f", "--regex", f"^{base}-web[0-9]$")
    for container in three[1:]:
        runtime("state", container, error="container does not exist")
        runtime.containers.pop(container.id)
    runtime("delete", "--regex", base)


@pytest.mark.parametrize("command", ["kill", "delete"])
def test_without_it_an_id_is_an_id(runtime, three, command):
    runtime(command, f"{three[0]}-web.", error="container does not exist")


@pytest.mark.parametrize("command", ["kill", "delete"])
def test_not_a_regular_expression(runtime, command):
    runtime(command, "--regex", "a(", error="is not a regular expression")


def test_kill_with_a_wrong_signal(runtime, three):
    runtime("kill", "--regex", three[0], "NOPE", error="unknown signal")
