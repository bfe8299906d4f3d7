// Package lab makes test hosts: network namespaces joined by bridges, with real
// programs running in them. It serves tests, benchmarks and the demo only, and wants root.
// With IPVS in the kernel, its own or the one that kernelexec boots, a lab is a
// load balancer's whole world: directors, real servers and clients.
//
// All addresses in a lab are documentation addresses (RFC 5737, RFC 3849), and
// nothing leaves it: its bridges have no way out.
package lab
