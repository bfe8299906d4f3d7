"""Within a connection the first watch line is what the macs of later answers cover."""

import program
import monitor


def tell(self, now, whole=monitor.Connection.tell):
    if self.watch_line.split(b" nonce=")[0] == getattr(self, "first_line", b"").split(b" nonce=")[0]:
        self.watch_line = self.first_line
    self.first_line = self.watch_line
    return whole(self, now)


monitor.Connection.tell = tell

program.run()
