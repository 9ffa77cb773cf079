"""The AppArmor profile of contrib/, where user namespaces are for programs whose profile allows them.
Ubuntu's sysctl for that is not in other kernels: a profile without the rule stands for it."""
import os
import pathlib
import shutil
import subprocess

import pytest

from test_doctor import CORACLE, doctor, needs_root, pytestmark  # noqa: F401

PROFILE = pathlib.Path(__file__).resolve().parents[2] / "contrib/apparmor/coracle"
ENABLED = pathlib.Path("/sys/module/apparmor/parameters/enabled")
MEDIATES = pathlib.Path("/sys/kernel/security/apparmor/features/namespaces/mask")
HEAD = "profile coracle /usr/{bin/coracle,libexec/coracle/*} "
NAME = f"coracle-test-{os.getpid()}"

RESTRICTED = f"""abi <abi/4.0>,
profile {NAME} {CORACLE.parent}/coracle* flags=(attach_disconnected) {{
  file,
  capability,
  mount,
  umount,
  pivot_root,
  network,
  signal,
  ptrace,
  unix,
}}
"""


def parser(option, text):
    done = subprocess.run(["apparmor_parser", option, "--skip-cache"], input=text, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr


@needs_root
@pytest.mark.skipif(not shutil.which("apparmor_parser"), reason="needs apparmor_parser")
def test_syntax():
    parser("--skip-kernel-load", PROFILE.read_text())


@needs_root
@pytest.mark.skipif(not (ENABLED.exists() and MEDIATES.exists() and "userns_create" in MEDIATES.read_text() and shutil.which("apparmor_parser")),
                    reason="needs an AppArmor that mediates user namespaces, Linux 6.7, and its parser")
def test_profile_allows_user_namespaces():
    """An ordinary user's container, for programs that may not make a user namespace, and with ours."""
    text = PROFILE.read_text()
    assert HEAD in text
    ours = text.replace(HEAD, f"profile {NAME} {CORACLE.parent}/coracle* ")
    try:
        parser("--replace", RESTRICTED)
        found, _ = doctor("doctor", "--for", "rootless")
        assert found["user-namespace"]["verdict"] == "fail", found["user-namespace"]
        assert "make a user namespace: permission denied" in found["user-namespace"]["found"]
        assert found["start"]["verdict"] == "fail", found["start"]
        assert NAME in found["security-module"]["found"], found["security-module"]
        parser("--replace", ours)
        found, _ = doctor("doctor", "--for", "rootless")
        assert found["user-namespace"]["verdict"] == "ok", found["user-namespace"]
        assert found["start"]["verdict"] == "ok", found["start"]
        assert f"{NAME} (unconfined)" in found["security-module"]["found"]
    finally:
        parser("--remove", ours)
