"""Score the library's moves for each phrase of a song."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from agents.blas import one_blas_thread
from agents.dance.rules import Rules
from agents.move_scoring.engine import OptimizedRecommendationEngine, engine_of
from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.known_library import KnownLibrary
from agents.move_scoring.move_arrays import MoveArrays
from agents.move_scoring.phrases import Span, cut_phrases
from agents.move_scoring.song_candidates import SongCandidates
from agents.move_scoring.summaries import for_plans
from agents.step import Library, no_report
from agents.texts import first_few
from schemas.base import Quality, joined_warnings
from schemas.faults import Poison, Retryable
from schemas.limits import MAX_MISSING_CLIPS
from schemas.moves_scored import Phrase, Scores

CANDIDATES: Mapping[Quality, int] = {"fast": 8, "balanced": 12, "high_quality": 20}  # different moves for each phrase
_MAX_CANDIDATES = 15_000  # of all phrases: an event has at most 8 MiB


@one_blas_thread()
def score(
    scoring: ScoringInput,
    library: Library,
    has_clip: Callable[[str], bool],
    report: Callable[[float], None] = no_report,
    rules: Rules | None = None,
) -> Scores:
    """Return the moves for each phrase, the best first, as many as the quality says, and what a plan needs of each.

    `has_clip`: whether the media store has a clip; a move without its clip is left out, with a warning.
    Raises: `Poison` for a song without beats (`no_beats`), an empty library (`empty_library`), and one without a usable
    move (`no_usable_moves`); `Retryable` (`library_changed`) where the library changes during the work.
    """
    version = library.version()
    spans = cut_phrases(scoring.analysis)
    engine = engine_of(library)
    known = engine.of_library(library, rules)
    arrays = known.arrays()
    report(0.3)  # also ends the work if its time is over
    missing = frozenset[str]()
    while True:
        found = _found(scoring, engine, known, spans, missing)
        lacking = {clip for clip in found.clips() if not has_clip(clip)}
        if not lacking:
            break
        missing = frozenset(clip for clip in arrays.clips if not has_clip(clip))
        report(0.6)
    moves = {move.clip.sha256: move for move in library.read(sorted(found.clips()))}
    if library.version() != version or moves.keys() != found.clips():
        raise Retryable("the library changed while the song was scored", reason="library_changed")
    report(0.9)
    return Scores(
        library_version=version,
        phrases=tuple(_phrases(spans, found)),
        moves={clip: for_plans(move, found.first_beats(clip)) for clip, move in sorted(moves.items())},
        fits={clip: found.fit(clip) for clip in sorted(moves)},
        warnings=_warnings(arrays, missing, found, library.unreadable()),
        without_clip=tuple(sorted(missing)[:MAX_MISSING_CLIPS]),
    )


def _found(
    scoring: ScoringInput,
    engine: OptimizedRecommendationEngine,
    known: KnownLibrary,
    spans: Sequence[Span],
    missing: frozenset[str],
) -> SongCandidates:
    arrays = known.arrays()
    if len(arrays.clips) <= len(missing):
        raise _no_usable_moves(known.has_moves(), bool(missing))
    number = max(1, min(CANDIDATES[scoring.quality], _MAX_CANDIDATES // len(spans)))
    return engine.candidates(scoring.analysis, scoring.options, spans, known, number, missing)


def _phrases(spans: Sequence[Span], found: SongCandidates) -> Iterator[Phrase]:
    for number, span in enumerate(spans):
        yield Phrase(
            start_beat=span.start_beat,
            end_beat=span.end_beat,
            energy=round(min(1.0, max(0.0, span.energy)), 4),
            section=span.section,
            candidates=found.of_phrase(number),
        )


def _warnings(arrays: MoveArrays, missing: frozenset[str], found: SongCandidates, unreadable: int) -> tuple[str, ...]:
    names = [names[0] for clip, names in zip(arrays.clips, arrays.names, strict=True) if clip in missing]
    return joined_warnings(
        _named("the media store lacks the clips of these moves, index them again", names),
        _named("the eights of these moves are not in their pictures, index them again", arrays.contradictory),
        [f"moves of the library that cannot be read, see the worker's log: {unreadable}"] if unreadable else [],
        found.warnings(),
    )


def _named(warning: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"{warning}: {first_few(sorted(names))}"


def _no_usable_moves(has_moves: bool, lacks_clips: bool) -> Poison:
    if lacks_clips:
        message = "the media store lacks the clips of the library: index them again, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    if has_moves:
        message = "no move in the library has a whole eight of beats: index longer clips, `bachata index FOLDER`"
        return Poison(message, reason="no_usable_moves")
    return Poison("the library is empty: index clips first, `bachata index FOLDER`", reason="empty_library")
