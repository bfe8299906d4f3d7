"""The monitor of a real server's program, for Mainstay's directors. Copy this file into your program.

A director asks over TCP whether the service works (MONITOR/1 poll and watch, or HAProxy's agent check), and the program
may say so unasked over UDP (HEARTBEAT/1). Python 3.9 or newer, standard library only.

    import monitor

    m = monitor.Monitor("bastion")
    m.listen(":9651")
    m.start()                        # a thread of its own answers; or call m.run() in one of yours
    beat = m.beat("worker", limit=5)
    ...
    beat.busy()                      # there is work; beat.beat() as it goes on; beat.idle() when there is none
    m.set_state("drain", "rolling restart")
    m.set_weight(50)
    m.close()                        # says maint until directors have heard it, then ends

Every method may be called from any thread. docs/monitor-protocol.md is the protocol.
"""

import errno
import hashlib
import hmac
import os
import re
import selectors
import socket
import stat
import threading
import time

# The protocol's bounds.
MAX_LINE = 1024  # bytes, the line's end included
MAX_NAME = 128  # bytes of a service, an instance, a target, an id
MAX_REASON = 256  # bytes of a reason, escapes included
MAX_HEARTBEAT = 800  # bytes of a heartbeat's line with its mac, so that relays can carry it
MIN_INTERVAL, MAX_INTERVAL = 10, 3600_000  # milliseconds
STATES = ("up", "starting", "drain", "maint", "down")

# The program's own bounds. Times are seconds.
MAX_CONNECTIONS = 64
FIRST_BYTE_TIME = 1.0  # of silence, after which a new connection is taken for HAProxy's agent check
LINE_TIME = 5.0  # from a line's first byte to its end; and of silence at first, where there is no agent line
IDLE_TIME = 75.0  # from one request to the next: directors may rely on 60
WRITE_TIME = 5.0  # for a peer to take an answer
PART_TIME, PART_BYTES = 0.5, 65536  # of what is still read of a peer after the last line for it, so that it arrives
MAX_RATE = 1000  # requests a second of one connection
CHANGE_TIME = 0.01  # at least, from one answer of a watch to the next: a burst of changes is told at this pace
EARLY = 0.05  # a watch's answer is sent so long before its interval is over, or a tenth of it, so as not to be late
EARLY_HEARTBEAT_TIME = 0.1  # at least, from one heartbeat to one that is sent before its time because the state changed
ACCEPT_PAUSE = 0.1  # when no connection can be taken, as where there are no descriptors left


# Lines

_KEY = r"[a-z][a-z0-9_-]{0,31}"
_VALUE = r'[A-Za-z0-9._:/+\[\]-]{1,128}|"(?:[^"\\]|\\["\\])*"'
_FIELD = re.compile(rf" ({_KEY})=({_VALUE})(?= |\Z)")
_HEAD = re.compile(rf"([A-Z]{{1,16}}/[1-9][0-9]{{0,2}})(?: ({_KEY})(?= |\Z))?")
_BARE = re.compile(r"[A-Za-z0-9._:/+\[\]-]{1,128}")
_PRINTABLE = re.compile(r"[ -~]*")
_NONCE = re.compile(r"[0-9a-f]{32}")
_MAC = re.compile(r"[0-9a-f]{64}")
_INTERVAL = re.compile(r"([1-9][0-9]{0,6})(ms|s)")


