"""A name may be longer than 128 bytes."""

import program
import monitor

monitor.MAX_NAME = 1000

program.run()
