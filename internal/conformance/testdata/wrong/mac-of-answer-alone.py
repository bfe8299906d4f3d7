"""The mac does not cover the request."""

import program
import monitor

monitor.sign = lambda request, answer, secret: monitor.sign_heartbeat(answer, secret)

program.run()