class LineError(ValueError):
    """What is wrong with a line. kind is too-long, malformed, not-monitor or version."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def malformed(text):
    return LineError("malformed", "malformed line: " + text)


def parse_line(line):
    """Return the protocol, the verb ("" where there is none) and a dict of the fields of a line without its end."""
    if len(line) >= MAX_LINE:
        raise LineError("too-long", f"line longer than {MAX_LINE} bytes")
    text = line.decode("latin-1")
    if not _PRINTABLE.fullmatch(text):
        raise malformed("a byte is not printable ASCII")
    head = _HEAD.match(text)
    if not head:
        raise malformed("it does not begin with a protocol and version such as MONITOR/1")
    fields, at = {}, head.end()
    while at < len(text):
        field = _FIELD.match(text, at)
        if not field:
            raise malformed(f"at byte {at + 1} comes neither a space with key=value nor the end")
        key, value = field.groups()
        if key in fields:
            raise malformed(f"the key {key} is given twice")
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        fields[key] = value
        at = field.end()
    return head.group(1), head.group(2) or "", fields


def parse_monitor(line):
    """Parse a line of MONITOR/1. The version is judged before the rest, which another one may write differently."""
    if len(line) >= MAX_LINE:
        raise LineError("too-long", f"line longer than {MAX_LINE} bytes")
    if not line.startswith(b"MONITOR/"):
        raise LineError("not-monitor", "not a MONITOR line")
    if line.split(b" ")[0] != b"MONITOR/1":
        raise LineError("version", "wrong version: wanted MONITOR/1")
    return parse_line(line)


def name_of(fields, key, wanted=True):
    """Return a field that is a name, "" where it is absent and not wanted."""
    value = fields.get(key)
    if value is None and not wanted:
        return ""
    if value is None:
        raise malformed(f"{key}= is missing")
    if not 1 <= len(value) <= MAX_NAME:
        raise malformed(f"the {key} has {len(value)} bytes (1..{MAX_NAME} wanted)")
    return value


def parse_interval(text):
    """Return the milliseconds of an interval such as 500ms or 1s."""
    match = _INTERVAL.fullmatch(text)
    ms = int(match.group(1)) * (1 if match.group(2) == "ms" else 1000) if match else 0
    if not MIN_INTERVAL <= ms <= MAX_INTERVAL:
        raise malformed("the interval is not a whole number of ms or s from 10ms to 3600s")
    return ms


def format_interval(ms):
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms}ms"


class Request:
    """What a director asks: method, target, service, interval (milliseconds, of a watch), nonce."""

    def __init__(self, method, target, service, interval, nonce):
        self.method, self.target, self.service, self.interval, self.nonce = method, target, service, interval, nonce


def parse_request(line):
    """Return the Request of a line without its end, or raise LineError. Unknown keys are ignored."""
    _, method, fields = parse_monitor(line)
    if not method:
        raise malformed("the method is missing (poll or watch wanted)")
    service = name_of(fields, "service")
    target = name_of(fields, "target", wanted=False)
    nonce = fields.get("nonce", "")
    if "nonce" in fields and not _NONCE.fullmatch(nonce):
        raise malformed("the nonce is not 32 lower-case hex digits")
    interval = 0
    if method == "watch":
        if "interval" not in fields:
            raise malformed("interval= is missing")
        interval = parse_interval(fields["interval"])
    return Request(method, target, service, interval, nonce)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value(text):
    """Return a value as it stands in a line."""
    return text if _BARE.fullmatch(text) else quote(text)


def clean_reason(text):
    """Make any text fit to be a reason: printable ASCII, at most MAX_REASON bytes with its escapes."""
    cut = len(text) > 4 * MAX_REASON
    text = re.sub(r"[\n\r\t]", " ", text[: 4 * MAX_REASON])
    text = re.sub(r"[^ -~]", "?", text).strip(" ")
    if not cut and len(quote(text)) - 2 <= MAX_REASON:
        return text
    room, kept = MAX_REASON - 3, 0
    for c in text:
        room -= 2 if c in '"\\' else 1
        if room < 0:
            break
        kept += 1
    return text[:kept] + "..."


class Said:
    """What is said of a service; weight, conns, served and failed may be None, which says nothing of them."""

    def __init__(self, state, service, reason="", weight=None, conns=None, served=None, failed=None):
        self.state, self.service, self.reason = state, service, reason
        self.weight, self.conns, self.served, self.failed = weight, conns, served, failed

    def numbers(self):
        """Return the fields of the weight and the counters, each with a space before it."""
        pairs = (("weight", self.weight), ("conns", self.conns), ("served", self.served), ("failed", self.failed))
        return "".join(f" {key}={n}" for key, n in pairs if n is not None)

    def tail(self):
        return self.numbers() + (" reason=" + quote(self.reason) if self.reason else "")

    def answer(self, instance, seq):
        """Return the line of an answer without its end and mac."""
        line = f"MONITOR/1 {self.state} service={value(self.service)} instance={value(instance)} seq={seq}{self.tail()}"
        return line.encode("ascii")

    def heartbeat(self, sender, instance, seq, interval):
        """Return the line of a heartbeat without its end and mac."""
        head = f"HEARTBEAT/1 {self.state} id={value(sender)} service={value(self.service)} instance={instance}"
        return f"{head} seq={seq} interval={format_interval(interval)}{self.tail()}".encode("ascii")

    def agent(self):
        """Return the line, without its end, that HAProxy's agent check gets."""
        if self.state == "up":
            line = f"up ready {100 if self.weight is None else self.weight}%"
        elif self.state == "down":
            line = "down" + (" #" + self.reason if self.reason else "")
        else:
            line = {"drain": "up drain", "maint": "maint", "starting": "down #starting"}[self.state]
        return line.encode("ascii")


