"""--trace-steps and --trace-picture: where the time of a command goes."""
import re
import xml.etree.ElementTree as ET

from harness import ANY

ROW = re.compile(r"^ *(\d+) +(\d+)  (host|init)  (\S.*?) +\|( *)([#=]+)$")


def rows(text):
    """(begin, duration, who, what) of each row; begin and total are checked against each other."""
    head, *lines, total = text.splitlines()
    assert head.split() == ["at", "took", "who", "what", "(microseconds)"]
    found = [ROW.match(line) for line in lines]
    assert all(found), text
    parts = [(int(m[1]), int(m[2]), m[3], " ".join(m[4].split())) for m in found]
    end = int(re.fullmatch(r" *(\d+) in all", total)[1])
    assert [p[0] for p in parts] == sorted(p[0] for p in parts)
    assert all(begin + took <= end + 1 for begin, took, _, _ in parts)
    # The host half is never idle: its parts lie end to end.
    host = [p for p in parts if p[2] == "host"]
    assert host[0][0] == 0
    for (begin, took, _, _), after in zip(host, host[1:]):
        assert abs(begin + took - after[0]) <= 1
    assert all((m[6][0] == "=") == (m[3] == "init") for m in found)
    return parts


def trace(runtime, *args):
    return rows(runtime(*args, flags=["--trace-steps"], stdout=ANY, stderr=ANY).stderr)


def planned(runtime, bundle):
    """The steps of a run, as `plan` shows them."""
    text = runtime("plan", "--run", "-b", bundle.path, stdout=ANY).stdout
    lines = re.findall(r"^ *\d+ (\S+)(.*)$", text[text.index("\nsteps"):], re.M)
    return [" ".join([name, *re.findall(r"# (\S+)$", more)]) for name, more in lines]


def test_run(runtime, bundle):
    """Every step of the plan, in its order, and the host half around it."""
    bundle.probe("exit", 0).save()
    found = trace(runtime, "run", "--bundle", bundle.path, runtime.new_id())
    assert [p[3] for p in found if p[2] == "init"] == planned(runtime, bundle)
    host = [p[3] for p in found if p[2] == "host"]
    assert host[:3] == ["read the command line", "read the configuration", "ask the host for facts"]
    assert host[-1] == "delete" and "stand by the container" in host
    # Init ends by executing the program.
    begin, took = found[[p[3] for p in found].index("exec process.args")][:2]
    assert begin + took <= found[[p[3] for p in found].index("stand by the container")][0]


def test_life(runtime, bundle):
    """create, start, exec and delete."""
    bundle.probe("sleep").save()
    id = runtime.new_id()
    found = trace(runtime, "create", "--bundle", bundle.path, id)
    assert [p[3] for p in found if p[2] == "init"][-1] == "start"
    assert "let init go on, and wait for the program" in [
        p[3] for p in trace(runtime, "start", id)]
    found = [p[3] for p in trace(runtime, "exec", id, "/probe", "exit", "0") if p[2] == "init"]
    assert found[-1].startswith("exec") and "clone" in found
    assert "end and remove it" in [p[3] for p in trace(runtime, "delete", "--force", id)]


def test_failure(runtime, bundle):
    """What was done until then, and the error last."""
    bundle.args("/missing").save()
    text = runtime("run", "--bundle", bundle.path, runtime.new_id(), code=ANY, stderr=ANY,
                   flags=["--trace-steps"]).stderr
    *table, error = text.splitlines()
    assert error.startswith("coracle: ") and "/missing" in error
    found = rows("\n".join(table))
    assert [p[3] for p in found if p[2] == "init"][-1] == "program process.args[0]"


def test_picture(runtime, bundle):
    """Well-formed, with a bar for each part."""
    path = bundle.path / "start.svg"
    bundle.config["annotations"] = {}
    bundle.probe("exit", 0).save()
    found = runtime("run", "--bundle", bundle.path, runtime.new_id(), stderr=ANY,
                    flags=["--trace-steps", "--trace-picture", str(path)]).stderr
    picture = ET.parse(path).getroot()
    bars = [e for e in picture.iter("{http://www.w3.org/2000/svg}rect") if e.get("width") != "100%"]
    assert len(bars) == len(rows(found))
    assert all(float(b.get("x")) + float(b.get("width")) <= float(picture.get("width"))
               for b in bars)


def test_picture_nowhere(runtime, bundle):
    runtime.fails(bundle.probe("exit", 0), r'write "/nonexistent/x\.svg": no such file',
                  flags=["--trace-picture", "/nonexistent/x.svg"])


def test_devices_of_v1_come_first(runtime, bundle, world):
    """While a list of v1 is written there is a moment in which init could open no device."""
    world.need(world.arrangement == "v1" and world.cgroups, "needs the devices of cgroup v1")
    bundle.probe("exit", 0).save()
    host = [p[3] for p in trace(runtime, "run", "--bundle", bundle.path, runtime.new_id()) if p[2] == "host"]
    assert host.index("attach the device policy") < host.index("create the process")
