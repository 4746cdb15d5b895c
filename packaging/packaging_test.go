// Package packaging holds no code: these tests look at what is packed.
package packaging

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"ccsfs/apiclient/apisim"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The files parse, and strictly: a key given twice, or a tab, is an error.
// Whether Docker, Kubernetes and Prometheus take them is not tested.
func TestYAMLAndJSON(t *testing.T) {
	for path, want := range map[string][]string{
		"nfpm.yaml":                   {"name", "contents", "scripts"},
		"prometheus/ccsfs-alerts.yml": {"groups"},
		"container/compose.yaml":      {"services", "volumes", "secrets"},
		"container/serve.yaml":        {"services", "volumes", "secrets"},
		"container/kubernetes.yaml":   {"apiVersion", "kind", "metadata", "spec"},
		"container/pool.yaml":         {"services", "volumes", "x-machine"},

		"container/gateway.kubernetes.yaml": {"apiVersion", "kind", "metadata", "spec"},
	} {
		documents := yaml.NewDecoder(strings.NewReader(read(t, path)))
		for n := 0; ; n++ {
			var doc map[string]any
			err := documents.Decode(&doc)
			if errors.Is(err, io.EOF) && n > 0 {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
				break
			}
			for _, key := range want {
				if doc[key] == nil {
					t.Errorf("%s: no %s", path, key)
				}
			}
		}
	}
	var dashboard struct {
		UID    string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/ccsfs.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID != "ccsfs" || len(dashboard.Panels) < 10 {
		t.Errorf("%d panels", len(dashboard.Panels))
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") || !strings.Contains(target.Expr, "ccsfs_") && !strings.Contains(target.Expr, "go_") && !strings.Contains(target.Expr, "process_") {
				t.Errorf("%s: %s", p.Title, target.Expr)
			}
		}
	}
}

// The account that an example shows is the simulated one, whatever that is.
func TestSimulatedAccountOfExamples(t *testing.T) {
	want := "# The simulated account of ccsfs simulate: nobody's.\n" +
		"CCSFS_API_URL=http://127.0.0.1:8425" + apisim.APIPath + "\nCCSFS_OAUTH_URL=http://127.0.0.1:8425" + apisim.OAuthPath +
		"\nCCSFS_CLIENT_ID=" + apisim.ClientID + "\nCCSFS_CLIENT_SECRET=" + apisim.ClientSecret + "\nCCSFS_API_KEY=" + apisim.APIKey + "\n"
	if got := read(t, "container/simulated.env"); got != want {
		t.Errorf("it is\n%s\nand not\n%s", got, want)
	}
}

// Each alert has what its reader needs.
func TestAlerts(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/ccsfs-alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rules.Groups[0].Rules {
		names = append(names, r.Alert)
		if r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s lacks something", r.Alert)
		}
	}
	for _, want := range []string{"CcsfsStaleListings", "CcsfsCredentialsRefused", "CcsfsAPIOutOfReach", "CcsfsDiskErrors"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s", want)
		}
	}
}

