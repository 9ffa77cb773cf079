"""--log journald: and syslog:, with sockets of the test where the services would have theirs."""
import socket
import subprocess

import pytest

PLACES = {"journald": "/run/systemd/journal/socket", "syslog": "/dev/log"}


@pytest.fixture(params=sorted(PLACES))
def service(request, world, folder):
    """(name, a socket that hears what the service would, a command line that runs others there)."""
    world.need_root("needs to mount over /run and /dev")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(folder / "log.sock"))
    listener.settimeout(5)
    place = PLACES[request.param]
    script = (f'mount -t tmpfs none "$(echo {place} | cut -d/ -f1-2)" && '
              f'mkdir -p "${{0%/*}}" && ln -s "$1" "$0" && shift && exec "$@"')
    yield request.param, listener, ["unshare", "-m", "sh", "-c", script, place, folder / "log.sock"]
    listener.close()


def fail(program, prefix, target):
    done = subprocess.run([*prefix, program, "--log", target, "start", "no\tne"],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr == 'coracle: invalid container id "no\\tne"\n'


@pytest.mark.parametrize("name", ["web", ""])
def test_message(service, program, name):
    kind, listener, prefix = service
    fail(program, prefix, f"{kind}:{name}")
    packet = listener.recv(65536).decode()
    if kind == "journald":
        fields = dict(line.split("=", 1) for line in packet.splitlines())
        assert fields == {
            "MESSAGE": 'invalid container id "no\\tne"', "PRIORITY": "3",
            "SYSLOG_IDENTIFIER": name or "coracle", "CORACLE_CODE": "container-id",
            "CORACLE_HINT": 'letters, digits and "_+-.", not beginning with a dot, at most 255'}
    else:
        head, _, message = packet.partition("]: ")
        assert head.startswith(f"<11>{name or 'coracle'}[")
        assert message == 'invalid container id "no\\tne"'


def test_no_service(world, program):
    """Nobody would see what is reported: that is an error itself."""
    world.need_root("needs to mount over /run and /dev")
    for kind, place in PLACES.items():
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"',
             "/" + place.split("/")[1], program, "--log", f"{kind}:x", "list"],
            capture_output=True, text=True, timeout=20)
        assert done.returncode == 1
        assert done.stderr == f"coracle: option --log: connect to {place}: no such file or directory\n"
