"""File calls of the toolbox, run in a forked child: reading, writing, editing, packing, unpacking.

Only plain files and directories go in or out: no link, FIFO or device is ever followed or opened for long.
Frames to the parent: one byte kind, four bytes length, body. DATA carries bytes, VERDICT ends the call with JSON.
"""

import json
import os
import posixpath
import stat
import tarfile

DATA, VERDICT = 1, 2
MAX_ENTRIES = 10_000
# What read_file loads at most; more is cut by the output bound anyway.
MAX_TEXT = 8 * 2**20
NOT_PLAIN = "is a link or a special file, not a regular file"


class Refusal(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind, self.message = kind, message


def frames(buffer):
    """Takes the complete frames off the front of the buffer."""
    while len(buffer) >= 5:
        size = int.from_bytes(buffer[1:5], "big")
        if len(buffer) < 5 + size:
            return
        kind, body = buffer[0], bytes(buffer[5 : 5 + size])
        del buffer[: 5 + size]
        yield kind, body


def send(descriptor, kind, body):
    data = bytes([kind]) + len(body).to_bytes(4, "big") + body
    while data:
        data = data[os.write(descriptor, data) :]


class FrameWriter:
    """What tarfile writes to."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def write(self, data):
        for start in range(0, len(data), 65536):
            send(self.descriptor, DATA, bytes(data[start : start + 65536]))
        return len(data)


def serve(request, out, feed, root, places):
    op = request["op"]
    try:
        if op == "takeTree":
            verdict = take_tree(root + request["path"], request["maxBytes"], out)
        elif op == "takeFile":
            verdict = take_file(root + request["path"], request["maxBytes"], out)
        elif op == "putTree":
            verdict = put_tree(writable(root + request["path"], places), feed)
        else:
            path = os.path.join(root + "/work", request["path"])
            if root and request["path"].startswith("/"):
                path = root + request["path"]
            verdict = {"exitStatus": 0, "output": TEXT_CALLS[op](path, request, places)}
    except Refusal as refusal:
        verdict = {"kind": refusal.kind, "message": refusal.message, "exitStatus": 1, "output": refusal.message + "\n"}
    except OSError as error:
        message = f"{error.strerror or error}: {request['path']}"
        verdict = {"kind": "unsafe", "message": message, "exitStatus": 1, "output": message + "\n"}
    except tarfile.TarError as error:
        verdict = {"kind": "unsafe", "message": f"not a readable tar: {error}"}
    send(out, VERDICT, json.dumps(verdict).encode())
    return 0


# --- taking ------------------------------------------------------------------------------------------------------


def refuse_links_on_the_way(path):
    if os.path.realpath(path) != os.path.normpath(path):
        raise Refusal("unsafe", f"{path} leads through a link")


def open_plain(path, flags=os.O_RDONLY):
    """Opens a regular file without following a link or waiting for a FIFO."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        raise Refusal("missing", f"there is no {path}") from None
    except OSError as error:
        raise Refusal("unsafe", f"{path} {NOT_PLAIN} ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refusal("unsafe", f"{path} {NOT_PLAIN}")
    return descriptor


def take_file(path, max_bytes, out):
    refuse_links_on_the_way(os.path.dirname(path))
    descriptor = open_plain(path)
    size = os.fstat(descriptor).st_size
    if size > max_bytes:
        raise Refusal("tooLarge", f"{path} has {size} bytes; {max_bytes} are allowed")
    sent = 0
    while data := os.read(descriptor, 65536):
        sent += len(data)
        if sent > max_bytes:
            raise Refusal("tooLarge", f"{path} has more than {max_bytes} bytes")
        send(out, DATA, data)
    return {"kind": "ok"}


def take_tree(path, max_bytes, out):
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        raise Refusal("missing", f"there is no {path}") from None
    if not stat.S_ISDIR(mode):
        raise Refusal("unsafe", f"{path} is not a directory")
    refuse_links_on_the_way(path)
    found = list(plain_files(path, "", [MAX_ENTRIES, max_bytes]))
    with tarfile.open(fileobj=FrameWriter(out), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, _ in found:
            descriptor = open_plain(os.path.join(path, name))
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
                tar.addfile(entry, file)
    return {"kind": "ok"}


def plain_files(root, prefix, budget):
    directory = os.path.join(root, prefix) if prefix else root
    for entry in sorted(os.scandir(directory), key=lambda item: item.name):
        name = posixpath.join(prefix, entry.name)
        status = entry.stat(follow_symlinks=False)
        budget[0] -= 1
        if budget[0] < 0:
            raise Refusal("tooLarge", f"more than {MAX_ENTRIES} files and directories")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in entry.name):
            raise Refusal("unsafe", f"a name is not UTF-8: {ascii(name)}")
        if stat.S_ISDIR(status.st_mode):
            yield from plain_files(root, name, budget)
            continue
        if not stat.S_ISREG(status.st_mode):
            raise Refusal("unsafe", f"{name} {NOT_PLAIN}")
        budget[1] -= status.st_size
        if budget[1] < 0:
            raise Refusal("tooLarge", f"more than the allowed bytes (at {name})")
        yield name, status.st_size


# --- putting -----------------------------------------------------------------------------------------------------


def writable(path, places):
    """The path with its links resolved, where that lies in a writable place."""
    real = os.path.realpath(path)
    tops = [os.path.realpath(place) for place in places]
    if not any(real == top or real.startswith(top + "/") for top in tops):
        raise Refusal("unsafe", f"{path} is not writable; /work, /out and /tmp are")
    return real


def put_tree(directory, feed):
    os.makedirs(directory, exist_ok=True)
    count = 0
    with os.fdopen(feed, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            count += 1
            parts = entry.name.split("/")
            if count > MAX_ENTRIES or entry.name.startswith("/") or ".." in parts:
                raise Refusal("unsafe", f"{entry.name!r} is not a plain relative path")
            target = os.path.join(directory, entry.name)
            if entry.isdir():
                os.makedirs(target, exist_ok=True)
                continue
            if not entry.isreg():
                raise Refusal("unsafe", f"{entry.name!r} {NOT_PLAIN}")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            copy_out(tar.extractfile(entry), target, 0o755 if entry.mode & 0o100 else 0o644)
    return {"kind": "ok"}


def copy_out(source, target, mode):
    if os.path.lexists(target):
        os.unlink(target)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        while data := source.read(65536):
            file.write(data)


# --- text --------------------------------------------------------------------------------------------------------


def read_text(path):
    descriptor = open_plain(os.path.realpath(path))
    data = b""
    while len(data) < MAX_TEXT and (part := os.read(descriptor, 2**20)):
        data += part
    os.close(descriptor)
    return data.decode("utf-8", "replace")


def read_file(path, request, places):
    """`limit` lines after the first `offset`."""
    lines = read_text(path).splitlines(keepends=True)
    offset, limit = request["offset"], request["limit"]
    if offset >= len(lines) > 0:
        raise Refusal("missing", f"{request['path']} has {len(lines)} lines; nothing after line {offset}")
    return "".join(lines[offset : offset + limit])


def write_file(path, request, places):
    target = writable(path, places)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    data = request["content"].encode("utf-8", "replace")
    overwrite(target, data)
    return f"wrote {len(data)} bytes to {request['path']}\n"


def edit_file(path, request, places):
    target = writable(path, places)
    text, old = read_text(target), request["old"]
    count = text.count(old) if old else 0
    if count != 1:
        found = "does not occur" if count == 0 else f"occurs {count} times"
        raise Refusal("missing", f"the old text {found} in {request['path']}; it must occur exactly once")
    overwrite(target, text.replace(old, request["new"]).encode("utf-8", "replace"))
    line = text[: text.index(old)].count("\n") + 1
    return f"edited {request['path']} at line {line}\n"


def overwrite(target, data):
    descriptor = open_plain(target, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(descriptor, 0)
    while data:
        data = data[os.write(descriptor, data) :]
    os.close(descriptor)


TEXT_CALLS = {"readFile": read_file, "writeFile": write_file, "editFile": edit_file}


def write_observation(work, number, text):
    """The full text of a cut output, as a file in the sandbox; None where there is no room for it."""
    directory = os.path.join(work, ".observations")
    name = f"{number}.txt"
    try:
        os.makedirs(directory, exist_ok=True)
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            try:
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "wb") as file:
                file.write(text.encode("utf-8", "replace"))
        finally:
            os.close(folder)
    except OSError:
        return None
    return f"/work/.observations/{name}"
