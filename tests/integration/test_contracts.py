"""What engines call, replayed: the tables that tests/contracts/record wrote. Each call is made in the
status in which the engine made it, with our own paths and id in place of the engine's, and must give
the same exit code, output, log, pid file and terminal."""
import json
import os
import pathlib
import re
import sys

import pytest

import harness
import test_lifecycle

CONTRACTS = pathlib.Path(__file__).resolve().parent.parent / "contracts"
sys.path.append(str(CONTRACTS))

import tables  # noqa: E402

CALLS = [(table["engine"], row) for table in
         (json.loads(p.read_text()) for p in sorted(CONTRACTS.glob("*.json")))
         for row in table["calls"]]
BY_CRIU = {"checkpoint", "restore"}
WITH_CGROUP = {"pause", "resume", "ps", "update"}


def name_of(engine, row):
    words = [w for w in row["argv"] if not w.startswith("--log") and w not in ("LOG", "ROOT", "--root")]
    return f"{engine}: {' '.join(words)} ({row['before']}, {row['code']})"


def missing_program(row):
    """What an engine's user wanted to run when that failed."""
    found = [re.search(r'exec: "([^"]+)"', entry["msg"]) for entry in row.get("log", [])]
    return found[0][1] if found and found[0] else "nosuch"


class Replay:
    """One call of a table, in a bundle of ours."""

    def __init__(self, row, runtime, bundle, folder):
        self.row, self.runtime, self.bundle, self.folder = row, runtime, bundle, folder
        self.console = harness.ConsoleSocket(folder) if row.get("console") else None
        self.terminal = None
        self.values = {"BUNDLE": bundle.path, "PID_FILE": folder / "pid", "LOG": folder / "log",
                       "IMAGES": folder / "images", "WORK": folder / "work",
                       "PROCESS": folder / "process.json", "RESOURCES": folder / "resources.json",
                       "CONSOLE": self.console.path if self.console else ""}

    def prepare(self, world):
        """The container in the status of before, or its bundle."""
        row, bundle = self.row, self.bundle
        document = row.get("stdout", {}).get("json", {})
        if row["command"] == "state" and document.get("annotations"):
            bundle.config["annotations"] = dict.fromkeys(document["annotations"], "some")
        if row["command"] == "create":
            if row["code"] == 0:
                bundle.probe("print", "up", "sleep")
            else:
                bundle.args(missing_program(row))
            bundle.process["terminal"] = row["terminal"]
            self.container = harness.Container(self.runtime, self.runtime.new_id(), bundle.save())
            self.runtime.to_close.append(self.container)
        elif row["before"] == "":
            self.container = None
        else:
            found = test_lifecycle.bring_to(self.runtime, world, bundle, row["before"])
            self.container = found
        program = ["/probe", *(["sleep"] if self.detached() else ["print", "done"])]
        process = {"args": program if row["code"] == 0 else [missing_program(row)],
                   "cwd": "/", "env": ["PATH=/bin"], "terminal": row.get("terminal", False)}
        self.values["PROCESS"].write_text(json.dumps(process))
        self.values["RESOURCES"].write_text(json.dumps(row.get("input")))
        self.values["ID"] = str(self.container)

    def detached(self):
        return "--detach" in self.row["argv"]

    def argv(self):
        words = [w for w in self.row["argv"] if w != "--root=ROOT"]
        if "ROOT" in words:  # ours is in front of them anyway
            at = words.index("ROOT")
            del words[at - 1:at + 1]
        replace = lambda w: str(self.values.get(w, w))
        return ["=".join(map(replace, w.split("=", 1))) for w in words]

    def call(self):
        row, more = self.row, {}
        if row["command"] == "create":
            more["capture"] = (self.container.output, self.container.errors)
        if "-" in row["argv"]:
            more["input"] = json.dumps(row["input"])
        if "--preserve-fds" in row["argv"]:
            more.update(pass_fds=[3], preexec_fn=lambda: os.dup2(0, 3))
        self.result = self.runtime(*self.argv(), code=row["code"], stdout=harness.ANY,
                                   stderr=harness.ANY, **more)
        if self.console:
            self.terminal = self.console.accept()

    def register(self):
        if self.row["command"] == "create" and self.row["code"] == 0:
            self.container.pid = int(self.values["PID_FILE"].read_text())
            self.runtime.containers[self.container.id] = self.container
        elif self.row["command"] == "delete" and self.row["after"] == "missing":
            self.runtime.containers.pop(str(self.container), None)

    def found(self):
        """What came of it, as a table has it."""
        call = {"id": str(self.container)}
        values = {str(v): k for k, v in self.values.items() if k != "ID" and v}
        out = {name: tables.output(getattr(self.result, name), call, values)
               for name in ("stdout", "stderr") if name in self.row}
        if "log" in self.row:
            entries = map(json.loads, self.values["LOG"].read_text().splitlines())
            out["log"] = [{"level": e["level"], "code": e["code"],
                           "msg": tables.normalise_text(e["msg"], call, values)} for e in entries]
        if "pid_file" in self.row:
            out["pid_file"] = re.sub(r"\d+", "PID", self.values["PID_FILE"].read_text())
        if self.row["command"] == "kill" and self.row["code"] == 0 and self.row["after"]:
            # A process takes a moment to die.
            harness.poll_until(lambda: self.status() == self.row["after"], self.row["after"])
        if self.row["after"]:
            out["after"] = self.status()
        return out

    def status(self):
        done = self.runtime("state", self.container, code=harness.ANY, stdout=harness.ANY,
                            stderr=harness.ANY)
        status = json.loads(done.stdout)["status"] if done.code == 0 else "missing"
        return tables.STARTED.get(status, status)

    def close(self):
        if self.terminal:
            self.terminal.close()
        if self.console:
            self.console.close()
        if self.row["command"] == "exec" and self.row["code"] == 0 and self.detached():
            pid = int(self.values["PID_FILE"].read_text())
            os.kill(pid, 9)
            self.runtime.wait_process(pid)


def each(calls):
    return pytest.mark.parametrize("row", [row for _, row in calls],
                                   ids=[name_of(*c) for c in calls])


@each([c for c in CALLS if c[1]["command"] not in BY_CRIU])
def test_call(runtime, bundle, world, folder, row):
    if row["command"] in WITH_CGROUP or {"--all", "-a"} & set(row["argv"]):
        world.need_cgroups()
    replay = Replay(row, runtime, bundle, folder)
    try:
        replay.prepare(world)
        replay.call()
        replay.register()
        found = replay.found()
        assert found == {name: row[name] for name in found}
    finally:
        replay.close()


@each([c for c in CALLS if c[1]["command"] in BY_CRIU])
def test_call_of_criu(criu, runtime, bundle, world, folder, row):
    test_call(runtime, bundle, world, folder, row)


def test_tables_are_not_empty():
    """Podman, Buildah, containerd and Docker were there when they were recorded, and CRI-O's calls."""
    engines = {engine for engine, _ in CALLS}
    assert engines >= {"podman", "buildah", "containerd", "docker", "crio"}
    assert len(CALLS) > 50
