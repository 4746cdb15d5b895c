// Package metrics tells Prometheus how a mount is doing. It reads what the
// client, the catalog and the content store count anyway, at each scrape, and
// counts nothing itself. Label values are words of the program: contracts and
// documents, of which there may be a million, are no labels.
package metrics
