"""The weight is not a percentage."""

import program
import monitor


def said(self, *all, whole=monitor.Said.__init__):
    whole(self, *all)
    self.weight = 256


monitor.Said.__init__ = said

program.run()
