# make book        the book from the shipped weights and records: _build/html/index.html
# make test        linters, types, tests, and the whole pipeline and book at the smoke profile
# make reproduce PROFILE=smoke        everything from the simulator on, into build/smoke
# make reproduce PROFILE=default CLUSTER=book/slurm        the same as jobs of a Slurm cluster; give a
#     copy of that folder to name an account, a partition or GPUs (installs Snakemake's executor)
# make reproduce PROFILE=default DEVICE=cuda JOBS=8 BUDGET=550        its trainings and evaluations
#     alone, side by side; without Snakemake or Jupyter; stops in time; ARGS=--plan says what is left.
#     Any of the three asks for that; the pipeline takes over what it leaves
# make reproduce PROFILE=paper DATA=fastmri:FOLDER        any profile on a folder of fastMRI volumes, or
#     on one of NIfTI images (volumes:FOLDER), into a folder of its own below build; so does compute
# torchrun --nproc-per-node 4 -m smugbook compute paper --part pretrained_s0.01 --device cuda
#     one training on several GPUs or nodes, each with its share of every batch
# make chapter NAME=table1 ARGS="-p epsilon 0.008"        one chapter with other parameters
# make sweep NAME=fragility ARGS="-p sampling_rate 0.125,0.25,0.5"        one chapter at many
# make lab         the chapters in JupyterLab, at a live explorer (make lab APP=notebook: Notebook)
# make bench ARGS=--quick        times and memory against the peers (installs deepinv and sigpy)
# make gpu BUDGET=550        agreement with the CPU, throughput and graphs of the GPU, in that time
# make torture     kills, damaged files, races, full disks, bad calls (LONG=1: hours, not minutes)
# make lowest      the library's tests with the oldest versions that pyproject.toml allows
# make coverage    lines and branches of the library that its own tests run
# make mutants ARGS="--sample 60"    the tests against mutants of the modules that numbers rest on
# make audit       known vulnerabilities of the locked packages
# make ship PROFILE=default           take what `make reproduce` computed as the shipped results

PYTHON ?= python3
VENV ?= .venv
PROFILE ?= default
DATA ?=
DEVICE ?= auto
JOBS ?= 1
BUDGET ?=
CLUSTER ?=
CORES ?= $(shell nproc 2>/dev/null || echo 2)
ARGS ?=
APP ?= lab
# JupyterLab asks its makers for news and for newer versions: not from here.
OFFLINE = --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None

# Targets with their spaces escaped; recipes quote theirs, for a project may lie anywhere.
EMPTY :=
FILES := $(subst $(EMPTY) ,\ ,$(VENV))
STAMP := $(FILES)/.smuglib-installed
PEERS := $(FILES)/.smuglib-peers-installed
MUTATION := $(FILES)/.smuglib-mutation-installed
EXECUTOR := $(FILES)/.smuglib-cluster-installed
BIN := "$(VENV)"/bin
# What is computed alone runs where the book's packages are not installed, too.
RUNNER = $(if $(wildcard $(FILES)/bin/python),$(BIN)/python,$(PYTHON))
BARE = PYTHONPATH="$(CURDIR):$(CURDIR)/book$${PYTHONPATH:+:$$PYTHONPATH}" $(RUNNER)
ALONE = $(strip $(foreach name,DEVICE JOBS BUDGET,$(filter command,$(origin $(name)))))
# A profile with another source of scans than its own, as all commands and notebooks know it.
SETTING = $(PROFILE)$(if $(DATA),@$(DATA))
FOLDER = $(BIN)/python -c 'from smugbook import profiles; print(profiles.get("$(SETTING)").folder)'
# The Snakefile holds a lock of its own, which does not outlive a process that is killed.
WHERE = $(if $(CLUSTER),--profile "$(CLUSTER)",--cores $(CORES))
SNAKEMAKE = $(BIN)/snakemake $(WHERE) --rerun-incomplete --nolock

# Snakemake, Jupyter and Matplotlib write to the home folder.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/build/home
$(shell mkdir -p build/home)
endif

.PHONY: book test reproduce pipeline compute chapter sweep lab bench gpu torture lowest coverage
.PHONY: mutants ship lint format lock audit clean

book: $(STAMP)
	$(SNAKEMAKE) shipped_book --quiet rules
	@echo "The book is $(CURDIR)/_build/html/index.html"

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadgroup $(ARGS)

reproduce: $(if $(ALONE),compute,pipeline)

pipeline: $(if $(CLUSTER),$(EXECUTOR),$(STAMP))
	$(SNAKEMAKE) reproduce --quiet rules --config profile="$(SETTING)"
	@echo "The book is $(CURDIR)/build/$(if $(DATA),$$($(FOLDER)),$(PROFILE))/_build/html/index.html"
	@for kind in $(if $(DATA),,records harm stability transfer explorer/s0.05); do \
	  if [ -d book/shipped/$(PROFILE)/$$kind ]; then \
	    $(BIN)/python -m smugbook compare build/$(PROFILE)/$$kind book/shipped/$(PROFILE)/$$kind; \
	  fi; \
	done

