# Everything a contributor runs; `make help` lists it. Needs Python 3, make and a shell.
#
# Virtual environment: .venv in the checkout. Larger things (the Collector, third-party programs,
# interpreters) are built once into LIFESIGN_CACHE and shared between checkouts.
#
# Variables, as in `make test PYTHON=python3.13`; `make help` lists those that change something.

# Where this is set every start of Python compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3##             interpreter of .venv
ARGS ?=##                       options for the demo, the stack, the cluster or the benchmarks, e.g. ARGS=--help
CAUSES_ARGS ?=##                options for the search for false causes, e.g. CAUSES_ARGS='--seconds 10 --ours'
FUZZ_ARGS ?=##                  options for the fuzzer, e.g. FUZZ_ARGS='--seconds 60'
PYTEST_ARGS ?=##                options for pytest, e.g. PYTEST_ARGS='-x -k ring'
COVERAGE_FLOOR ?= 96##        per cent of branches that `test` demands
# LIFESIGN_SOAK_SECONDS, an environment variable: default 600.
# LIFESIGN_CACHE, an environment variable: default $XDG_CACHE_HOME/lifesign or ~/.cache/lifesign.

tools := tests/tools
bin := .venv/bin
# What `check` reads: every shell script of ours.
scripts = .ci/run $(shell find collector-config helm tests sidecar -name '*.sh' 2>/dev/null)

# venv.sh returns at once when nothing changed, so no stamp files here.
base = @PYTHON="$(PYTHON)" $(tools)/venv.sh .venv -e '.[sidecar]'
dev = @PYTHON="$(PYTHON)" $(tools)/venv.sh .venv -e '.[sidecar,dev]'

unit = $(bin)/python $(tools)/unit.py $(PYTEST_ARGS)
# Machines are shared and noisy: what fails in `make test` is run once more, and the summary says so.
measured = $(bin)/python $(tools)/unit.py --floor $(COVERAGE_FLOOR) --reruns=1 $(PYTEST_ARGS)
site = @NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --strict --quiet
# They wait three times as long as they compute. The tests of a file stand on the same servers, so they stay together, in
# an order in which what takes long begins first (tests/e2e/conftest.py).
e2e = $(bin)/pytest tests/e2e tests/helm tests/benchmarks --reruns=1 \
	-p xdist --numprocesses=$(processes) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)
processes = $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 3 ? 3 * n : 8)))

# What the end-to-end tests run against is in the environment of the command after `--`.
components = PYTHON="$(PYTHON)" $(bin)/python $(tools)/components.py
with_pythons = pythons=$$($(tools)/pythons.sh | sed 's/ /=/' | paste -s -d : -) && \
	export LIFESIGN_TEST_PYTHONS="$$pythons"

.PHONY: help demo stack test unit pythons e2e cluster bench comparison faults fuzz soak causes docs check clean

help: ## this list
	@echo 'usage: make TARGET [VARIABLE=value]'
	@echo
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r name text; do printf '  %-16s%s\n' "$$name" "$$text"; done
	@echo
	@sed -n 's/^\([A-Z_]*\) ?= *\(.*\)##  *\(.*\)/\1|\2|\3/p' Makefile | \
		while IFS='|' read -r name value text; do \
			printf '  %-16s%s%s\n' "$$name" "$$text" "$${value:+ (default: $$value)}"; done

demo: ## the sample service, with failures to trigger, and its local page
	$(base)
	@exec $(bin)/lifesign demo $(ARGS)

stack: ## Collector, Jaeger, Prometheus and Alertmanager as local processes, and the sample service in them
	$(base)
	@otelcol=$$($(tools)/otelcol.sh) && jaeger=$$($(tools)/jaeger.sh) && \
		prometheus=$$($(tools)/prometheus.sh) && alertmanager=$$($(tools)/alertmanager.sh) && \
		exec $(bin)/python collector-config/stack.py $(ARGS) --otelcol="$$otelcol" --jaeger="$$jaeger" \
			--prometheus="$$prometheus" --alertmanager="$$alertmanager"

test: ## all tests: unit with its coverage floor, then end to end on real components
	$(dev)
	@$(components) $(measured) -- $(e2e)

