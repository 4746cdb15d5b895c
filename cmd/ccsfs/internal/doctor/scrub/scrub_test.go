package scrub

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
)

func testScrubber(names ...string) *Scrubber {
	s := &settings.Settings{}
	s.API.ClientID, s.API.ClientSecret, s.API.APIKey = redacted.New("the-client-id"), redacted.New("s3cret+of/it="), redacted.New("thekey")
	return New(s, map[string]string{"HTTPS_PROXY": "http://user1:pass word@p:1", "HTTP_PROXY": "http://someone:passw0rd@p:1"}, nil, append(names, ""))
}

func TestScrub(t *testing.T) {
	c := testScrubber("OCB-known", "our plan", "12.75")
	for text, want := range map[string]string{
		"": "",
		// What is ours stays.
		"contracts: not authorised, HTTP 401, code 41 [request id 6f9619ff-8b86-d011-b42d-00c04fc964ff]; check the client id": "contracts: not authorised, HTTP 401, code 41 [request id 6f9619ff-8b86-d011-b42d-00c04fc964ff]; check the client id",
		"valid until 2026-11-29 22:34 UTC":                      "valid until 2026-11-29 22:34 UTC",
		"127.0.0.1:8425, TLS 1.3, certificate by":               "127.0.0.1:8425, TLS 1.3, certificate by",
		"1.0 KiB used of 10 GiB, 75 GiB free on the disk":       "1.0 KiB used of 10 GiB, 75 GiB free on the disk",
		"Check the network and --api-url. A company VPN blocks": "Check the network and --api-url. A company VPN blocks",
		"30 bills, 1 partialConsumptionRatedReports":            "30 bills, 1 partialConsumptionRatedReports",
		"the API's host is away: what Orange's support says":    "the API's host is away: what Orange's support says",
		// What is known of the account goes, and what looks like it.
		"lost our plan of OCB-known at 12.75":                               "lost [name] of [name] at [name]",
		"OCB0001234: 3 bills":                                               "[contract]: 3 bills",
		"open /srv/bills/x/Ma facture.pdf: denied":                          "open [path] [file]: denied",
		"cannot read \"what/ever\" and “this”":                              "cannot read \"…\" and \"…\"",
		"due 1 234,56 EUR and €99":                                          "due [number] and [number]",
		"due 1\u202f234,56\u00a0€, or 7\u00a0EUR":                           "due [number], or [number]",
		"document 6f9619ff-8b86-d011-b42d-00c04fc964ff, 0123456789abcdef01": "document [number], [number]",
		"sum 1234.56":                                                   "sum [number]",
		"document 30303183 of":                                          "document [number] of",
		"mail to claire@example.org now":                                "mail to [mail] now",
		"by Claire Fontaine at Maison Lumière":                          "by [name] [name] at [name] [name]",
		"GET https://api.example/documents/5/file?sig=abc&x=1":          "GET https://api.example",
		"unknown setting \"layuot\"; did you mean \"layout\"?":          "unknown setting \"…\"; did you mean \"layout\"?",
		"/dev/fuse: denied, see /etc/fuse.conf of /usr/bin/fusermount3": "/dev/fuse: denied, see /etc/fuse.conf of /usr/bin/fusermount3",
		"/usr/bin/../../home/x, /dev/shm/bills and =~/bills/a":          "[path], [path] and =[path]",
		// Secrets, and what looks like one.
		"key thekey of the-client-id":               "key *** of ***",
		"q=s3cret%2Bof%2Fit%3D":                     "q=***",
		"proxy someone:passw0rd":                    "proxy ***:***",
		"Authorization: Bearer abcdefgh1234":        "Authorization: Bearer ***",
		"id " + strings.Repeat("Ab1", 20) + " over": "id *** over",
		// What a terminal would obey.
		"a\x1b[31mred\u202e": "a?[31mred?",
	} {
		if got := c.Text(text); got != want {
			t.Errorf("%q:\n  got %q\n want %q", text, got, want)
		}
	}
}

func TestLogLines(t *testing.T) {
	c := testScrubber("our plan")
	for line, want := range map[string]string{
		`time=2026-11-20T08:00:00.000Z level=WARN msg="API out of reach" op=file status=503 attempt=2 duration_seconds=1.5e-05 path="/a/our plan" document=30303183`: `time="2026-11-20T08:00:00.000Z" level="WARN" msg="API out of reach" op="file" status="503" attempt="2" duration_seconds="1.5e-05" path="…" document="…"`,
		`level=INFO msg=mounted mountpoint=/home/u/bills`:                           `level="INFO" msg="mounted" mountpoint="…"`,
		`{"level":"INFO","msg":"lost our plan","status":500,"amount":12.5,"op":{}}`: `level="INFO" msg="lost [name]" status="500" amount="…" op="…"`,
		`level=INFO op="our plan" status="Maison X"`:                                `level="INFO" op="…" status="…"`,
		`level=INFO msg="never ended`:                                               `level=INFO msg="never ended`,
		`{"level":"INFO"`:                                                           `level="INFO"`,
		`{"Our Plan":1}`:                                                            `{"…":1}`,
		`goroutine 1 [running]:`:                                                    `goroutine 1 [running]:`,
		`ccsfs/fs.(*contractDir).Lookup(0xc0001, {0xc0002, 0x10}, ...)`:             `ccsfs/fs.(*contractDir).Lookup(0xc0001, {0xc0002, 0x10}, ...)`,
		"\t/home/u/src/ccsfs/fs/contractdir.go:120 +0x1d":                           "\tcontractdir.go:120",
		"created by ccsfs/fs.Mount in goroutine 7":                                  "created by ccsfs/fs.Mount in goroutine 7",
		"panic: Maison Lumière":                                                     "panic: [name] [name]",
		"":                                                                          "",
	} {
		if got := c.LogLine(line); got != want {
			t.Errorf("%q:\n  got %q\n want %q", line, got, want)
		}
	}
}

// Whatever is around it, and however often: what is known never shows.
func TestScrubLeavesNothingKnown(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z0-9é ./_-]{4,20}`)
	around := rapid.OneOf(rapid.SampledFrom([]string{" ", "\"", "/", "time=", "msg=\"", "\n", "{", "request id ", "=", ".pdf", "%", "\x00"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(name, 1, 4).Draw(t, "names")
		c := testScrubber(names...)
		line := ""
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			line += around.Draw(t, "around") + rapid.SampledFrom(append(names, "thekey", "the-client-id")).Draw(t, "name") + around.Draw(t, "around")
		}
		for _, got := range []string{c.Text(line), c.LogLine(line)} {
			if strings.ContainsAny(got, "\x00\x1b\n") {
				t.Fatalf("%q makes %q", line, got)
			}
			for _, n := range append(names, "thekey", "the-client-id") {
				if strings.Contains(got, n) && !strings.Contains(goneContract+goneNumber+goneFile+gonePath+goneName+"***", n) && strings.Contains(line, n) {
					t.Fatalf("%q makes %q, which holds %q", line, got, n)
				}
			}
		}
	})
}
