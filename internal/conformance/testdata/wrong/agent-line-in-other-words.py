"""The agent line has words that HAProxy does not know."""

import program
import monitor

monitor.Said.agent = lambda self: b"fine, thank you"

program.run()
