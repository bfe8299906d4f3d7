"""Where 64 connections are open, a new one is not taken."""

import program
import monitor


def accept(self, listener, whole=monitor.Monitor._accept):
    for c in list(self._connections):
        try:
            if not c.sock.recv(1, monitor.socket.MSG_PEEK):
                c.close()
        except OSError:
            pass  # it is still there
    if len(self._connections) >= 64:
        listener.accept()[0].close()
    else:
        whole(self, listener)


monitor.Monitor._accept = accept
monitor.FIRST_BYTE_TIME = 30.0

program.run()
