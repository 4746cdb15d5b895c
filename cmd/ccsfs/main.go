// Command ccsfs shows the billing documents of a Cloud Customer Space account
// as a folder.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"ccsfs/cmd/ccsfs/internal/root"
)

// version is set by the linker for releases (-X main.version=1.2.3), never here.
var version string

func main() {
	// net/http prints there what a server sends beyond the length that it announced,
	// which may be the rest of a document. Whoever is to be told is told by slog.
	log.SetOutput(io.Discard)
	os.Exit(root.Main(context.Background(), version, os.Args))
}
