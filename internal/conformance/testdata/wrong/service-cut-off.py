"""The service of an answer ends at its first space."""

import program
import monitor


def said(self, state, service, *rest, whole=monitor.Said.__init__):
    whole(self, state, service.split(" ")[0], *rest)


monitor.Said.__init__ = said

program.run()
