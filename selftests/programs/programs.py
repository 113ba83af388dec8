#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two processes share a file of the file system: usage: programs.py DIRECTORY"""

import array
import mmap
import os
import socket
import sys

LENGTH = 1 << 20


def child(sock):
    """Map a descriptor that arrives through a socket, and write to it."""
    _, fds, _, _ = socket.recv_fds(sock, 1, 1)
    with mmap.mmap(fds[0], 0) as shared:
        words = memoryview(shared).cast("I")
        for i in range(0, len(words), 1024):
            words[i] = i
        words.release()
    os._exit(0)


def main():
    path = os.path.join(sys.argv[1], "shared")
    with open(path, "w+b", buffering=0) as file:
        file.truncate(LENGTH)
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            child(theirs)
        socket.send_fds(ours, [b"x"], [file.fileno()])
        assert os.waitpid(pid, 0)[1] == 0
        with mmap.mmap(file.fileno(), 0) as shared:
            assert len(shared) == LENGTH
            for i in range(0, LENGTH // 4, 1024):
                assert int.from_bytes(shared[4 * i:4 * i + 4], "little") == i
            shared.seek(100)
            shared.write(b"written through the mapping")
            shared.flush()
            assert os.pread(file.fileno(), 27, 100) == b"written through the mapping"
            os.pwrite(file.fileno(), b"by pwrite", LENGTH - 9)
            assert shared.find(b"by pwrite") == LENGTH - 9
            assert shared.rfind(b"mapping", 0) == 120
        numbers = array.array("q", range(1000))
        file.seek(4096)
        assert file.write(numbers) == 8000
        file.seek(4096)
        again = array.array("q")
        again.frombytes(file.read(8000))
        assert again == numbers
    os.unlink(path)


main()
