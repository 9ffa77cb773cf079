"""What hostile tests have in common: a part of the host's that must stay as it is, and a process that
exchanges two paths as fast as the kernel can."""
import contextlib
import ctypes
import hashlib
import os
import signal
import stat

import worlds

RENAME_EXCHANGE = 2
AT_FDCWD = -100


def look(top):
    """Everything below a directory that an effect from inside could change."""
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        s = path.lstat()
        found[str(path)] = (s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_nlink, s.st_mtime_ns,
                            hashlib.sha256(path.read_bytes()).hexdigest()
                            if stat.S_ISREG(s.st_mode) else "")
    return found


@contextlib.contextmanager
def unchanged(path):
    """Makes a folder with things that an image could aim at. Whoever has the ids of a container may
    write all of it; when the block ends it must be what it was."""
    for name in ("etc", "dev/pts", "proc", "sys", "made"):
        (path / name).mkdir(parents=True)
    for name in ("file", "etc/passwd", "dev/null", "dev/console", "dev/ptmx", "dev/pts/0"):
        (path / name).write_text("root:x:0:0:root:/outside:/bin/sh\n")
    for each in [path, *path.rglob("*")]:
        each.chmod(0o777 if each.is_dir() else 0o666)
    before = look(path)
    yield path
    assert look(path) == before


@contextlib.contextmanager
def exchanging(*pairs):
    """While the block runs a process exchanges the two paths of each pair."""
    encoded = [(str(a).encode(), str(b).encode()) for a, b in pairs]
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        worlds.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        rename = worlds.libc.renameat2
        rename.argtypes = (ctypes.c_int, ctypes.c_char_p) * 2 + (ctypes.c_uint,)
        while os.getppid() == parent:
            for _ in range(1000):
                for a, b in encoded:
                    rename(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def drop_dev(bundle):
    """No file system covers the image's /dev."""
    return bundle.drop_mount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
