"""A heartbeat has no line end."""

import program
import monitor


def send(self, datagram, whole=monitor.Heartbeat.send):
    whole(self, datagram[:-1])


monitor.Heartbeat.send = send

program.run()
