"""A connection is closed as soon as it is silent for a second."""

import program
import monitor

monitor.IDLE_TIME = 1.0

program.run()
