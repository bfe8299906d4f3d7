// Package scenes is what a director does, as its users see it: each test is a scene
// played by real programs on a real kernel. The director runs the mainstay binary,
// real servers run examples/realserver, the client opens real connections to the
// virtual service, and the kernel's table is read with the real ipvsadm. It has no
// code of its own. Run it with make test-kernel.
package scenes
