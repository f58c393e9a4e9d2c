# Two commands for a fresh machine: `make demo` and `make test`. Both do all set-up themselves.
# CARGO_TARGET_DIR and SKYFRINGE_TOOLS are honoured, so a cache may live outside the checkout.

SHELL := /bin/sh
target := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
binary := $(target)/release/skyfringe
env := eval "$$(scripts/setup.sh --env)" &&

.PHONY: build gpu demo test fuzz clean help

help:
	@echo "make demo   build, simulate a galaxy with SKA-Mid (out/quickstart), train a small model (out/smoke)"
	@echo "make test   format check, lints, unit, integration and documentation tests, small examples"
	@echo "make build  the release binary alone: $(binary)"
	@echo "make fuzz   a million damaged inputs for the readers (make test has ten thousand)"
	@echo "make gpu    the same with training on GPUs (Vulkan, Metal, WebGPU; about 40 CPU minutes once)"

# The GPU backend (Vulkan, Metal, WebGPU); about 40 CPU minutes the first time.
gpu:
	@$(env) cargo build --release --features tuned --bin skyfringe

fuzz:
	@$(env) SKYFRINGE_FUZZ_CASES=1000000 cargo test --release --test fuzz

build:
	@$(env) cargo build --release --bin skyfringe

demo: build
	$(binary) run examples/quickstart.toml --out out/quickstart
	rm -rf out/smoke
	$(binary) train examples/train/smoke.toml --out out/smoke
	$(binary) evaluate out/smoke out/smoke/data --out out/smoke/evaluation
	@echo "Look at out/quickstart/preview.png; the cubes are sky.fits, dirty.fits and psf.fits beside it."
	@echo "Look at out/smoke/evaluation/samples.png (mock, translated, classical ways, truth) and out/smoke/report.html."

test:
	@$(env) scripts/test.sh

clean:
	rm -rf out .tools target
