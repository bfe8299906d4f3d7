"""Bytes that are not printable ASCII are taken."""

import program
import monitor

monitor._PRINTABLE = monitor.re.compile("(?s:.*)")

program.run()
