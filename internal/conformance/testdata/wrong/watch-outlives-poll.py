"""A poll on a watched connection is answered, and the watch goes on."""

import program
import monitor


def handle(self, line, whole=monitor.Connection.handle):
    watch = self.watch, self.watch_line
    whole(self, line)
    if self.watch is None and b" poll " in line:
        self.watch, self.watch_line = watch


monitor.Connection.handle = handle

program.run()
