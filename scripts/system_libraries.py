"""Looks for the system libraries that Qt loads on Linux, and installs those that are missing.

Runs with any Python 3.11 and the standard library alone. On other systems Qt brings everything
along, and this does nothing. It installs with apt-get as root or through sudo; where it cannot, it
prints the one line to run.
"""

import ctypes
import os
import shutil
import subprocess
import sys

# What the wheel does not bring along, by the package that has it on Debian and Ubuntu.
ALWAYS = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
WITH_A_DISPLAY = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libcups.so.2": "libcups2",
}


def main() -> int:
    """Exit code 0 when everything Qt loads is there at the end."""
    if sys.platform != "linux":
        return 0
    missing = _missing()
    if not missing:
        return 0
    packages = sorted(set(missing.values()))
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    by_hand = f"    sudo {' '.join(word for word in install if not word.startswith('-qq'))}"
    if not shutil.which("apt-get"):
        print(f"Qt needs these libraries; install them: {' '.join(missing)}", file=sys.stderr)
        return 1
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    if as_root and not _can_sudo():
        print(f"Qt needs system libraries. Run this, then try again:\n{by_hand}", file=sys.stderr)
        return 1
    print(f"Installing system libraries for Qt: {' '.join(packages)}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    _run([*as_root, "apt-get", "update", "-qq"])
    _run([*as_root, *environment, *install])
    still = _missing()
    if still:
        print(
            f"Still missing: {' '.join(still)}. Run this, then try again:\n{by_hand}",
            file=sys.stderr,
        )
        return 1
    return 0


def _missing() -> dict[str, str]:
    wanted = dict(ALWAYS)
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        wanted |= WITH_A_DISPLAY
    return {soname: package for soname, package in wanted.items() if not _loads(soname)}


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _can_sudo() -> bool:
    """Whether sudo is there, and either asks nothing or has somebody to ask."""
    if not shutil.which("sudo"):
        return False
    if sys.stdin.isatty():
        return True
    return subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0


def _run(command: list[str]) -> None:
    # What apt-get says on the way is noise unless it fails; _missing() judges the outcome.
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
