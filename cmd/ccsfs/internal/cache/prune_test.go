package cache

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/content"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/disk"
)

// What is chosen is chosen for a reason, once, and what is left keeps to the bound; no more
// goes than has to.
func TestChoice(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		var a accountCache
		months := map[blobstore.Key]month.Month{}
		for i := range rapid.IntRange(0, 12).Draw(rt, "documents") {
			d := content.Cached{Known: rapid.Bool().Draw(rt, "known"), Kept: disk.Kept{
				Key: blobstore.KeyOf("C", fmt.Sprint(i)), Size: rapid.Int64Range(0, 100).Draw(rt, "size"),
				Used: now.Add(-time.Duration(rapid.IntRange(-10, 200).Draw(rt, "age")) * 12 * time.Hour),
			}}
			if m := rapid.IntRange(0, 12).Draw(rt, "month"); m > 0 {
				months[d.Key] = month.New(2026, time.Month(m))
			}
			a.Content.Documents = append(a.Content.Documents, d)
		}
		c := choice{limit: rapid.Int64Range(0, 600).Draw(rt, "limit"), now: now,
			olderThan: time.Duration(rapid.IntRange(0, 40).Draw(rt, "days")) * 24 * time.Hour, months: rapid.IntRange(0, 13).Draw(rt, "months")}
		left := a.Content.Bytes()
		chosen := map[blobstore.Key]bool{}
		spare := int64(-1) // bytes of the last one that went for the bound alone
		var newest time.Time
		for _, d := range c.of(a, months) {
			if chosen[d.Key] {
				rt.Fatalf("%v is chosen twice", d)
			}
			chosen[d.Key] = true
			of, dated := months[d.Key]
			age := now.Sub(d.Used)
			useless := !d.Known && age > unnoted || c.olderThan > 0 && age > c.olderThan ||
				c.months > 0 && dated && of < month.New(2026, 11)-month.Month(c.months-1)
			if !useless {
				if d.Used.Before(newest) {
					rt.Fatalf("%v goes after a newer one", d)
				}
				newest, spare = d.Used, d.Size
			}
			left -= d.Size
		}
		if left > c.limit && len(chosen) < len(a.Content.Documents) || spare >= 0 && left+spare <= c.limit {
			rt.Fatalf("%d bytes are left of at most %d, the last had %d", left, c.limit, spare)
		}
		for _, d := range a.Content.Documents {
			of, dated := months[d.Key]
			switch age := now.Sub(d.Used); {
			case chosen[d.Key]:
			case !d.Known && age > unnoted, c.olderThan > 0 && age > c.olderThan, c.months > 0 && dated && of < month.New(2026, 11)-month.Month(c.months-1):
				rt.Fatalf("%v stays", d)
			}
		}
	})
}
