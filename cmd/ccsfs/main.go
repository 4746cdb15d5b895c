// Command ccsfs shows the billing documents of a Cloud Customer Space account
// as a folder.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), processEnvironment(), asHelper(os.Args)))
}
