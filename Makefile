# make          build bin/ccsfs
# make demo     show the built-in account: mounts, lists, reads, copies, unmounts
# make check    format, vet, and the tests that mount nothing: seconds for what changed, a minute for all
# make test     all tests
# make soak     random faults and programs on a random account, for SOAK (10m)
# make fuzz     each fuzz target for FUZZTIME (60s)
# make lint     format, vet, staticcheck and the import rule, of what is for Windows, too
# make fleet    FLEET (2000) members of a pool in virtual time, of SEED (1), and a table of it
# make bench    beside curl, the local disk, rclone where it is installed, and the commit BASE, if any
# make man      man pages into bin/man
# make deb      Debian package into bin; make test-deb installs, uses and removes it
# make release  packages and archives for all platforms, with checksums, into bin/release

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS = -s -w -X main.version=$(VERSION)

GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOTESTSUM = gotest.tools/gotestsum@v1.13.0
VERSITYGW = github.com/versity/versitygw/cmd/versitygw@v1.8.0
NFPM = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0

# The version of the package: a tag without its v, else a date and a commit.
DEB_VERSION = $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-/+/g' | grep . || \
	git log -1 --date=format:%Y%m%d --format=0.0.0+git%cd.%h)
DEB_ARCH ?= $(shell $(GO) env GOARCH)
DEB_TARGET ?= bin/
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# What the demo and the tests call, as command:package of Debian and Ubuntu.
# javac, node, caddy, smbd, valkey-server, and what rareJudges has, are tried, too, where they
# are there.
DEMO_TOOLS = fusermount3:fuse3 pdftotext:poppler-utils
TEST_TOOLS = $(DEMO_TOOLS) rsync:rsync zip:zip unzip:unzip tar:tar grep:grep \
	find:findutils file:file cpio:cpio python3:python3 sha256sum:coreutils jq:jq gcc:gcc \
	cadaver:cadaver wget:wget lftp:lftp aria2c:aria2 curl:curl busybox:busybox toybox:toybox rclone:rclone git:git duplicity:duplicity /usr/sbin/nginx:nginx-light redis-server:redis-server

# Programs of Go that the tests call: a service of S3. They are no modules of ours, and are
# installed once, in two minutes; another version has another name.
TOOLS = $(CURDIR)/bin/tools
export PATH := $(TOOLS):$(PATH)

FUZZTIME ?= 60s
SOAK ?= 10m
FLEET ?= 10000
SEED ?= 1
BASE ?=
BENCH ?=

# The packages whose tests mount nothing and call no other program.
CHECKED = ./apiclient/... ./internal/... ./cmd/ccsfs/internal/...

# What there are packages for; Linux is the one that is tested.
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64

# Installs the missing ones of a list of command:package, or says how to.
define need
@missing=; for t in $(1); do \
	command -v "$${t%%:*}" >/dev/null 2>&1 || missing="$$missing $${t#*:}"; \
done; \
if [ -z "$$missing" ]; then exit 0; fi; \
if ! command -v apt-get >/dev/null 2>&1; then \
	echo "Missing:$$missing (names of Debian packages). Please install them, then try again." >&2; exit 1; fi; \
if [ "$$(id -u)" != 0 ]; then \
	echo "Please run, then try again: sudo apt-get install$$missing" >&2; exit 1; fi; \
echo "installing$$missing"; \
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

.PHONY: all build build-all demo check test soak fuzz lint fleet bench man deb release test-deb clean demo-tools test-tools

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ccsfs ./cmd/ccsfs

# One of each system, and both of Linux; make release builds for all. With the flags of build,
# for which one of them is then compiled.
build-all:
	@set -e; for p in $(filter-out darwin/amd64 windows/arm64,$(PLATFORMS)); do \
		echo "build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -o /dev/null ./...; \
	done

demo: demo-tools build
	bin/ccsfs demo

# CCSFS_REQUIRE_FUSE=1 makes the tests that mount fail, not skip, without FUSE;
# CCSFS_REQUIRE_ENGINES=1 those of the engines of a pool, without redis-server or versitygw.
# The last line of integration is how many faults were survived; it comes last here.
# integration takes longest, and waits more than it computes: it begins first, and all the
# others run beside it. What they are made of is compiled before: on two cores that would
# starve what it measures.
test: test-tools
	@$(GO) build -race ./...
	@report=$$(mktemp); status=0; \
	CCSFS_FAULTS_REPORT=$$report $(GO) run $(GOTESTSUM) --format pkgname -- -race -timeout 30m ./integration ./... || status=$$?; \
	cat $$report; rm -f $$report; exit $$status

