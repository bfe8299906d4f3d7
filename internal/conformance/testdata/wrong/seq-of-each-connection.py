"""Each connection counts for itself."""

import program
import monitor


def handle(self, line, whole=monitor.Connection.handle):
    self.monitor._seq = self.seq = getattr(self, "seq", 0) + 1
    whole(self, line)


monitor.Connection.handle = handle

program.run()
