"""Random dumps: trees that use every corner of the format. The same seed gives the same bytes."""
import random

TYPES = {"reg": 0o100000, "dir": 0o040000, "lnk": 0o120000, "chr": 0o020000, "blk": 0o060000,
         "fifo": 0o010000, "sock": 0o140000}
KEYS = ["user.a", "user.b", "user.mime_type", "user.", "trusted.x", "trusted.overlay.opaque",
        "trusted.overlay.redirect", "trusted.overlay.overlay.whiteout", "user.overlay.whiteout",
        "user.overlay.opaque", "security.selinux", "security.capability", "security.ima",
        "system.posix_acl_access", "system.posix_acl_default", "system.posix_acl_accessx", "lustre.x",
        "other", "o", "system.nfs4_acl"]


# What a whiteout or a directory with whiteouts gets; see Tree.xattrs().
MARKS = ("user.overlay.", "trusted.overlay.opaque")


def escape(data, value=False):
    out = []
    for byte in data:
        if byte == 0x5C:
            out.append("\\\\")
        elif byte == 0x0A:
            out.append("\\n")
        elif byte == 0x0D:
            out.append("\\r")
        elif byte == 0x09:
            out.append("\\t")
        elif not 0x21 <= byte <= 0x7E or (value and byte == 0x3D):
            out.append(f"\\x{byte:02x}")
        else:
            out.append(chr(byte))
    return "".join(out)


def field(data):
    if not data:
        return "-"
    return "\\x2d" if data == b"-" else escape(data)


