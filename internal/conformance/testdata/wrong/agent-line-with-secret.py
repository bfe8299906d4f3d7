"""There is a secret, and agent lines are sent all the same."""

import program
import monitor


def made(self, *all, whole=monitor.Monitor.__init__, **named):
    whole(self, *all, **named)
    self._agent = True


monitor.Monitor.__init__ = made

program.run()
