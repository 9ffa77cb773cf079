import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

# Not the leak check: engines leave processes of their own until the session ends.
from fixtures import (Here, criu, criu_checked, program, pytest_addoption, pytest_cmdline_main,  # noqa: E402,F401
                      pytest_report_header, session_folder, marker, static_busybox, world)
from engine import podman  # noqa: E402,F401
