// Package language tests implementations of the monitor protocols in whatever language: their functions with the test
// vectors, and a server that embeds them by trying it against the specification and by driving it. The examples have a
// server and a program for the vectors in each language, alike in flags and orders, so that one table drives all.
package language

import "testing"

// Implementation is how the programs of one language are run: command lines, to which flags are added.
type Implementation struct {
	// Server is the server that embeds the monitor.
	Server []string
	// Vectors is the program that runs vectors: a command a line on stdin, its result on stdout.
	Vectors []string
}

// Test runs all tests of an implementation.
func Test(t *testing.T, i Implementation) {
	t.Run("vectors", func(t *testing.T) { testVectors(t, i.Vectors) })
	t.Run("conformance", func(t *testing.T) { testConformance(t, i.Server) })
	t.Run("driven", func(t *testing.T) { testDriven(t, i.Server) })
	t.Run("wrong flags", func(t *testing.T) { testWrongFlags(t, i.Server) })
}
