package disk

import (
	"os"
	"testing"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/blobstoretest"
)

func TestStore(t *testing.T) {
	blobstoretest.Run(t, blobstoretest.Kind{
		Open: func(t *testing.T, limit int64) blobstore.Store { return openSurveyed(t, t.TempDir(), limit) },
		Again: func(t *testing.T, s blobstore.Store, limit int64) blobstore.Store {
			return openSurveyed(t, s.(*Store).dir, limit)
		},
		Damage: func(t *testing.T, s blobstore.Store, k blobstore.Key, p []byte) {
			time.Sleep(20 * time.Millisecond) // the clock of files is a coarse one
			if err := os.WriteFile(s.(*Store).Path(k), p, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	})
}
