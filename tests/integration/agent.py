"""A seccomp agent: takes listeners as config-linux.md says, and answers what is asked there."""
import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading
import time

IOWR = 3 << 30
NOTIF_SIZE, RESPONSE_SIZE = 80, 24
NOTIF_RECV = IOWR | NOTIF_SIZE << 16 | ord("!") << 8
NOTIF_SEND = IOWR | RESPONSE_SIZE << 16 | ord("!") << 8 | 1
CONTINUE = 1


class Agent:
    """Answers on a thread until close(). answer(nr) gives 0 to let a call through, or an errno. mode:
    "answer"; "silent" keeps the listener and says nothing; "close" closes the connection unread;
    "drop" takes the listener and closes it; "deaf" never accepts."""

    def __init__(self, path, mode="answer", answer=lambda nr: 0):
        self.path, self.mode, self.answer = str(path), mode, answer
        self.states, self.asked, self.problems, self.listeners = [], set(), [], []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.listen(8)
        self.wake, self.woken = os.pipe2(os.O_CLOEXEC)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def close(self):
        os.close(self.woken)
        self.thread.join()
        for fd in (self.wake, *self.listeners):
            os.close(fd)
        self.socket.close()
        os.unlink(self.path)

    def wait_states(self, n):
        """The command that sends a state does not wait for us to read it."""
        deadline = time.monotonic() + 10
        while len(self.states) < n and time.monotonic() < deadline:
            time.sleep(0.002)
        assert len(self.states) == n

    def serve(self):
        poller = select.poll()
        poller.register(self.wake)
        if self.mode != "deaf":
            poller.register(self.socket, select.POLLIN)
        while True:
            for fd, events in poller.poll():
                if fd == self.wake:
                    return
                if fd == self.socket.fileno():
                    listener = self.take()
                    if listener is not None and self.mode == "answer":
                        poller.register(listener, select.POLLIN)
                elif events & select.POLLIN:
                    self.reply(fd)
                else:  # nobody is left under the filter
                    poller.unregister(fd)
                    self.listeners.remove(fd)
                    os.close(fd)

    def take(self):
        connection, _ = self.socket.accept()
        with connection:
            if self.mode == "close":
                return None
            data, control, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(4 * 4))
            while more := connection.recv(1 << 16):
                data += more
        fds = array.array("i")
        for level, kind, payload in control:
            if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.problems.append(f"control message {level} {kind}")
            fds.frombytes(payload)
        if len(fds) != 1:
            self.problems.append(f"{len(fds)} descriptors")
        self.states.append(json.loads(data))
        if self.mode == "drop":
            for fd in fds:
                os.close(fd)
            return None
        self.listeners.extend(fds)
        return fds[0]

    def reply(self, fd):
        request = bytearray(NOTIF_SIZE)
        try:
            fcntl.ioctl(fd, NOTIF_RECV, request)
            nr, = struct.unpack_from("=i", request, 16)
            self.asked.add(nr)
            error = self.answer(nr)
            fcntl.ioctl(fd, NOTIF_SEND, request[:8] + struct.pack(
                "=qiI", 0, -error, 0 if error else CONTINUE))
        except OSError as e:
            if e.errno not in (errno.ENOENT, errno.EINTR):  # who asked is gone
                self.problems.append(str(e))
