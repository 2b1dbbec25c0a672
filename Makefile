.DEFAULT_GOAL := help
.PHONY: help setup demo test run-tests test-fast chaos simulate lint format lock clean quality-media quality-music quality-moves quality-fit quality-plan quality-search quality-seams quality-split quality-structure bench-children bench-client bench-durability bench-moves bench-music bench-plan bench-render bench-library bench-stream bench-views demo-set docs frame youtube
UV := $(shell command -v uv || echo .uv/bin/uv)
# `make test PYTHON=3.13`, or a path to one: in an environment of its own, so that .venv stays as it is
ifeq ($(origin PYTHON),command line)
VENV := .venv-$(notdir $(PYTHON))
export UV_PYTHON := $(PYTHON)
else
VENV := .venv
endif
export UV_PROJECT_ENVIRONMENT := $(VENV)
# else each of the hundreds of programs that the tests start would compile the project's modules again
export PYTHONDONTWRITEBYTECODE :=
RUN := $(UV) run --no-sync
BACHATA := $(VENV)/bin/bachata

help: ## Show these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(VENV)/.synced ## Set up everything: environment, system libraries, Kafka, pose model
	@$(BACHATA) setup

demo: setup ## Make a choreography video of a demo song
	@$(BACHATA) demo

# most tests with Kafka wait rather than compute; each process takes up to 1.7 GB
TEST_PROCESSES := $(or $(shell awk '/^MemTotal/ {print ($$2 > 15000000) ? 4 : 3}' /proc/meminfo 2>/dev/null),3)
test: setup ## Check the code and run all tests but the long ones (about 10 minutes on two slow cores)
	@$(MAKE) --no-print-directory --jobs=2 lint run-tests

run-tests:
	$(RUN) pytest -n $(TEST_PROCESSES) --timeout 300 -m "not chaos and not quality"

test-fast: $(VENV)/.synced ## Run the tests that need no Kafka
	$(RUN) pytest -n 2 tests/unit tests/contract tests/security

chaos: setup ## Kill, restart and starve everything for an hour, and count what is lost (CHAOS_SEED, CHAOS_SCALE)
	$(RUN) pytest tests/chaos tests/broker tests/security tests/simulation tests/unit/streams -m chaos -s -p no:cacheprovider

simulate: $(VENV)/.synced ## Run workers on a simulated broker, clock and disk (SEEDS=number, SEED=one run again, MUTANTS=1)
	$(RUN) python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),300)) $(if $(MUTANTS),--mutants)

lint: $(VENV)/.synced ## Check style, types and the rules of import
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) deptry .
	$(RUN) deptry tests --exclude '^$$' --ignore DEP002,DEP004

format: $(VENV)/.synced ## Format the code
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: $(VENV)/.synced ## Write the generated documents
	$(RUN) python -m schemas.reasons > docs/reasons.md
	$(RUN) python -m infra.settings > docs/settings.md
	$(RUN) python -m agents.media.formats_document > docs/media.md
	$(RUN) python -m streams.topology
	$(RUN) python -m streams.contract
	$(RUN) python -m streams.page.openapi

youtube: setup ## Install what songs on YouTube need: yt-dlp and deno
	$(UV) sync --locked --quiet --compile-bytecode --extra youtube

frame: setup ## Make the picture of README.md again from the video of `make demo`
	$(RUN) python -m data.generators.frame "$$($(BACHATA) demo)" 22.85 docs/frame.jpg

quality-music: $(VENV)/.synced ## Measure beats, counts and sections beside librosa, on easy and hard songs (SONGS=folder)
	$(RUN) python -m tests.quality.quality_music $(SONGS)

quality-media: setup ## Measure odd clips and songs of all kinds, beside a plain conversion (VIDEO=file, CASES=words)
	$(RUN) python -m tests.quality.quality_media $(if $(CASES),--only $(CASES)) $(if $(VIDEO),--video $(VIDEO))

quality-moves: setup ## Measure detection, re-identification, joints and retrieval of moves (CLIPS=folder)
	$(RUN) python -m tests.quality.quality_moves $(CLIPS)

