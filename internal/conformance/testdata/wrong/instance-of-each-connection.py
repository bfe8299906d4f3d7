"""Each connection is an instance."""

import program
import monitor


def handle(self, line, whole=monitor.Connection.handle):
    self.monitor.instance = f"{id(self):016x}"
    whole(self, line)


monitor.Connection.handle = handle

program.run()
