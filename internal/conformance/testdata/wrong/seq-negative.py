"""The seq is counted down from zero."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    return whole(self, request, line).replace(b" seq=", b" seq=-")


monitor.Monitor.answer = answer

program.run()
