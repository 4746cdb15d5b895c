// Package apiclient is a typed client of the Cloud Customer Space API of
// Orange Business: the contracts of an account, and the billing documents of
// each.
//
// A Client is safe for use by many goroutines and meant to be shared: it holds
// the one access token, the rate limit, the connection slots and the circuit
// breaker of the account. A call passes these layers, one small file each:
//
//	retry    tries again what may pass by itself          retry.go
//	door     waits while the API is out of reach          door.go, admission.go, circuit.go, witness.go
//	gate     a slot for each connection, by priority      gate.go
//	auth     bearer token and API key, one renewal        auth.go, token.go
//	rate     requests a second, by priority               rate.go
//	guard    counts failures for the door                 guard.go, verdict.go
//	send     one request: time-outs, redirects, errors    send.go
//
// Where Clients on other machines use the same application, they share the rate, the
// token and what is known of refused credentials by a [Pool] (poolturn.go, tokenpool.go).
//
// The token exchange uses the same layers but gate and auth, so it is rate
// limited, retried and counted by the breaker like any other call.
//
// Errors are classified by the sentinels (ErrNotFound, …) with [errors.Is] and
// carry what the API said in [Error]. Neither errors nor log lines contain
// secrets, tokens or control characters, whatever a server answers.
package apiclient
