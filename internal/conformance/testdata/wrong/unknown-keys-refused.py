"""A key that it does not know makes a line malformed."""

import program
import monitor


def parse_line(line, whole=monitor.parse_line):
    found = whole(line)
    for key in found[2]:
        if key not in ("service", "target", "nonce", "interval"):
            raise monitor.malformed("what is " + key)
    return found


monitor.parse_line = parse_line

program.run()
