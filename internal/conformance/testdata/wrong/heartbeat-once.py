"""One heartbeat is sent, and no other."""

import program
import monitor


def send(self, datagram, whole=monitor.Heartbeat.send, sent=[]):
    if not sent:
        sent.append(datagram)
        whole(self, datagram)


monitor.Heartbeat.send = send

program.run()
