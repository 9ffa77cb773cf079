"""AppArmor and SELinux labels: what is asked of the kernel, and that a kernel without is no excuse."""
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import ANY

APPARMOR = pathlib.Path("/sys/module/apparmor/parameters/enabled")
LABEL = "system_u:system_r:container_t:s0:c1,c2"


def enabled(kind):
    if kind == "apparmor":
        return APPARMOR.exists() and APPARMOR.read_text().startswith("Y")
    return pathlib.Path("/sys/fs/selinux/enforce").exists()


@pytest.mark.parametrize("key, value, kind, words", [
    ("apparmorProfile", "no-such-profile", "apparmor", 'AppArmor label "exec no-such-profile"'),
    ("selinuxLabel", LABEL, "selinux", f'SELinux label "{re.escape(LABEL)}"')])
@pytest.mark.parametrize("how", ["run", "exec"])
def test_refused(runtime, bundle, key, value, kind, words, how):
    """Without the module, or for a profile that it does not know: an error, not a container."""
    if kind == "selinux" and enabled(kind):
        pytest.skip("needs a kernel without SELinux")
    bundle.process["noNewPrivileges"] = False
    if how == "run":
        bundle.process[key] = value
        runtime.fails(bundle.probe("exit", 0), rf"process\.{key}: set the {words}: (?![Bb]ad file)")
    else:
        option = "--apparmor" if kind == "apparmor" else "--process-label"
        container = runtime.sleeping(bundle)
        runtime("exec", option, value, container, "/probe", code=255,
                error=rf"process\.{key}: set the {words}: (?![Bb]ad file)")


def test_stacked_with_no_new_privs(runtime, bundle):
    bundle.process["noNewPrivileges"] = True
    bundle.process["apparmorProfile"] = "no-such-profile"
    runtime.fails(bundle.probe("exit", 0), '"stack no-such-profile"')


def test_too_long(runtime, bundle):
    bundle.process["apparmorProfile"] = "x" * 5000
    runtime.fails(bundle.probe("exit", 0), "process.apparmorProfile: the label is too long")


@pytest.mark.parametrize("key, value, module", [("apparmorProfile", "a-profile", 104),
                                               ("selinuxLabel", LABEL, 101)])
def test_what_is_asked(runtime, bundle, folder, world, key, value, module):
    """The kernel is told the module, the attribute of the next exec, and the label."""
    world.need(shutil.which("strace") and not world.old_kernel, "needs strace and Linux 6.8")
    world.need(not world.subids, "a traced newuidmap has no privilege")
    bundle.process[key] = value
    bundle.probe("print", "ran").save()
    trace = folder / "trace"
    done = subprocess.run(
        ["strace", "-f", "-o", trace, "-e", "raw=460", "-e", "trace=460", "-e",
         "inject=460:retval=0", *runtime.command("run", "-b", bundle.path, runtime.new_id())],
        capture_output=True, text=True)
    if "invalid system call" in done.stderr:
        pytest.skip("needs a strace that knows the system call")
    assert done.stdout == "ran\n", done.stderr
    calls = re.findall(r"(?:lsm_set_self_attr|syscall_0x1cc)\((\w+),", trace.read_text())
    assert [int(c, 0) for c in calls] == ([101] if module == 104 else [103, 101])


def test_features(runtime):
    linux = runtime("features", stdout=ANY).json()["linux"]
    assert linux["apparmor"]["enabled"] and linux["selinux"]["enabled"]


@pytest.fixture
def profile(folder, world):
    """An AppArmor profile, loaded: everything but one file."""
    world.need(world.host_root and enabled("apparmor") and shutil.which("apparmor_parser"),
               "needs AppArmor in the kernel, and apparmor_parser")
    name, file = f"coracle-test-{folder.name}", folder / "profile"
    file.write_text(f"profile {name} flags=(attach_disconnected,mediate_deleted) {{\n"
                    "  capability,\n  network,\n  signal,\n  ptrace,\n  mount,\n  file,\n"
                    "  deny /data/secret r,\n}\n")
    subprocess.run(["apparmor_parser", "--replace", "--skip-cache", file], check=True)
    yield name
    subprocess.run(["apparmor_parser", "--remove", file], check=True)


@pytest.mark.parametrize("no_new_privs", [False, True])
def test_enforced(runtime, bundle, profile, no_new_privs):
    """On a kernel that enforces it, the program has the label and is kept from what it forbids; an exec
    takes it over."""
    # With no new privileges it is stacked on the caller's.
    label = re.compile(rf"(\S+//&)?{profile}(//&\S+)? \(enforce\)\n")
    (bundle.rootfs / "data/secret").write_text("secret")
    bundle.process.update(apparmorProfile=profile, noNewPrivileges=no_new_privs)
    runtime.run(bundle.args("/bin/cat", "/proc/self/attr/current"),
                stdout=label)
    runtime.run(bundle.args("/bin/cat", "/data/secret"), code=1, stderr=ANY)
    container = runtime.sleeping(bundle)
    runtime("exec", container, "/bin/cat", "/data/secret", code=1, stderr=ANY)
    runtime("exec", container, "/bin/cat", "/proc/self/attr/current",
            stdout=label)
