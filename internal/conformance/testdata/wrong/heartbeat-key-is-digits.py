"""The digits of the key are taken for the key."""

import program
import monitor

monitor.sign_heartbeat = lambda line, key, whole=monitor.sign_heartbeat: whole(line, key.hex().encode())

program.run()
