// Package control is the local socket of a running mount: HTTP over a unix
// socket that only its user and root can talk to. It tells the state of the
// mount, and takes the orders that need the process which serves it.
//
//	GET  /status               Status, as JSON
//	POST /refresh?path=PATH    asks the API anew; a Failure as JSON if that fails
//	POST /warm?path=PATH…      fetches what is not cached yet; an Event a line
//	GET  /metrics              for Prometheus
//	GET  /debug/pprof/         profiles
//
// A PATH is one in the mount: it begins with the directory, or the id, of a
// contract. Without any, all contracts are meant.
//
// Nothing of it holds a secret: the types here have no field for one, and the
// texts of errors come without.
package control
