#!/usr/bin/env python3
"""Reads a Seedbed store without Seedbed: lists, checks and extracts what is in it, also when it is damaged.

Written from docs/formats/store.md, tree.md and snapshots.md alone, so that these pages are enough to get data back.
It never writes to the store. Exit codes: 0 all is well; 1 something is damaged, and named; 2 it cannot begin.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

try:
    import blake3 as fast_blake3
except ImportError:
    fast_blake3 = None
try:
    import zstandard
except ImportError:
    zstandard = None

SEGMENT = 32 << 20
DATA, NODE = 0, 1
HOLES = ("a device", "a socket", "it could not be read", "it changed while it was read")


class Lost(Exception):
    """Something that cannot be read, and why."""


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(2)


# BLAKE3: from the package of that name, or slowly from here.

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
PERMUTED = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL = (1 << bit for bit in range(7))


def make_compress():
    """The compression function, written out without loops: that is five times as fast."""
    names, order = [f"m{at}" for at in range(16)], list(range(16))
    lines = ["def compress(value, block, counter, length, flags):", f" {', '.join(names)} = words(block)"]
    lines += [" v0, v1, v2, v3, v4, v5, v6, v7 = value", f" v8, v9, v10, v11 = {IV[:4]}"]
    lines += [" v12, v13, v14, v15 = counter & 0xffffffff, counter >> 32, length, flags"]
    for _ in range(7):
        for at, (a, b, c, d) in enumerate(MIXED):
            for word, first, second in ((order[2 * at], 16, 12), (order[2 * at + 1], 8, 7)):
                lines.append(f" v{a} = (v{a} + v{b} + m{word}) & 0xffffffff; v{d} ^= v{a}")
                lines.append(f" v{d} = (v{d} >> {first} | v{d} << {32 - first}) & 0xffffffff")
                lines.append(f" v{c} = (v{c} + v{d}) & 0xffffffff; v{b} ^= v{c}")
                lines.append(f" v{b} = (v{b} >> {second} | v{b} << {32 - second}) & 0xffffffff")
        order = [order[at] for at in PERMUTED]
    lines.append(" return (" + ", ".join(f"v{at} ^ v{at + 8}" for at in range(8)) + ")")
    made = {"words": struct.Struct("<16I").unpack}
    exec("\n".join(lines), made)
    return made["compress"]


compress = make_compress()


def slow_blake3(data, key, flags):
    def output(data, chunk):
        """What is left to be compressed for these bytes, which begin with this chunk."""
        if len(data) > 1024:
            half = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
            both = compress(*output(data[:half], chunk)) + compress(*output(data[half:], chunk + half // 1024))
            return key, struct.pack("<16I", *both), 0, 64, flags | PARENT
        value = key
        for at in range(0, max(len(data), 1), 64):
            block = bytes(data[at : at + 64])
            last = (value, block.ljust(64, b"\0"), chunk, len(block), flags | (0 if at else CHUNK_START))
            if at + 64 < len(data):
                value = compress(*last)
        return *last[:4], last[4] | CHUNK_END

    value, block, chunk, length, last_flags = output(memoryview(data), 0)
    return struct.pack("<8I", *compress(value, block, chunk, length, last_flags | ROOT))


def blake3(data, key=None, context=None):
    """BLAKE3 of bytes; with a key, or in its mode for deriving keys with a context."""
    if fast_blake3:
        options = {name: value for name, value in (("key", key), ("derive_key_context", context)) if value is not None}
        return fast_blake3.blake3(data, **options).digest()
    if context is not None:
        return slow_blake3(data, struct.unpack("<8I", slow_blake3(context.encode(), IV, CONTEXT)), MATERIAL)
    return slow_blake3(data, struct.unpack("<8I", key) if key else IV, KEYED if key else 0)


NODE_KEY = blake3(b"", context="seedbed store 1 node")


def object_id(kind, data):
    return blake3(data, key=NODE_KEY) if kind == NODE else blake3(data)


def unzstd(data, size):
    """At most `size` plain bytes; of a damaged frame those before the damage."""
    if not zstandard:
        try:
            return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout[:size]
        except FileNotFoundError:
            refuse("seedbed_salvage: needs the Python package `zstandard` or the program `zstd`")
    reader, plain = zstandard.ZstdDecompressor().stream_reader(data), bytearray()
    try:
        while len(plain) < size and (piece := reader.read(min(4096, size - len(plain)))):
            plain += piece
    except zstandard.ZstdError:
        pass
    return bytes(plain)


# Packs, index, documents: docs/formats/store.md


class Block:
    """A block of a pack: where it is, and its table."""

    def __init__(self, pack, offset, length, kind, table):
        self.pack, self.offset, self.length, self.kind, self.table = pack, offset, length, kind, table

    def plain(self):
        """The objects, one after the other. Which bytes are right the ids tell."""
        with open(self.pack, "rb") as file:
            file.seek(self.offset)
            stored = file.read(self.length)
        objects, size = stored[56 + 36 * len(self.table) :], sum(length for _, length in self.table)
        return objects[:size] if stored[5:6] == b"\0" else unzstd(objects, size)


def read_table(data, at, count):
    return [(data[at + 36 * i : at + 36 * i + 32], *struct.unpack_from("<I", data, at + 36 * i + 32)) for i in range(count)]


def scan_pack(pack, data, damage):
    """The blocks of a pack, found by their magic; after damage it goes on with the next block that is whole.

    A table whose digest does not fit is used when it can be: each object is compared with its id before it is used.
    """
    if data[:8] != b"SEEDPAK1":
        damage(f"{pack}: the header of the pack")
    at = 40 if data[40:44] == b"BLK1" else data.find(b"BLK1")
    lost_from = None if at == 40 else 0
    while 0 <= at < len(data):
        block = whole = None
        if data[at : at + 4] == b"BLK1" and at + 56 <= len(data):
            kind, packed, zeros, count, plain, follow, more_zeros = struct.unpack_from("<BBHIIII", data, at + 4)
            end_of_table = at + 56 + 36 * count
            if end_of_table <= len(data) and 36 * count <= follow and kind <= NODE and packed <= 1:
                table = read_table(data, at + 56, count)
                whole = blake3(data[at : at + 24] + data[at + 56 : end_of_table]) == data[at + 24 : at + 56]
                if whole or (sum(length for _, length in table) == plain and not zeros and not more_zeros):
                    block = Block(pack, at, 56 + follow, kind, table)
        if block:
            yield block
        if whole and at + block.length <= len(data):
            if lost_from is not None:
                damage(f"{pack}: bytes {lost_from} to {at} are not of a whole block")
            lost_from, at = None, at + block.length
        else:
            lost_from = at if lost_from is None else lost_from
            at = data.find(b"BLK1", at + 4)
    if lost_from is not None:
        damage(f"{pack}: bytes {lost_from} to {len(data)} are not of a whole block")


def read_fragment(path, packs):
    """The blocks that a fragment of the index names, and the packs."""
    data = path.read_bytes()
    if blake3(data).hex() != path.name:
        raise Lost("the fragment is not what its name says")
    if data[:8] != b"SEEDIDX1":
        raise Lost("not a fragment of an index")
    (count,), at = struct.unpack_from("<I", data, 40), 44
    for _ in range(count):
        name, (_, blocks), at = data[at : at + 32].hex(), struct.unpack_from("<QI", data, at + 64), at + 76
        for _ in range(blocks):
            offset, length, kind, objects = struct.unpack_from("<4I", data, at)
            yield name, Block(packs / name[:2] / name, offset, length, kind, read_table(data, at + 16, objects))
            at += 16 + 36 * objects


class Store:
    def __init__(self, directory, from_packs=False):
        self.directory, self.packs = Path(directory), Path(directory, "packs")
        self.damaged = []  # what was found, in words
        self.places = {}  # id -> [(block, position of the object in the block, length)]
        self.cache = OrderedDict()  # the plain bytes of the last blocks
        self.verified = None  # after `check`: the ids of which there is a right copy
        self.scanned = False
        if not self.packs.is_dir():
            refuse(f"seedbed_salvage: {self.packs}: no such directory; is this a store?")
        try:
            encryption = self.document("store")["encryption"]
        except (Lost, KeyError, TypeError) as error:
            self.damage(f"store: {error}; taken for a store that is not encrypted")
            encryption = None
        if encryption:
            refuse("seedbed_salvage: the store is encrypted; this program has no decryption, use seedbed")
        if from_packs:
            self.scan()
            return
        for path in sorted(self.directory.glob("index/*")):
            try:
                for _, block in read_fragment(path, self.packs):
                    self.add(block)
            except (Lost, OSError, struct.error) as error:
                self.damage(f"{path.relative_to(self.directory)}: {error}")

    def damage(self, what):
        if what not in self.damaged:
            self.damaged.append(what)
            print(f"damaged: {what}", file=sys.stderr)

    def add(self, block):
        position = 0
        for object, length in block.table:
            self.places.setdefault(object, []).append((block, position, length))
            position += length

    def pack_files(self):
        return sorted(path for path in self.packs.glob("*/*") if len(path.name) == 64)

    def scan(self):
        """Adds what is in the packs, without the index."""
        self.scanned = True
        for path in self.pack_files():
            for block in scan_pack(path, path.read_bytes(), self.damage):
                self.add(block)

    def plain(self, block):
        place = (block.pack, block.offset)
        if place not in self.cache:
            self.cache[place] = block.plain()
            while len(self.cache) > 16:
                self.cache.popitem(last=False)
        self.cache.move_to_end(place)
        return self.cache[place]

    def copy(self, object, kind):
        """The bytes of an object from the first copy that is right, or the reason why there is none."""
        why = "it is nowhere in the store"
        for block, position, length in self.places.get(object, ()):
            try:
                data = self.plain(block)[position : position + length]
            except OSError as error:
                why = str(error)
                continue
            if block.kind == kind and len(data) == length and object_id(kind, data) == object:
                return data, None
            why = f"its block in pack {block.pack.name[:12]} at byte {block.offset} is damaged"
        return None, why

    def get(self, object, kind):
        """The bytes of an object. Where the index is of no use, the packs are searched."""
        data, why = self.copy(object, kind)
        if data is None and not self.scanned:
            self.scan()
            data, why = self.copy(object, kind)
        if data is None:
            raise Lost(f"object {object.hex()[:12]}: {why}")
        return data

    def node(self, object):
        """The children of a node and its payload."""
        data = self.get(object, NODE)
        (count,) = struct.unpack_from("<I", data)
        return [data[4 + 32 * i : 36 + 32 * i] for i in range(count)], data[4 + 32 * count :]

    def kind(self, object):
        return self.places[object][0][0].kind if object in self.places else None

    def document(self, name):
        """The payload of a document, as JSON."""
        try:
            line, _, payload = Path(self.directory, name).read_bytes().partition(b"\n")
            words = line.split(b" ")
            if words[:2] != [b"seedbed-store", b"1"] or len(words) != 3:
                raise Lost("it does not begin as a document does")
            if blake3(name.encode() + b"\0" + payload).hex().encode() != words[2]:
                raise Lost("its digest does not fit")
            return json.loads(payload)
        except (OSError, ValueError) as error:
            raise Lost(str(error)) from error

    def references(self):
        """Name and payload of every reference that can be read."""
        for path in sorted(self.directory.glob("references/**/*")):
            if path.is_file():
                name = path.relative_to(self.directory).as_posix()
                try:
                    yield reference_name(name), self.document(name)
                except Lost as error:
                    self.damage(f"{name}: {error}")

    def snapshots(self):
        """Every snapshot that is in the store, with and without a record: its node, its id and its contents."""
        for object in [object for object in self.places if self.kind(object) == NODE]:
            try:
                contents = read_snapshot(self.node(object)[1])
                yield object, snapshot_id(contents), contents
            except (Lost, struct.error):
                continue


def reference_name(name):
    """The name of the reference in this file."""
    parts = name.split("/", 1)[1].split("_")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])


# Snapshots: docs/formats/snapshots.md


def read_snapshot(payload):
    try:
        snapshot = json.loads(payload)
    except ValueError as error:
        raise Lost("it is not a snapshot") from error
    if not isinstance(snapshot, dict) or snapshot.get("seedbed_snapshot") != 1:
        raise Lost("it is not a snapshot")
    return snapshot["contents"]


def snapshot_id(contents):
    lines = sorted("\0".join((c["name"], c["kind"], c["fingerprint"])).encode() + b"\n" for c in contents)
    return blake3(b"seedbed snapshot 1\n" + b"".join(lines)).hex()


# Trees: docs/formats/tree.md


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        if self.at > len(self.data):
            raise Lost("a node ends too early")
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def number(self):
        number = shift = 0
        while (digit := self.byte()) & 128:
            number, shift = number | (digit & 127) << shift, shift + 7
        return number | digit << shift

    def signed(self):
        number = self.number()
        return number >> 1 ^ -(number & 1)

    def bytes(self):
        return self.take(self.number())

    def ended(self):
        return self.at == len(self.data)


def read_entry(cursor, children):
    """An entry of a directory. `children` are the children of the node, as an iterator."""
    e = SimpleNamespace(name=cursor.bytes(), kind=cursor.byte(), flags=cursor.byte())
    e.mode, e.uid, e.gid = cursor.number(), cursor.number(), cursor.number()
    e.modified = cursor.signed() * 10**9 + cursor.number()
    e.digest, e.attributes, e.group, e.page, e.length = None, [], None, 0, 0
    if e.kind == 0:
        e.digest, e.child = cursor.take(32), next(children)
    elif e.kind == 1:
        e.length, byte = cursor.number(), cursor.byte()
        e.form, e.page = byte >> 4, cursor.number() if byte & 15 in (2, 3) else 0
        e.digest = cursor.take(32) if e.flags & 8 else None
        e.child = next(children) if 1 <= e.form <= 3 else None
    elif e.kind == 2:
        e.link = cursor.bytes()
    elif e.kind == 4:
        e.reason = cursor.byte()
    elif e.kind != 3:
        raise Lost(f"an entry of the unknown kind {e.kind}")
    if e.flags & 1:
        e.attributes = [(cursor.bytes(), cursor.bytes()) for _ in range(cursor.number())]
    if e.flags & 2:
        e.group = cursor.take(8)
    return e


def show(path):
    return path.decode("utf-8", "backslashreplace").replace("\n", "\\n") or "."


class Walk:
    """Goes through a tree, compares all digests, and writes it below a new directory, if one is given."""

    def __init__(self, store, owners=False):
        self.store, self.owners, self.groups, self.sound = store, owners, {}, {}

    def lost(self, path, what):
        self.store.damage(f"{show(path)}: {what}")

    def root(self, object, path, target):
        """`target` is where the directory, or the one file, comes to be; None: only to check."""
        self.groups = {}
        try:
            children, payload = self.store.node(object)
            cursor = Cursor(payload)
            if cursor.byte() != 5 or cursor.byte() != 1:
                raise Lost("not the root of a tree of version 1")
            self.entry(read_entry(cursor, iter(children)), path, target)
        except (Lost, struct.error, StopIteration) as error:
            self.lost(path, f"all of it: {error}")

    def entries(self, object, path, above=None):
        """The entries below a node of a directory, as far as they can be read."""
        try:
            children, payload = self.store.node(object)
            cursor, kind = Cursor(payload), payload[:1]
            if kind == b"\4" and (above is None or payload[1] == above - 1):
                for child in children:
                    yield from self.entries(child, path, payload[1])
            elif kind == b"\3" and above in (None, 1):
                cursor.byte()
                children = iter(children)
                for _ in range(cursor.number()):
                    entry = read_entry(cursor, children)
                    if not entry.name or b"/" in entry.name or b"\0" in entry.name or entry.name in (b".", b".."):
                        raise Lost("a name that cannot be")
                    yield entry
            else:
                raise Lost("a node is not of a directory")
        except (Lost, IndexError, RuntimeError, struct.error) as error:
            self.lost(path + b"/", f"entries of it: {error}")

    def entry(self, e, path, target):
        """The digest of the entry's content, None if something is lost."""
        digest = None
        try:
            if e.group is not None and target and e.group in self.groups:
                first, digest = self.groups[e.group]
                os.link(first, target)
                return digest
            if e.kind == 0:
                digest = self.directory(e, path, target)
            elif e.kind == 1:
                digest = self.file(e, path, target)
            elif e.kind == 2:
                digest = blake3(e.link)
                if target:
                    os.symlink(e.link, target)
            elif e.kind == 3:
                digest = blake3(b"")
                if target:
                    os.mkfifo(target)
            else:
                print(f"not in the snapshot: {show(path)}: {HOLES[e.reason] if e.reason < 4 else '?'}", file=sys.stderr)
                return blake3(bytes([e.reason]))
            if digest and e.digest and digest != e.digest:
                self.lost(path, "the digest of its content does not fit")
            if target:
                if e.group is not None:
                    self.groups[e.group] = target, digest
                self.metadata(e, path, target)
        except (OSError, OverflowError) as error:
            self.lost(path, f"cannot be written: {error}")
        return digest

    def directory(self, e, path, target):
        if not target and e.child in self.sound:
            return self.sound[e.child]
        if target:
            os.mkdir(target, 0o700)
        before, text, last = len(self.store.damaged), bytearray(), b""
        for entry in self.entries(e.child, path):
            if entry.name <= last:
                self.lost(path, "its entries are not in order")
            last = entry.name
            digest = self.entry(entry, path + b"/" + entry.name, target and target + b"/" + entry.name)
            mode = 0 if entry.kind in (2, 4) else entry.mode
            text += struct.pack("<BII", entry.kind, mode, len(entry.name)) + entry.name + (digest or bytes(32))
        if len(self.store.damaged) != before:
            return None
        self.sound[e.child] = blake3(bytes(text), context="seedbed tree 1: directory")
        return self.sound[e.child]

    def metadata(self, e, path, target):
        if self.owners:
            os.chown(target, e.uid, e.gid, follow_symlinks=False)
        if e.kind != 2:
            os.chmod(target, e.mode if self.owners else e.mode & 0o1777)
        for name, value in e.attributes:
            try:
                os.setxattr(target, name, value, follow_symlinks=False)
            except (OSError, AttributeError) as error:
                self.lost(path, f"attribute {show(name)} cannot be set: {error}")
        os.utime(target, ns=(e.modified, e.modified), follow_symlinks=False)

    def file(self, e, path, target):
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) if target else None
        try:
            if out is not None:
                os.ftruncate(out, e.length)
            if e.form == 0:
                return blake3(b"")
            if e.form == 1:
                return self.chunk(e.child, e.length, 0, out, path)
            digests, at = [], 0
            for length, segment in self.segments(e.child, e.form, e.length, path, 0):
                digests.append(self.segment(segment, length, at, out, path) if segment != b"" else None)
                at += length
            if None in digests:
                return None
            return blake3(struct.pack("<QI", e.length, e.page) + b"".join(digests), context="seedbed tree 1: file")
        finally:
            if out is not None:
                os.close(out)

    def segments(self, object, form, length, path, at, above=None):
        """Length and node of each segment: None is zeros, no bytes are a segment whose node is lost."""
        if form != 3:
            zeros = form == 4
            for start in range(0, length, SEGMENT):
                yield min(SEGMENT, length - start), None if zeros else object
            return
        try:
            children, payload = self.store.node(object)
            cursor, children = Cursor(payload), iter(children)
            kind, level = cursor.byte(), cursor.byte()
            if kind != 2 or not 1 <= level <= 3 or above not in (None, level + 1):
                raise Lost("a node is not a list")
            items = []
            while not cursor.ended():
                run = cursor.number()
                if run >> 1 > 2048 - len(items):
                    raise Lost("a list is too long")
                items += [next(children) if run & 1 else None for _ in range(run >> 1)]
            if not 0 <= length - (len(items) - 1) * (SEGMENT << 11 * (level - 1)) <= SEGMENT << 11 * (level - 1):
                raise Lost("a list has another length")
        except (Lost, RuntimeError, StopIteration, struct.error) as error:
            self.lost(path, f"bytes {at} to {at + length}, zeros in their place: {error}")
            yield length, b""
            return
        for item in items:
            part = min(SEGMENT << 11 * (level - 1), length)
            yield from self.segments(item, 4 if item is None else 2 if level == 1 else 3, part, path, at, level)
            length, at = length - part, at + part

    def segment(self, object, length, at, out, path):
        """Writes a segment, and returns its digest, None if something is lost."""
        if object is None:
            return blake3(struct.pack("<I33x", length), context="seedbed tree 1: segment")
        text, sound, end = bytearray(), True, at + length
        try:
            children, payload = self.store.node(object)
            cursor, children = Cursor(payload), iter(children)
            if cursor.byte() != 1:
                raise Lost("a node is not a segment")
            while not cursor.ended():
                run = cursor.number()
                if run == 0:
                    zeros = cursor.number()
                    text, at = text + struct.pack("<I33x", zeros), at + zeros
                    continue
                same = None if run & 1 else cursor.number()
                for _ in range(run >> 1):
                    size, child = cursor.number() if same is None else same, next(children)
                    sound = self.chunk(child, size, at, out, path) is not None and sound
                    text, at = text + struct.pack("<IB", size, 1) + child, at + size
            if at != end:
                raise Lost("a segment has another length")
        except (Lost, StopIteration, struct.error) as error:
            self.lost(path, f"bytes {at} to {end}, zeros in their place: {error}")
            return None
        return blake3(bytes(text), context="seedbed tree 1: segment") if sound else None

    def chunk(self, object, length, at, out, path):
        """Writes a chunk at its place in the file, and returns its digest."""
        try:
            if self.store.verified is None or object not in self.store.verified:
                data = self.store.get(object, DATA)
                if len(data) != length:
                    raise Lost("a chunk has another length")
                if out is not None:
                    while data:
                        written = os.pwrite(out, data, at)
                        data, at = data[written:], at + written
            return object
        except Lost as error:
            self.lost(path, f"bytes {at} to {at + length}, zeros in their place: {error}")
            return None


