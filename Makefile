# Recto's commands. `make` lists them.

CACHE := $(or $(RECTO_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/recto)
# What the binary and the tests need beside them; set a variable to use a file of your own.
PARTS = RECTO_PDFIUM="$${RECTO_PDFIUM:-$(CACHE)/pdfium/libpdfium.so}" \
	RECTO_ONNXRUNTIME="$${RECTO_ONNXRUNTIME:-$(CACHE)/onnxruntime/libonnxruntime.so}" \
	RECTO_PPOCR_MODELS="$${RECTO_PPOCR_MODELS:-$(CACHE)/models}"
PYTHON ?= python3
DEMO_OUT := out/demo
REFERENCE := $(CACHE)/reference/complete
TRAINING := $(CACHE)/training/complete

.PHONY: help setup setup-tesseract test-parts build build-cuda sbom demo demo-fleet test lint unit bench bench-structure bench-got bench-got-binary full-size bench-worker bench-ledger fuzz chaos chaos-ledger servers samples reference training train-test train-material clean
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup: ## fetch PDFium, ONNX Runtime and the models into the cache folder, if missing
	@$(PYTHON) deploy/setup.py

setup-tesseract: ## fetch Tesseract for scripts that PP-OCR does not know, unpacked into the cache folder; LANGUAGES=rus,ell
	@$(PYTHON) deploy/tesseract.py "$(LANGUAGES)"

build: ## build the release binary, target/release/recto
	cargo build --release --package recto

# If CUDA is installed, `cargo build --release --package recto --features cuda` is all it takes.
build-cuda: ## the same for NVIDIA GPUs, with a CUDA toolkit out of packages (docs/got.md, "On a GPU")
	@PYTHON=$(PYTHON) deploy/cuda/toolkit.sh
	. $(CACHE)/cuda/env && cargo build --release --package recto --features cuda

sbom: ## write a software bill of materials (CycloneDX) of the release binary and what it loads to out/sbom.json
	@mkdir -p out && $(PYTHON) deploy/sbom.py > out/sbom.json && echo out/sbom.json

demo: setup build ## convert the samples and show what came of them
	@$(PARTS) tests/samples/demo.sh target/release/recto $(DEMO_OUT)

demo-fleet: setup test-parts ## a whole fleet on loopback: broker, store, ledger, two workers, one of them killed; ends with a report
	@cargo build --quiet --release --package recto --bin recto
	@cargo build --quiet --release --package recto-tests --example demo-fleet
	@$(PARTS) target/release/examples/demo-fleet

test: setup lint unit ## formatting, lints, documentation, all tests

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace
	.ci/check-dependencies

test-parts: ## fetch what the tests alone need: RabbitMQ, PostgreSQL, SeaweedFS, moto and Tesseract, unpacked into the cache folder
	@$(PYTHON) tests/parts.py

# The documentation's examples come first, so that the test runner has the last word.
unit: setup test-parts
	cargo build --workspace
	$(PARTS) cargo test --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then set -x; $(PARTS) cargo nextest run --workspace --no-fail-fast; \
	else set -x; $(PARTS) cargo test --workspace --all-targets --no-fail-fast; fi

bench: ## accuracy and pages a second beside rapidocr and tesseract; needs RECTO_CORPUS
	@if [ -z "$$RECTO_CORPUS" ]; then echo "bench: skipped, RECTO_CORPUS is not set (a folder laid out as tests/bench/README.md says)"; \
	else $(MAKE) --no-print-directory setup build && $(PARTS) $(PYTHON) tests/bench/run.py; fi

bench-structure: ## structure of the Markdown beside seven other converters; needs RECTO_CORPUS; ARGS="--only readoc"
	@if [ -z "$$RECTO_CORPUS" ]; then echo "bench-structure: skipped, RECTO_CORPUS is not set (a folder laid out as tests/bench/README.md says)"; \
	else $(MAKE) --no-print-directory setup build && $(PARTS) $(PYTHON) tests/bench/structure $(ARGS); fi

servers: test-parts ## a RabbitMQ and an S3 store on loopback, for trying the worker; they forget everything at their end
	@cargo build --quiet --workspace --all-targets
	@target/debug/examples/servers

bench-got: $(REFERENCE) bench-got-binary ## GOT's speed beside transformers', and the machine's limits; 15 minutes; ARGS="--tokens 64"
	$(PYTHON) tests/bench/got.py $(ARGS)

full-size: $(REFERENCE) bench-got-binary ## a GOT checkpoint of the real size: load time, every mode, peak memory
	$(PYTHON) tests/bench/got.py --check $(ARGS)

bench-got-binary:
	cargo build --release --package recto-pipeline --example bench-got $(if $(FEATURES),--features $(FEATURES))

bench-worker: setup test-parts build ## pages a second of the worker beside convert, and what an idle worker takes
	cargo build --workspace --all-targets
	RECTO_TEST_BINARY=target/release/recto $(PARTS) target/debug/examples/bench-worker

bench-ledger: test-parts ## events a second that the ledger takes, and the time of a look at a batch; ARGS="1000000 postgres"
	cargo build --workspace --all-targets
	target/debug/examples/bench-ledger $(ARGS)

# Optimized, with debug assertions, checks of overflow and AddressSanitizer. What is found lies in tests/fuzz/artifacts.
fuzz: ## fuzz what comes from outside (tests/fuzz/README.md), 30 minutes a target; FUZZ_SECONDS=60 TARGETS=protocol
	@cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: needs cargo-fuzz and a nightly toolchain: cargo install cargo-fuzz; rustup toolchain install nightly"; exit 1; }
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" tests/fuzz/run.sh $(TARGETS)

chaos: setup test-parts ## disturb workers, broker and store at random moments, then account for every document; SEED=1
	cargo build --workspace --all-targets
	$(PARTS) target/debug/examples/chaos --seed $(or $(SEED),1)

chaos-ledger: setup test-parts ## kill the ledger, purge a queue and repeat events while 2,000 jobs run, then account for each; ARGS="2000 postgres 7"
	cargo build --workspace --all-targets
	$(PARTS) target/debug/examples/chaos-ledger $(ARGS)

samples: ## write the sample documents again (needs fonts, see tests/samples/README.md)
	$(PYTHON) tests/samples/make_samples.py

# The reference implementation in Python, in an environment of its own.
$(REFERENCE): tests/reference/requirements.txt
	$(PYTHON) -m venv $(CACHE)/reference
	$(CACHE)/reference/bin/pip install --quiet --requirement tests/reference/requirements.txt
	touch $@

reference: $(REFERENCE) ## write GOT's small checkpoints and expected values again, with the reference in Python (tests/reference/README.md)
	cd tests/reference && $(CACHE)/reference/bin/python make_checkpoints.py
	cd tests/reference && $(CACHE)/reference/bin/python make_expected.py
	cd tests/reference && $(CACHE)/reference/bin/python make_grids.py
	cd tests/reference && $(CACHE)/reference/bin/python make_eval.py
	cd tests/reference && $(CACHE)/reference/bin/python looping.py checkpoints/looping
	cd tests/reference && $(CACHE)/reference/bin/python looping.py checkpoints/table --table 40

# Training in Python, in an environment of its own; nothing else needs it.
$(TRAINING): training/requirements.txt
	$(PYTHON) -m venv $(CACHE)/training
	$(CACHE)/training/bin/pip install --quiet --disable-pip-version-check --requirement training/requirements.txt
	touch $@

training: $(TRAINING) ## set up the environment for training (training/README.md)

train-test: $(TRAINING) ## the training's own tests, on the CPU; five minutes
	cd training && $(CACHE)/training/bin/python -m pytest -q tests

train-material: $(TRAINING) ## fetch the fonts and texts that pages are rendered from, out of Debian's packages
	cd training && $(CACHE)/training/bin/python -m recto_train.material $(CACHE)/material

clean: ## remove what was built; the cache folder stays
	cargo clean
	rm -rf out
