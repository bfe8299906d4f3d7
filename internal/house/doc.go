// Package house holds the rules of this repository as tests: which package may
// import which, and that every exported identifier is commented. It has no code.
package house
