//go:build unix

package hooks

import "os"

// inherited is what a program is to have open, beyond the standard streams.
func (r *running) inherited() []*os.File {
	if r == nil {
		return nil
	}
	return []*os.File{r.f}
}
