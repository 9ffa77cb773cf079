"""Contract tables: what engines call and what they get, without what differs from time to time.

A table is {"engine", "version", "calls": [call]}; a call has
  command, argv   with placeholders for ids and paths
  before, after   the container's status, "missing" if there is none
  stdio           what the standard descriptors are
  environment     names of variables
  code            the exit code
  stdout, stderr  their shape (of JSON) or text; not of commands that pass them to a container
  log             what --log got: level and message of each object
  pid_file        its text, with digits for a pid
  console         a terminal was asked for by socket
  input           what came on standard input, or in a file of resources
  config          which keys the configuration had (the process alone, for exec)"""
import json
import re

PLACEHOLDERS = {"--bundle": "BUNDLE", "-b": "BUNDLE", "--pid-file": "PID_FILE", "--log": "LOG",
                "--root": "ROOT", "--console-socket": "CONSOLE", "--process": "PROCESS",
                "-p": "PROCESS", "--resources": "RESOURCES", "-r": "RESOURCES",
                "--image-path": "IMAGES", "--work-path": "WORK"}
# What the recording brings along, and not the engine.
OWN_ENVIRONMENT = {"TMPDIR", "CONTAINERS_CONF", "CORACLE", "CORACLE_WORLD", "PYTHONDONTWRITEBYTECODE"}
# How long its program runs is its own affair.
STARTED = {"running": "running or stopped", "stopped": "running or stopped"}
NAMED = {"XDG_RUNTIME_DIR", "PATH", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}


def normalise_argv(call):
    out, values = [], {}
    expect = None
    for word in call["argv"]:
        name, equals, value = word.partition("=")
        if expect:
            out.append(expect if word != "-" else "-")
            values[word] = expect
            expect = None
        elif word == call["id"] and word:
            out.append("ID")
        elif name in PLACEHOLDERS and equals:
            out.append(f"{name}={PLACEHOLDERS[name] if value != '-' else '-'}")
            values[value] = PLACEHOLDERS[name]
        else:
            out.append(word)
            expect = PLACEHOLDERS.get(word)
    return out, values


def shape(value):
    """The keys and types of a JSON document; the words that callers read stay. How a container ended
    is known for a moment or for good, depending on who waited."""
    if isinstance(value, dict):
        return {k: v if k == "status" else shape(v) for k, v in sorted(value.items())
                if k != "exitStatus"}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def normalise_text(text, call, values):
    for path, name in sorted(values.items(), key=lambda item: -len(item[0])):
        if len(path) > 3:
            text = text.replace(path, name)
    if call["id"]:
        text = text.replace(call["id"], "ID")
    text = re.sub(r"/[\w./-]*?/(?=ID)", "…/", text)
    text = re.sub(r"(/tmp|/sys/fs/cgroup)/[\w./-]+", "…", text)
    return re.sub(r"^(coracle version|commit:) \S*", r"\1 …", text, flags=re.M)


def output(text, call, values):
    try:
        return {"json": shape(json.loads(text))}
    except ValueError:
        return {"text": normalise_text(text, call, values)}


def keys(value, prefix=""):
    """The paths of all keys; of lists the union of what their items have."""
    found = set()
    if isinstance(value, dict) and prefix not in ("annotations", "linux.sysctl"):
        for k, v in value.items():
            path = f"{prefix}.{k}" if prefix else k
            found |= {path} | keys(v, path)
    elif isinstance(value, list):
        for item in value:
            found |= keys(item, prefix + "[]")
    return found


def normalise(call):
    argv, values = normalise_argv(call)
    row = {"command": call["command"], "argv": argv, "before": call["before"],
           "after": STARTED.get(call["after"], call["after"]), "code": call["code"], "stdio": call["stdio"],
           "environment": sorted(NAMED & set(call["environment"]) - OWN_ENVIRONMENT)}
    for name in ("stdout", "stderr"):
        if name in call:
            row[name] = output(call[name], call, values)
    if "log" in call:
        lines = [json.loads(line) for line in call["log"].splitlines()]
        row["log"] = [{"level": e["level"], "code": e["code"],
                       "msg": normalise_text(e["msg"], call, values)} for e in lines]
    if "pid_file" in call:
        row["pid_file"] = re.sub(r"\d+", "PID", call["pid_file"])
    if "console" in call:
        row["console"] = call["console"]
    if "input" in call:
        row["input"] = json.loads(call["input"])
    for name in ("resources", "r"):
        if call["files"].get(name):
            row["input"] = call["files"][name]["document"]
    for name in ("config", "process", "p"):
        if call["files"].get(name):
            row["config"] = sorted(keys(call["files"][name]["document"]))
            row["terminal"] = bool(find_terminal(call["files"][name]["document"]))
    return row


def find_terminal(document):
    return document.get("process", document).get("terminal")


def make(engine, version, calls):
    """Distinct calls, in the order in which they were first made. What only says which keys a
    configuration had does not make a call another."""
    rows, seen = [], {}
    for call in calls:
        row = normalise(call)
        words = row.get("stderr", {}).get("text", "")
        if "unknown command" in words or "the cgroup controller" in words:
            continue  # no contract yet; or what the machine of the recording lacks
        identity = json.dumps({k: v for k, v in row.items() if k not in ("config", "environment")},
                              sort_keys=True)
        if identity in seen:
            first = seen[identity]
            for name in ("config", "environment"):
                if name in row:
                    first[name] = sorted({*first[name], *row[name]})
        else:
            seen[identity] = row
            rows.append(row)
    return {"engine": engine, "version": version, "calls": rows}


def dump(table):
    """JSON with one line a call, which shows in a diff what changed."""
    calls = ",\n".join("  " + json.dumps(row, sort_keys=True, ensure_ascii=False)
                       for row in table["calls"])
    return (f'{{"engine": {json.dumps(table["engine"])}, "version": {json.dumps(table["version"])}, '
            f'"calls": [\n{calls}\n]}}\n')
