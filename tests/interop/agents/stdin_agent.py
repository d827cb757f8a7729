#!/usr/bin/env python3
"""An agent of the plainest kind: its text comes on stdin, its answer goes to stdout, in pieces."""
import sys
import time

text = "You said: " + sys.stdin.buffer.read().decode()
middle = len(text) // 2
for piece in (text[:middle], text[middle:]):
    sys.stdout.buffer.write(piece.encode())
    sys.stdout.flush()
    time.sleep(0.1)
