"""A small server with a protocol of its own, TALLY, that embeds monitor.py. README.md shows how to use it."""

import argparse
import queue
import signal
import socket
import socketserver
import sys
import threading

import monitor

MAX_LINE = 1024  # bytes of a client's line
IDLE_TIME = 600  # seconds that a client may be silent


class Tally:
    """What the server counts. One worker does the counting, and its beat tells the monitor whether it gets on."""

    def __init__(self, beat):
        self.beat, self.counts, self.jobs = beat, {}, queue.Queue()
        self.released = threading.Event()
        self.released.set()

    def work(self):
        while True:
            job = self.jobs.get()
            self.beat.beat()
            job()
            if self.jobs.empty():
                self.beat.idle()

    def ask(self, job):
        """Have the worker do a job, and wait for what comes of it."""
        answer = queue.Queue(1)
        self.jobs.put(lambda: answer.put(job()))
        return answer.get()

    def add(self, name, n):
        self.counts[name] = self.counts.get(name, 0) + n
        return f"tally {name} {self.counts[name]}"

    def stick(self):
        """Make the worker hang, as if a job never came to its end."""
        self.released.clear()
        self.jobs.put(self.released.wait)

    def unstick(self):
        self.released.set()


def handle(words, tally, m):
    """Answer one line of TALLY."""
    name, args = words[0], words[1:]
    if name == "add" and len(args) in (1, 2):
        n = int(args[1]) if len(args) == 2 else 1
        return tally.ask(lambda: tally.add(args[0], n))
    if name == "get" and len(args) == 1:
        return tally.ask(lambda: tally.add(args[0], 0))
    if name == "stick" and not args:
        tally.stick()
    elif name == "unstick" and not args:
        tally.unstick()
    elif name == "state" and args:
        m.set_state(args[0], " ".join(args[1:]))
    elif name == "weight" and len(args) == 1:
        m.set_weight(int(args[0]))
    else:
        return "error: add NAME [N] | get NAME | state STATE [REASON] | weight PERCENT | stick | unstick"
    return "ok"


def answer(line, tally, m):
    try:
        said = handle(line.split() or [""], tally, m)
    except ValueError as e:
        return f"error: {e}"
    m.served()
    return said


class Client(socketserver.StreamRequestHandler):
    timeout = IDLE_TIME

    def handle(self):
        m = self.server.monitor
        m.conn_opened()
        try:
            while True:
                line = self.rfile.readline(MAX_LINE)
                if not line.endswith(b"\n"):
                    return
                said = answer(line.decode("ascii", "replace"), self.server.tally, m)
                self.wfile.write(said.encode("ascii", "replace") + b"\n")
        except OSError:
            pass  # the client is gone
        finally:
            m.conn_closed()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def milliseconds(text):
    try:
        return monitor.parse_interval(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e))


def flags():
    p = argparse.ArgumentParser(description="Count things for clients, and tell Mainstay's directors how it goes.")
    p.add_argument("--listen", default=":7000", metavar="ADDRESS", help="serve clients here")
    p.add_argument("--monitor", default=":9651", metavar="ADDRESS", help="answer directors here")
    p.add_argument("--service", default="tally", metavar="NAME", help="the service that directors ask for")
    p.add_argument("--secret-file", metavar="FILE", help="the secret shared with the directors")
    p.add_argument("--stuck-after", default="2s", type=milliseconds, metavar="TIME", help="a worker without progress for so long is stuck")
    p.add_argument("--leave", default="3s", type=milliseconds, metavar="TIME", help="on SIGTERM say maint for at most so long")
    p.add_argument("--heartbeat-to", action="append", default=[], metavar="ADDRESS", help="send heartbeats there; may be repeated")
    p.add_argument("--heartbeat-id", default="", metavar="ID", help="the id under which directors know this server")
    p.add_argument("--heartbeat-key-file", metavar="FILE", help="the key of that id")
    p.add_argument("--interval", default="1s", type=milliseconds, metavar="TIME", help="from one heartbeat to the next")
    return p.parse_args()


def main():
    o = flags()
    m = monitor.Monitor(
        o.service, secret=monitor.read_secret_file(o.secret_file) if o.secret_file else None, leave=o.leave / 1000
    )
    tally = Tally(m.beat("worker", limit=o.stuck_after / 1000))
    address = monitor.split_address(o.listen)
    Server.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    server = Server(address, Client)
    server.monitor, server.tally = m, tally
    directors = m.listen(o.monitor)
    if o.heartbeat_to:
        key = monitor.read_key_file(o.heartbeat_key_file) if o.heartbeat_key_file else None
        m.heartbeat(o.heartbeat_to, o.heartbeat_id, key, o.interval)

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())

    def read_orders():
        for line in sys.stdin:
            print(answer(line, tally, m), flush=True)

    for target in (tally.work, server.serve_forever, read_orders):
        threading.Thread(target=target, daemon=True).start()
    m.start()
    print(f"listening address={show(server.server_address)} monitor={show(directors)}", flush=True)
    stopped.wait()
    m.close()


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as e:
        sys.exit(f"server.py: {e}")
