"""A day: one engine with one runtime, what was done with it and what came of it."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from engine import make_image

SCALE = float(os.environ.get("CORACLE_TIME_SCALE", 1))  # how much slower than usual the machine is
SECONDS = 120 * SCALE
# Behind these a command's output differs from run to run, or belongs to the runtime.
VARIES = [(r"\b[0-9a-f]{64}\b", "ID"), (r"\b[0-9a-f]{12}\b", "ID"),
          (r"\d{4}-\d\d-\d\d[T ][0-9:.]+( ?[+-]\d{4}( [A-Z]+)?|Z)?", "TIME")]


class Day:
    """One engine with one runtime: calls are actions, and what came of them is in results."""

    def __init__(self, engine, program, busybox):
        self.engine, self.program = engine, str(program)
        self.rootless = os.geteuid() != 0
        # Podman wants its paths to have at most 50 characters.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="day-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.image = make_image(self.folder / "image.tar", busybox)
        self.environment = {**os.environ, "TMPDIR": str(self.folder)}
        self.results, self.prefix, self.daemon = {}, [], None
        self.said = time.monotonic()
        self.podman = None  # the command line of Podman, where the day has one

    def run(self, *args, input=None):
        return subprocess.run([*self.prefix, *map(str, args)], env=self.environment, text=True,
                              capture_output=True, timeout=SECONDS,
                              **({"input": input} if input else {"stdin": subprocess.DEVNULL}))

    def plain(self, text):
        text = text.replace(str(self.folder), "FOLDER").replace(self.program, "RUNTIME").replace("\r", "")
        for pattern, word in VARIES:
            text = re.sub(pattern, word, text)
        return text

    def __call__(self, *args, show=True, input=None):
        """An action. show: its output is compared too."""
        self.progress()
        key = self.plain(" ".join(map(str, args)))
        while key in self.results:
            key += "'"
        try:
            done = self.run(*args, input=input)
        except subprocess.TimeoutExpired as late:
            done = subprocess.CompletedProcess(args, None, (late.stdout or b"").decode(), "it did not end")
        self.results[key] = {"code": done.returncode, "says": bool(done.stderr),
                             **({"out": self.plain(done.stdout)} if show else {})}
        self.results[key]["err"] = self.plain(done.stderr)
        return done.stdout

    def progress(self):
        """Says how far it is, on slow machines."""
        if SCALE > 1 and time.monotonic() - self.said > 30:
            self.said = time.monotonic()
            print(f"  {self.engine}: {len(self.results)} actions so far", flush=True)

    def note(self, key, value):
        """Something that was found out, as an action."""
        self.results[key] = {"code": 0, "says": False, "out": self.plain(str(value)), "err": ""}

    def at_once(self, count, *args):
        """An action, so many times at the same time: how often which exit code came."""
        processes = [subprocess.Popen([*self.prefix, *map(str, args)], env=self.environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(count)]
        for process in processes:
            process.communicate(timeout=SECONDS)
        codes = [process.returncode for process in processes]
        self.note(f"{count} times {' '.join(args)}", {code: codes.count(code) for code in sorted(codes)})

    def until(self, *args, text, seconds=20):
        """Waits for @text in what a command prints. That it does not come is a result too."""
        deadline = time.monotonic() + seconds * SCALE
        while text not in self.run(*args).stdout:
            if time.monotonic() > deadline:
                self.results[f"{self.plain(' '.join(args))}: no {text!r}"] = {"code": None, "says": False, "err": ""}
                return
            time.sleep(0.05)

    def start(self, *command):
        with open(self.folder / "daemon.log", "ab") as log:
            self.daemon = subprocess.Popen(list(map(str, command)), env=self.environment, stdout=log,
                                           stderr=log, stdin=subprocess.DEVNULL)

    def close(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        if self.podman:
            self.prefix = self.podman
            self.run("rm", "--all", "--force", "--time", "0")
            if self.rootless:  # files of subordinate ids
                self.run("unshare", "rm", "-rf", self.folder / "store")
                self.run("system", "migrate")
        shutil.rmtree(self.folder, ignore_errors=True)
