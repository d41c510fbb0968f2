#!/usr/bin/env python3
"""The power supply of the test bed's nodes, behind a unix socket: bmc.py STATE PARENT

Requests are one line, "<action> <node>", with the actions off, on, reboot and status; answers are "OK on", "OK off" or "ERR why".
When the process PARENT is gone the bed is taken down: nothing outlives a test that was killed."""
import os
import socket
import subprocess
import sys
import threading
import time

STATE, PARENT = sys.argv[1], int(sys.argv[2])
BED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bed.sh")


def bed(*words):
    subprocess.run([BED, *words], stdin=subprocess.DEVNULL, check=False)


def power(node):
    try:
        pid = open(f"{STATE}/{node}/init.pid").read().strip()
        return "off" if open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z" else "on"
    except OSError:
        return "off"


def wait_for(node, wanted):
    for _ in range(1000):
        if power(node) == wanted:
            return
        time.sleep(0.01)


def answer(action, node):
    if action in ("off", "reboot") and power(node) == "on":
        bed("off", node)
        wait_for(node, "off")
    if action in ("on", "reboot") and power(node) == "off":
        bed("on", node)
    print(f"{time.time():.3f} {action} {node}: {power(node)}", flush=True)
    return f"OK {power(node)}"


def serve(connection):
    with connection:
        words = connection.recv(200).decode().split()
        known = len(words) == 2 and words[0] in ("on", "off", "reboot", "status") and os.path.isdir(f"{STATE}/{words[1]}")
        connection.sendall((answer(*words) if known else "ERR unknown request").encode() + b"\n")


def watch():
    while os.path.exists(f"/proc/{PARENT}"):
        time.sleep(0.5)
    bed("down")


threading.Thread(target=watch, daemon=True).start()
listener = socket.socket(socket.AF_UNIX)
listener.bind(f"{STATE}/bmc.sock")
listener.listen(16)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
