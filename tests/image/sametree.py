#!/usr/bin/env python3
"""sametree.py A B — compares two directory trees, attribute by attribute: types, modes, owners, times to the
nanosecond, sizes, contents, targets, devices, extended attributes, and which names are one file. Prints what differs
and fails if something does. What unpackers note for themselves (user.umoci., overlay's attributes) does not count."""
import hashlib
import os
import stat
import sys

OWN = ("user.umoci", "trusted.overlay.", "user.overlay.")


def describe(path):
    st = os.lstat(path)
    found = {"mode": oct(st.st_mode), "uid": st.st_uid, "gid": st.st_gid, "mtime": st.st_mtime_ns}
    found["xattrs"] = {name: os.getxattr(path, name, follow_symlinks=False)
                       for name in os.listxattr(path, follow_symlinks=False) if not name.startswith(OWN)}
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            found["content"] = st.st_size, hashlib.file_digest(file, "sha256").hexdigest()
    elif stat.S_ISLNK(st.st_mode):
        found["target"] = os.readlink(path)
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        found["device"] = st.st_rdev
    if not stat.S_ISDIR(st.st_mode):
        found["links"] = st.st_nlink
    return found


def read(root):
    """{path: attributes}, and the sets of names of one file."""
    found, names = {".": describe(root)}, {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            where = os.path.relpath(path, root)
            found[where] = describe(path)
            st = os.lstat(path)
            if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
                names.setdefault((st.st_dev, st.st_ino), []).append(where)
    return found, sorted(sorted(group) for group in names.values())


def compare(first, second):
    """What differs, as lines."""
    (a, links_a), (b, links_b) = read(first), read(second)
    for path in sorted(a.keys() | b.keys()):
        if path not in a or path not in b:
            yield f"{path}: only in {first if path in a else second}"
            continue
        for key in sorted(a[path].keys() | b[path].keys()):
            if a[path].get(key) != b[path].get(key):
                yield f"{path}: {key} {a[path].get(key)} and {b[path].get(key)}"
    if links_a != links_b:
        yield "other names are one file"


if __name__ == "__main__":
    lines = list(compare(sys.argv[1], sys.argv[2]))
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(bool(lines))
