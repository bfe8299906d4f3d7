"""Answers end without a line end."""

import program
import monitor


def flush(self, whole=monitor.Connection.flush):
    self.out = self.out.replace(b"\n", b"")
    whole(self)


monitor.Connection.flush = flush

program.run()
