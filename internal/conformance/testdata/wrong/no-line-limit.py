"""A line may be as long as it likes."""

import program
import monitor

monitor.MAX_LINE = 1 << 16

program.run()
