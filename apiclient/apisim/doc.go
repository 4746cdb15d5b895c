// Package apisim is a simulated Cloud Customer Space API: an http.Handler for
// demonstrations and tests.
package apisim
