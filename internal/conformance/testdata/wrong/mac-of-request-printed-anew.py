"""The mac covers the request as it would have been printed, without what was not known."""

import program
import monitor


def sign(request, answer, secret, whole=monitor.sign):
    _, verb, fields = monitor.parse_monitor(request)
    line = "MONITOR/1 " + verb
    for key in ("target", "service", "interval", "nonce"):
        if key in fields:
            line += f" {key}={monitor.value(fields[key])}"
    return whole(line.encode(), answer, secret)


monitor.sign = sign

program.run()
