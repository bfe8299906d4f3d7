// Package control is the conversation between a running daemon and its operators.
//
// It has three parts. The values of the answers, and the [Backend] that gives
// them. The control socket: a [SocketServer] answers HTTP on it with what a Backend
// says, a [Client] asks there and is a Backend itself, so that a command reads the
// same on both sides. And the text that an operator reads: each answer has a Text
// method.
//
// The socket's mode is 0660: who may open it may give orders, and nobody else may
// ask. On it are
//
//	GET  /v1/status                                          Status
//	GET  /v1/explain?service=web&server=192.0.2.21:80        Explanation
//	GET  /v1/explain?router=edge                             RouterExplanation
//	POST /v1/reload                                          {"warnings": [...]}
//	POST /v1/plan       {"file": "/etc/mainstay/mainstay.yaml"}       Plan
//	PUT  /v1/services/{service}/servers/{server}/override    an Override in, 204 out
//	POST /v1/routers/{router}/failover  {"cancel": false}    FailoverResult
//
// A failure is {"error": "a sentence", "lines": [...]}: 400 for a request that is
// not understood, 404 for a service, server, router or path that isn't there, 405
// for a wrong method, 413 for a body that is too large, 422 with lines for a
// configuration file that is wrong, 503 for an answer that takes too long, for too
// many failovers at a time or for a daemon that stops, 500 for all else. A failover
// that nobody took over is among those. For example
//
//	curl --unix-socket /run/mainstay/control.sock http://localhost/v1/status
package control
