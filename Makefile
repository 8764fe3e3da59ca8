# Everything is run by these targets, here and in continuous integration.
# Tools are run by pinned version through `go run`: nothing is installed.

GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

VERSION := $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
BUILT   := $(shell TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.built=$(BUILT)
BUILD   := go build -ldflags '$(LDFLAGS)'

# Everything is compiled in one way, so that the tests test what is shipped and little is
# compiled twice. What the compiler itself finds out of the checkout differs between a
# clone, a worktree and a tarball: LDFLAGS say it instead, so that one commit makes the
# same bytes everywhere. Without the tag a manual page's Markdown reader is linked in,
# which ours does not need.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false -tags=urfave_cli_no_docs

.PHONY: build demo test check format lint tidy race cross test32 bench bench-peers bench-week prove budget kills faults fuzz
.PHONY: package package-check reproducible audit clean

build: ## the binary ./wanctl
	$(BUILD) -o wanctl ./cmd/wanctl

demo: build ## the whole thing, end to end, ending in the report
	./wanctl demo

test: ## all tests
	go test ./...

check: format lint tidy race cross ## what every commit must pass

format:
	@out=$$($(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "not formatted (run gofumpt -w):"; echo "$$out"; exit 1; fi

lint:
	go vet ./...
	$(STATICCHECK) ./...

tidy:
	go mod tidy -diff

# With -short: what is long and has no goroutines of its own is left to `make test`.
# Without GORACE each of the scripts' processes waits a second at its end.
race: ## the tests, watching for data races (the detector needs a C compiler)
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=20 go test -race -short ./...

cross: ## the binary builds for every machine it is made for
	GOOS=linux GOARCH=amd64 $(BUILD) -o /dev/null ./cmd/wanctl
	GOOS=linux GOARCH=arm64 $(BUILD) -o /dev/null ./cmd/wanctl
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD) -o /dev/null ./cmd/wanctl
	GOOS=linux GOARCH=386 $(BUILD) -o /dev/null ./cmd/wanctl

bench: ## benchmarks, for benchstat
	go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./...

test32: ## the tests of loop and recorder as a 32-bit program, which amd64 runs
	GOARCH=386 go test ./cycle ./store

bench-peers: ## a span of ours beside a channel send, a log line, an OpenTelemetry span
	cd cycle/bench && go test -count 1 -run Peers -v .

# rows runs tests and prints the rows of their tables, or everything if one fails.
rows = @out=$$(mktemp); if $(1) >$$out 2>&1; then grep '^|' $$out; rm $$out; else cat $$out; rm $$out; exit 1; fi
long = go test -count 1 -timeout 3h -v -run

WEEK ?= /tmp/wanctl-week
bench-week: ## a week at 20 Hz, asked in every way there is (WEEK=folder, 1.5 GB that stay)
	@WANCTL_YEARS=5 WANCTL_YEARS_DB=$(WEEK)/years.db $(long) TestYearsOfHours ./store >/dev/null
	$(call rows,WANCTL_WEEK=$(WEEK)/profile.db $(long) TestWeek ./cmd/wanctl)
	@echo "the recordings stay in $(WEEK) for the next time"

prove: ## every figure the recorder promises, asked and measured (three quarters of an hour)
	@echo '| what | asked | measured | command |'; echo '|---|---|---|---|'
	$(call rows,$(long) TestSpanCosts ./cycle)
	@$(MAKE) -s budget kills
	$(call rows,WANCTL_BOUND=full $(long) TestTheBoundHoldsUpNobody ./store)
	$(call rows,WANCTL_MONTHS=1 $(long) TestMemoryStaysFlat ./store)
	@$(MAKE) -s faults bench-week bench-peers

budget: ## bytes written and kept per timing, over an hour at 20 Hz
	$(call rows,WANCTL_BUDGET=1 $(long) TestAnHourStaysWithinTheBudgets ./store)

kills: ## kill -9 a thousand times
	$(call rows,WANCTL_KILLS=1000 $(long) TestKilledAnywhere ./store)

faults: ## every fault in full length, beside an undisturbed loop (ten minutes)
	$(call rows,WANCTL_FAULTS=full $(long) TestFaultsHarmNoLoop ./store)

FUZZTIME ?= 30s
FUZZJOBS ?= 2
fuzz: ## every fuzz test for a while, some side by side (FUZZTIME=1m FUZZJOBS=4)
	@FUZZTIME=$(FUZZTIME) FUZZJOBS=$(FUZZJOBS) .ci/fuzz

# What is given away is compiled by this Go, whichever one runs the tests: its standard
# library has no hole known that wanctl reaches (make audit), and the same commit makes
# the same packages for everybody. The go command fetches it; RELEASE_GO=local is the
# Go that is there.
RELEASE_GO ?= go1.26.10
package reproducible audit: export GOTOOLCHAIN := $(RELEASE_GO)

package: ## dist/: a .deb and a tarball for each machine (ARCHS="amd64" for fewer)
	VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' configs/packaging/build

package-check: ## the life of dist's package on a copy of this machine (root)
	configs/packaging/check

reproducible: package ## the same commit makes the same packages, elsewhere and later
	configs/packaging/twice

audit: build ## licences and known vulnerabilities of what is linked in
	configs/packaging/audit

clean:
	rm -rf wanctl dist wanctl-demo.db*
