"""At the end of the stream the connection is closed, whatever came just before."""

import program
import monitor


def ready(self, whole=monitor.Connection.ready):
    whole(self)
    if self.closed:
        return
    monitor.time.sleep(0.01)
    try:
        if not self.sock.recv(1, monitor.socket.MSG_PEEK):
            self.close()
    except OSError:
        pass  # there is no end yet


monitor.Connection.ready = ready

program.run()
