"""Writes the TCP segments on the loopback that go from or to one of some ports into a file. Needs root.

Arguments: first port, number of ports, file. Prints a line when it listens; ends when its input does. Each segment is written as
source port, target port, flags, sequence number and length (2, 2, 1, 4, 4 bytes, big-endian), and its payload.
"""

import select
import socket
import struct
import sys

first, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
# 33 is SO_RCVBUFFORCE: more than the system's limit, so that a burst is not lost.
tap.setsockopt(socket.SOL_SOCKET, 33, 256 * 2**20)
tap.bind(("lo", 0))
outgoing, syn = 4, 2
print("listening", flush=True)
with open(path, "wb") as out:
    while True:
        ready, _, _ = select.select([tap, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        frame, about = tap.recvfrom(2**18)
        # The loopback shows each frame when it leaves and when it arrives.
        if about[2] == outgoing or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        start = 14 + (frame[14] & 15) * 4
        source, target, sequence = struct.unpack(">HHI", frame[start : start + 8])
        if not (first <= source < first + count or first <= target < first + count):
            continue
        end = 14 + struct.unpack(">H", frame[16:18])[0]
        payload = frame[start + (frame[start + 12] >> 4) * 4 : end]
        flags = frame[start + 13]
        if payload or flags & syn:
            out.write(struct.pack(">HHBII", source, target, flags, sequence, len(payload)) + payload)
            out.flush()
