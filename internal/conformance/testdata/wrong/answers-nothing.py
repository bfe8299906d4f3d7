"""It takes connections and requests, and never answers."""

import program
import monitor

monitor.Connection.handle = lambda self, line: None

program.run()
