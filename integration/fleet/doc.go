// Package fleet simulates many members of a pool in virtual time: more than machines could
// be had for. Its tests run the product's own protocol (pool.Pool, and content.Store with
// all that stands on it) over the models of the engines, and spoil those. What a single
// engine or client does is tested where it is; docs/fleet.md says how to read the table.
package fleet