# Commands


def references(store, kind):
    """The references of a kind: name without the kind, ids of the objects, value."""
    for name, payload in store.references():
        if name.startswith(kind + "/"):
            yield name[len(kind) + 1 :], [bytes.fromhex(id) for id in payload["objects"]], payload.get("value", payload)


def list_references(store, _):
    for tag, _, value in references(store, "records"):
        print(f"record {tag}  {value['snapshot'][:12]}  {value['created']}  {value['bytes']} bytes  {' '.join(value['names'])}")
        if value.get("message"):
            print(f"    {value['message']}")
    for kind in ("states", "bases"):
        for name, _, value in references(store, kind):
            print(f"{kind[:-1]} {name}  {value['step']}  {value['content']['name']}  {value['made']}")


def check(store, _):
    verified, objects, index = set(), 0, dict(store.places)
    for path in store.pack_files():
        data = path.read_bytes()
        if blake3(data).hex() != path.name:
            store.damage(f"{path}: the pack is not what its name says")
        for block in scan_pack(path, data, store.damage):
            position, plain, objects = 0, block.plain(), objects + len(block.table)
            for object, length in block.table:
                data_of = plain[position : position + length]
                if len(data_of) == length and object_id(block.kind, data_of) == object:
                    verified.add(object)
                else:
                    store.damage(f"{path}: object {object.hex()[:12]} in the block at byte {block.offset}")
                position += length
            if not store.scanned:
                store.add(block)
    for object in index.keys() - verified:
        store.damage(f"object {object.hex()[:12]} is in the index and not in the packs")
    store.scanned, store.verified, walk = True, verified, Walk(store)
    for name, payload in store.references():
        for object in payload["objects"]:
            check_reference(store, walk, name, bytes.fromhex(object))
    print(f"{len(store.pack_files())} packs, {objects} objects, {len(store.damaged)} damages")