# Needs no environment of its own: PYTHON may be any with torch and what the library imports.
compute:
	@$(BARE) -m smugbook compute \
	  "$(SETTING)" --device $(DEVICE) --jobs $(JOBS) $(if $(BUDGET),--budget $(BUDGET)) $(ARGS)

chapter: $(STAMP)
	$(BIN)/python -m smugbook chapter $(if $(NAME),$(NAME),--list) $(ARGS)

sweep: $(STAMP)
	$(BIN)/python -m smugbook sweep $(NAME) -j $(CORES) $(ARGS)

# In the folder book/, so that the chapters are what the browser lists.
lab: $(STAMP)
	bin=$$(cd $(BIN) && pwd) && cd book && "$$bin/jupyter" $(APP) 31_live_explorer.ipynb \
	  $(OFFLINE) $(ARGS)

bench: $(PEERS)
	$(BIN)/python -m smugbench $(ARGS)

# Like `compute`. The records go to OUT, or to the device's folder below build/benchmark.
gpu:
	@$(BARE) -m smugbench \
	  --device $(DEVICE) --only agreement,throughput,batches,floor,learned,compiled \
	  $(if $(BUDGET),--budget $(BUDGET)) $(if $(OUT),--output "$(OUT)") $(ARGS)

# ARGS="-o book/shipped/torture/torture.csv" makes it the record that the book shows.
torture: $(STAMP)
	$(BIN)/python -m tests.torture $(if $(LONG),--long) -o build/torture/torture.csv $(ARGS)

# Old releases of torch bring gigabytes for CUDA: PIP_EXTRA_INDEX_URL may name an index of CPU ones.
lowest:
	rm -rf build/lowest && $(PYTHON) -m venv build/lowest
	sed -n 's/^ *"\([a-z0-9-]*\)>=\([0-9.]*\)",$$/\1==\2/p; /^book = /q' pyproject.toml \
	  > build/lowest/lowest.txt
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c build/lowest/lowest.txt -e ".[data,evaluation,fastmri]" pytest hypothesis scikit-image
	OMP_NUM_THREADS=1 build/lowest/bin/python -m pytest tests/smuglib $(ARGS)

coverage: $(MUTATION)
	mkdir -p build
	$(BIN)/python -m coverage erase
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -n $(CORES) tests/smuglib $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered

mutants: $(MUTATION)
	$(BIN)/python tests/mutation.py --jobs $(CORES) $(ARGS)

ship:
	@[ -d build/$(PROFILE)/weights ] || { echo "build/$(PROFILE) holds no weights to ship" >&2; exit 2; }
	@$(BARE) -m smugbook.experiments.shipping $(PROFILE)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Freezes a fresh environment, with the hashes of the files for all platforms. The direct dependencies
# are those of pyproject.toml. WHEELS names builds that the index lacks, such as torch for the CPU.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install ".[test,book,fastmri]" "setuptools>=77" wheel
	sed -n '/^#/p' requirements.lock > build/requirements.lock
	build/lock/bin/python -m pip freeze --all --exclude pip --exclude smuglib \
	  | sed 's/+cpu$$//' | LC_ALL=C sort -f >> build/requirements.lock
	build/lock/bin/python tests/locking.py build/requirements.lock $(WHEELS)
	mv build/requirements.lock requirements.lock && rm -rf build/lock

# Asks the index for known vulnerabilities of what is locked; installs pip-audit for itself alone.
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

# What is computed again in minutes. Trainings and sweeps stay: those folders below build/ are yours.
clean:
	rm -rf build/shipped build/lowest build/lock build/mutants _build .pytest_cache .ruff_cache .mypy_cache .hypothesis

# The lock is complete, so nothing is left to resolve, and Python compiles what it imports: both
# together more than halve the time. PyPI's torch for Linux, alone, lacks the CUDA libraries that it
# names in exact versions: they are fetched, without hashes, where it does not import.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) \
	  else "requirements.lock needs Python 3.11 to 3.13, $(PYTHON) is %d.%d: try PYTHON=python3.11" % v)'
	[ -x $(BIN)/python ] || $(PYTHON) -m venv "$(VENV)"
	mkdir -p build && sed -n '/^torch==/,/[^\\]$$/p' requirements.lock > build/torch.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index \
	  --no-deps --no-compile --require-hashes -r build/torch.txt 2>/dev/null || true
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install --quiet \
	  --disable-pip-version-check --no-compile $$(sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.lock)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch "$@"

# The constraint keeps torch: deepinv alone would bring its own, with gigabytes for CUDA.
$(PEERS): EXTRA = bench
$(MUTATION): EXTRA = mutation
$(EXECUTOR): EXTRA = cluster
$(PEERS) $(MUTATION) $(EXECUTOR): $(STAMP)
	mkdir -p build && sed -n 's/^\([^# ]*==[^ ]*\).*/\1/p' requirements.lock > build/constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  -c build/constraints.txt -e ".[$(EXTRA)]"
	touch "$@"
