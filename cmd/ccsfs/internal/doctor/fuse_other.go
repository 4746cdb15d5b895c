//go:build !linux && !windows

package doctor

import "context"

func (d *doctor) checkDevice(context.Context) (string, error) {
	return "", errSkipped("not checked on this system; try: ccsfs demo")
}

func (d *doctor) checkHelper(context.Context) (string, error) {
	return "", errSkipped("not checked on this system; try: ccsfs demo")
}
