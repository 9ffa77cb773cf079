"""Where two days of an engine differ, and for which of it the reason is known."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


def known():
    """Rows of differences.txt: engine and action as patterns, the reason."""
    rows = []
    for line in (HERE / "differences.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            engine, action, reason = (part.strip() for part in line.split(" | ", 2))
            rows.append((re.compile(engine), re.compile(action), reason))
    return rows


def reason_of(rows, engine, action):
    return next((why for e, a, why in rows if e.fullmatch(engine) and a.search(action)), None)


def differences(ours, theirs):
    for action in {**ours, **theirs}:
        a, b = ours.get(action, {}), theirs.get(action, {})
        if any(a.get(key) != b.get(key) for key in ("code", "out", "says")):
            yield action, a, b


def failed_on_both(ours, theirs):
    """How many show nothing: what fails early on both sides differs in nothing."""
    return sum(bool(a.get("code")) and a.get("code") == theirs.get(action, {}).get("code")
               for action, a in ours.items())
