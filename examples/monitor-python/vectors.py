"""Runs the protocols' test vectors through monitor.py: a command a line on stdin, what comes of it on stdout.

A command is a word and its arguments, each in hexadecimal digits, "-" for none. The results are in hexadecimal digits
as well, but for the word of an error.

    line LINE                                  ok | too-long | malformed
    request LINE                               METHOD TARGET SERVICE MILLISECONDS NONCE
    interval TEXT                              MILLISECONDS
    answer STATE SERVICE INSTANCE SEQ WEIGHT CONNS SERVED FAILED REASON
    heartbeat STATE ID SERVICE INSTANCE SEQ MILLISECONDS WEIGHT CONNS SERVED FAILED REASON
    agent STATE WEIGHT REASON
    sign SECRET REQUEST ANSWER
    sign-heartbeat KEY LINE
    key FILE                                   KEY
"""

import sys

import monitor


def said(state, service, weight, conns, served, failed, reason):
    numbers = [int(n) if n else None for n in (weight, conns, served, failed)]
    return monitor.Said(state, service, monitor.clean_reason(reason), *numbers)


def line(data):
    monitor.parse_line(data)
    return "ok"


def request(data):
    r = monitor.parse_request(data)
    return " ".join(word(str(f).encode()) for f in (r.method, r.target, r.service, r.interval or "", r.nonce))


def answer(state, service, instance, seq, *rest):
    return word(said(state, service, *rest).answer(instance, int(seq)))


def heartbeat(state, sender, service, instance, seq, ms, *rest):
    return word(said(state, service, *rest).heartbeat(sender, instance, int(seq), int(ms)))


def agent(state, weight, reason):
    return word(said(state, "", weight, "", "", "", reason).agent())


def word(data):
    return data.hex() or "-"


OF_TEXT = {
    "interval": lambda text: word(str(monitor.parse_interval(text)).encode()),
    "answer": answer,
    "heartbeat": heartbeat,
    "agent": agent,
    "key": lambda path: word(monitor.read_key_file(path)),
}
OF_BYTES = {
    "line": line,
    "request": request,
    "sign": lambda secret, asked, said: word(monitor.sign(asked, said, secret)),
    "sign-heartbeat": lambda key, said: word(monitor.sign_heartbeat(said, key)),
}


def run(command, *args):
    args = [bytes.fromhex(a) if a != "-" else b"" for a in args]
    try:
        if command in OF_BYTES:
            return OF_BYTES[command](*args)
        return OF_TEXT[command](*(a.decode("utf-8") for a in args))
    except monitor.LineError as e:
        return e.kind
    except ValueError:
        return "malformed"


for words in sys.stdin:
    print(run(*words.split()), flush=True)