def refusal(reason):
    return ("MONITOR/1 error reason=" + quote(clean_reason(reason))).encode("ascii")


# Secrets and keys


def sign(request, answer, secret):
    """Return the answer with its mac for the request, both lines without their ends."""
    return with_mac(answer, hmac.new(secret, request + b"\n" + answer, hashlib.sha256))


def sign_heartbeat(line, key):
    """Return a heartbeat's line with its mac."""
    return with_mac(line, hmac.new(key, line, hashlib.sha256))


def with_mac(line, mac):
    signed = line + b" mac=" + mac.hexdigest().encode("ascii")
    if len(signed) >= MAX_LINE:
        raise LineError("too-long", f"line longer than {MAX_LINE} bytes")
    return signed


def read_secret_file(path):
    """Return the bytes of a secret's file without a final newline. Others must not be able to read or write it."""
    return _read_private(path, 16, 4096)


def read_key_file(path):
    """Return the 32 bytes of a heartbeat's key from a file of 64 hex digits."""
    digits = _read_private(path, 64, 65).rstrip(b"\r").decode("latin-1")
    if not _MAC.fullmatch(digits):
        raise ValueError(f"{path} is not 64 lower-case hex digits, as mainstay secret derive prints them")
    return bytes.fromhex(digits)


def _read_private(path, least, most):
    with open(path, "rb") as f:
        mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
        if os.name == "posix" and mode & 0o027:
            raise ValueError(f"{path}: its mode {mode:04o} lets others at it: chmod 0640 or less")
        text = f.read(most + 2)
    if text.endswith(b"\n"):
        text = text[:-1]
    if not least <= len(text) <= most:
        raise ValueError(f"{path} has {len(text)} bytes without its final newline ({least}..{most} wanted)")
    return text


def split_address(address):
    """Return host and port of 192.0.2.21:9651, [2001:db8::21]:9651 or :9651."""
    host, colon, port = address.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{address!r} is not address:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return host, int(port)


# The monitor


class Beat:
    """The progress of one worker. A worker that has work and shows none for its limit is stuck, and the service down."""

    def __init__(self, monitor, name, limit):
        self.name, self.limit, self._monitor = name, limit, monitor
        self._last = None  # when progress was last shown; None: there is no work
        self._stuck = False  # when the monitor last looked

    def beat(self):
        """The worker has work and has just made progress with it."""
        self._last = time.monotonic()
        self._freed()

    def busy(self):
        """There is work, which is no progress yet."""
        with self._monitor._lock:
            if self._last is None:
                self._last = time.monotonic()

    def idle(self):
        """The worker has no work, and can't be stuck until it has."""
        self._last = None
        self._freed()

    def remove(self):
        """The worker has ended; the monitor forgets it."""
        with self._monitor._lock:
            if self in self._monitor._beats:
                self._monitor._beats.remove(self)
        self._monitor._wake()

    def _freed(self):
        if self._stuck:
            self._monitor._wake()


