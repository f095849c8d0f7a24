# The two commands of a new user are `make serve` and `make test`; `make help` lists the rest.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PROTOS := deployments/modelyard/protocols/grpc/proto
# Disable the usage reports of Ray and the version check of pip.
export RAY_USAGE_STATS_ENABLED = 0
export PIP_DISABLE_PIP_VERSION_CHECK = 1


.PHONY: help serve test unit faults zoo mutants lint check bench bench-peers wheel examples dashboards pictures schema protos lock clean
help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

serve: $(VENV)/.serve examples  ## install, train the examples where missing, and serve in the foreground
	@exec $(BIN)/modelyard up

test: $(VENV)/.dev $(VENV)/.prometheus $(VENV)/.chromium $(VENV)/.perf_analyzer $(VENV)/.generators examples  ## the whole suite
	$(BIN)/pytest -n 2 --no-loadscope-reorder --durations 20

unit: $(VENV)/.dev $(VENV)/.prometheus  ## the tests that start no server
	$(BIN)/pytest tests/unit tests/contract tests/meta

faults: $(VENV)/.dev  ## kill, freeze and overload a server, as long as the promises say
	MODELYARD_LONG_FAULTS=1 $(BIN)/pytest tests/faults

zoo: $(VENV)/.dev  ## generated models against their own answers, for an hour
	$(BIN)/python -m tests.zoo --seconds 3600

OF ?= config
mutants: $(VENV)/.dev $(VENV)/.mutmut  ## change modules (OF="config http/inflate"), and list the changes that no unit test finds
	PYTHONPATH="$(CURDIR)/$(VENV)/mutmut" $(BIN)/python tests/tools/mutants.py $(OF)

lint: $(VENV)/.dev  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint unit  ## all that starts no server

bench: examples  ## measure against rivals (wrk and h2load must be installed)
	PYTHONPATH="$(CURDIR)/$(VENV)/examples" $(BIN)/python -m benchmarks

OPTIONS ?=
bench-peers: $(VENV)/.examples  ## measure side by side with other servers, which it installs (OPTIONS="--only mlp --peers mosec")
	PYTHONPATH="$(CURDIR)/$(VENV)/examples" $(BIN)/python -m benchmarks.peers $(OPTIONS)

wheel: $(VENV)/.serve  ## build the package into dist/
	@rm -rf build
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation -w dist .

examples: $(VENV)/.examples  ## train the example models that are missing
	@PYTHONPATH="$(CURDIR)/$(VENV)/examples" $(BIN)/python examples/train.py model_repository

dashboards: $(VENV)/.dev  ## rewrite the Grafana dashboards
	$(BIN)/python -W ignore -m monitoring.grafana

# With Grafana's own components, in a browser: needs node, npm and Chromium ($CHROMIUM, else /usr/bin/chromium).
pictures: $(VENV)/.dev $(VENV)/.prometheus  ## draw the dashboards for docs/
	cd monitoring/pictures && npm ci --ignore-scripts --no-audit --no-fund
	history=$$(mktemp -d) && $(BIN)/python -m monitoring.history $$history/blocks \
	  node monitoring/pictures/draw.mjs docs/pictures; status=$$?; rm -rf $$history; exit $$status

schema: $(VENV)/.serve  ## rewrite the JSON Schemas
	$(BIN)/modelyard schema

protos: $(VENV)/.dev  ## compile the .proto files again
	cd $(PROTOS) && $(CURDIR)/$(BIN)/python -m grpc_tools.protoc -I . --include_imports --descriptor_set_out=../services.binpb *.proto

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.lock setup.cfg | $(VENV)/bin/python
	@echo "installing the locked dependencies into $(VENV): about two minutes, once"
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# What only the training needs, beside the packages that serve: Ray imports pandas into every process where it is installed, 25 MB each.
$(VENV)/.examples: requirements-examples.lock $(VENV)/.serve
	@rm -rf $(VENV)/examples
	@$(BIN)/pip install --quiet --no-deps --require-hashes --target $(VENV)/examples -r requirements-examples.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.serve
	@echo "installing the development tools"
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# The tests run prometheus and promtool. Where they are missing, Debian's package is unpacked beside the Python packages:
# installing it would start a service, and root may not be at hand.
$(VENV)/.prometheus: | $(VENV)/bin/python
	@command -v prometheus >/dev/null && command -v promtool >/dev/null || { \
	  echo "unpacking Debian's prometheus into $(VENV)" && cd $(VENV) && rm -rf prometheus && mkdir prometheus && \
	  { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; } && \
	  dpkg-deb -x prometheus_*.deb prometheus && rm prometheus_*.deb && \
	  ln -sf ../prometheus/usr/bin/prometheus ../prometheus/usr/bin/promtool bin/; \
	} || { echo "the tests need prometheus and promtool on the PATH" >&2; exit 1; }
	@touch $@

