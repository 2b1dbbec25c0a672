"""Score the library's moves for each phrase of a song."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.phrases import Span, cut_phrases
from agents.move_scoring.pools import MAX_CANDIDATES, Pools
from agents.move_scoring.terms import level_of, target_energy, terms_of
from agents.step import Hit, Library, no_report
from schemas.faults import Retryable
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Candidate, Phrase, Scores


def score(
    scoring: ScoringInput,
    library: Library,
    has_clip: Callable[[str], bool],
    report: Callable[[float], None] = no_report,
) -> Scores:
    """Return up to `MAX_CANDIDATES` moves for each phrase, the best first, and a summary of each move.

    `has_clip`: whether the media store has a clip; a move without its clip is left out, with a warning.
    Raises: `Poison` for a song without beats (`no_beats`), an empty library (`empty_library`), and one without a usable
    move (`no_usable_moves`); `Retryable` (`library_changed`) where the library changes during the search.
    """
    version = library.version()
    pools = Pools(library, scoring.analysis, scoring.difficulty, has_clip)
    summaries: dict[str, MoveSummary] = {}
    spans = cut_phrases(scoring.analysis)
    phrases = []
    for number, span in enumerate(spans, 1):
        phrases.append(_phrase(span, scoring, pools, summaries))
        report(number / len(spans))  # also ends the work if its time is over
    if library.version() != version:
        raise Retryable("the library changed while the song was scored", reason="library_changed")
    moves = dict(sorted(summaries.items()))
    return Scores(
        library_version=version,
        phrases=tuple(phrases),
        moves=moves,
        warnings=pools.warnings(),
        without_clip=pools.without_clip(),
    )


def _phrase(span: Span, scoring: ScoringInput, pools: Pools, summaries: dict[str, MoveSummary]) -> Phrase:
    pool = pools.of(level_of(target_energy(span, scoring)))
    best = _best(span, scoring, pool)
    clips = {candidate.clip_sha256 for candidate in best}
    summaries.update({hit.move.clip.sha256: _for_plans(hit.move) for hit in pool if hit.move.clip.sha256 in clips})
    return Phrase(
        start_beat=span.start_beat,
        end_beat=span.end_beat,
        energy=round(min(1.0, max(0.0, span.energy)), 4),
        section=span.section,
        candidates=best,
    )


def _for_plans(move: MoveSummary) -> MoveSummary:
    """Return a move without what no plan uses: an event that names many long clips would become too large for Kafka."""
    eights = tuple(eight.model_copy(update={"content": None}) for eight in move.eights)
    return move.model_copy(update={"boundaries": (), "look": None, "eights": eights})


def _best(span: Span, scoring: ScoringInput, pool: Iterable[Hit]) -> tuple[Candidate, ...]:
    scored = (_candidate(span, scoring, hit) for hit in pool)
    return tuple(sorted(scored, key=lambda candidate: (-candidate.score, candidate.clip_sha256))[:MAX_CANDIDATES])


def _candidate(span: Span, scoring: ScoringInput, hit: Hit) -> Candidate:
    terms = terms_of(span, scoring, hit.move, hit.similarity)
    return Candidate(clip_sha256=hit.move.clip.sha256, score=round(sum(terms.values()), 4), terms=terms)
