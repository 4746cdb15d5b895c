package memory

import (
	"bytes"
	"testing"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/blobstoretest"
)

func TestStore(t *testing.T) {
	blobstoretest.Run(t, blobstoretest.Kind{
		Open: func(_ *testing.T, limit int64) blobstore.Store { return New(limit) },
		Damage: func(_ *testing.T, s blobstore.Store, k blobstore.Key, p []byte) {
			m := s.(*Store)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.lru.Add(k, &blob{bytes.NewReader(p), "damaged"})
		},
	})
}
