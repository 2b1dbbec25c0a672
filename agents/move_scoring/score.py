"""Scoring: the analysis, the request and the library in, the best moves for each phrase out."""

from __future__ import annotations

from collections.abc import Iterable

from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.phrases import Span, cut_phrases
from agents.move_scoring.pools import MAX_CANDIDATES, Pools
from agents.move_scoring.terms import level_of, terms_of, wished_energy
from agents.step import Hit, Library
from schemas.faults import Retryable
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Candidate, Phrase, Scores


def score(scoring: ScoringInput, library: Library) -> Scores:
    """Up to 20 moves for each phrase, the best first, and their cards.

    Raises `Poison` for a song without beats, an empty library, and one without a usable move; `Retryable` where the
    library changed meanwhile.
    """
    version = library.version()
    pools = Pools(library, scoring.analysis, scoring.difficulty)
    cards: dict[str, MoveSummary] = {}
    phrases = tuple(_phrase(span, scoring, pools, cards) for span in cut_phrases(scoring.analysis))
    if library.version() != version:
        raise Retryable("the library changed while the song was scored", reason="library_changed")
    return Scores(library_version=version, phrases=phrases, moves=dict(sorted(cards.items())))


def _phrase(span: Span, scoring: ScoringInput, pools: Pools, cards: dict[str, MoveSummary]) -> Phrase:
    pool = pools.of(level_of(wished_energy(span, scoring)))
    best = _best(span, scoring, pool)
    named = {candidate.clip_sha256 for candidate in best}
    cards.update({hit.move.clip.sha256: hit.move for hit in pool if hit.move.clip.sha256 in named})
    return Phrase(
        start_beat=span.start_beat,
        end_beat=span.end_beat,
        energy=round(min(1.0, max(0.0, span.energy)), 4),
        section=span.section,
        candidates=best,
    )


def _best(span: Span, scoring: ScoringInput, pool: Iterable[Hit]) -> tuple[Candidate, ...]:
    scored = (_candidate(span, scoring, hit) for hit in pool)
    return tuple(sorted(scored, key=lambda candidate: (-candidate.score, candidate.clip_sha256))[:MAX_CANDIDATES])


def _candidate(span: Span, scoring: ScoringInput, hit: Hit) -> Candidate:
    terms = terms_of(span, scoring, hit.move, hit.similarity)
    return Candidate(clip_sha256=hit.move.clip.sha256, score=round(sum(terms.values()), 4), terms=terms)
