"""Terminals: attached through our own, or handed to an engine."""
import os
import signal

import pytest

import harness


def run_on_terminal(runtime, bundle, *args):
    """run with a terminal as all three streams: (our end, the process)."""
    bundle.process["terminal"] = True
    bundle.save()
    terminal, slave = harness.open_terminal()
    terminal.resize(33, 111)
    process = runtime.popen("run", *args, "-b", bundle.path, runtime.new_id(), stdin=slave,
                            stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    return terminal, process


def finish(terminal, process, code=0):
    terminal.read_to_end()
    assert process.wait(harness.TIMEOUT) == code, terminal.text
    terminal.close()


def check_terminal(r):
    assert r.terminal["stdin"] and r.terminal["stdout"] and r.terminal["stderr"]
    assert r.terminal["controlling"] and r.terminal["foreground"] == r.pgid
    assert r.sid == r.pid == r.pgid
    assert r.terminal["name"].startswith("/dev/pts/")
    assert set(r.fds) == {"0", "1", "2"}
    assert {r.fds[fd] for fd in r.fds} == {r.terminal["name"]}


def report_of(terminal):
    """The report among what came; a terminal turns \\n into \\r\\n."""
    line = terminal.read_until(r"\{.*\}\r?\n")[0]
    return harness.Report(harness.json.loads(line))


def test_run(runtime, bundle):
    terminal, process = run_on_terminal(runtime, bundle.probe("report"))
    r = report_of(terminal)
    finish(terminal, process)
    check_terminal(r)
    assert (r.terminal["rows"], r.terminal["columns"]) == (33, 111)
    console = r.dev["console"]
    assert console["type"] == "char" and console["major"] == 136
    assert r.mount("/dev/console").fstype == "devpts"


def test_run_input(runtime, bundle):
    terminal, process = run_on_terminal(runtime, bundle.probe("print", "ready", "line", "exit", 5))
    terminal.read_until("ready")
    terminal.write("hello\n")
    terminal.read_until(r"\[hello\]")
    finish(terminal, process, 5)


def test_run_interrupt(runtime, bundle):
    """Control-C goes to the program inside, not to us."""
    terminal, process = run_on_terminal(
        runtime, bundle.probe("catch", 2, "print", "ready", "sleep", "exit", 7))
    terminal.read_until("ready")
    terminal.write("\x03")
    terminal.read_until("signal 2")
    finish(terminal, process, 7)


def test_run_resize(runtime, bundle):
    terminal, process = run_on_terminal(
        runtime, bundle.probe("catch", 28, "print", "ready", "sleep", "winsize"))
    terminal.read_until("ready")
    terminal.resize(40, 90)
    process.send_signal(signal.SIGWINCH)
    terminal.read_until(r"40 90\r\n")
    finish(terminal, process)


def test_run_restores_the_terminal(runtime, bundle):
    """Our caller's terminal is raw while the program runs, and as before afterwards."""
    import termios
    terminal, slave = harness.open_terminal()
    before = termios.tcgetattr(slave)
    bundle.process["terminal"] = True
    bundle.probe("print", "ready", "line").save()
    process = runtime.popen("run", "-b", bundle.path, runtime.new_id(), stdin=slave, stdout=slave,
                            stderr=slave, start_new_session=True)
    terminal.read_until("ready")
    during = termios.tcgetattr(slave)
    terminal.write("x\r")
    assert process.wait(harness.TIMEOUT) == 0
    after = termios.tcgetattr(slave)
    os.close(slave)
    terminal.close()
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert after == before


def test_run_without_a_terminal_outside(runtime, bundle):
    """A terminal inside, while our own streams are none: as in a pipeline, where lines end plainly."""
    bundle.process["terminal"] = True
    bundle.probe("print", "from a terminal")
    runtime.run(bundle, stdout="from a terminal\n")


def test_console_size(runtime, bundle, console_socket):
    bundle.process.update(terminal=True, consoleSize={"height": 12, "width": 34})
    container = runtime.create(bundle.probe("report"), "--console-socket", console_socket.path)
    terminal = console_socket.accept()
    container.start()
    r = report_of(terminal)
    terminal.close()
    assert (r.terminal["rows"], r.terminal["columns"]) == (12, 34)
    container.wait_stopped()
    container.delete()


def test_console_socket(runtime, bundle, console_socket):
    bundle.process["terminal"] = True
    container = runtime.create(bundle.probe("report", "line"), "--console-socket",
                               console_socket.path)
    # It is there when create returns.
    console_socket.listener.setblocking(False)
    terminal = console_socket.accept()
    container.start()
    check_terminal(report_of(terminal))
    terminal.write("typed\n")
    terminal.read_until(r"\[typed\]")
    terminal.close()
    container.wait_stopped()
    container.delete()
    assert container.stdout == ""


def test_console_belongs_to_the_user(runtime, bundle, world, console_socket):
    world.need(world.root or world.subids, "needs more than one id")
    bundle.process["terminal"] = True
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    container = runtime.create(bundle.probe("report"), "--console-socket", console_socket.path)
    terminal = console_socket.accept()
    container.start()
    r = report_of(terminal)
    terminal.close()
    pts = r["dev/pts"]["0"]
    assert (pts["uid"], pts["mode"] & 0o600) == (1000, 0o600)
    container.wait_stopped()
    container.delete()


def test_detached_terminal_needs_a_socket(runtime, bundle):
    bundle.process["terminal"] = True
    bundle.probe("exit", 0).save()
    runtime("create", "-b", bundle.path, runtime.new_id(), error="console-socket")
    runtime("run", "-d", "-b", bundle.path, runtime.new_id(), error="console-socket")


def test_socket_without_terminal(runtime, bundle, console_socket):
    bundle.probe("exit", 0).save()
    runtime("create", "--console-socket", console_socket.path, "-b", bundle.path, runtime.new_id(),
            error="terminal")


def test_missing_socket(runtime, bundle, folder):
    bundle.process["terminal"] = True
    bundle.probe("exit", 0).save()
    runtime("create", "--console-socket", folder / "none", "-b", bundle.path, runtime.new_id(),
            error="no such file or directory")


def test_without_devpts(runtime, bundle):
    bundle.process["terminal"] = True
    bundle.drop_mount("/dev/pts")
    runtime.fails(bundle.probe("exit", 0), "terminal")


def test_exec_on_terminal(runtime, bundle):
    container = runtime.sleeping(bundle)
    terminal, slave = harness.open_terminal()
    terminal.resize(21, 77)
    process = runtime.popen("exec", "--tty", container, "/probe", "report", "line", "exit", "4",
                            stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    r = report_of(terminal)
    check_terminal(r)
    assert (r.terminal["rows"], r.terminal["columns"]) == (21, 77)
    terminal.write("abc\n")
    terminal.read_until(r"\[abc\]")
    finish(terminal, process, 4)


def test_exec_console_socket(runtime, bundle, console_socket):
    container = runtime.sleeping(bundle)
    pid = runtime.exec_detached(container, "--tty", "--console-socket", console_socket.path,
                                container, "/probe", "report")
    terminal = console_socket.accept()
    check_terminal(report_of(terminal))
    # In this order: closing the terminal hangs up whoever still uses it.
    assert runtime.wait_process(pid) == 0
    terminal.close()
