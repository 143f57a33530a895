SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.synced

.PHONY: help setup demo demo-real test lint type bench bench-emit eval eval-formats fuzz-formats chaos chaos-emit chaos-ship docs dashboards clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Nothing but Python is assumed: a venv, uv from the index into it, and the locked set by uv.
$(STAMP): pyproject.toml uv.lock hatch_build.py $(wildcard logpipe/ingest/scanning/*.[ch] logpipe/emit/native/*.[ch] shippers/logpipe_shippers/loki/*.[ch])
	test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'; }
	$(BIN)/uv sync --quiet --locked --all-extras --inexact
	touch $@

setup: $(STAMP) ## make the virtual environment with the locked dependencies

demo: $(STAMP) ## a day of a small shop: generate, ingest, analyze, report, ship
	$(BIN)/python sample_logs/demo.py

demo-real: $(STAMP) ## the same on real servers under load, about ten minutes (needs nginx, PostgreSQL, Redis)
	$(BIN)/python examples/real/run.py

# Three processes on two cores: many tests wait, for servers and for what others write.
test: $(STAMP) lint type ## lint, types and all tests but the long ones
	$(BIN)/pytest -n 3 --dist worksteal -m "not long"

lint: $(STAMP) ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=.:analysis:shippers $(BIN)/lint-imports --no-cache

type: $(STAMP) ## mypy, strict, over code and tests
	$(BIN)/mypy

bench: $(STAMP) ## measure, side by side with rivals, and write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run.py

bench-emit: $(STAMP) ## what a record costs an application, beside other loggers; one table: make bench-emit ARGS="plain"
	$(BIN)/python benchmarks/emit.py $(ARGS)

eval: $(STAMP) ## how well the detectors find what is labelled in LOGPIPE_EVAL_DATA; some parts: make eval ARGS="spikes"
	$(BIN)/python benchmarks/eval.py $(ARGS)

eval-formats: $(STAMP) ## judge formats by logs of others in LOGPIPE_EVAL_DATA: make eval-formats ARGS="--failures 9"
	$(BIN)/python benchmarks/eval_formats.py $(ARGS)

fuzz-formats: $(STAMP) ## mutilate logs of each format for LOGPIPE_FUZZ_SECONDS (600), two at a time
	LOGPIPE_FUZZ_SECONDS=$${LOGPIPE_FUZZ_SECONDS:-600} $(BIN)/pytest -n 2 -rP tests/ingest/formats/test_fuzz.py

docs: $(STAMP) ## write the generated parts of the documents again
	$(BIN)/python docs/generate.py

dashboards: $(STAMP) ## write the dashboards of deploy/grafana again from their code
	$(BIN)/python -m deploy.grafana.build

chaos: $(STAMP) ## a thousand seeds of random actions, every case at full size, twenty kills of a million lines (long)
	LOGPIPE_CHAOS_SEEDS=1000 $(BIN)/pytest -n 2 -p no:randomly tests/ingest/test_chaos.py
	LOGPIPE_KILL_LINES=1000000 LOGPIPE_KILLS=20 LOGPIPE_IDENTITY_SEEDS=200 LOGPIPE_CONFORMANCE_SCALE=1 \
		$(BIN)/pytest -n 2 tests/ingest/test_kill.py tests/ingest/test_identity.py tests/ingest/conformance
	$(BIN)/pytest -n 2 -m long tests/analysis tests/cli tests/ingest tests/store --ignore tests/ingest/conformance

chaos-emit: $(STAMP) ## the emitter's probes at full size, and servers that log under load, killed and reloaded (long)
	LOGPIPE_CHAOS_SECONDS=$${LOGPIPE_CHAOS_SECONDS:-60} $(BIN)/pytest -m long -p no:randomly tests/emit

chaos-ship: $(STAMP) ## shippers that are killed at random moments beside receivers in trouble, at full size (long)
	$(BIN)/pytest -n 2 -m long -p no:randomly tests/shippers tests/deploy

clean: ## remove what the targets made
	rm -rf .venv logpipe/ingest/scanning/_scanner.so logpipe/emit/_native.so shippers/logpipe_shippers/loki/_encoder.so demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
