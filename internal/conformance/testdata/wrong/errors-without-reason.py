"""An error says nothing."""

import program
import monitor

monitor.refusal = lambda reason: b"MONITOR/1 error"

program.run()
