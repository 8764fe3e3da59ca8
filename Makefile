# Everything is run by these targets, here and in continuous integration.
# Tools are run by pinned version through `go run`: nothing is installed.

GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

VERSION := $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
BUILT   := $(shell TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.built=$(BUILT)
# What the compiler itself finds out of the checkout differs between a clone, a
# worktree and a tarball: the flags above say it instead, so that one commit makes
# the same bytes everywhere.
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

.PHONY: build demo test check format lint tidy race cross bench fuzz package package-check reproducible audit clean

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

race: ## all tests, watching for data races (the detector needs a C compiler)
	CGO_ENABLED=1 go test -race ./...

cross: ## the binary builds for every machine it is made for
	GOOS=linux GOARCH=amd64 $(BUILD) -o /dev/null ./cmd/wanctl
	GOOS=linux GOARCH=arm64 $(BUILD) -o /dev/null ./cmd/wanctl
	GOOS=linux GOARCH=arm GOARM=6 $(BUILD) -o /dev/null ./cmd/wanctl

bench: ## benchmarks, for benchstat
	go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./...

FUZZTIME ?= 30s
fuzz: ## every fuzz test for a while, two side by side (FUZZTIME=1m)
	@grep -rnoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's|/[^/]*:[0-9]+:func| |' | sort | \
	  xargs -P 2 -L 1 sh -c 'if out=$$(go test -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -parallel 1 $$0 2>&1); \
	    then echo "$$0 $$1:$$(echo "$$out" | grep -o " execs: [0-9]*" | tail -n 1)"; else echo "$$out"; exit 1; fi'

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
