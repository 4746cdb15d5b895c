//go:build !windows

// Package fs shows the billing documents of an account as a read-only file
// system: contracts are directories, documents are files. It knows no HTTP;
// what exists comes from package catalog, what is inside from package content.
//
// # Versions of a document
//
// A node is one version of a document's content, for good, and of one size. When
// the content is replaced (a new updatedAt in the listing, or a partial* document
// that revalidation found changed) the document gets a new node with the same
// inode number, as if a new file had been renamed over the old one. No two nodes
// of files have the same generation, so that go-fuse never takes one for another,
// whatever names they have. So handles that are open keep reading the content they began with,
// the page cache, which belongs to the kernel's inode, never mixes two
// versions, and every open may keep the cache.
//
// An operation that finds its node to be an old version answers ESTALE: the
// kernel then looks the name up again (LOOKUP_REVAL, see do_filp_open in
// fs/namei.c and retry_estale in vfs_statx) and repeats the operation on the
// new node. Programs see only the new content.
//
// # Sizes
//
// The listings carry no sizes. LOOKUP, READDIR and READDIRPLUS never wait for
// one: an entry of unknown size is given with attribute time-out 0, so that
// the kernel asks GETATTR, which finds the size out, before it shows it
// (fuse_update_get_attr in fs/fuse) and, since it checks permissions, before it
// opens the file (fuse_permission). Each such entry is of a node that the kernel
// has not heard of before; from then on, every answer about that node has the one
// size that it is bound to.
//
// A size may be made up: 0 on a lazy mount until the document is opened, 1 for a
// document that cannot be had. A node whose size is made up keeps it and cannot be
// opened: OPEN finds the true size out and answers ESTALE, and the name gets a
// node of that size.
//
// # Caches
//
// Entries, attributes, pages and directories stay cached in the kernel for an
// hour. OPEN and OPENDIR always come here, which is where freshness and access
// are checked; changes that the catalog finds are announced (see notifier).
package fs
