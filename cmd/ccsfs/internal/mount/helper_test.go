//go:build !windows

package mount

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
)

func TestAsHelper(t *testing.T) {
	for _, c := range []struct{ argv, want []string }{
		{[]string{"ccsfs", "mount", "x"}, []string{"mount", "x"}},
		{[]string{"/sbin/mount.ccsfs", "none", "/mnt"}, []string{"mount.ccsfs", "none", "/mnt"}},
		{[]string{"mount.fuse.ccsfs", "none", "/mnt", "-o", "ro"}, []string{"mount.ccsfs", "none", "/mnt", "-o", "ro"}},
		{[]string{"/mount.ccsfs/ccsfs"}, nil},
		{nil, nil},
	} {
		if got := Arguments(c.argv); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.argv, got)
		}
	}
}

func TestParseHelper(t *testing.T) {
	for _, c := range []struct {
		args string
		want *helperRequest // nil: an error
	}{
		{"s /mnt", &helperRequest{source: "s", dir: "/mnt"}},
		{"s /mnt -o ro,layout=flat", &helperRequest{source: "s", dir: "/mnt", options: []string{"ro", "layout=flat"}}},
		{"-o ro -oa=b s /mnt -t ccsfs -N /proc/1/ns/mnt", &helperRequest{source: "s", dir: "/mnt", options: []string{"ro", "a=b"}}},
		{"s /mnt -sfnv", &helperRequest{source: "s", dir: "/mnt", sloppy: true, fake: true, verbose: true}},
		{"s", nil}, {"", nil}, {"s /mnt more", nil}, {"s /mnt -o", nil}, {"s /mnt -vx", nil}, {"s /mnt --layout=flat", nil},
	} {
		got, err := parseHelper(strings.Fields(c.args))
		if (err != nil) != (c.want == nil) {
			t.Errorf("%q: %v", c.args, err)
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(helperRequest{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q: %s", c.args, d)
		}
		if err != nil && exitcode.Of(helperCode(err)) != helperUsage {
			t.Errorf("%q: exit code %d", c.args, exitcode.Of(helperCode(err)))
		}
	}
}

func TestMountFlags(t *testing.T) {
	for options, want := range map[string]string{
		"": "",
		"rw,defaults,_netdev,x-a.b=c,X-mount.mkdir,user=joe,comment=a": "",
		"allow_other,uid=7":          "--allow-other=true --uid=7",
		"allow_other=no,config=/a/b": "--allow-other=no --config=/a/b",
		`types="bills,invoices"`:     "--types=bills,invoices",
		"types=bills,types=invoices": "--types=bills --types=invoices",
		"listing-ttl=5m":             "--listing-ttl=5m",
		"layout={year}/{filename}":   "--layout={year}/{filename}",
		"metrics_listen=127.0.0.1:0": "--metrics-listen=127.0.0.1:0",
		"client_secret=x":            "error", "api_key": "error", "remount": "error", "nonsense": "error", "config": "error", "uid": "error",
	} {
		split, err := splitOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		flags, err := (&helperRequest{options: split}).mountFlags()
		got := strings.Join(flags, " ")
		if err != nil {
			got = "error"
			if strings.Contains(err.Error(), "=x") {
				t.Errorf("%q: the error shows the value: %v", options, err)
			}
			if sloppy, err := (&helperRequest{options: split, sloppy: true}).mountFlags(); err != nil || len(sloppy) != 0 {
				t.Errorf("%q, sloppy: %q, %v", options, sloppy, err)
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", options, got, want)
		}
	}
}

func TestDevice(t *testing.T) {
	load := func() (*settings.Settings, error) {
		return &settings.Settings{Accounts: []string{"OCB0009999", "ccsfs", "holding", "view"}}, nil
	}
	for _, c := range []struct{ source, options, flag, err string }{
		{"ccsfs", "", "", ""},
		{"none", "contract=OCB0001234", "", ""},
		{"OCB0001234", "", "--contract=OCB0001234", ""},
		{"OCB0009999", "", "--contract=OCB0009999", ""}, // though there is an account of that name
		{"OCB0001234", "ro,contract=OCB0001234", "--contract=OCB0001234", ""},
		{"OCB0001234", "contract=OCB0001234,contract=OCB0001871", "", "an option says contract=OCB0001871"},
		{"OCB0001234", `contract="OCB0001234,OCB0001871"`, "", "an option says contract=OCB0001234,OCB0001871"},
		{"holding", "", "--account=holding", ""},
		{"holding", "account=holding,contract=OCB0001234", "--account=holding", ""},
		{"holding", "ro,account=view", "", "the first field is the account holding, and an option says account=view"},
		{"holdin", "", "", "did you mean holding?"},
		{"nobody", "", "", "The accounts are OCB0009999, ccsfs, holding, view; another settings file is -o config=FILE"},
		{"CCSFS", "", "", "did you mean ccsfs?"},
		{"csfs", "", "", "did you mean ccsfs?"},
		{"", "", "", "config=FILE"}, {"/dev/sda1", "", "", "config=FILE"}, {"host:/export", "", "", "config=FILE"},
		{"UUID=0001234", "", "", "config=FILE"}, {"OCB0001234 x", "", "", "config=FILE"}, {"OCB0001234\n", "", "", "config=FILE"},
		{"OCB0001234,allow_other", "", "", "config=FILE"}, {"--contract=OCB0001234", "", "", "config=FILE"}, {"1234", "", "", "config=FILE"},
	} {
		options, err := splitOptions(c.options)
		if err != nil {
			t.Fatal(err)
		}
		flag, err := (&helperRequest{source: c.source, options: options}).device(load)
		if flag != c.flag || (err != nil) != (c.err != "") {
			t.Errorf("%q: %q, %v", c.source, flag, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.err) || exitcode.Of(helperCode(err)) != helperUsage) {
			t.Errorf("%q: %v", c.source, err)
		}
	}
}

// A list that a shell has taken the quotes of is told from a word that is mistyped.
func TestListWithoutQuotes(t *testing.T) {
	for options, want := range map[string]string{
		"types=bills,invoices":           `-o 'types="bills,invoices"'`,
		"ro,types=bills,_netdev,reports": `-o types=bills,types=reports`,
		"contract=OCB0001234,OCB0001871": `-o 'contract="OCB0001234,OCB0001871"'`,
		"types=bills,noatme":             "did you mean noatime?",
		"types=bills,layuot=flat":        "did you mean layout?",
		"layout=flat,invoices":           "`ccsfs mount --help`",
		"invoices":                       "`ccsfs mount --help`",
	} {
		_, err := (&helperRequest{options: strings.Split(options, ",")}).mountFlags()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", options, err, want)
		}
	}
}

// Every setting that has a flag can be an option, under its name in config.toml.
func TestEverySettingIsAnOption(t *testing.T) {
	for _, s := range settings.Table() {
		if s.Secret || isGeneric(s.Key()) {
			continue
		}
		value := s.Example
		if flags, err := (&helperRequest{options: []string{s.Key() + "=" + value}}).mountFlags(); err != nil || flags[0] != "--"+s.Name+"="+value {
			t.Errorf("%s: %q, %v", s.Name, flags, err)
		}
	}
}

// Whatever stands in fstab: it is split without losing or inventing anything
// but quotes and empty options.
func FuzzSplitOptions(f *testing.F) {
	for _, seed := range []string{"", ",", "ro,rw", `a="b,c",d`, `"`, `"",""`, "ä=ö,\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		options, err := splitOptions(text)
		if (err != nil) != (strings.Count(text, `"`)%2 == 1) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		bare := func(s string) string {
			return strings.NewReplacer(`"`, "", ",", "").Replace(strings.ToValidUTF8(s, "\ufffd"))
		}
		if got, want := bare(strings.Join(options, "")), bare(text); len([]rune(got)) > len([]rune(text)) || strings.ToValidUTF8(text, "") == text && got != want {
			t.Errorf("%q became %q", text, options)
		}
		if slices.Contains(options, "") {
			t.Errorf("%q has an empty option: %q", text, options)
		}
		_, _ = (&helperRequest{options: options}).mountFlags()
	})
}
