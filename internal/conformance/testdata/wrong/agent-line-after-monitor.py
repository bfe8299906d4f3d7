"""Whatever is not MONITOR gets an agent line, at whatever time."""

import program
import monitor


def handle(self, line, whole=monitor.Connection.handle):
    self.first = True
    whole(self, line)


monitor.Connection.handle = handle

program.run()
