"""A request without a nonce gets a state."""

import program
import monitor


def answer(self, request, line, whole=monitor.Monitor.answer):
    request.nonce = "0" * 32
    return whole(self, request, line)


monitor.Monitor.answer = answer

program.run()
