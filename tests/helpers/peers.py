"""What tests of training in several processes share: how these are started."""

import os
import subprocess
import sys


def run(program, size, *arguments, timeout):
    """Return what each of `size` processes of a program prints; they meet on loopback, as `torchrun` would have it."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(29500 + os.getpid() % 2000), "WORLD_SIZE": str(size)}
    command = [sys.executable, "-c", program, *arguments]
    peers = [
        subprocess.Popen(command, env={**os.environ, **place, "RANK": str(r)}, stdout=subprocess.PIPE, text=True)
        for r in range(size)
    ]
    printed = [peer.communicate(timeout=timeout)[0] for peer in peers]
    assert [peer.returncode for peer in peers] == [0] * size
    return printed