class Monitor:
    """One service's endpoint. It starts nothing until run or start is called.

    service     is the name that directors ask for
    secret      signs answers (see read_secret_file); None: anybody may ask, and is believed
    agent_line  whether HAProxy's agent check is answered; None: yes without a secret, no with one
    leave       how many seconds close says maint, at most
    """

    def __init__(self, service, *, secret=None, agent_line=None, leave=3.0):
        if not 1 <= len(service) <= MAX_NAME or not _PRINTABLE.fullmatch(service):
            raise ValueError(f"the service {service!r} is not 1..{MAX_NAME} bytes of printable ASCII")
        if secret is not None and not 16 <= len(secret) <= 4096:
            raise ValueError(f"the secret has {len(secret)} bytes (16..4096 wanted)")
        self.service, self.instance = service, f"{time.time_ns() // 1_000_000:016x}"
        self._secret, self._leave = secret, leave
        self._agent = secret is None if agent_line is None else agent_line
        self._lock = threading.RLock()
        self._state, self._reason, self._weight = "up", "", None
        self._conns = self._served = self._failed = None
        self._beats = []
        self._seq = 0
        self._listeners, self._heartbeats, self._connections = [], [], []
        self._one_shot = None  # when a peer last asked and hung up: one that will come on a new connection
        self._accept_again = 0.0
        self._leaving = None  # since when
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._thread = None

    # What the program says

    def set_state(self, state, reason=""):
        """Say up, starting, drain, maint or down. Up is only as good as the beats are."""
        if state not in STATES:
            raise ValueError(f"the state is {state!r}, not one of {', '.join(STATES)}")
        with self._lock:
            self._state, self._reason = state, clean_reason(reason)
        self._wake()

    def set_weight(self, percent):
        """Ask for a share of the configured weight, 0..100 percent."""
        if not 0 <= percent <= 100:
            raise ValueError(f"the weight is {percent} (0..100 percent wanted)")
        with self._lock:
            self._weight = percent
        self._wake()

    def beat(self, name, limit=5.0):
        """Return the Beat of a new worker, which is idle. limit is in seconds."""
        beat = Beat(self, name, limit)
        with self._lock:
            self._beats.append(beat)
        self._wake()
        return beat

    def conn_opened(self):
        """A client's connection was opened."""
        self._count("_conns", 1)

    def conn_closed(self):
        """A client's connection was closed."""
        self._count("_conns", -1)

    def served(self):
        """Something was served."""
        self._count("_served", 1)

    def failed(self):
        """Something failed that was the service's fault."""
        self._count("_failed", 1)

    def _count(self, name, by):
        with self._lock:
            for counter in ("_conns", "_served", "_failed"):
                if getattr(self, counter) is None:
                    setattr(self, counter, 0)
            setattr(self, name, max(getattr(self, name) + by, 0))

    # Where it is heard

    def listen(self, address):
        """Listen for directors on address:port; :port is every address. Return the address and port bound."""
        host, port = split_address(address)
        if host == "" and socket.has_dualstack_ipv6():
            listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family)
        listener.setblocking(False)
        self._listeners.append(listener)
        self._wake()
        return listener.getsockname()[:2]

    def heartbeat(self, to, sender, key=None, interval=1000):
        """Send a heartbeat to each address:port of to, each interval (milliseconds).

        sender is the id under which directors know this server, key what read_key_file returns; None: unsigned.
        """
        if not 1 <= len(sender) <= MAX_NAME or not _PRINTABLE.fullmatch(sender):
            raise ValueError(f"the id {sender!r} is not 1..{MAX_NAME} bytes of printable ASCII")
        if not MIN_INTERVAL <= interval <= MAX_INTERVAL:
            raise ValueError(f"the interval is {interval} ms ({MIN_INTERVAL}..{MAX_INTERVAL} wanted)")
        if key is not None and len(key) != 32:
            raise ValueError(f"the key has {len(key)} bytes (32 wanted)")
        with self._lock:
            self._heartbeats.append(Heartbeat(to, sender, key, interval))
        self._wake()

    # Its life

    def start(self):
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="monitor", daemon=True)
        self._thread.start()

    def close(self):
        """Say maint until those who ask have heard it, then end, and wait for the end of the thread that start made."""
        self.leave()
        if self._thread is not None:
            self._thread.join()

    def leave(self):
        """Say maint, and let run end when those who ask have heard it. It does not wait."""
        with self._lock:
            if self._leaving is None:
                self._leaving = time.monotonic()
        self._wake()

    def run(self):
        """Answer until close or leave is called."""
        try:
            while True:
                now = time.monotonic()
                moments = [self._accept_again] if self._accept_again > now else []
                for heartbeat in self._heartbeats:
                    moments.append(heartbeat.work(self, now))
                moments.append(self._next_stuck(now))
                for connection in list(self._connections):
                    moments.append(connection.work(time.monotonic()))
                if self._done(now):
                    return
                if self._leaving is not None:
                    moments.append(self._leaving + self._leave)
                    if self._one_shot is not None:
                        moments.append(self._one_shot + self._leave)
                self._select(min((m for m in moments if m is not None), default=None))
        finally:
            for s in self._listeners + [c.sock for c in self._connections] + [self._wake_in, self._wake_out]:
                s.close()
            for heartbeat in self._heartbeats:
                heartbeat.close()

    def _select(self, until):
        """Wait for sockets, or until a moment, and do what sockets are ready for."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_in, selectors.EVENT_READ, self._woken)
            if self._accept_again <= time.monotonic():
                for listener in self._listeners:
                    selector.register(listener, selectors.EVENT_READ, lambda l=listener: self._accept(l))
            for c in self._connections:
                if c.events():
                    selector.register(c.sock, c.events(), c.ready)
            wait = None if until is None else max(until - time.monotonic(), 0)
            for key, _ in selector.select(wait):
                key.data()

    def _wake(self):
        try:
            self._wake_out.send(b".")
        except OSError:
            pass  # it is full, and thus awake; or the monitor has ended

    def _woken(self):
        self._wake_in.recv(4096)

    def _accept(self, listener):
        try:
            sock, _ = listener.accept()
        except OSError as e:
            if e.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._accept_again = time.monotonic() + ACCEPT_PAUSE
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._connections) >= MAX_CONNECTIONS:
            # Those who have never asked go first, then who has not asked for longest.
            min(self._connections, key=lambda c: (c.asked, c.since)).close()
        self._connections.append(Connection(self, sock))

    def _done(self, now):
        """Whether the monitor has left: nobody is there who listens and has not heard of it."""
        if self._leaving is None:
            return False
        if now >= self._leaving + self._leave:
            return True
        if self._one_shot is not None and now < self._one_shot + self._leave:
            return False
        if any(h.state != "maint" for h in self._heartbeats):
            return False
        return not any(c.asked and not (c.told and not c.out) for c in self._connections)

    # What is said

    def _next_stuck(self, now):
        """When a worker may next turn out to be stuck."""
        with self._lock:
            moments = []
            for b in self._beats:
                last = b._last
                b._stuck = last is not None and now - last > b.limit
                if not b._stuck:
                    moments.append((now if last is None else last) + b.limit + 0.001)
            return min(moments, default=None)

    def _say(self):
        """Return what is to be said now, with all evidence taken into account."""
        with self._lock:
            now = time.monotonic()
            state, reason = self._state, self._reason
            stuck = []
            for b in self._beats:
                last = b._last
                if last is not None and now - last > b.limit:
                    stuck.append(f"stuck: {b.name} no progress for {now - last:.1f} s")
            if self._leaving is not None:
                state, reason = "maint", "the program is stopping"
            elif state == "up" and stuck:
                state, reason = "down", clean_reason("; ".join(stuck))
            return Said(state, self.service, reason, self._weight, self._conns, self._served, self._failed)

    def answer(self, request, line):
        """Return the line, without its end, that answers a request; line is the request as it was received."""
        if request.method not in ("poll", "watch"):
            return refusal(f"the method {request.method} is not supported (poll and watch are)")
        if self._secret is not None and not request.nonce:
            return refusal("nonce wanted")
        said = self._say() if request.service == self.service else Said("down", request.service, "no such service")
        self._seq += 1
        answer = said.answer(self.instance, self._seq)
        return answer if self._secret is None else sign(line, answer, self._secret)

    def _mark(self, service):
        """Return that of which watchers are told each change."""
        if service != self.service:
            return ()
        said = self._say()
        return said.state, said.weight


class Connection:
    """One connection of a peer. Only the thread of Monitor.run has to do with it."""

    def __init__(self, monitor, sock):
        self.monitor, self.sock = monitor, sock
        self.received, self.out = b"", b""
        self.first = True  # no line was read yet
        self.asked = False
        self.since = time.monotonic()  # when it last asked or took an answer, or when it came
        self.told = False  # it was sent that the program is leaving
        self.line_since = None  # when the first byte of the line came that is not complete
        self.out_since = 0.0
        self.parting = None  # when the last line for it was sent: what still comes is read and forgotten
        self.part_bytes = 0
        self.eof = self.closed = False
        self.pace_since, self.pace_count = 0.0, 0
        self.watch, self.watch_line = None, b""  # the request in force
        self.watch_mark, self.watch_sent = None, 0.0

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.sock.close()
        self.monitor._connections.remove(self)
        if self.asked and not self.told:
            self.monitor._one_shot = time.monotonic()

    def events(self):
        """What the connection waits for. A peer that doesn't take its answers isn't read."""
        if self.out:
            return selectors.EVENT_WRITE
        if self.eof or (self.parting is None and len(self.received) >= MAX_LINE):
            return 0
        return selectors.EVENT_READ

    def ready(self):
        if self.closed:
            return
        try:
            if self.out:
                self.flush()
                return
            data = self.sock.recv(PART_BYTES if self.parting is not None else MAX_LINE - len(self.received))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if self.parting is not None:
            self.part_bytes += len(data)
            if not data or self.part_bytes > PART_BYTES:
                self.close()
            return
        if not data:
            self.eof = True
        elif self.line_since is None:
            self.line_since = time.monotonic()
        self.received += data

    def send(self, line):
        self.out_since = time.monotonic()
        self.out += line + b"\n"
        self.told = self.monitor._leaving is not None
        self.flush()

    def flush(self):
        try:
            sent = self.sock.send(self.out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        self.out = self.out[sent:]
        if self.out:
            return
        self.since = time.monotonic()
        if self.parting is not None:
            self.shut()

    def part(self, line):
        """Send a last line. What the peer still has to say is read, within bounds, so that the line arrives."""
        self.parting = time.monotonic()
        self.send(line)

    def shut(self):
        self.parting = time.monotonic()
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def work(self, now):
        """Do all that is due, and return the next moment at which something will be; None: there is none."""
        due = self._work(now)
        if self.closed:
            return None
        if self.out:
            if now > self.out_since + WRITE_TIME:
                self.close()
                return None
            return self.out_since + WRITE_TIME
        return due

    def _work(self, now):
        if self.parting is not None:
            if not self.out and now > self.parting + PART_TIME:
                self.close()
            return self.parting + PART_TIME
        paced = self.read_lines(now)
        if self.closed or self.out or self.parting is not None:
            return now
        if paced is not None:
            return paced
        if self.eof:
            self.close()
            return None
        if self.line_since is not None:
            patience = self.line_since + LINE_TIME
        elif self.watch is not None:
            return self.tell(now)
        elif self.first:
            patience = self.since + (FIRST_BYTE_TIME if self.monitor._agent else LINE_TIME)
        else:
            patience = self.since + IDLE_TIME
        if now < patience:
            return patience if self.watch is None else min(patience, self.tell(now))
        if self.first and self.line_since is None and self.monitor._agent:
            self.agent()
            return now
        self.close()
        return None

    def read_lines(self, now):
        """Answer the lines that are there. Return when to go on where the peer asks too often."""
        while not self.out and self.parting is None and not self.closed:
            line, end, rest = self.received.partition(b"\n")
            if not end:
                if len(line) >= MAX_LINE:
                    self.part(refusal(f"line longer than {MAX_LINE} bytes"))
                return None
            if now >= self.pace_since + 1:
                self.pace_since, self.pace_count = now, 0
            if self.pace_count >= MAX_RATE:
                return self.pace_since + 1
            self.pace_count += 1
            self.received = rest
            self.line_since = now if rest else None
            self.handle(line[:-1] if line.endswith(b"\r") else line)
            self.first = False
        return None

    def handle(self, line):
        if self.first and self.monitor._agent and not line.startswith(b"MONITOR/"):
            self.agent()
            return
        try:
            request = parse_request(line)
        except LineError as e:
            self.part(refusal(str(e)))
            return
        self.asked, self.since = True, time.monotonic()
        self.watch = None  # the request takes the place of the one before
        if request.method == "watch":
            self.watch, self.watch_line = request, line
        mark = self.monitor._mark(request.service)
        answer = self.monitor.answer(request, line)
        if answer.startswith(b"MONITOR/1 error "):
            self.watch = None
        self.watch_mark, self.watch_sent = mark, time.monotonic()
        self.send(answer)

    def tell(self, now):
        """Send the watch's answer if it is time, or if something changed; return when the next is due."""
        mark = self.monitor._mark(self.watch.service)
        interval = self.watch.interval / 1000
        due = self.watch_sent + interval - min(interval / 10, EARLY)
        if mark != self.watch_mark or (self.monitor._leaving is not None and not self.told):
            due = min(due, self.watch_sent + CHANGE_TIME)
        if now < due:
            return due
        self.watch_mark, self.watch_sent = mark, now
        self.send(self.monitor.answer(self.watch, self.watch_line))
        return now + interval - min(interval / 10, EARLY)

    def agent(self):
        self.asked = True
        self.part(self.monitor._say().agent())


