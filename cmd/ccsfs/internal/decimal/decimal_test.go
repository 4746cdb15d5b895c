package decimal

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSum(t *testing.T) {
	var s Sum
	if s.String() != "" {
		t.Error("no addend, and a sum")
	}
	for _, text := range []string{"0.10", "0.20", "-1", "+2,5", "12345678901234567890.12"} {
		if !s.Add(text) {
			t.Errorf("%q is refused", text)
		}
	}
	if s.String() != "12345678901234567891.92" {
		t.Error(s.String())
	}
	for _, text := range []string{"", "-", "+-1", "--1", "1.", ".5", "1,234", "1.234,56", "1e9", "1/3", "0x1", "∞", "NaN", "1 000", strings.Repeat("9", 31)} {
		if s.Add(text) {
			t.Errorf("%q is taken for an amount", text)
		}
	}
	if s.String() != "12345678901234567891.92" {
		t.Error("what was refused was added: " + s.String())
	}
}

// The sum is exact: the same as in whole numbers of the smallest part.
func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sum
		want := new(big.Int)
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(6), nil)
		for _, cents := range rapid.SliceOfN(rapid.Int64(), 1, 50).Draw(t, "millionths") {
			n := big.NewInt(cents)
			want.Add(want, n)
			sign := ""
			if n.Sign() < 0 {
				sign = "-"
			}
			whole, rest := new(big.Int).QuoRem(new(big.Int).Abs(n), unit, new(big.Int))
			if !s.Add(fmt.Sprintf("%s%s.%06d", sign, whole, rest)) {
				t.Fatal("refused")
			}
		}
		got, ok := new(big.Int).SetString(strings.Replace(s.String(), ".", "", 1), 10)
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%s millionths, want %s", got, want)
		}
	})
}

func FuzzAmount(f *testing.F) {
	for _, text := range []string{"1.5", "-0,50", "1,234", "1e99999999", "1/0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s Sum
		if s.Add(text) && (len(s.String()) > 2*maxDigits+3 || strings.Trim(s.String(), "-0123456789.") != "") {
			t.Errorf("%q: %q", text, s.String())
		}
	})
}

// A total that was made of rounded parts may be off by a hundredth, and no more.
func TestNear(t *testing.T) {
	var s Sum
	for _, text := range []string{"10.004", "10.004", "-0.008"} {
		s.Add(text)
	}
	for text, want := range map[string]bool{
		"20": true, "20.00": true, "20.01": true, "19.99": true, "20.010": true, "20.0101": false, "19.989": false, "21": false,
		"-20": false, "": false, "many": false,
	} {
		if got := s.Near(text); got != want {
			t.Errorf("%s is near %q: %v", s.String(), text, got)
		}
	}
}

// Sums stand in a column with the same digits, and lose none.
func TestFixed(t *testing.T) {
	var s Sum
	if s.Fixed(2) != "" {
		t.Error("no addend, and a sum")
	}
	s.Add("-3.5")
	if s.Fixed(2) != "-3.50" || s.Fixed(0) != "-3.5" || s.Scale() != 1 || s.Addends() != 1 {
		t.Errorf("%s, %s", s.Fixed(2), s.Fixed(0))
	}
}
