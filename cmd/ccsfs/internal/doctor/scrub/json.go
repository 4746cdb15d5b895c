package scrub

import (
	"regexp"
	"strings"
)

// Value makes all texts of a JSON value fit to be handed on. The keys are ours.
func (c *Scrubber) Value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			v[k] = c.Value(k, one)
		}
	case []any:
		for i, one := range v {
			v[i] = c.Value(key, one)
		}
	case string:
		return c.keyed(key, v)
	}
	return v
}

// keyed is a text under a key that says what it is.
func (c *Scrubber) keyed(key, text string) string {
	switch {
	case timeText.MatchString(text) && !c.known(text):
		return text
	case c.data != nil && text != "" && (key == "contract" || key == "document" || key == "mountpoint" || key == "account" || key == "log_file"):
		return gone
	}
	return c.lines(text)
}

var timeText = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)

// Settings are those without what they name: paths, contracts.
func (c *Scrubber) Settings(list any) any {
	all, _ := list.([]any)
	for _, one := range all {
		s, _ := one.(map[string]any)
		value, _ := s["value"].(string)
		source, _ := s["source"].(string)
		if key := s["key"]; (key == "contract" || key == "account" || key == "default_account") && value != "" && c.data != nil {
			value = gone
		} else if strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://") {
			value = c.secretless(value) // the path says which API it is
		} else {
			value = c.Text(value)
		}
		s["value"], s["source"] = value, c.Text(source)
	}
	return all
}
