"""A heartbeat has an age."""

import program
import monitor


def heartbeat(self, *all, whole=monitor.Said.heartbeat):
    return whole(self, *all) + b" age=0"


monitor.Said.heartbeat = heartbeat

program.run()
