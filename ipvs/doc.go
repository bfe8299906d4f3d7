// Package ipvs describes the kernel's IPVS table as plain values: virtual
// services, their real servers, and the changes that lead from one table to
// another. It is pure: it opens no socket, starts nothing and reads no clock.
// Package ipvs/kernel reads and writes the kernel's own table.
//
// A [Table] prints itself as `ipvsadm -Sn` does, and [ParseTable] reads that
// form, so that code, tests and operators speak of a table in the same words.
package ipvs
