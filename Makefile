.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast chaos lint format lock clean quality-music quality-moves quality-structure bench-moves bench-music bench-plan bench-render bench-search bench-stream demo-set docs
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
BACHATA := .venv/bin/bachata
BY_FILE := --dist loadfile --no-loadscope-reorder # in the order of tests/conftest.py

help: ## Show these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: .venv/.synced ## Set up everything: environment, system libraries, Kafka, pose model
	@$(BACHATA) setup

demo: setup ## Make a choreography video of a demo song
	@$(BACHATA) demo

test: ## Check the code and run all tests but the long ones (about 6 minutes on two cores)
	@$(MAKE) --no-print-directory --jobs=2 setup lint
	$(RUN) pytest -n 3 $(BY_FILE) -m "not chaos and not quality"

test-fast: .venv/.synced ## Run the tests that need no Kafka
	$(RUN) pytest -n 2 $(BY_FILE) tests/unit tests/contract tests/security

chaos: setup ## Kill, restart and starve everything for an hour, and count what is lost (CHAOS_SEED, CHAOS_SCALE)
	$(RUN) pytest tests/chaos tests/unit/streams -m chaos -s -p no:cacheprovider

lint: .venv/.synced ## Check style, types and the rules of import
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv/.synced ## Format the code
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: .venv/.synced ## Print the generated documents
	$(RUN) python -m schemas.reasons > docs/reasons.md

quality-music: .venv/.synced ## Measure beats, counts and sections beside librosa, on easy and hard songs (SONGS=folder)
	$(RUN) python tests/quality/quality_music.py $(SONGS)

quality-moves: setup ## Measure who is seen in clips, who is who, where joints are, what is found again (CLIPS=folder)
	$(RUN) python tests/quality/quality_moves.py $(CLIPS)

quality-structure: .venv/.synced ## Measure how the code hangs together, beside an earlier commit (BASE=commit)
	$(RUN) python -m tests.quality.structure $(if $(BASE),--base $(BASE))

bench-moves: setup ## Measure what indexing a clip costs, beside MediaPipe's own landmarker
	$(RUN) python tests/quality/bench_moves.py

bench-music: .venv/.synced ## Measure what analysing a song costs, beside librosa
	$(RUN) python tests/quality/bench_music.py

bench-plan: .venv/.synced ## Measure planning over 1,000 moves
	$(RUN) python tests/quality/bench_plan.py

bench-render: .venv/.synced ## Measure rendering beside an ffmpeg filter graph
	$(RUN) python tests/quality/bench_render.py

bench-search: .venv/.synced ## Measure filtered search beside qdrant-client's local mode
	$(RUN) python tests/quality/bench_search.py

bench-stream: setup ## Measure an event's way through four steps beside Faust as it comes
	$(RUN) python tests/quality/bench_stream.py

demo-set: ## Make the demo songs and clips anew
	$(UV) sync --locked --quiet --all-groups
	$(RUN) python -m data.generators.music.songs --out data/demo/songs
	$(RUN) python -m data.generators.couple --out data/demo

lock: ## Resolve the dependencies anew, and Kafka's jars
	$(UV) lock
	$(RUN) python -m infra.kafka_jars

clean: ## Remove the environment; the data folder stays
	rm -rf .venv .uv

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --quiet --compile-bytecode
	@touch $@

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
