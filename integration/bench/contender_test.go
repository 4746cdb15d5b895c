//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestParseVariant(t *testing.T) {
	for _, tc := range []struct {
		text, name string
		env        []string // nil: an error
	}{
		{"lazy=CCSFS_SIZES=lazy", "lazy", []string{"CCSFS_SIZES=lazy"}},
		{"two=CCSFS_SIZES=lazy,GOGC=50", "two", []string{"CCSFS_SIZES=lazy", "GOGC=50"}},
		{"list=CCSFS_TYPES=bills,invoices,GOGC=50", "list", []string{"CCSFS_TYPES=bills,invoices", "GOGC=50"}},
		{"empty=CCSFS_TYPES=", "empty", []string{"CCSFS_TYPES="}},
		{"equals=A=b=c", "equals", []string{"A=b=c"}},
		{"", "", nil},
		{"name", "", nil},
		{"name=", "", nil},
		{"name=word", "", nil},
		{"name==value", "", nil},
		{"=A=b", "", nil},
	} {
		got, err := parseVariant(tc.text)
		if got.name != tc.name || !slices.Equal(got.env, tc.env) || (err == nil) != (tc.env != nil) {
			t.Errorf("%q: %+v, %v", tc.text, got, err)
		}
	}
}

func TestVariantsHaveTheirNames(t *testing.T) {
	var o options
	for _, text := range []string{"a=A=1", "b=A=2"} {
		if err := o.addVariant(text); err != nil {
			t.Error(err)
		}
	}
	if o.addVariant("a=A=3") == nil || len(o.variants) != 2 {
		t.Errorf("%+v", o.variants)
	}
}

// TestWith: what one case needs stays out of the others.
func TestWith(t *testing.T) {
	c := contender{env: append(make([]string, 0, 8), "A=1")}
	one, two := c.with("B=1"), c.with("B=2")
	if !slices.Equal(one.env, []string{"A=1", "B=1"}) || !slices.Equal(two.env, []string{"A=1", "B=2"}) || len(c.env) != 1 {
		t.Error(one, two, c)
	}
}
