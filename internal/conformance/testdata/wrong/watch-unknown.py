"""It knows no watch."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    if request.method == "watch":
        request.method = "gaze"
    return whole(self, request, line)


monitor.Monitor.answer = answer

program.run()
