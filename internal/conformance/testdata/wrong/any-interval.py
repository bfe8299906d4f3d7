"""Intervals are whatever starts with digits, up to some days."""

import program
import monitor


def parse_interval(text):
    number = int(monitor.re.sub("[^0-9].*", "", text.lstrip("+")))
    return min(number * (1 if "ms" in text else 1000) or 1000, 10**9)


monitor.parse_interval = parse_interval

program.run()
