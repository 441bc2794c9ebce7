# SPDX-License-Identifier: GPL-2.0-only
"""Lines of source behind the addresses of a kernel's stack, where there is a
vmlinux with debugging information (CONFIG_DEBUG_INFO)."""

import functools
import pathlib
import re
import subprocess

FRAME = re.compile(r"\b([A-Za-z_][A-Za-z0-9_.]*)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: \[([a-z0-9_]+)[^\]]*\])?")


@functools.lru_cache(maxsize=None)
def symbols(file):
    """{name: [address...]} of an object's functions; several have one name."""
    found = {}
    try:
        done = subprocess.run(["nm", str(file)], capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return found
    for line in done.stdout.splitlines():
        part = line.split()
        if len(part) == 3 and part[1] in "tTwW":
            found.setdefault(part[2], []).append(int(part[0], 16))
    return found


@functools.lru_cache(maxsize=None)
def source_of(file, address):
    """"FILE:LINE" of an address, of what was inlined there too; "" if it is not known."""
    try:
        done = subprocess.run(["addr2line", "-i", "-e", str(file), hex(address)],
                              capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return ""
    places = [re.sub(r" \(discriminator \d+\)$", "", line) for line in done.stdout.splitlines()]
    return " < ".join(place for place in places if not place.startswith("??") and not place.endswith(":?"))


class Decoder:
    """Of one kernel."""

    def __init__(self, vmlinux):
        self.vmlinux = pathlib.Path(vmlinux)

    @functools.lru_cache(maxsize=None)
    def module(self, name):
        """Its object in the folder that the kernel was built in."""
        names = {name + ".ko", name.replace("_", "-") + ".ko"}
        return next((file for file in self.vmlinux.parent.rglob("*.ko") if file.name in names), None)

    def line(self, text):
        """A line of a splat with what its frame is, if that is known."""
        match = FRAME.search(text)
        if not match:
            return text
        name, offset, _, module = match.groups()
        file = self.module(module) if module else self.vmlinux
        addresses = symbols(file).get(name, []) if file else []
        # A static function that there are several of: any guess would be one.
        if len(addresses) != 1:
            return text
        # The address of a call is the one behind it.
        address = addresses[0] + int(offset, 16)
        address -= 1 if int(offset, 16) and "RIP:" not in text and "pc :" not in text else 0
        place = source_of(file, address)
        return f"{text}  ({place})" if place else text


def lines_of(texts, vmlinux):
    """The lines, decoded if there is something to decode them by."""
    if not vmlinux or not pathlib.Path(vmlinux).is_file():
        return texts
    decoder = Decoder(vmlinux)
    return [decoder.line(text) for text in texts]
