"""Intervals are whatever starts with digits."""

import program
import monitor

monitor.parse_interval = lambda text: int(monitor.re.sub("[^0-9].*", "", text.lstrip("+"))) * (1 if "ms" in text else 1000) or 1000

program.run()