// What every file that is packed names exists.
func TestPackedFilesExist(t *testing.T) {
	for _, m := range regexp.MustCompile(`src: (packaging/\S+?|README\.md|docs/\S+?),`).FindAllStringSubmatch(read(t, "nfpm.yaml"), -1) {
		if found, err := filepath.Glob(filepath.Join("..", m[1])); err != nil || len(found) == 0 {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}

// A unit that has a view of the file system of its own would keep its mount to
// itself (exec_needs_mount_namespace in systemd's src/core); and a user's unit
// must not take from fusermount3 what makes it work.
func TestUnitsLetTheMountBeSeen(t *testing.T) {
	namespaces := regexp.MustCompile(`(?m)^(Private(Mounts|Tmp|Devices|Users|IPC|Network|PIDs)|Protect(System|Home|Kernel\w+|ControlGroups|Proc|Clock|Hostname)|ProcSubset|` +
		`(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|Bind|BindReadOnly)Paths|TemporaryFileSystem|MountFlags|MountImages|MountAPIVFS|` +
		`Extension\w+|RootDirectory|RootImage|DynamicUser|(Runtime|State|Cache|Logs|Configuration)Directory|LogNamespace)=`)
	implyNoNewPrivileges := regexp.MustCompile(`(?m)^(NoNewPrivileges|SystemCall\w+|Restrict\w+|MemoryDenyWriteExecute|LockPersonality|DynamicUser|CapabilityBoundingSet)=`)
	system, user := read(t, "systemd/system/ccsfs@.service"), read(t, "systemd/user/ccsfs@.service")
	for name, unit := range map[string]string{"system": system, "user": user} {
		if m := namespaces.FindString(unit); m != "" {
			t.Errorf("%s unit: %s hides the mount", name, m)
		}
		for _, want := range []string{"Type=notify", "WatchdogSec=", "ExecReload=/bin/kill -HUP $MAINPID", "Restart=on-failure"} {
			if !strings.Contains(unit, "\n"+want) {
				t.Errorf("%s unit: no %s", name, want)
			}
		}
	}
	if m := implyNoNewPrivileges.FindString(user); m != "" {
		t.Errorf("user unit: %s breaks fusermount3", m)
	}
	for _, secret := range []string{"client_id", "client_secret", "api_key"} {
		if !strings.Contains(system, "\nLoadCredentialEncrypted=ccsfs."+secret+"\n") {
			t.Errorf("system unit: no credential %s", secret)
		}
	}
}

// Each watch ends by SIGTERM alone, is not started again where that mends nothing, and
// gives what it runs a moment to finish.
func TestWatchUnits(t *testing.T) {
	for _, path := range []string{"system/ccsfs-watch.service", "user/ccsfs-watch.service"} {
		for _, want := range []string{"Type=notify", "KillMode=mixed", "ExecReload=/bin/kill -HUP $MAINPID", "Restart=on-failure", "RestartPreventExitStatus=2 3", "ExecStart=/usr/bin/ccsfs watch $WATCH"} {
			if !strings.Contains(read(t, "systemd/"+path), "\n"+want+"\n") {
				t.Errorf("%s: no %s", path, want)
			}
		}
	}
	if unit := read(t, "systemd/user/ccsfs-watch-once.service"); !strings.Contains(unit, "\nExecStart=/usr/bin/ccsfs watch --once $WATCH\n") || !strings.Contains(unit, "\nType=oneshot\n") {
		t.Error(unit)
	}
}

// A server asks for a password from a file, is not started again where that mends nothing,
// and is told when it is to ask anew.
func TestServeUnits(t *testing.T) {
	for path, password := range map[string]string{"system/ccsfs-serve.service": "${CREDENTIALS_DIRECTORY}/ccsfs.password", "user/ccsfs-serve.service": "%E/ccsfs/password"} {
		for _, want := range []string{"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "Restart=on-failure", "RestartPreventExitStatus=2 3", "ExecStart=/usr/bin/ccsfs serve --password-file=" + password + " $SERVE"} {
			if !strings.Contains(read(t, "systemd/"+path), "\n"+want+"\n") {
				t.Errorf("%s: no %s", path, want)
			}
		}
	}
}

func TestWatchUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here: apt install systemd")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "ccsfs") // it must exist for the unit to be right
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"user/ccsfs-watch-once.service", "user/ccsfs-watch-once.timer", "user/ccsfs-watch.service", "system/ccsfs-watch.service", "user/ccsfs-serve.service", "system/ccsfs-serve.service"} {
		unit := strings.ReplaceAll(read(t, "systemd/"+path), "/usr/bin/ccsfs", program)
		to := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(to, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", "--man=no", to).CombinedOutput(); err != nil || strings.Contains(string(out), "ccsfs-") {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here: apt install systemd")
	}
	for _, kind := range []string{"system", "user"} {
		dir := t.TempDir()
		program := filepath.Join(dir, "ccsfs") // it must exist for the unit to be right
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		unit := strings.ReplaceAll(read(t, "systemd/"+kind+"/ccsfs@.service"), "/usr/bin/ccsfs", program)
		path := filepath.Join(dir, "ccsfs@srv-bills.service")
		if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), "ccsfs@") {
			t.Errorf("%s unit: %v\n%s", kind, err, out)
		}
		broken := filepath.Join(dir, "broken@x.service")
		if err := os.WriteFile(broken, []byte(strings.Replace(unit, "WatchdogSec=60", "WatchdogSec=often", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, _ := exec.Command(analyze, "verify", "--man=no", broken).CombinedOutput(); !strings.Contains(string(out), "broken@") {
			t.Errorf("the check finds nothing in a broken unit:\n%s", out)
		}
	}
}

// What the documents tell an administrator to write lets a group read, directories
// included, and nobody else.
func TestPermissionsThatAreAdvised(t *testing.T) {
	lines := regexp.MustCompile("(?m)^\\s*ccsfs  /srv/bills  ccsfs  (\\S+)  0  0(`,)?$")
	advised := regexp.MustCompile(`\bumask ?= ?"?([0-7]+)`)
	for path, want := range map[string]int{"../README.md": 1, "../docs/unattended.md": 1, "../cmd/ccsfs/internal/mount/helper.go": 1} {
		text := read(t, path)
		found := lines.FindAllStringSubmatch(text, -1)
		if len(found) < want {
			t.Errorf("%s: %d lines for fstab", path, len(found))
		}
		for _, line := range found {
			options := strings.Split(line[1], ",")
			for _, needed := range []string{"allow_other", "gid=1200", "_netdev", "nofail", "x-systemd.automount"} {
				if !slices.Contains(options, needed) {
					t.Errorf("%s: no %s in %s", path, needed, line[0])
				}
			}
			if !strings.Contains(line[1], "umask=") {
				t.Errorf("%s: everybody may read with %s", path, line[0])
			}
		}
		for _, m := range advised.FindAllStringSubmatch(text, -1) {
			umask, err := strconv.ParseUint(m[1], 8, 32)
			if dir := 0o555 &^ umask; err != nil || dir&0o050 != 0o050 || dir&0o007 != 0 {
				t.Errorf("%s: %s makes directories %04o, %v", path, m[0], dir, err)
			}
		}
	}
}
