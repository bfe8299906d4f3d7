"""Every answer has the same seq."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    self._seq = 6
    return whole(self, request, line)


monitor.Monitor.answer = answer

program.run()