quality-fit: setup ## Measure whether movement can be fitted to music by what clips teach, beside the cosine of sounds (SHARED=folder, CACHE=folder)
	$(RUN) python -m tests.quality.quality_fit $(SHARED) $(if $(CACHE),--cache $(CACHE))

quality-plan: setup ## Measure plans beside an earlier planner, greedy and random ones (SHARED=folder, CACHE=folder, OUT=folder)
	$(RUN) python -m tests.quality.quality_plan $(SHARED) $(if $(CACHE),--cache $(CACHE)) $(if $(OUT),--out $(OUT))

quality-search: $(VENV)/.synced ## Measure how near plans of thousands of small problems are to the best dance (CASES=number)
	$(RUN) python -m tests.quality.quality_search $(if $(CASES),--cases $(CASES))

quality-seams: setup ## Measure holds, hands, facing, free feet, counts and couples of clips beside labels (CLIPS=folder, CACHE=folder)
	$(RUN) python -m tests.quality.quality_seams $(CLIPS) $(if $(CACHE),--cache $(CACHE))

quality-split: setup ## Measure where a long recording is cut into moves, beside cuts at silence (CLIPS=folder)
	$(RUN) python -m tests.quality.quality_split $(CLIPS)

quality-structure: $(VENV)/.synced ## Measure the structure of the code, beside an earlier commit (BASE=commit)
	$(RUN) python -m tests.quality.structure $(if $(BASE),--base $(BASE))

bench-children: setup ## Measure the memory of each step on the largest media that are accepted, beside its limit
	$(RUN) python -m tests.quality.bench_children

bench-client: setup ## Measure submits of one client and the time until songs are accepted, beside a plain producer
	$(RUN) python -m tests.quality.bench_client

bench-moves: setup ## Measure indexing a clip, beside MediaPipe's own landmarker
	$(RUN) python -m tests.quality.bench_moves

bench-music: $(VENV)/.synced ## Measure the analysis of a song, beside librosa
	$(RUN) python -m tests.quality.bench_music

bench-durability: setup ## Measure what it costs to flush events to the disk, and what a power cut loses
	$(RUN) python -m tests.quality.bench_durability

bench-plan: $(VENV)/.synced ## Measure scoring and planning a song over 150, 1,000 and 10,000 moves, and recommendations in batches
	$(RUN) python -m tests.quality.bench_plan

bench-render: $(VENV)/.synced ## Measure rendering beside an ffmpeg filter graph
	$(RUN) python -m tests.quality.bench_render

bench-views: $(VENV)/.synced ## Measure what an event costs in the views after 100,000 others
	$(RUN) python -m tests.quality.bench_views

bench-library: $(VENV)/.synced ## Measure the move index at 150 to 100,000 moves, beside other engines (SIZES=numbers)
	$(RUN) python -m tests.quality.bench_library $(if $(SIZES),--sizes $(SIZES))
	$(RUN) python -m tests.quality.bench_library_start

bench-stream: setup ## Measure an event through four steps, beside Faust with its defaults
	$(RUN) python -m tests.quality.bench_stream

demo-set: ## Generate the demo songs and clips again
	$(UV) sync --locked --quiet --all-groups
	$(RUN) python -m data.generators.music.songs --out data/demo/songs
	$(RUN) python -m data.generators.couple --out data/demo
	$(RUN) python -m data.generators.couple.boundaries --out data/demo

lock: ## Resolve the dependencies anew, and Kafka's jars
	$(UV) lock
	$(RUN) python -m infra.kafka_jars

clean: ## Remove the environments; the data folder stays
	rm -rf .venv .venv-* .uv

$(VENV)/.synced: pyproject.toml uv.lock | $(UV)
	@$(UV) python find --quiet $(UV_PYTHON) >/dev/null 2>&1 || $(UV) python install --quiet $(or $(UV_PYTHON),3.13) >/dev/null 2>&1 || \
	{ echo "error: there is no Python $(or $(UV_PYTHON),3.11 to 3.14) here and uv cannot download one: install it, then try again"; exit 1; }
	$(UV) sync --locked --quiet --compile-bytecode
	@touch $@

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
