"""Who has begun a line is waited for, and everybody else with him."""

import program
import monitor


def ready(self, whole=monitor.Connection.ready):
    whole(self)
    if self.closed or self.eof or self.parting is not None or len(self.received) >= monitor.MAX_LINE:
        return
    if self.received and not self.received.endswith(b"\n"):
        self.sock.settimeout(monitor.LINE_TIME)
        whole(self)
        if not self.closed:
            self.sock.setblocking(False)


monitor.Connection.ready = ready

program.run()
