// Package content knows what is inside documents: how large each is, and its
// bytes, fetched at most once and kept on disk.
//
// # Sizes
//
// Listings of the API carry no sizes, and a made-up size loses data (tar and
// unzip stat before they open). So [Store.Stat] finds the size out with one GET:
// the headers of the answer give the length, a body up to the prefetch limit is
// kept as the document, a larger one waits a moment for a reader and is then let
// go, and only its size is remembered. [Store.Peek] answers from memory alone.
//
// # Bytes
//
// A document on its way is one [download], however many read it: readers wait for
// the offset they need, or leave on their own context. It is spooled to a file
// beside the cache, checked (length, no error page in place of the document),
// hashed when whole, and renamed into the cache. Nothing is
// synced to disk on purpose: a blob is verified against its size and SHA-256 the
// first time that a process opens it, so what a crash tore is fetched again.
//
// # Where it is kept
//
// Finished documents are blobs in a store (package blobstore), on disk unless
// [Config] names another one. What is known of them is in package index. This package
// touches no files: neither of the two kinds of them is its own.
//
//	index/<contract>      what is known of a contract's documents, a checksummed line each
//	blobs/<contract>/<id> bodies; names are hashes, so they can leave nowhere
//	tmp/<session>/        spools of one process, which holds a lock on its directory
//	leases                who has which document in hand; nothing is written to it
//
// An index line outlives its blob: sizes and hashes stay known when the blob is
// evicted.
//
// # Processes
//
// Processes may share a directory. Whoever asks the API for a document holds its
// lease (package lease), and writes blob and line under it; the others wait, or read
// what is there. So a document is asked for once, and a blob that does not match
// its line is damaged if it does so under the lease. Why a document could not be
// had is a line of the index, too.
package content
