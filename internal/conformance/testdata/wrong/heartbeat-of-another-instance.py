"""The heartbeats have an instance of their own."""

import program
import monitor


def heartbeat(self, sender, instance, seq, interval, whole=monitor.Said.heartbeat):
    return whole(self, sender, f"{int(instance, 16) + 1:016x}", seq, interval)


monitor.Said.heartbeat = heartbeat

program.run()
