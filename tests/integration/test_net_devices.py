"""linux.netDevices: moved, renamed, with their addresses, up."""
import json
import subprocess

import pytest

import harness
from harness import ANY


def ip(*args, check=True):
    return subprocess.run(["ip", *map(str, args)], check=check, capture_output=True,
                          text=True).stdout


@pytest.fixture
def pair(world, runtime):
    """Two ends of a cable; the first one has addresses."""
    world.need_host_root("needs to make network devices")
    here, there = (f"{runtime.marker[-9:].replace('-', '')}{end}" for end in "ab")
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", there)
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("needs ip and veth devices")
    ip("link", "set", here, "mtu", 1400)
    ip("link", "set", here, "up")
    ip("addr", "add", "10.11.12.13/24", "broadcast", "10.11.12.255", "dev", here)
    ip("addr", "add", "10.99.0.1/32", "dev", here)
    ip("-6", "addr", "add", "fd00:1:2::3/64", "nodad", "dev", here, check=False)
    yield here, there
    ip("link", "del", there, check=False)
    ip("link", "del", here, check=False)


def addresses(pid, name):
    found = json.loads(subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "-j", "addr", "show",
                                       "dev", name], check=True, capture_output=True).stdout)
    return found[0]


@pytest.mark.parametrize("name", [None, "inside0"])
@pytest.mark.parametrize("user_namespace", [False, True])
def test_moved(runtime, bundle, pair, name, user_namespace):
    had_v6 = "fd00:1:2::3" in ip("addr", "show", "dev", pair[0])
    bundle.linux["netDevices"] = {pair[0]: {"name": name} if name else {}}
    if user_namespace:
        bundle.namespace("user")
        for kind in ("uid", "gid"):
            bundle.linux[f"{kind}Mappings"] = [
                {"containerID": 0, "hostID": 600000, "size": 65536}]
    container = runtime.sleeping(bundle)
    assert pair[0] not in ip("link")
    found = addresses(container.pid, name or pair[0])
    assert "UP" in found["flags"] and found["mtu"] == 1400
    seen = {(a["local"], a["prefixlen"]): a for a in found["addr_info"]
            if a["scope"] == "global"}
    expected = {("10.11.12.13", 24), ("10.99.0.1", 32)}
    if had_v6:
        expected.add(("fd00:1:2::3", 64))
    assert set(seen) == expected
    assert seen["10.11.12.13", 24]["broadcast"] == "10.11.12.255"
    report = container.exec("/probe", "report", stdout=ANY).report()
    assert (name or pair[0]) in report.interfaces


def test_run_and_joined_namespace(runtime, bundle, new_bundle, pair):
    first = runtime.sleeping(new_bundle())
    bundle.namespace("network", f"/proc/{first.pid}/ns/net")
    bundle.linux["netDevices"] = {pair[0]: {"name": "joined0"}}
    assert "joined0" in runtime.report(bundle).interfaces
    assert "joined0" in first.exec("/probe", "report", stdout=ANY).report().interfaces


def test_before_hooks_and_sysctl(runtime, bundle, pair, folder):
    """createRuntime hooks find the device; parameters of its own can be set."""
    bundle.linux["netDevices"] = {pair[0]: {"name": "dev0"}}
    bundle.linux["sysctl"] = {"net.ipv4.conf.dev0.forwarding": "1"}
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": [
        "sh", "-c", "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); "
        f"nsenter -t $pid -n ip link show dev0 > {folder}/seen"]}]}
    report = runtime.report(bundle, "read", "/proc/sys/net/ipv4/conf/dev0/forwarding")
    assert report.read["/proc/sys/net/ipv4/conf/dev0/forwarding"]["text"] == "1\n"
    assert "dev0" in (folder / "seen").read_text()


def test_missing(runtime, bundle, world):
    world.need_host_root()
    bundle.linux["netDevices"] = {"nosuchdev": {}}
    runtime.fails(bundle.probe("exit", 0),
                  r'linux\.netDevices\["nosuchdev"\]: find the network device: no such device')


def test_name_taken(runtime, bundle, new_bundle, pair):
    """The device stays where it is."""
    first = runtime.sleeping(new_bundle())
    subprocess.run(["nsenter", "-t", str(first.pid), "-n", "ip", "link", "add", "taken", "type",
                    "bridge"], check=True)
    bundle.namespace("network", f"/proc/{first.pid}/ns/net")
    bundle.linux["netDevices"] = {pair[0]: {"name": "taken"}}
    runtime.fails(bundle.probe("exit", 0), 'has a network device "taken" already')
    assert pair[0] in ip("link")


@pytest.mark.parametrize("devices, words", [
    ({"a": {"name": "lo"}}, 'cannot both be "lo"'),
    ({"a": {"name": "x"}, "b": {"name": "x"}}, 'cannot both be "x"')])
def test_impossible_names(runtime, bundle, devices, words):
    if not bundle.has_namespace("network"):
        bundle.namespace("network")
    bundle.linux["netDevices"] = devices
    runtime.fails(bundle.probe("exit", 0), words)


def test_without_privilege(runtime, bundle, world):
    world.need(not world.host_root, "needs a caller without privileges")
    if not bundle.has_namespace("network"):
        bundle.namespace("network")
    bundle.linux["netDevices"] = {"lo": {"name": "other"}}
    runtime.fails(bundle.probe("exit", 0), r'linux\.netDevices\["lo"\]: move the network device: ')


def test_features(runtime):
    assert runtime("features", stdout=ANY).json()["linux"]["netDevices"]["enabled"]
