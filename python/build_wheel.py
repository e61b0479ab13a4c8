"""Builds the wheel of the kit that carries the program: ``python build_wheel.py PROGRAM [DIRECTORY]``.

Without PROGRAM's platform in it a wheel would install anywhere and run nowhere: the tag is that of the program. The wheel of the package alone is what
``pip wheel python/seedbed`` makes; both have the same files and the same version. Needs ``hatchling``.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def build(program: Path, directory: Path) -> Path:
    """Builds the wheel into a directory and gives its path."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
        subprocess.run(command, cwd=HERE / "seedbed", check=True, stdout=subprocess.DEVNULL)
        (pure,) = Path(place).glob("seedbed-*-py3-none-any.whl")
        tag = f"py3-none-{platform_of(program)}"
        wheel = directory / pure.name.replace("py3-none-any", tag)
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = wheel.with_suffix(".unfinished")
        carry(pure, program, tag, unfinished)
        unfinished.replace(wheel)
        return wheel


def carry(pure: Path, program: Path, tag: str, target: Path) -> None:
    """Copies a wheel with the program as a script of it, under another tag."""
    name, version = pure.name.split("-")[:2]
    about = f"{name}-{version}.dist-info"
    script = f"{name}-{version}.data/scripts/{program.name}"
    with zipfile.ZipFile(pure) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        record = []
        for entry in old.infolist():
            if entry.filename == f"{about}/RECORD":
                continue
            data = old.read(entry)
            if entry.filename == f"{about}/WHEEL":
                text = data.decode().replace("Root-Is-Purelib: true", "Root-Is-Purelib: false")
                data = re.sub(r"^Tag: .*$", f"Tag: {tag}", text, flags=re.MULTILINE).encode()
            new.writestr(entry, data)
            record.append(f"{entry.filename},{digest(data)},{len(data)}")
        data = program.read_bytes()
        executable = zipfile.ZipInfo(script, date_time=(2020, 1, 1, 0, 0, 0))
        executable.external_attr = 0o100755 << 16
        executable.compress_type = zipfile.ZIP_DEFLATED
        new.writestr(executable, data)
        record.append(f"{script},{digest(data)},{len(data)}")
        record.append(f"{about}/RECORD,,")
        new.writestr(f"{about}/RECORD", "\n".join(record) + "\n")


def digest(data: bytes) -> str:
    """Gives a digest as a wheel's record has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def platform_of(program: Path) -> str:
    """Gives the platform of a program that runs on this machine.

    On Linux the tag has the version of the C library that the program needs, or says that it needs none.
    """
    machine = platform.machine().lower()
    if sys.platform == "darwin":
        return f"macosx_11_0_{machine}"
    if sys.platform == "win32":
        return "win_amd64" if machine in ("amd64", "x86_64") else "win_arm64"
    needed = re.findall(rb"GLIBC_2\.(\d+)", program.read_bytes())
    if not needed:
        return f"manylinux2014_{machine}.musllinux_1_1_{machine}"
    return f"manylinux_2_{max(int(minor) for minor in needed)}_{machine}"


def main() -> None:
    """Builds the wheel and prints its path."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    found = shutil.which(sys.argv[1])
    if found is None:
        sys.exit(f"error: `{sys.argv[1]}` is no program")
    print(build(Path(found).resolve(), Path(sys.argv[2] if len(sys.argv) == 3 else "dist")))


if __name__ == "__main__":
    main()