# Likewise Chromium, unless $CHROMIUM names one: a minute, and 220 MB to fetch at most. It comes with those of its libraries that the
# machine lacks, and always with fonts, as it looks for them in one place.
CHROMIUM_PACKAGES = { echo fontconfig-config fonts-dejavu-core && \
  apt-get -qq -s -o Debug::NoLocking=1 install --no-install-recommends chromium | sed -n 's/^Inst \([^ ]*\) .*/\1/p'; } | tr ' ' '\n' | sort -u
$(VENV)/.chromium: | $(VENV)/bin/python
	@test -n "$$CHROMIUM" || command -v chromium >/dev/null || { \
	  echo "unpacking Debian's Chromium into $(VENV)" && cd $(VENV) && rm -rf chromium && mkdir chromium && cd chromium && \
	  { apt-cache show chromium >/dev/null 2>&1 || apt-get -qq update; } && \
	  { apt-get -qq download $$($(CHROMIUM_PACKAGES)) || { apt-get -qq update && apt-get -qq download $$($(CHROMIUM_PACKAGES)); }; } && \
	  for each in *.deb; do dpkg-deb -x $$each . || exit 1; done && rm *.deb && test -x usr/lib/chromium/chromium && \
	  ln -sf $(CURDIR)/tests/serve/chromium-unpacked ../bin/chromium; \
	} || { echo "the tests need Chromium on the PATH, or its place in \$$CHROMIUM" >&2; exit 1; }
	@touch $@

# And Triton's perf_analyzer, from the last of its clients that brought it; the tests' own client is a newer one. It needs CUDA's
# runtime, which it only loads, and a library of Debian's.
$(VENV)/.perf_analyzer: tests/tools/perf_analyzer.lock | $(VENV)/bin/python
	@echo "unpacking perf_analyzer into $(VENV)" && cd $(VENV) && rm -rf perf_analyzer && mkdir perf_analyzer && \
	  bin/pip download --quiet --no-deps --require-hashes -r $(CURDIR)/$< -d perf_analyzer && cd perf_analyzer && \
	  for each in *.whl; do ../bin/python -m zipfile -e $$each . || exit 1; done && rm *.whl && \
	  { apt-get -qq download libb64-0d || { apt-get -qq update && apt-get -qq download libb64-0d; }; } && \
	  dpkg-deb -x libb64-*.deb . && rm libb64-*.deb && \
	  mkdir lib && cp usr/lib/*/libb64.so.* nvidia/cuda_runtime/lib/libcudart.so.* lib/ && \
	  install -m 755 tritonclient-*.data/data/bin/perf_analyzer . && rm -r usr nvidia* triton* && \
	  LD_LIBRARY_PATH=lib ./perf_analyzer --version >/dev/null 2>&1 || { echo "the tests need Triton's perf_analyzer" >&2; exit 1; }
	@touch $@

# Programs that make clients of an OpenAPI document, each with dependencies of its own: they share none with the server.
$(VENV)/.generators: tests/tools/generators.lock | $(VENV)/bin/python
	@echo "installing generators of OpenAPI clients into $(VENV)"
	@rm -rf $(VENV)/generators && $(PYTHON) -m venv $(VENV)/generators
	@$(VENV)/generators/bin/pip install --quiet --require-hashes -r $<
	@touch $@

# The mutation tester, beside the packages of the other development tools.
$(VENV)/.mutmut: tests/tools/mutmut.lock $(VENV)/.dev
	@rm -rf $(VENV)/mutmut
	@$(BIN)/pip install --quiet --no-deps --require-hashes --target $(VENV)/mutmut -r $<
	@touch $@

# The locks of the examples and of mutmut hold what the locks above them do not. The measured servers share nothing with ours.
COMPILE = $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock'
lock: | $(VENV)/bin/python  ## resolve the locks again from setup.cfg
	$(BIN)/pip install --quiet uv
	$(COMPILE) --build-isolation setup.cfg requirements.in -o requirements.lock
	$(COMPILE) --extra examples -c requirements.lock setup.cfg requirements.in -o requirements-examples.lock \
	  $$(sed -n 's/^\([A-Za-z0-9._-]*\).*==.*/--no-emit-package \1/p' requirements.lock)
	$(COMPILE) --extra examples --extra tracing --extra dev -c requirements.lock -c requirements-examples.lock setup.cfg requirements.in \
	  -o requirements-dev.lock
	$(COMPILE) tests/tools/generators.in -o tests/tools/generators.lock
	$(COMPILE) -c requirements-dev.lock tests/tools/mutmut.in -o tests/tools/mutmut.lock \
	  $$(sed -n 's/^\([A-Za-z0-9._-]*\).*==.*/--no-emit-package \1/p' requirements-dev.lock)
	for each in benchmarks/peers/pins/*.in; do $(COMPILE) $$each -o $${each%.in}.lock || exit 1; done

clean:  ## remove what was built here, models included
	rm -rf $(VENV) .modelyard build dist mutants *.egg-info model_repository/*/
