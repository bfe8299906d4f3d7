"""The carriage return counts as part of the line."""

import program
import monitor


def parse_request(line, whole=monitor.parse_request):
    return whole(line.rstrip(b"\r"))


def read_lines(self, now, whole=monitor.Connection.read_lines):
    self.received = self.received.replace(b"\r\n", b"\r\r\n")
    return whole(self, now)


monitor.parse_request = parse_request
monitor.Connection.read_lines = read_lines

program.run()