check:
	@files=$$(gofmt -l .); \
		if [ -n "$$files" ]; then echo "gofmt these files:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(GOTESTSUM) --format pkgname-and-test-fails -- -short $(CHECKED)

# CCSFS_SEED=N takes the seed of a run that failed.
soak: test-tools
	CCSFS_REQUIRE_FUSE=1 CCSFS_SOAK=$(SOAK) $(GO) test -count=1 -timeout 24h -run '^TestSoak$$' -v ./integration

# What it finds lands in testdata/fuzz, as a test from then on.
# At the end of its time go test may take its own deadline for a failure of the target
# ("context deadline exceeded", with no input that fails): such a one is run once more.
fuzz:
	@set -e; grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort -u | \
	while IFS=: read -r file func; do \
		echo "$${func#func } in $${file%/*}"; \
		run() { $(GO) test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "$${file%/*}" >/tmp/ccsfs-fuzz.$$$$ 2>&1; }; \
		run || { grep -q 'context deadline exceeded' /tmp/ccsfs-fuzz.$$$$ && ! grep -q 'Failing input' /tmp/ccsfs-fuzz.$$$$ && run; } || \
			{ cat /tmp/ccsfs-fuzz.$$$$; exit 1; }; \
		tail -n 3 /tmp/ccsfs-fuzz.$$$$ | grep -o 'elapsed.*' || true; \
	done; rm -f /tmp/ccsfs-fuzz.$$$$

lint:
	@files=$$(gofmt -l .); \
		if [ -n "$$files" ]; then echo "gofmt these files:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(GOLANGCI_LINT) run ./...
	$(GO) run -exec 'env GOOS=windows' $(GOLANGCI_LINT) run ./...

# What the table says: docs/fleet.md.
fleet:
	$(GO) test -count=1 -timeout 1h -v -run '^TestFleet$$' ./integration/fleet -fleet.members=$(FLEET) -fleet.seed=$(SEED)

# Takes half an hour, with BASE longer, and a machine with nothing else to do. BENCH are flags: BENCH='-run again -rounds 3'
# is some of it, BENCH=-help lists all.
bench: build
	$(GO) run ./integration/bench $(if $(BASE),-base '$(BASE)') $(BENCH)

man: build
	rm -rf bin/man && bin/ccsfs man bin/man

# Everything that the package holds is laid out in bin/deb first.
deb: VERSION = $(DEB_VERSION)
deb: man
	rm -rf bin/deb bin/*.deb && mkdir -p bin/deb/completions
	CGO_ENABLED=0 GOOS=linux GOARCH=$(DEB_ARCH) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/deb/ccsfs ./cmd/ccsfs
	cp -r bin/man bin/deb/ && gzip -9n bin/deb/man/*
	bin/ccsfs completion bash >bin/deb/completions/ccsfs.bash
	bin/ccsfs completion zsh >bin/deb/completions/_ccsfs
	bin/ccsfs completion fish >bin/deb/completions/ccsfs.fish
	gzip -9nc CHANGELOG.md >bin/deb/changelog.gz
	packaging/deb/licences bin/deb/ccsfs >bin/deb/third-party-licences && gzip -9n bin/deb/third-party-licences
	DEB_VERSION=$(DEB_VERSION) DEB_ARCH=$(DEB_ARCH) \
		$(GO) run $(NFPM) package --config packaging/nfpm.yaml --packager deb --target $(DEB_TARGET)

# What people without Go take; FreeBSD compiles and is not offered.
release:
	VERSION='$(DEB_VERSION)' GO='$(GO)' MAKE='$(MAKE)' packaging/release $(filter-out freebsd/%,$(PLATFORMS))

# Takes root, and a machine without ccsfs on it.
test-deb: deb
	packaging/deb/test bin/ccsfs_*.deb

demo-tools:
	$(call need,$(DEMO_TOOLS))

test-tools: $(TOOLS)/.$(notdir $(VERSITYGW))
	$(call need,$(TEST_TOOLS))

$(TOOLS)/.$(notdir $(VERSITYGW)):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install $(VERSITYGW)
	touch $@

clean:
	rm -rf bin
