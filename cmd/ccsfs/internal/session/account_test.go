package session

import (
	"testing"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/content"
)

// TestDefaultsAgree: where a package has a default of its own, it is that of the
// settings; whoever uses the package alone gets what users of the tool get.
func TestDefaultsAgree(t *testing.T) {
	s, err := settings.Load(settings.Isolated(nil, t.TempDir(), t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	client, documents := apiclient.DefaultConfig(), content.DefaultConfig()
	for name, pair := range map[string][2]any{
		"api-url":        {s.API.URL, client.APIURL},
		"oauth-url":      {s.API.OAuthURL, client.OAuthURL},
		"rate-limit":     {s.API.RateLimit, client.RateLimit},
		"connections":    {s.API.Connections, client.Connections},
		"timeout":        {s.API.Timeout, client.Timeout},
		"patience":       {3 * s.API.Timeout, client.Patience},
		"cache-size":     {s.Cache.Size, documents.CacheSize},
		"prefetch-limit": {s.Cache.PrefetchLimit, documents.PrefetchLimit},
		"stream-above":   {s.Cache.StreamAbove, documents.StreamAbove},
		"partial-ttl":    {s.Cache.PartialTTL, documents.PartialTTL},
		"of documents":   {s.API.Connections, documents.Connections},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v by the settings, %v by the package", name, pair[0], pair[1])
		}
	}
}
