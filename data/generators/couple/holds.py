"""Compute all four hands from two stances and the names of holds.

Two contacts make a hold: "left" joins the lead's left hand and the follow's right, "right" the other two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from data.generators.couple.arms import PALM_GAP_M, Arm, Contact, Grip, Hands, joined, low_joined, swinging, together
from data.generators.couple.geometry import UP, eased, vector
from data.generators.couple.skeleton import SIDES, Hand, Skeleton, Stance, blend
from data.generators.couple.stance import towards

CONTACTS = {"left": ("l", "r"), "right": ("r", "l")}  # the lead's side, the follow's side
BACK_AHEAD_M = -0.085  # the skin of her shoulder blade, ahead of her shoulder
TURNING_CURLS = (0.85, 0.25)  # curls of a hand that turns inside the other
Keys = Sequence[tuple[float, str]]  # (count from which the hold is valid, hold); hands begin to move one count earlier
Hold = Callable[[Contact], Hands]


def hold(contact: Contact) -> Hands:
    """Return the open hold, hands at waist height."""
    return low_joined(contact, 1.10)


def low(contact: Contact) -> Hands:
    """Return the open hold with lower hands."""
    return low_joined(contact, 0.93)


def over_follow(contact: Contact) -> Hands:
    """Return his hand above her head, closed loosely round her raised one; she turns under it."""
    lead, follow = contact.lead, contact.follow
    point = follow.chest.head + vector(0, 0.325, 0) - contact.to_follow * 0.04 + follow.direction(0.05, 0, 0)
    fingers = contact.to_follow + lead.direction(-0.5, 0.1, 0), UP + follow.direction(0.12, 0, 0.12)
    elbows = lead.direction(1.0, -0.5, 0.1), follow.direction(1.0, -0.1, 0.25)
    return joined(
        contact,
        point,
        Grip(lead.direction(-1, -0.3, 0) + contact.to_follow * 0.5, fingers, elbows, TURNING_CURLS, (0.02, 0.055)),
    )


def over_lead(contact: Contact) -> Hands:
    """Return her hand above his head, inside his raised one; he turns under it."""
    lead, follow = contact.lead, contact.follow
    point = lead.chest.head + vector(0, 0.30, 0) + contact.to_follow * 0.10 + lead.direction(0.04, 0, 0)
    fingers = UP + lead.direction(0.12, 0, 0.12), -contact.to_follow + follow.direction(-0.5, 0.1, 0)
    elbows = lead.direction(1.0, -0.1, 0.25), follow.direction(1.0, -0.5, 0.1)
    return joined(
        contact,
        point,
        Grip(follow.direction(1, 0.3, 0) + contact.to_follow * 0.5, fingers, elbows, TURNING_CURLS, (0.045, 0.02)),
    )


def embrace(contact: Contact) -> Hands:
    """Return his hand on her shoulder blade, hers on his shoulder."""
    lead, follow = contact.lead, contact.follow
    top = Hand(
        lead.from_shoulder(-0.035, 0.080, 0.030), follow.direction(1, -0.3, 0.1), -UP, 0.3, lead.direction(-0.35, 0, -1)
    )
    return on_her_back(contact, 0.01), top


def on_her_back(contact: Contact, out: float) -> Hand:
    """Return his hand flat on her back, `out` from her shoulder (negative: towards the spine)."""
    lead, follow = contact.lead, contact.follow
    position = follow.from_shoulder(out, -0.12, BACK_AHEAD_M - PALM_GAP_M / 2)
    return Hand(
        position, lead.direction(1, -0.45, 0), follow.direction(0, 0.05, 1), 0.12, follow.direction(-1, 0.25, 0)
    )


def carried(contact: Contact) -> Hands:
    """Return his arm supporting her back, and her hand behind his neck."""
    return on_her_back(contact, -0.01), embrace(contact)[1]


def trailing(contact: Contact) -> Hands:
    """Return his hand at her waist, and her relaxed arm stretched beyond her head."""
    lead, follow = contact.lead, contact.follow
    waist = Hand(
        follow.from_shoulder(-0.045, -0.27, 0.02),
        lead.elbow(),
        follow.direction(-1, 0, 0),
        0.25,
        follow.direction(0, 0.2, -1),
    )
    hand = Hand(
        follow.from_shoulder(0.10, 0.48, -0.14), follow.direction(1, 0, -0.6), follow.direction(-0.3, 0, 1), 0.2
    )
    return waist, hand


def free(contact: Contact) -> Hands:
    """Return both arms free."""
    return swinging(contact.lead, contact.count), swinging(contact.follow, contact.count)


def her_hip(contact: Contact) -> Hands:
    """Return her free hand at the hip."""
    follow = contact.follow
    hand = Hand(
        follow.from_shoulder(0.02, -0.40, 0.05),
        follow.direction(1, -0.1, -0.6),
        follow.direction(-1, 0.1, 0),
        0.25,
        follow.direction(-0.25, -0.5, 0.8),
    )
    return swinging(contact.lead, contact.count), hand


def her_side(contact: Contact) -> Hands:
    """Return her free arm stretched to the side, at shoulder height."""
    follow = contact.follow
    hand = Hand(
        follow.from_shoulder(0.48, 0.02, 0.17),
        follow.direction(0.2, -1, -0.3),
        follow.direction(0, -1, 0.3),
        0.14,
        follow.direction(1, 0.25, 0.3),
    )
    return swinging(contact.lead, contact.count), hand


def her_crown(contact: Contact) -> Hands:
    """Return her free arm rounded above her head."""
    follow = contact.follow
    hand = Hand(
        follow.chest.head + vector(0, 0.30, 0) + follow.direction(0.10, 0, 0.05),
        follow.direction(1, 0.1, 0.1),
        follow.direction(-1, -0.6, 0),
        0.18,
        follow.direction(-0.9, 0.5, 0),
    )
    return swinging(contact.lead, contact.count), hand


def her_hair(contact: Contact) -> Hands:
    """Return her free hand at the side of her hair."""
    follow = contact.follow
    hand = Hand(
        follow.chest.head + follow.direction(0.13, 0.05, 0.0),
        follow.direction(1, 0.2, 0.2),
        follow.direction(-1, 0, -0.2),
        0.3,
        follow.direction(-0.2, 0.7, -0.7),
    )
    return swinging(contact.lead, contact.count), hand


def behind_her(contact: Contact) -> Hands:
    """Return her hand folded behind her back, held by his: the hammerlock."""
    follow, lead = contact.follow, contact.lead
    point = follow.chest.position + follow.chest.rotation @ vector(-follow.sign * 0.08, -0.17, -0.13)
    fingers = follow.direction(1, -0.1, 0.3), follow.direction(-1, 0.1, -0.1)
    elbows = lead.elbow(), follow.direction(1, -0.2, -0.6)
    return joined(contact, point, Grip(follow.direction(0, 0, 1), fingers, elbows))


def behind_waist(contact: Contact) -> Hand:
    """Return his hand on the back of her waist, reached from beside her."""
    chest, lead = contact.follow.chest, contact.lead
    position = chest.position + chest.rotation @ vector(-0.02, -0.03, -0.08)
    return Hand(position, lead.direction(0.8, -0.7, -0.4), chest.rotation[:, 2], 0.2, lead.direction(-1, 0.1, 0.8))


def around_her(contact: Contact) -> Hands:
    """Return his hand at her waist, from behind to the side, and hers at her hip."""
    return behind_waist(contact), her_hip(contact)[1]


def around_her_open(contact: Contact) -> Hands:
    """Return `around_her` with her arm stretched to the side."""
    return behind_waist(contact), her_side(contact)[1]


def beside_her(contact: Contact) -> Hands:
    """Return hands joined low between them; he stands behind her to the side."""
    return joined_beside(contact, -0.24, -0.28)


def before_her(contact: Contact) -> Hands:
    """Return `beside_her` with the hands in front at chest height."""
    return joined_beside(contact, -0.40, -0.02)


def joined_beside(contact: Contact, out: float, up: float) -> Hands:
    """Return hands joined, her palm down, at a point relative to her breastbone.

    `out` is to her left (negative: to her right), `up` above it, in metres.
    """
    lead, follow = contact.lead, contact.follow
    point = follow.chest.position + follow.chest.rotation @ vector(out, up, 0.20)
    fingers = lead.direction(-0.5, 0.1, 1), follow.direction(0.5, -0.1, 1)
    elbows = lead.direction(0.6, -1, -0.2), follow.direction(0.6, -1, -0.2)
    return joined(contact, point, Grip(UP, fingers, elbows))


HOLDS: dict[str, Hold] = {
    function.__name__: function
    for function in (
        hold,
        low,
        over_follow,
        over_lead,
        embrace,
        carried,
        trailing,
        free,
        her_hip,
        her_side,
        her_crown,
        her_hair,
        behind_her,
        around_her,
        around_her_open,
        beside_her,
        before_her,
    )
}


JOINED = {"hold", "low", "over_follow", "over_lead", "behind_her", "beside_her", "before_her"}  # hand in hand


def set_hands(
    bodies: tuple[Skeleton, Skeleton],
    stances: tuple[Stance, Stance],
    keys: Mapping[str, Keys],
    count: float,
    sides: Mapping[str, tuple[str, str]] = CONTACTS,
) -> None:
    """Set the hands of both stances at a count."""
    chests = [body.chest(pose) for body, pose in zip(bodies, stances, strict=True)]
    to_follow = towards(chests[0].position, chests[1].position)
    for name, pair in sides.items():
        arms = [
            Arm(SIDES[side], chest, chest.shoulders[side], body.reach(), body.palm_length)
            for side, chest, body in zip(pair, chests, bodies, strict=True)
        ]
        hands = contact_hands(Contact(arms[0], arms[1], to_follow, count), keys[name])
        for pose, side, hand in zip(stances, pair, hands, strict=True):
            pose.hands[side] = hand


def contact_hands(contact: Contact, keys: Keys) -> Hands:
    """Return the two hands of a contact: the current hold, or a position between it and the next one."""
    current = [name for count, name in keys if count <= contact.count][-1]
    upcoming = [(count, name) for count, name in keys if contact.count < count < contact.count + 1]
    hands = HOLDS[current](contact)
    if not upcoming:
        return hands
    count, name = upcoming[0]
    share = eased(1 - (count - contact.count))
    after = HOLDS[name](contact)
    moving = blend(hands[0], after[0], share), blend(hands[1], after[1], share)
    return together(contact, moving) if {current, name} <= JOINED else moving
