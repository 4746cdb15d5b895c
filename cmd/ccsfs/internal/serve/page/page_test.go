package page

import (
	"testing"
)

func TestFirst(t *testing.T) {
	r := newRig(t, nil)
	a := r.browser("en").listed("/")
	t.Log(a.text())
}
