"""Writes the payload of every TCP segment on the loopback that goes from or to one of some ports into a file. Needs root.

Arguments: first port, number of ports, file. Prints a line when it listens; ends when its input does.
"""

import select
import socket
import struct
import sys

first, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 2**20)
tap.bind(("lo", 0))
print("listening", flush=True)
with open(path, "wb") as out:
    while True:
        ready, _, _ = select.select([tap, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        frame = tap.recv(2**17)
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        start = 14 + (frame[14] & 15) * 4
        source, target = struct.unpack(">HH", frame[start : start + 4])
        if first <= source < first + count or first <= target < first + count:
            out.write(frame[start + (frame[start + 12] >> 4) * 4 :])
