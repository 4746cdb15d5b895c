//go:build linux

package main

import (
	"fmt"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/integration/bench/table"
)

// served is the work of ccsfs serve.
func served(b *bench) error {
	for _, part := range []func(*bench) error{servedPage, servedContract, servedLarge, servedArchive, servedLimited} {
		if err := part(b); err != nil {
			return err
		}
	}
	return nil
}

// servedPage looks at an account of ten contracts whose listings are known. rclone has no
// page: what it has is a list of the names of one contract's documents.
func servedPage(b *bench) error {
	a, err := b.serve(account(10, b.documents, 2000), b.latency)
	if err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	for _, s := range servers {
		s.look = s.page
		if s.kind != "ccsfs" {
			s.look = s.url + a.contract().ID + "/"
		}
	}
	rounds := b.rounds * warmRounds
	first := func(s *server) timing { return b.firstOf(s.look) }
	if err := b.face(fmt.Sprintf("first byte of the page of 10 × %d", b.documents), rounds, servers, nil, first); err != nil {
		return err
	}
	return b.face("its first screen, whole", rounds, servers, nil, b.screen)
}

// servedContract is a contract of many documents, as a list and as files.
func servedContract(b *bench) error {
	a, err := b.serve(account(1, b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	c := a.contract()
	n := len(c.Documents)
	propfind := func(s *server) timing { return b.propfind(s, c) }
	all := func(s *server) timing { return b.getAll(s, c) }
	straight := b.curl(a)
	if err := b.coldFace(fmt.Sprintf("first PROPFIND of %d", n), a, straight, propfind, "http"); err != nil {
		return err
	}
	if err := b.coldFace(fmt.Sprintf("first GET of %d by curl -Z", n), a, straight, all); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	if err := b.face(fmt.Sprintf("PROPFIND of %d again", n), b.rounds*warmRounds, servers, nil, propfind, "http"); err != nil {
		return err
	}
	if err := b.face("as a list in HTML", b.rounds*warmRounds, servers, nil,
		func(s *server) timing { return b.get(s.url + c.ID + "/") }); err != nil {
		return err
	}
	return b.face(fmt.Sprintf("GET of %d by curl -Z again", n), b.rounds, servers, nil, all)
}

// servedLarge is a large document.
func servedLarge(b *bench) error {
	a, err := b.serve(account(1, 1, b.large), b.latency)
	if err != nil {
		return err
	}
	c := a.contract()
	large := func(s *server) timing { return b.largeOf(s, c) }
	if err := b.coldFace("first GET of the large document", a, b.curl(a), large); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	return b.face("the large document again", b.rounds, servers, nil, large)
}

// servedArchive is a ZIP, of which rclone has none: getting the same documents one by one
// is what is compared. Its memory is bounded by that for an archive of a few.
func servedArchive(b *bench) error {
	a, err := b.serve(account(2, 2*b.documents, b.size), b.latency)
	if err != nil {
		return err
	}
	few, many := a.Snapshot().Contracts[0], a.Snapshot().Contracts[1]
	zip := func(s *server, c apisim.Contract, more string) timing {
		return func() (time.Duration, error) {
			return b.sh(`curl -q -sS --noproxy '*' --fail -o /dev/null -u "$2" "$1"`, s.page+"archive.zip?contract="+c.ID+more, serveUser+":"+servePassword)
		}
	}
	whole := func(s *server) timing { return zip(s, many, "") }
	name := fmt.Sprintf("ZIP of %d", len(many.Documents))
	if err := b.coldFace("first "+name, a, b.curlOf(a, many), whole, "webdav", "http"); err != nil {
		return err
	}
	servers, err := b.warmFaces(a)
	if err != nil {
		return err
	}
	defer servers.close()
	if err := b.face(name+" again (rclone: GET of each)", b.rounds, servers, nil, func(s *server) timing {
		if s.kind == "ccsfs" {
			return whole(s)
		}
		return b.getAll(s, many)
	}); err != nil {
		return err
	}
	peakOfFew := map[string]float64{}
	peak, err := b.each(func(c contender) (float64, error) {
		s, err := b.serveCcsfs(c, a, b.fresh("cache"))
		if err != nil {
			return 0, err
		}
		defer s.close()
		var peak [2]float64
		for i, one := range []timing{zip(s, few, "&month=2026"), zip(s, many, "")} {
			for range 3 { // from the API, and again
				if _, err := one(); err != nil {
					return 0, err
				}
			}
			if peak[i], err = s.peak(); err != nil {
				return 0, err
			}
		}
		peakOfFew[c.name] = peak[0] / (1 << 20)
		return peak[1] / (1 << 20), nil
	})
	if err != nil {
		return err
	}
	b.add(table.Row{Work: "memory, " + name, Unit: table.MiB, Of: peak, By: table.Fixed(peakOfFew[b.contenders[0].name]), Bound: "of few", Target: 1.5})
	return nil
}

// servedLimited is first-time work under the default rate limit, which is the bound.
func servedLimited(b *bench) error {
	const n = 200
	a, err := b.serve(account(1, n, b.size), 300*time.Millisecond)
	if err != nil {
		return err
	}
	c := a.contract()
	for _, w := range []struct {
		name string
		of   func(*server) timing
	}{
		{"PROPFIND", func(s *server) timing { return b.propfind(s, c) }},
		{"ZIP", func(s *server) timing { return b.get(s.page + "archive.zip?contract=" + c.ID) }},
	} {
		servers := b.coldFaces(a, "--rate-limit=20")
		work := fmt.Sprintf("first %s of %d at 20 requests/s and 300 ms", w.name, n)
		if err := b.compare(table.Row{Work: work, By: table.Fixed(n / 20.0), Bound: "the rate", Target: 1.15}, 1, nil,
			func(i int) timing { return b.coldly(servers[i], w.of, a) }); err != nil {
			return err
		}
	}
	return nil
}
