"""A further watch is answered, and the former goes on."""

import program
import monitor


def handle(self, line, whole=monitor.Connection.handle):
    watch = self.watch, self.watch_line
    whole(self, line)
    if self.watch is not None and watch[0] is not None:
        self.watch, self.watch_line = watch


monitor.Connection.handle = handle

program.run()
