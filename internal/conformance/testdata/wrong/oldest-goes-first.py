"""Where 64 connections are open, the oldest one is closed for a new one, whoever asks on it."""

import program
import monitor


def made(self, *all, whole=monitor.Connection.__init__):
    whole(self, *all)
    connections = self.monitor._connections
    if len(connections) >= 63:
        connections[0].close()


monitor.Connection.__init__ = made

program.run()
