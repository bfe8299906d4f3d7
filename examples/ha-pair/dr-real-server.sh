#!/bin/sh
# A real server behind forward: dr. It must take packets to the virtual address, and
# never tell the link that it has it: only the master of the directors may.
#
#   dr-real-server.sh [ADDRESS]
#
# As root. It changes the running system only: put the parameters into /etc/sysctl.d
# and the address into the host's network configuration.
set -eu
address=${1:-192.0.2.100}

# First the parameters, or the link would hear of the address for a moment.
sysctl -qw net.ipv4.conf.all.arp_ignore=1      # answer ARP only for addresses of the interface that is asked
sysctl -qw net.ipv4.conf.all.arp_announce=2    # and never use the virtual one as the sender of a request
ip address replace "$address/32" dev lo
