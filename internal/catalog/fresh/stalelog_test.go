package fresh

import (
	"testing"
	"time"

	"ccsfs/apiclient"
)

// Who was handed out what is just being replaced says nothing of the new one.
func TestOldThatIsReplacedIsNoNews(t *testing.T) {
	var o staleLog
	at := time.Now()
	if !o.news("toy", "A", at, apiclient.ErrTimeout, at) {
		t.Error("the first is no news")
	}
	if _, was := o.over("toy", "A", at.Add(time.Second)); !was {
		t.Error("it was not old")
	}
	if o.news("toy", "A", at, apiclient.ErrTimeout, at) {
		t.Error("what is replaced is news")
	}
	if !o.news("toy", "A", at.Add(time.Second), apiclient.ErrTimeout, at) {
		t.Error("the new one that became old is no news")
	}
}
