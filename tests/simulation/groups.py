"""A consumer group on the broker: members, generations, assignments and committed offsets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.simulation.clock import VirtualLoop

_NO_ERROR, _ILLEGAL_GENERATION, _UNKNOWN_MEMBER, _REBALANCING = 0, 22, 25, 27

Reply = Callable[[Any], None]


@dataclass(eq=False)
class _Member:
    id: str
    session_timeout_s: float
    rebalance_timeout_s: float
    protocols: list[tuple[str, bytes]]
    expires_at: float = 0.0
    join: tuple[Any, Reply] | None = None  # a request that waits for the others to join
    sync: tuple[Any, Reply] | None = None  # a request that waits for the assignment


class Group:
    """The state of a group. `offsets`: what is committed, with metadata, by topic and partition."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self._loop = loop
        self._name = name
        self._members: dict[str, _Member] = {}
        self._assignments: dict[str, bytes] = {}
        self._state: Literal["stable", "joining", "syncing"] = "stable"
        self._round = 0
        self._joined = 0
        self.generation = 0
        self.offsets: dict[tuple[str, int], tuple[int, str]] = {}

    def join(self, request: Any, reply: Reply) -> None:
        """Add or update a member, and answer when all members have joined or their time is over."""
        member_id = request.member_id
        if member_id and member_id not in self._members:
            reply(request.RESPONSE_TYPE(0, _UNKNOWN_MEMBER, -1, "", "", member_id, []))
            return
        if not member_id:
            self._joined += 1
            member_id = f"{self._name}-{self._joined:04d}"
        member = self._members.setdefault(member_id, _Member(member_id, 0, 0, []))
        member.session_timeout_s = request.session_timeout / 1000
        member.rebalance_timeout_s = request.rebalance_timeout / 1000
        member.protocols = list(request.group_protocols)
        member.join = request, reply
        self._begin_round()
        self._complete_round()

    def sync(self, request: Any, reply: Reply) -> None:
        """Answer with the member's assignment when the leader has sent it."""
        error = self._error_of(request.member_id, request.generation_id)
        if error or self._state == "joining":
            reply(request.RESPONSE_TYPE(0, error or _REBALANCING, b""))
            return
        member = self._members[request.member_id]
        self._touch(member)
        member.sync = request, reply
        if request.group_assignment:
            self._assignments = dict(request.group_assignment)
            self._state = "stable"
        if self._state == "stable":
            self._answer_syncs()

    def heartbeat(self, member_id: str, generation: int) -> int:
        """Return the error code of a heartbeat, and renew the member's session."""
        error = self._error_of(member_id, generation)
        if not error:
            self._touch(self._members[member_id])
        return error or (_REBALANCING if self._state == "joining" else _NO_ERROR)

    def leave(self, member_id: str) -> None:
        """Remove a member."""
        member = self._members.pop(member_id, None)
        if member is not None:
            self._begin_round()
            self._complete_round()

    def commit_error(self, member_id: str, generation: int) -> int:
        """Return the error code of a commit; during a rebalance members may still commit."""
        if not member_id and generation < 0 and not self._members:
            return _NO_ERROR  # an administrator's
        return self._error_of(member_id, generation) or (_REBALANCING if self._state == "syncing" else _NO_ERROR)

    def expire_all(self) -> None:
        """Remove all members, as a broker that starts again and has lost them does."""
        for member in list(self._members.values()):
            self._members.pop(member.id)
        self._state = "stable"

    def _error_of(self, member_id: str, generation: int) -> int:
        if member_id not in self._members:
            return _UNKNOWN_MEMBER
        return _NO_ERROR if generation == self.generation else _ILLEGAL_GENERATION

    def _touch(self, member: _Member) -> None:
        member.expires_at = self._loop.now + member.session_timeout_s
        self._loop.call_outside(member.session_timeout_s + 1e-3, self._expire, member)

    def _expire(self, member: _Member) -> None:
        if member.expires_at <= self._loop.now and member.join is None and self._members.get(member.id) is member:
            self.leave(member.id)

    def _begin_round(self) -> None:
        if self._state == "joining":
            return
        self._state = "joining"
        self._round += 1
        for member in self._members.values():
            self._answer_sync(member, _REBALANCING, b"")
        timeout = max([member.rebalance_timeout_s for member in self._members.values()], default=0.0)
        self._loop.call_outside(timeout, self._end_round, self._round)

    def _end_round(self, number: int) -> None:
        if number == self._round and self._state == "joining":
            for member in [member for member in self._members.values() if member.join is None]:
                self._members.pop(member.id)
            self._complete_round()

    def _complete_round(self) -> None:
        if any(member.join is None for member in self._members.values()):
            return
        if not self._members:
            self._state = "stable"
            return
        self.generation += 1
        self._state = "syncing"
        self._assignments = {}
        leader = next(iter(self._members))
        everyone = [(member.id, member.protocols[0][1]) for member in self._members.values()]
        for member in self._members.values():
            assert member.join is not None
            (request, reply), member.join = member.join, None
            name, members = member.protocols[0][0], everyone if member.id == leader else []
            self._touch(member)
            reply(request.RESPONSE_TYPE(0, _NO_ERROR, self.generation, name, leader, member.id, members))

    def _answer_syncs(self) -> None:
        for member in self._members.values():
            self._answer_sync(member, _NO_ERROR, self._assignments.get(member.id, b""))

    def _answer_sync(self, member: _Member, error: int, assignment: bytes) -> None:
        if member.sync is not None:
            (request, reply), member.sync = member.sync, None
            reply(request.RESPONSE_TYPE(0, error, assignment))