class Tree:
    """One random tree; text() is its dump."""

    def __init__(self, seed, size=None):
        self.r = random.Random(seed)
        self.size = size if size is not None else self.r.choice([0, 1, 3, 10, 30, 80, 200])
        self.xattr_pool = [(self.r.choice(KEYS), self.value()) for _ in range(self.r.randint(1, 40))]
        self.same_time = self.r.random() < 0.5
        self.lines = []
        self.files = []
        self.dirs = []

    def value(self):
        r = self.r
        length = r.choice([0, 1, 2, 3, 4, 5, 20, 30, 100, r.randint(0, 400)])
        if r.random() < 0.02:
            length = r.randint(1000, 9000)
        return r.randbytes(length) if r.random() < 0.5 else b"v" * length

    def name(self):
        r = self.r
        kind = r.random()
        if kind < 0.4:
            return "".join(r.choice("abcdef0123456789") for _ in range(r.randint(1, 12))).encode()
        if kind < 0.5:
            return b"%02x" % r.randint(0, 255)
        if kind < 0.6:
            return r.choice(b"!\"#$%&'()*+,-.:=@~ \\\n\t\x01\x7f\x80\xff".decode("latin1")).encode("latin1") \
                + r.randbytes(r.randint(0, 3)).replace(b"/", b"x").replace(b"\0", b"y")
        if kind < 0.7:
            return b"n" * r.randint(1, 255)
        return r.randbytes(r.randint(1, 20)).replace(b"/", b"_").replace(b"\0", b"-")

    def mtime(self):
        r = self.r
        if self.same_time:
            return "1700000000.0" if r.random() < 0.97 else "1700000000.1"
        return f"{r.choice([0, 1, -5, 2**31, 2**33, r.randint(-10**9, 2 * 10**9)])}." \
               f"{r.choice([0, 0, 1, 999999999])}"

    def ident(self):
        return self.r.choice([0, 0, 0, 1000, 65535, 65536, 4294967294, 4294967295])

    def xattrs(self, kind):
        """Attributes as text. mkcomposefs 1.0.8 refuses ("Numerical result out of range") what it
        would have to replace by something shorter, so whiteouts and directories have no marks."""
        r = self.r
        chosen = {}
        count = r.choice([0, 0, 0, 1, 1, 2, 5])
        if r.random() < 0.01:
            count = r.choice([40, 160, 300])
        for i in range(count):
            if r.random() < 0.7 and count < 20:
                key, value = r.choice(self.xattr_pool)
            elif count >= 20:
                key, value = f"user.k{i:03d}", b"x" * (i % 9)
            else:
                key, value = r.choice(KEYS) + str(r.randint(0, 30)), self.value()
            if kind not in ("chr", "dir") or not key.startswith(MARKS):
                chosen[key] = value
        while sum(len(k) + len(v) + 7 for k, v in chosen.items()) + 12 > 30000:
            chosen.pop(next(iter(chosen)))
        return "".join(f" {escape(k.encode(), True)}={escape(v, True)}" for k, v in chosen.items())

    def entry(self, path, kind):
        r = self.r
        mode = TYPES[kind] | r.choice([0o644, 0o755, 0, 0o7777, r.randint(0, 0o7777)])
        size, rdev, payload, content, digest = 0, 0, b"", b"", "-"
        nlink = r.choice([1, 1, 1, 2, 65535, 65536, 4000000000])
        if kind == "lnk":
            payload = r.choice([b"target", b"-", b"/a b\\c\n", b"t" * r.randint(1, 4095), b"l" * 4095])
            size = len(payload)
        elif kind in ("chr", "blk"):
            rdev = r.choice([0, 1, 259, 0xFFF00FFF, r.randint(0, 2**32 - 1)])
        elif kind == "dir":
            size, nlink = r.choice([0, 4096]), r.choice([0, 1, 2])
        elif kind == "reg":
            how = r.random()
            if how < 0.45:
                size = r.choice([0, 1, 3, 64, 65, r.randint(0, 300), r.randint(0, 5000), 2047, 2048,
                                 2049, 4095, 4096, 4097, 5000])
                content = b"-" if size == 1 and r.random() < 0.3 else \
                    r.randbytes(size) if r.random() < 0.5 else b"c" * size
            else:
                size = r.choice([1, 65, 4095, 4096, 4097, 100000, 2**32 - 1, 2**32, 2**40, 2**43,
                                 2**43 + 1, 2**52, 2**53 - 1, 2**53, r.randint(1, 2**53)])
                hexes = r.randbytes(32).hex()
                digest = hexes if r.random() < 0.8 else "-"
                payload = r.choice([hexes[:2] + "/" + hexes[2:], hexes[:2] + "/" + hexes[2:], "",
                                    "/abs/olute", "x", "p" * r.randint(1, 300)]).encode()
        self.lines.append(f"{escape(path)} {size} {mode:o} {nlink} {self.ident()} {self.ident()} {rdev} "
                          f"{self.mtime()} {field(payload)} {field(content)} {digest}{self.xattrs(kind)}")

    def text(self):
        r = self.r
        names = {b"": set()}
        self.dirs = [b""]
        self.entry(b"/", "dir")
        whiteouts = r.random() < 0.3
        for _ in range(self.size):
            parent = r.choice(self.dirs)
            name = self.name()
            if name in (b".", b"..") or name in names[parent]:
                continue
            names[parent].add(name)
            path = parent + b"/" + name
            kind = r.choices(["reg", "dir", "lnk", "chr", "blk", "fifo", "sock", "link"],
                             [40, 15, 15, 5, 3, 3, 3, 8])[0]
            if kind == "link" and not self.files:
                kind = "reg"
            if kind == "link":
                self.lines.append(f"{escape(path)} 0 @100644 1 0 0 0 0.0 "
                                  f"{field(r.choice(self.files))} - -")
                continue
            if kind == "chr" and not whiteouts:
                kind = "fifo"
            self.entry(path, kind)
            if kind == "dir":
                self.dirs.append(path)
                names[path] = set()
            elif not (kind == "chr"):
                self.files.append(path)
        return "\n".join(self.lines) + "\n"


def dump(seed, size=None):
    """The dump for a seed, as bytes."""
    return Tree(seed, size).text().encode("ascii")
