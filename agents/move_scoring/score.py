"""Scoring: the analysis, the wish and the library in, the best moves for each phrase out."""

from __future__ import annotations

from collections.abc import Iterable

from agents.move_scoring.phrases import Span, cut_phrases
from agents.move_scoring.pools import ENOUGH, Pools
from agents.move_scoring.terms import level_of, terms_of, wished_energy
from agents.step import Hit, Library
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Options
from schemas.faults import Retryable
from schemas.move_indexed import MoveCard
from schemas.moves_scored import Candidate, Phrase, Scores


def score(analysis: AudioAnalysis, options: Options, library: Library) -> Scores:
    """Up to 20 moves for each phrase, the best first, and their cards.

    Raises `Poison` for a song without beats, an empty library, and one without a usable move; `Retryable` where the
    library changed meanwhile.
    """
    version = library.version()
    pools = Pools(library, analysis, options.difficulty)
    cards: dict[str, MoveCard] = {}
    phrases = tuple(_phrase(span, options, pools, cards) for span in cut_phrases(analysis))
    if library.version() != version:
        raise Retryable("the library changed while the song was scored", reason="library_changed")
    return Scores(library_version=version, phrases=phrases, moves=dict(sorted(cards.items())))


def _phrase(span: Span, options: Options, pools: Pools, cards: dict[str, MoveCard]) -> Phrase:
    pool = pools.of(level_of(wished_energy(span, options)))
    best = _best(span, options, pool)
    named = {candidate.clip_sha256 for candidate in best}
    cards.update({hit.move.clip.sha256: hit.move for hit in pool if hit.move.clip.sha256 in named})
    return Phrase(
        start_beat=span.start_beat,
        end_beat=span.end_beat,
        energy=round(min(1.0, max(0.0, span.energy)), 4),
        section=span.section,
        candidates=best,
    )


def _best(span: Span, options: Options, pool: Iterable[Hit]) -> tuple[Candidate, ...]:
    scored = (_candidate(span, options, hit) for hit in pool)
    return tuple(sorted(scored, key=lambda candidate: (-candidate.score, candidate.clip_sha256))[:ENOUGH])


def _candidate(span: Span, options: Options, hit: Hit) -> Candidate:
    terms = terms_of(span, options, hit.move, hit.similarity)
    return Candidate(clip_sha256=hit.move.clip.sha256, score=round(sum(terms.values()), 4), terms=terms)
