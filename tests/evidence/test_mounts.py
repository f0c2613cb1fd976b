"""Reading mountinfo, escapes and oddities included."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.evidence.mounts import mount_id, mount_of, parse_mounts, read_mounts, unescape

# proc_pid_mountinfo(5)'s own example, and one with two optional fields, a subtype and escapes.
EXAMPLE = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
ODD = b"50 36 0:44 /a\\040b /mnt\\134x\\011y ro master:1 shared:7 - fuse.ntfs-3g  ro,user_id=0\n"


def escape(field: bytes) -> bytes:
    """What the kernel does (mangle: blank, tab, newline, backslash)."""
    return b"".join(b"\\%03o" % octet if octet in b" \t\n\\" else bytes((octet,)) for octet in field)


names = st.binary(min_size=1, max_size=60).filter(lambda name: 0 not in name)


def test_example_of_the_manual() -> None:
    """Each field of the manual's example lands where it belongs."""
    (mount,) = parse_mounts(EXAMPLE)
    assert (mount.mount_id, mount.parent_id, mount.device) == (36, 35, "98:0")
    assert (mount.root, mount.mount_point, mount.source) == (b"/mnt1", b"/mnt2", b"/dev/root")
    assert mount.options == {"rw", "noatime"}
    assert mount.fs_type == "ext3"
    assert mount.super_options == {"rw", "errors=continue"}


def test_optional_fields_escapes_and_an_empty_source() -> None:
    """Any number of optional fields, escaped blanks, and a source that is empty."""
    _, mount = parse_mounts(EXAMPLE + ODD)
    assert (mount.root, mount.mount_point, mount.source) == (b"/a b", b"/mnt\\x\ty", b"")
    assert mount.fs_type == "fuse.ntfs-3g"
    assert mount.options == {"ro"}


@given(root=names, point=names, source=names)
def test_any_names_survive(root: bytes, point: bytes, source: bytes) -> None:
    """Names of any bytes come back as they were, each mount from its own line."""
    line = b"1 0 8:1 /%b /%b rw - ext4 %b rw\n" % (escape(root), escape(point), escape(source))
    mounts = list(parse_mounts(line * 2))
    assert [(m.root, m.mount_point, m.source) for m in mounts] == [(b"/" + root, b"/" + point, source)] * 2


@given(field=names)
def test_unescape_undoes_escape(field: bytes) -> None:
    """Only what the kernel escaped is changed back."""
    assert unescape(escape(field)) == field


@pytest.mark.parametrize("line", [b"junk", b"1 0 8:1 / / rw master:1 ext4 x rw", b"x 0 8:1 / / rw - ext4 x rw"])
def test_other_lines_are_refused(line: bytes) -> None:
    """A line that is no mount is an error, not a mount passed over."""
    with pytest.raises(ValueError, match="expected a mount"):
        list(parse_mounts(line))


def test_mount_of_an_open_file_is_what_findmnt_says() -> None:
    """The mount id of a descriptor leads to the mount that the path is on."""
    mount = mount_of(b"/proc/self/status")
    assert mount is not None
    assert (mount.fs_type, mount.mount_point) == ("proc", b"/proc")
    descriptor = os.open("/", os.O_PATH)
    try:
        root = read_mounts()[mount_id(descriptor)]
    finally:
        os.close(descriptor)
    found = subprocess.run(["findmnt", "-no", "FSTYPE", "/"], capture_output=True, text=True, check=False).stdout
    assert not found or found.split()[-1] == root.fs_type