unit: ## unit tests alone, in seconds and without their coverage
	$(dev)
	@$(unit)

pythons: ## unit tests of what runs in services, on each Python from 3.9 on, two at a time
	$(dev)
	@$(with_pythons) && $(bin)/python $(tools)/on_each_python.py --reruns=1 $(PYTEST_ARGS)

e2e: ## end-to-end tests alone
	$(dev)
	@$(components) -- $(e2e)

faults: ## the accounts of every fault, the long way: 50 kills, minutes of outage; prints a table
	$(dev)
	@LIFESIGN_TEST_FAULTS=full $(components) -- $(bin)/pytest tests/e2e/delivery/test_accounting.py \
		tests/e2e/delivery/test_accounting_places.py tests/e2e/delivery/test_accounting_slow_disk.py \
		tests/e2e/delivery/test_every_step.py -s $(PYTEST_ARGS)

cluster: ## the chart and services on a real Kubernetes node, built first; ARGS=--keep leaves it up, ARGS=--all takes longer
	$(dev)
	@kubernetes=$$($(tools)/kubernetes.sh) && export LIFESIGN_TEST_KUBERNETES="$$kubernetes" && \
	helm=$$($(tools)/helm.sh) && export LIFESIGN_TEST_HELM="$$helm" && \
	otelcol=$$($(tools)/otelcol.sh) && export LIFESIGN_TEST_OTELCOL="$$otelcol" && \
	prometheus=$$($(tools)/prometheus.sh) && export LIFESIGN_TEST_PROMETHEUS="$$prometheus" && \
	alertmanager=$$($(tools)/alertmanager.sh) && export LIFESIGN_TEST_ALERTMANAGER="$$alertmanager" && \
	images=$$(PYTHON="$(PYTHON)" $(tools)/images.sh) && export LIFESIGN_TEST_IMAGES="$$images" && \
	$(with_pythons) && \
		cd tests && exec ../$(bin)/python -m cluster $(ARGS) $(PYTEST_ARGS)

bench: ## all benchmarks, which make docs/performance.md; ARGS='--only idle,calls', ARGS=--short
	$(dev)
	@$(with_pythons) && otelcol=$$($(tools)/otelcol.sh) && export LIFESIGN_TEST_OTELCOL="$$otelcol" && \
		prometheus=$$($(tools)/prometheus.sh) && export LIFESIGN_TEST_PROMETHEUS="$$prometheus" && \
		cd tests && exec ../$(bin)/python -m benchmarks $(ARGS)

comparison: ## what lifesign and others say of the same illnesses, which makes the tables of docs/comparison.md
	$(dev)
	@$(with_pythons) && cd tests && exec ../$(bin)/python -m benchmarks.comparison $(ARGS)

fuzz: ## hostile inputs by the million, an hour at most; FUZZ_ARGS='--of calls --seconds 60'
	$(dev)
	@cd tests && ../$(bin)/python -m fuzz $(FUZZ_ARGS)

soak: ## the demo with every illness now and then, LIFESIGN_SOAK_SECONDS long; what it costs over time
	$(dev)
	@otelcol=$$($(tools)/otelcol.sh) && export LIFESIGN_TEST_OTELCOL="$$otelcol" && \
		cd tests && ../$(bin)/python -m soak

causes: ## false causes: victims, look-alikes, the demo and other programs, a dump a second of each, on every Python
	$(dev)
	@$(with_pythons) && apps=$$(PYTHON="$(PYTHON)" $(tools)/apps.sh) && export LIFESIGN_TEST_APPS="$$apps" && \
		cd tests && ../$(bin)/python -m causes $(CAUSES_ARGS)

docs: ## the documentation as a site, in _build/site
	$(dev)
	$(site)
	@echo "open _build/site/index.html"

check: ## format, lint, types, import rules, shell scripts, Dockerfile, links between documents
	$(dev)
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/shellcheck -x $(scripts)
	$(bin)/hadolint Dockerfile
	$(site)

clean: ## remove what was made in the checkout (not LIFESIGN_CACHE)
	rm -rf .venv _build build dist htmlcov .coverage .coverage.* \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name '*.egg-info' -prune -exec rm -rf {} +
