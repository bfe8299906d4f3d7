"""There is a secret, and answers have no mac."""

import program
import monitor

monitor.sign = lambda request, answer, secret: answer

program.run()
