"""A service that the program does not have is as well as the one that it has."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    self.service = request.service
    return whole(self, request, line)


monitor.Monitor.answer = answer

program.run()