def check_reference(store, walk, name, object):
    """What a reference names: a snapshot, a tree, or nodes of which nothing is known."""
    try:
        children, payload = store.node(object)
        if payload[:1] == b"\5":
            walk.root(object, name.encode(), None)
        elif payload[:1] == b"{":
            for content in read_snapshot(payload):
                walk.root(bytes.fromhex(content["root"]), f"{name}/{content['name']}".encode(), None)
        else:
            for child in children:
                if child not in store.verified:
                    store.damage(f"{name}: object {child.hex()[:12]} cannot be read")
    except (Lost, struct.error) as error:
        store.damage(f"{name}: {error}")


def scan(store, _):
    for path in store.pack_files():
        blocks = list(scan_pack(path, path.read_bytes(), store.damage))
        print(f"pack {path.name[:12]}  {path.stat().st_size} bytes, {len(blocks)} blocks, {sum(len(b.table) for b in blocks)} objects")
    tags = {}
    for tag, objects, _ in references(store, "records"):
        tags.setdefault(objects[0], []).append(tag)
    for object, id, contents in store.snapshots():
        names = " ".join(content["name"] for content in contents)
        print(f"snapshot {id[:12]}  {' '.join(tags.get(object, ['(no record)']))}  {names}")


def find_contents(store, name):
    """What is to be extracted, as pairs of a name and the root of a tree."""
    for tag, objects, _ in references(store, "records"):
        if tag == name:
            try:
                return [(c["name"], bytes.fromhex(c["root"])) for c in read_snapshot(store.node(objects[0])[1])]
            except Lost as error:
                store.damage(f"snapshot {name}: {error}")
                return []
    for kind in ("states", "bases"):
        for reference, objects, value in references(store, kind):
            if name in (reference, f"{kind}/{reference}"):
                return [(value["content"]["name"], objects[0])]
    if not store.scanned:
        store.scan()
    for _, id, contents in store.snapshots():
        if len(name) >= 7 and id.startswith(name):
            return [(c["name"], bytes.fromhex(c["root"])) for c in contents]
    refuse(f"seedbed_salvage: there is no record, state, base or snapshot {name} that can be read")


