// Package daemon puts Mainstay together: it starts, reloads and stops the parts,
// and carries what they say from one to the next.
//
// One goroutine, the loop, owns the [core]: what the checks said, what operators
// told, what was decided. Everything that happens comes to it as a value, and it
// asks package decide what the table should hold. A second goroutine, the
// reconciler, is the only one that writes the kernel's table: it is told the wanted
// services and which of them changed, reads those, and makes the difference.
package daemon
