"""Malformed images and dumps: one line that says what is wrong, and nothing else happens."""
import random
import struct

import pytest
import randomtree

ROOT = "/ 0 40755 2 0 0 0 0.0 - - -\n"
FILE = "/f 10 100644 1 0 0 0 0.0 ab/cd - -"


def field(number, value):
    fields = FILE.split(" ")
    fields[number] = value
    return ROOT + " ".join(fields) + "\n"


DUMPS = {f"field {n} is {v!r}": field(n, v) for n, values in {
    0: ["", "f", "/", "//", "/.", "/..", "/a/b", "/f/", "/\\x00", "/\\", "/\\z", "/\\x", "/\\xg0", "/" + "n" * 256],
    1: ["", "-", "x", "1x", "0x10", "-1", "+1", " ", "18446744073709551616", "9007199254740993", "1e3"],
    2: ["", "-", "644", "0", "8", "100648", "200644", "@", "40000100644", "1000644", "0000001", "170644", "30644"],
    3: ["", "-", "x", "4294967296", "-1"],
    4: ["", "-", "x", "4294967296", "-1", "1.0"],
    5: ["", "-", "x", "4294967296", "-1"],
    6: ["", "-", "x", "4294967296"],
    7: ["", "-", "0", ".", "0.", ".0", "x.0", "0.x", "0.1000000000", "9223372036854775808.0", "--1.0", "1.-1"],
    8: ["", "\\x00", "a\\", "p" * 4096],
    9: ["", "abc", "\\q", "x" * 11],
    10: ["", "ab", "zz" * 32, "ab" * 31, "ab" * 33, "ab" * 65],
}.items() for v in values}
DUMPS.update({
    "nothing": "",
    "an empty line": "\n",
    "only a file": FILE + "\n",
    "two roots": ROOT + ROOT,
    "a root that is a file": "/ 0 100755 1 0 0 0 0.0 - - -\n",
    "a root that is a link": "/ 0 @40755 1 0 0 0 0.0 / - -\n",
    "a name twice": ROOT + FILE + "\n" + FILE + "\n",
    "a file as a directory": ROOT + FILE + "\n" + FILE.replace("/f", "/f/g") + "\n",
    "an empty line between": ROOT + "\n" + FILE + "\n",
    "a link to nothing": ROOT + "/l 0 @100644 1 0 0 0 0.0 /x - -\n",
    "a link without a target": ROOT + "/l 0 @100644 1 0 0 0 0.0 - - -\n",
    "a link to itself": ROOT + "/l 0 @100644 1 0 0 0 0.0 /l - -\n",
    "links in a circle": ROOT + "/a 0 @0 1 0 0 0 0.0 /b - -\n/b 0 @0 1 0 0 0 0.0 /a - -\n",
    "a link to a directory": ROOT + "/d 0 40755 2 0 0 0 0.0 - - -\n/l 0 @40755 1 0 0 0 0.0 /d - -\n",
    "a link to the root": ROOT + "/l 0 @40755 1 0 0 0 0.0 / - -\n",
    "a symlink to nothing": ROOT + "/l 0 120777 1 0 0 0 0.0 - - -\n",
    "a long symlink": ROOT + "/l 0 120777 1 0 0 0 0.0 " + "t" * 4096 + " - -\n",
    "long content": ROOT + "/f 5001 100644 1 0 0 0 0.0 - " + "c" * 5001 + " -\n",
    "an attribute without a value": ROOT + FILE + " user.a\n",
    "an attribute without a name": ROOT + FILE + " =a\n",
    "an attribute with NUL in its name": ROOT + FILE + " a\\x00=a\n",
    "an attribute with a long name": ROOT + FILE + " " + "k" * 256 + "=a\n",
    "an attribute with a long value": ROOT + FILE + " k=" + "v" * 32768 + "\n",
    "too many attributes": ROOT + FILE + "".join(f" k{i}=" + "v" * 100 for i in range(320)) + "\n",
    "a lot of attributes": ROOT + FILE + " k=" + "\\x00" * 20000 + "\n",
    "two blanks": ROOT + FILE.replace(" 100644", "  100644") + "\n",
    "a NUL byte": ROOT + FILE + " a=\0\n",
    "a tab": ROOT + FILE.replace(" 100644", "\t100644") + "\n",
    "a long line": ROOT + "/" + "n" * 2_000_000 + "\n",
})


@pytest.mark.parametrize("name", sorted(DUMPS))
def test_dumps(image, tmp_path, name):
    (tmp_path / "dump").write_text(DUMPS[name])
    image("build", "-d", tmp_path / "dump", tmp_path / "image", error="coracle image: ")
    assert [p.name for p in tmp_path.iterdir()] == ["dump"]


def test_there_are_enough():
    assert len(DUMPS) >= 100


@pytest.fixture(scope="module")
def sound(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    (folder / "dump").write_bytes(randomtree.dump(4, 60))
    image("build", "-d", folder / "dump", folder / "image")
    return (folder / "image").read_bytes()


def test_any_change_is_found(image, tmp_path, sound):
    """One changed byte: refused as malformed, or as not canonical, or the digest tells."""
    r = random.Random(1)
    (tmp_path / "image").write_bytes(sound)
    digest = image("check", tmp_path / "image").split()[1]
    for _ in range(150):
        data = bytearray(sound)
        data[r.randrange(len(data))] ^= r.randint(1, 255)
        (tmp_path / "image").write_bytes(data)
        image("check", "--digest", digest, tmp_path / "image", error="digest is")


@pytest.mark.parametrize("size", [0, 1, 100, 1023, 1024, 1151, 4095, 4096, 4097, 8192])
def test_cut_short(image, tmp_path, sound, size):
    (tmp_path / "image").write_bytes(sound[:size])
    for command in (["info"], ["dump"], ["check"]):
        image(*command, tmp_path / "image", error="image: ")


@pytest.mark.parametrize("offset, form, value, words", [
    (0, "<I", 1, "no composefs header"),
    (4, "<I", 2, "header version 2"),
    (8, "<I", 4, "unknown flags"),
    (12, "<I", 9, "format 9"),
    (40, "<B", 1, "should be zero"),
    (1024, "<I", 0, "superblock"),
    (1032, "<I", 16, "features"),
    (1036, "<B", 10, "blocks of 2^10"),
    (1038, "<H", 65535, "beyond the image"),
    (1040, "<Q", 1, "inodes"),
    (1056, "<I", 2000000000, "build time"),
    (1060, "<I", 7, "7 blocks"),
    (1104, "<I", 2, "incompatible"),
])
def test_superblock(image, tmp_path, sound, offset, form, value, words):
    data = bytearray(sound)
    struct.pack_into(form, data, offset, value)
    (tmp_path / "image").write_bytes(data)
    image("info", tmp_path / "image", error=words)


def test_other_files(image, tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(65536))
    (tmp_path / "text").write_text("hello\n" * 5000)
    for name in ("zeros", "text"):
        image("info", tmp_path / name, error="not an image")
    image("info", tmp_path, error="is a directory")
    image("info", "/dev/null", error="invalid argument")
