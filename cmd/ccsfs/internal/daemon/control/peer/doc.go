// Package peer tells who is at the other end of a socket of this machine, and whether
// anybody is. What follows from that is for whoever asks.
package peer
