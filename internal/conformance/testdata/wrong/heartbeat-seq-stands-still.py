"""All heartbeats have the same seq."""

import program
import monitor


def heartbeat(self, sender, instance, seq, interval, whole=monitor.Said.heartbeat):
    return whole(self, sender, instance, 7, interval)


monitor.Said.heartbeat = heartbeat

program.run()
