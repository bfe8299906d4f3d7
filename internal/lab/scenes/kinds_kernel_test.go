//go:build kernel

package scenes

import (
	"testing"
)

// Everything that a virtual service can be stands in the kernel as the file says it,
// as the real ipvsadm reads it.
func TestEveryOptionReachesTheKernel(t *testing.T) {
	s := newScene(t, server1)
	s.config(`
virtual_services:
  - name: persistent
    address: ` + virtual + `/tcp
    scheduler: sh
    scheduler_flags: [sh-fallback, sh-port]
    forward: nat
    persistence: {timeout: 300s, prefix: 24}
    real_servers: [` + server1 + `]
  - name: datagrams
    address: 198.51.100.100:53/udp
    scheduler: rr
    one_packet: true
    forward: nat
    real_servers: [{address: "192.0.2.21:5353", weight: 3, max_connections: 100, resume_connections: 50}]
  - name: streams
    address: 198.51.100.100:132/sctp
    scheduler: mh
    scheduler_flags: [mh-port]
    forward: nat
    real_servers: [192.0.2.21]
  - name: marked
    fwmark: 7
    family: ipv4
    scheduler: wrr
    forward: dr
    real_servers: [192.0.2.21, 192.0.2.22]
  - name: marked6
    fwmark: 7
    family: ipv6
    forward: nat
    persistence: {timeout: 60s}
    real_servers: ["[2001:db8:2::21]"]
  - name: tunnelled
    address: 198.51.100.100:443/tcp
    forward: tunnel
    real_servers:
      - 192.0.2.21
      - {address: 192.0.2.22, tunnel: {type: gue, port: 6080, checksum: remote}}
      - {address: 192.0.2.23, tunnel: {type: gre, checksum: standard}}
      - {address: "[2001:db8:2::21]:443"}
`)
	s.start()
	s.wants(`-A -t 198.51.100.100:443 -s wlc
-a -t 198.51.100.100:443 -r 192.0.2.21:443 -i -w 1 --tun-type ipip
-a -t 198.51.100.100:443 -r 192.0.2.22:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 198.51.100.100:443 -r 192.0.2.23:443 -i -w 1 --tun-type gre --tun-csum
-a -t 198.51.100.100:443 -r [2001:db8:2::21]:443 -i -w 1 --tun-type ipip
-A -t 198.51.100.100:7000 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 198.51.100.100:7000 -r 192.0.2.21:7000 -m -w 1
-A -u 198.51.100.100:53 -s rr -o
-a -u 198.51.100.100:53 -r 192.0.2.21:5353 -m -w 3
-A --sctp-service 198.51.100.100:132 -s mh -b mh-port
-a --sctp-service 198.51.100.100:132 -r 192.0.2.21:132 -m -w 1
-A -f 7 -s wrr
-a -f 7 -r 192.0.2.21:0 -g -w 1
-a -f 7 -r 192.0.2.22:0 -g -w 1
-A -f 7 -6 -s wlc -p 60
-a -f 7 -6 -r [2001:db8:2::21]:0 -m -w 1
`)
	// Persistence and the mark's servers work as such.
	first := s.call("whoami")
	if first != "rs1" {
		t.Errorf("answered %q", first)
	}
}
