"""Any number of spaces stands between two words."""

import program
import monitor


def parse_monitor(line, whole=monitor.parse_monitor):
    return whole(line if b'"' in line else b" ".join(line.split()))


monitor.parse_monitor = parse_monitor

program.run()
