package cmdtest

import (
	"flag"
	"strconv"
)

// AtOnce lets n parallel tests run at once, unless the command line says how many. It is
// for TestMain where tests wait more than they compute: the default is one a processor.
func AtOnce(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(n)) // fails for a word alone
	}
}
