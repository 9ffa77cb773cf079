"""Where the programs under test are. CORACLE_IMAGE is coracle-image (default: build/coracle-image),
PEER_MKCOMPOSEFS and PEER_COMPOSEFS_INFO are another implementation's tools to compare with (default: those
that are installed, if they are not ours; tests that need them are skipped without)."""
import ctypes
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = pathlib.Path(os.environ.get("CORACLE_IMAGE", ROOT / "build/coracle-image")).resolve()


CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def pytest_configure():
    """What others mount meanwhile is none of our business: a mount namespace of our own, where that works."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)


class Tool:
    """Runs coracle-image, or the same under another name."""

    def __init__(self, path):
        self.path = path

    def __call__(self, *arguments, error=None, status=None, stdin=None, text=True, env=None):
        """A command must exit with 0 and say nothing, or with 1 and one line that has these words."""
        done = subprocess.run([self.path, *map(str, arguments)], input=stdin, capture_output=True, text=text,
                              env={**os.environ, **(env or {})}, timeout=120)
        want = status if status is not None else 1 if error else 0
        said = done.stderr if text else done.stderr.decode(errors="replace")
        assert done.returncode == want, f"{arguments}: exit {done.returncode}: {said}"
        if error:
            assert error in said, f"{arguments}: {said}"
            assert len(said.splitlines()) == 1, said
        elif want == 0:
            assert said == "", said
        return done.stdout


@pytest.fixture(scope="session")
def image():
    if not OURS.exists():
        pytest.skip(f"{OURS} is not there: build it, or set CORACLE_IMAGE")
    return Tool(OURS)


@pytest.fixture
def alias(image, tmp_path):
    """alias("mkcomposefs") is coracle-image under that name."""
    def make(name):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.symlink_to(image.path)
        return Tool(path)
    return make


def find_peer(variable, name, needs):
    """Another implementation of a tool, whose --help must have a word: older ones behave differently."""
    path = os.environ.get(variable) or shutil.which(name)
    if not path or pathlib.Path(path).resolve().name == "coracle-image":
        pytest.skip(f"{name} of composefs is not installed, and {variable} is not set")
    done = subprocess.run([path, "--help"], capture_output=True, text=True, errors="replace")
    if needs not in done.stdout + done.stderr:
        pytest.skip(f"{path} is too old")
    return Tool(pathlib.Path(path).resolve())


@pytest.fixture(scope="session")
def peer():
    return find_peer("PEER_MKCOMPOSEFS", "mkcomposefs", "--max-version")


@pytest.fixture(scope="session")
def peer_info():
    return find_peer("PEER_COMPOSEFS_INFO", "composefs-info", "missing-objects")


@pytest.fixture(scope="session")
def fsck():
    path = shutil.which("fsck.erofs")
    if not path:
        pytest.skip("fsck.erofs (erofs-utils) is not installed")
    return path


def mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text()


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No mount, loop device or temporary directory stays behind."""
    def loops():
        return sorted(p.read_text() for p in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"))

    def places():
        return sorted(p.name for p in pathlib.Path("/tmp").glob(".coracle-image-*"))

    before = mounts(), loops(), places()
    yield
    assert (mounts(), loops(), places()) == before
