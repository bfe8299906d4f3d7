"""A watch goes on when the director has ended its side."""

import program
import monitor


def ready(self, whole=monitor.Connection.ready):
    whole(self)
    if self.watch is not None and self.eof:
        self.eof, self.deaf = False, True


def events(self, whole=monitor.Connection.events):
    return 0 if getattr(self, "deaf", False) and not self.out else whole(self)


monitor.Connection.ready = ready
monitor.Connection.events = events

program.run()
