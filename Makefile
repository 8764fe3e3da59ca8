# Everything is run by these targets, here and in continuous integration.
# Tools are run by pinned version through `go run`: nothing is installed.

GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
BUILT   := $(shell TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.built=$(BUILT)
# What the compiler itself finds out of the checkout differs between a clone, a
# worktree and a tarball: the flags above say it instead, so that one commit makes
# the same bytes everywhere.
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

.PHONY: build demo test check format lint tidy race cross bench fuzz clean

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
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD) -o /dev/null ./cmd/wanctl

bench: ## benchmarks, for benchstat
	go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./...

fuzz: ## every fuzz test for a while (FUZZTIME=1m)
	@for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; \
	  done; done

clean:
	rm -rf wanctl dist wanctl-demo.db*
