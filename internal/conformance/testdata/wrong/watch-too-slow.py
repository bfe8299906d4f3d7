"""A watch is answered half as often as it should be."""

import program
import monitor


def tell(self, now, whole=monitor.Connection.tell):
    if now < self.watch_sent + 1.8 * self.watch.interval / 1000:
        return self.watch_sent + 1.8 * self.watch.interval / 1000
    return whole(self, now)


monitor.Connection.tell = tell

program.run()
