"""Every version is taken for its own."""

import program
import monitor


def parse_monitor(line, whole=monitor.parse_monitor):
    return whole(monitor.re.sub(rb"^MONITOR/[0-9]+", b"MONITOR/1", line))


monitor.parse_monitor = parse_monitor

program.run()
