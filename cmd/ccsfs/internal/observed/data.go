package observed

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"ccsfs/internal/billing"
)

// What the API answers with that is not for others: names, ids, amounts. It is remembered to
// be kept out of what is handed on.

// TextsIn are the texts and numbers of a JSON value that may be data.
func TextsIn(body []byte) []string {
	o := NewObserver()
	o.remember(body)
	return o.Data()
}

// remember keeps the texts and numbers of an answer.
func (o *Observer) remember(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return
	}
	o.walk(v)
}

// shortData is how long a text must be to be told from others.
const shortData = 4

func (o *Observer) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			o.walk(one)
		}
	case map[string]any:
		for _, one := range v {
			o.walk(one)
		}
	case json.Number:
		o.walk(v.String())
	case string:
		_, isTime := billing.ParseTime(v)
		_, isPeriod := billing.ParsePeriod(v)
		if len(v) < shortData || isTime && strings.Contains(v, "-") || isPeriod && len(v) <= 7 || slices.Contains(billing.Types(), v) {
			return
		}
		if _, word := o.data[v]; !word {
			o.data[v] = true
		}
	}
}

// Data are the texts and numbers that answers held: names, ids, amounts. Words of the API
// itself are none, nor is what is too short to be told from others.
func (o *Observer) Data() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]string, 0, len(o.data))
	for s, data := range o.data {
		if data {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}
