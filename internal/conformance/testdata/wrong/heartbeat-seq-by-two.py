"""The heartbeats' seq grows by two."""

import program
import monitor


def line(self, m, said, whole=monitor.Heartbeat.line):
    self.early += 1
    return whole(self, m, said)


monitor.Heartbeat.line = line

program.run()
