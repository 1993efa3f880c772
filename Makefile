# contralens: what people type. `make demo` and `make test` install what is
# missing, build and run; nothing else has to be typed first.

GO      ?= go
LIBTORCH ?=
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo +changes)
LDFLAGS := -X contralens/internal/version.commit=$(COMMIT)

# Another version than the source says, as for a tag: make build VERSION=1.2.3
ifneq ($(VERSION),)
LDFLAGS += -X contralens/internal/version.number=$(VERSION:v%=%)
endif

# Another libtorch than Debian's: LIBTORCH=FOLDER of a pip wheel or an unpacked archive, or
# LIBTORCH=auto for that of the python3 on the PATH. CPU and CUDA builds; internal/libtorch
# says which are refused. Its version is among the flags, so that another wheel in the same
# folder is built anew.
ifneq ($(LIBTORCH),)
FOUND := $(shell $(GO) run ./scripts/libtorch "$(LIBTORCH)" 2>&1)
ifneq ($(firstword $(FOUND)),found)
$(error $(or $(FOUND),want Go 1.26 or newer on the PATH, found none: see https://go.dev/dl))
endif
override LIBTORCH := $(word 2,$(FOUND))
export LIBTORCH
export CGO_CXXFLAGS := $(filter -I% -D%,$(FOUND))
export CGO_LDFLAGS  := $(filter -L% -W% -l%,$(FOUND))
UNLINKED := CGO_CXXFLAGS= CGO_LDFLAGS=
endif

# The program links no libtorch: all C++ lies in an engine (torch/engine), a library that is
# compiled for one libtorch, embedded, and loaded at run time. Tests link both.
ENGINE   := $(GO) run ./scripts/engine -o bin/engine -embed torch/internal/loader/embedded "$(LIBTORCH)"
GO_BUILD := $(UNLINKED) $(GO) build -tags engine

.PHONY: build test test-fakegpu gpu-bundle lint demo deps check-long bench docs figures release clean

build: deps
	@$(ENGINE)
	$(GO_BUILD) -ldflags "$(LDFLAGS)" -o bin/contralens ./cmd/contralens

deps:
	@GO=$(GO) sh scripts/setup.sh

test:
	@GO=$(GO) sh scripts/setup.sh test
	@GO=$(GO) sh scripts/test.sh

# What the program asks of a GPU, on a CUDA runtime that counts and computes nothing: needs no GPU, and
# a CUDA build of libtorch, LIBTORCH=FOLDER or else pip's newest (500 MB, kept in the user's cache folder).
test-fakegpu:
ifeq ($(LIBTORCH),)
	@torch=$$(sh scripts/gpu/fetch-torch.sh) && $(MAKE) --no-print-directory test-fakegpu LIBTORCH="$$torch"
else
	@GO=$(GO) sh scripts/setup.sh
	@GO=$(GO) LDFLAGS="$(LDFLAGS)" sh scripts/gpu/test-fake.sh
endif

# Tests and benchmarks for a machine with a GPU, which needs no Go and no network: build/gpu-bundle.tar.xz,
# for scripts/gpu/run.sh there. With LIBTORCH, an engine for it is packed as well.
gpu-bundle:
	@GO=$(GO) sh scripts/setup.sh
	@GO=$(GO) LDFLAGS="$(LDFLAGS)" sh scripts/gpu/bundle.sh

# Format, go vet and the linters of .golangci.yml.
lint:
	@GO=$(GO) sh scripts/setup.sh lint
	@GO=$(GO) sh scripts/lint.sh

check-long:
	@GO=$(GO) sh scripts/setup.sh check-long
	@GO=$(GO) SECTIONS="$(SECTIONS)" sh scripts/check-long.sh

# More options: make demo DEMO="--minutes 3 --open=false"
demo: build
	@bin/contralens demo $(DEMO)

docs: build
	bin/contralens docs -o docs/cli.md

# Every picture of README and docs, from trainings of this version; FIG=demo redraws one.
figures: build
	@GO=$(GO) sh scripts/setup.sh test
	@GO=$(GO) FIG="$(FIG)" sh scripts/figures.sh

# Speeds as ratios to PyTorch programs of the same work, about ten minutes on a
# machine that does nothing else: PARTS="step network small kernels views" says what, and
# "detect detect_small" are detectors; BATCH=32 is of ResNet-50. PHOTOS=folder takes real photos instead of
# generated ones, and is what views needs. PEER_PYTHON=venv/bin/python3 compares with
# that PyTorch, too: eager, channels-last and compiled.
PARTS ?= step network small kernels views
BATCH ?= 16
PEERS  = $(filter step network small detect detect_small,$(PARTS))
ifneq ($(filter-out step network small detect detect_small kernels views,$(PARTS)),)
$(error PARTS: want some of step, network, small, detect, detect_small, kernels, views, got $(PARTS))
endif
bench: build
	@GO=$(GO) sh scripts/setup.sh bench
ifneq ($(PEERS),)
	@PARTS="$(PEERS)" BATCH=$(BATCH) PEER_PYTHON="$(PEER_PYTHON)" bench/compare.py $(if $(PHOTOS),"$(PHOTOS)")
endif
ifneq ($(filter kernels,$(PARTS)),)
	$(GO) test -run '^$$' -bench . ./torch ./contrast ./views
endif
ifneq ($(and $(PHOTOS),$(filter views,$(PARTS))),)
	bin/contralens bench views --data_folder "$(PHOTOS)" --pipelines A,B,NULL,eval --peer bench/peer/views.py
endif

# An archive, a package for apt, a list of what is inside, and checksums, in build/release, for the
# release of Debian that this runs on. The same commit gives the same bytes.
release:
	@GO=$(GO) sh scripts/setup.sh release
	@$(ENGINE)
	$(GO_BUILD) -trimpath -ldflags "-s -w -buildid= $(LDFLAGS)" -o bin/release/contralens ./cmd/contralens
	@$(GO) run ./scripts/release -binary bin/release/contralens -engine bin/engine/libcontralens-engine.so \
		-version "$(VERSION)" -o build/release
	@cp scripts/release/Containerfile build/release/

clean:
	rm -rf bin demo build/release figures torch/internal/loader/embedded/*
