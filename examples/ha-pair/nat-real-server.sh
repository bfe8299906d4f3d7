#!/bin/sh
# A real server behind forward: nat. Its answers must go back by the director that
# holds the connection, so its gateway is the directors' inner virtual address.
#
#   nat-real-server.sh [GATEWAY]
#
# As root. It changes the running system only: put the same gateway into the host's
# network configuration.
set -eu
gateway=${1:-192.0.2.1}

ip route replace default via "$gateway"