class Heartbeat:
    """Sends what the monitor says to each address: each interval, and at once when the state changes."""

    def __init__(self, to, sender, key, interval):
        self.sender, self.key, self.interval = sender, key, interval
        self.start, self.ticks, self.early = time.monotonic(), 0, 0  # seq is the sum of both
        self.state, self.sent = None, 0.0
        self.to = []
        for address in to:
            host, port = split_address(address)
            family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            s = socket.socket(family, kind, protocol)
            s.setblocking(False)
            self.to.append((s, place))

    def work(self, monitor, now):
        """Send if it is time, and return when it next is. Who was late sends one, and seq leaves out the others."""
        said = monitor._say()
        ticks = int((now - self.start) * 1000 / self.interval) + 1
        changed = self.state is not None and said.state != self.state
        soon = self.sent + (EARLY_HEARTBEAT_TIME if monitor._leaving is None else 0)  # leaving is said at once
        if ticks > self.ticks or (changed and now >= soon):
            self.early += ticks == self.ticks
            self.ticks, self.state, self.sent = ticks, said.state, now
            self.send(self.line(monitor, said) + b"\n")
            changed = False
        due = self.start + self.ticks * self.interval / 1000
        return min(due, soon) if changed else due

    def line(self, monitor, said):
        for said.reason in (said.reason, ""):
            line = said.heartbeat(self.sender, monitor.instance, self.ticks + self.early, self.interval)
            if self.key is not None:
                line = sign_heartbeat(line, self.key)
            if len(line) <= MAX_HEARTBEAT:
                break
        return line

    def send(self, datagram):
        for s, place in self.to:
            try:
                s.sendto(datagram, place)
            except OSError:
                pass  # one director that can't be reached is no matter for the others; the next one comes soon

    def close(self):
        for s, _ in self.to:
            s.close()
