"""Every method is a poll."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    if request.method not in ("poll", "watch"):
        request.method = "poll"
    return whole(self, request, line)


monitor.Monitor.answer = answer

program.run()