def extract(store, arguments):
    to = Path(arguments.to)
    if to.exists() and any(to.iterdir()):
        refuse(f"seedbed_salvage: {to}: there is something already")
    contents = find_contents(store, arguments.tag)
    if arguments.only and arguments.only not in [name for name, _ in contents]:
        refuse(f"seedbed_salvage: {arguments.only} is none of: {' '.join(name for name, _ in contents)}")
    walk = Walk(store, arguments.owners)
    for name, root in contents:
        if arguments.only in (None, name):
            if any(part in ("", ".", "..") for part in name.split("/")):
                store.damage(f"{name!r} cannot be the name of a content")
                continue
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            walk.root(root, name.encode(), os.fsencode(target))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", metavar="STORE_DIR", help="directory of the store; it has `store`, `packs`, `references`")
    parser.add_argument("--from-packs", action="store_true", help="do not use the index")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="records, states and bases").set_defaults(run=list_references)
    commands.add_parser("check", help="compare every byte with its digest, and every tree").set_defaults(run=check)
    commands.add_parser("scan", help="packs and snapshots, without the index").set_defaults(run=scan, from_packs=True)
    command = commands.add_parser("extract", help="write a snapshot, state or base as files")
    command.add_argument("tag", metavar="TAG", help="tag, key of a state, name of a base, or 7 digits of a snapshot's id")
    command.add_argument("--to", metavar="DIR", required=True, help="a directory that does not exist or is empty")
    command.add_argument("--only", metavar="NAME", help="only this content")
    command.add_argument("--owners", action="store_true", help="set owners, and the bits that need them (as root)")
    command.set_defaults(run=extract)
    for command in commands.choices.values():
        command.add_argument("--from-packs", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    store = Store(arguments.store, arguments.from_packs)
    arguments.run(store, arguments)
    return 1 if store.damaged else 0


if __name__ == "__main__":
    sys.exit(main())
