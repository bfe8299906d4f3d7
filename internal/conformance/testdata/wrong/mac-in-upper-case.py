"""The mac is in upper case."""

import program
import monitor


def sign(request, answer, secret, whole=monitor.sign):
    head, mac = whole(request, answer, secret).split(b" mac=")
    return head + b" mac=" + mac.upper()


monitor.sign = sign

program.run()
