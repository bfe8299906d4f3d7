"""What the wrong ones have in common: a program that does nothing but embed monitor.py, after they have broken it."""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "examples" / "monitor-python"))

import monitor  # noqa: E402 (the path comes first)

SECRET = b"correct horse battery staple"
KEY = bytes(range(32))


def run():
    p = argparse.ArgumentParser()
    p.add_argument("--secret", action="store_true")
    p.add_argument("--heartbeat-to")
    o = p.parse_args()
    m = monitor.Monitor("tally", secret=SECRET if o.secret else None)
    host, port = m.listen("127.0.0.1:0")
    if o.heartbeat_to:
        m.heartbeat([o.heartbeat_to], "rs-1", KEY, 200)
    m.start()
    print(f"{host}:{port}", flush=True)
    sys.stdin.read()  # until whoever started it closes it
