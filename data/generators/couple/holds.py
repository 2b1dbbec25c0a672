"""Two stances and the names of holds in, all four hands out.

Two contacts make a hold: "left" joins the lead's left hand and the follow's right, "right" the other two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from data.generators.couple.arms import Arm, Contact, Hands, joined, low_joined, swinging
from data.generators.couple.geometry import UP, eased, vector
from data.generators.couple.skeleton import SIDES, Hand, Skeleton, Stance, blend
from data.generators.couple.stance import towards

CONTACTS = {"left": ("l", "r"), "right": ("r", "l")}  # the lead's side, the follow's side
Keys = Sequence[tuple[float, str]]  # (count from which it holds, hold); the hands begin to move one count earlier
Hold = Callable[[Contact], Hands]


def hold(contact: Contact) -> Hands:
    """The open hold, hands at waist height."""
    return low_joined(contact, 1.10)


def low(contact: Contact) -> Hands:
    """As the open hold, lower."""
    return low_joined(contact, 0.93)


def wide(contact: Contact) -> Hands:
    """Hands held out to the side at chest height."""
    return low_joined(contact, 1.30, out=0.32)


def over_follow(contact: Contact) -> Hands:
    """His hand above her head: she turns under it."""
    point = contact.follow.chest.head + vector(0, 0.31, 0) - contact.way * 0.06
    elbows = contact.lead.direction(1.0, -0.5, 0.1), contact.follow.direction(1.0, -0.1, 0.25)
    return joined(contact, point, elbows, (contact.way - 0.6 * UP, -contact.way + 0.2 * UP))


def over_lead(contact: Contact) -> Hands:
    """Her hand above his head: he turns under it."""
    point = contact.lead.chest.head + vector(0, 0.27, 0) + contact.way * 0.12
    elbows = contact.lead.direction(1.0, -0.1, 0.25), contact.follow.direction(1.0, -0.5, 0.1)
    return joined(contact, point, elbows, (contact.way + 0.2 * UP, -contact.way - 0.6 * UP))


def embrace(contact: Contact) -> Hands:
    """His hand on her shoulder blade, hers on his shoulder."""
    lead, follow = contact.lead, contact.follow
    back = Hand(follow.from_shoulder(-0.02, -0.16, -0.10), lead.direction(1, -0.45, 0), -contact.way, 0.2)
    top = Hand(lead.from_shoulder(0.02, 0.05, 0.06), follow.direction(1, -0.3, 0.1), -UP, 0.25)
    return back, top


def free(contact: Contact) -> Hands:
    """Both arms free."""
    return swinging(contact.lead, contact.count), swinging(contact.follow, contact.count)


def her_hip(contact: Contact) -> Hands:
    """Her free hand styled at the hip."""
    follow = contact.follow
    hand = Hand(
        follow.from_shoulder(0.10, -0.40, 0.06), follow.direction(1, -0.1, -0.5), follow.direction(-1, -0.3, 0), 0.2
    )
    return swinging(contact.lead, contact.count), hand


def her_side(contact: Contact) -> Hands:
    """Her free arm stretched to the side, at shoulder height."""
    follow = contact.follow
    hand = Hand(
        follow.from_shoulder(0.44, 0.03, 0.16), follow.direction(0.2, -1, -0.3), follow.direction(0, -1, 0.3), 0.12
    )
    return swinging(contact.lead, contact.count), hand


def her_crown(contact: Contact) -> Hands:
    """Her free arm rounded above her head."""
    follow = contact.follow
    hand = Hand(
        follow.chest.head + vector(0, 0.30, 0) + follow.direction(0.10, 0, 0.05),
        follow.direction(1, 0.1, 0.1),
        follow.direction(-1, -0.4, 0),
        0.15,
    )
    return swinging(contact.lead, contact.count), hand


def her_hair(contact: Contact) -> Hands:
    """Her free hand at the side of her hair."""
    follow = contact.follow
    hand = Hand(
        follow.chest.head + follow.direction(0.15, 0.06, 0.02),
        follow.direction(1, 0.2, 0.2),
        follow.direction(-1, 0, -0.2),
        0.3,
    )
    return swinging(contact.lead, contact.count), hand


def behind_her(contact: Contact) -> Hands:
    """Her hand folded behind her back, his holding it: the hammerlock."""
    follow = contact.follow
    wrist = follow.chest.place + follow.chest.rotation @ vector(-follow.sign * 0.02, -0.22, -0.19)
    hers = Hand(wrist, follow.direction(1, -0.2, -0.6), follow.direction(0, 0, -1), 0.4)
    his = Hand(wrist + follow.direction(0.05, -0.03, -0.07), contact.lead.elbow(), follow.direction(0, 0, 1), 0.5)
    return his, hers


def behind_waist(contact: Contact) -> Hand:
    """His hand on the back of her waist, reached from beside her."""
    chest = contact.follow.chest
    wrist = chest.place + chest.rotation @ vector(-0.02, -0.14, -0.15)
    return Hand(wrist, contact.lead.direction(0.8, -0.7, -0.4), chest.rotation[:, 2], 0.2)


def guiding(contact: Contact) -> Hands:
    """His hand at her back as she passes, hers free."""
    return behind_waist(contact), swinging(contact.follow, contact.count)


def around_her(contact: Contact) -> Hands:
    """He stands behind her to the side, a hand at her waist; hers is at her hip."""
    return behind_waist(contact), her_hip(contact)[1]


def around_her_open(contact: Contact) -> Hands:
    """As `around_her`, her arm stretched to the side."""
    return behind_waist(contact), her_side(contact)[1]


def beside_her(contact: Contact) -> Hands:
    """He stands behind her to the side: hands joined low between them."""
    return joined_beside(contact, -0.24, -0.28)


def before_her(contact: Contact) -> Hands:
    """As `beside_her`, the hands at chest height before them."""
    return joined_beside(contact, -0.40, -0.02)


def joined_beside(contact: Contact, out: float, up: float) -> Hands:
    """Hands joined, her palm down: `out` to her left of her breastbone (negative: to her right) and `up` from it."""
    lead, follow = contact.lead, contact.follow
    point = follow.chest.place + follow.chest.rotation @ vector(out, up, 0.20)
    return joined(contact, point, (lead.direction(0.6, -1, -0.2), follow.direction(0.6, -1, -0.2)), (UP, -UP))


HOLDS: dict[str, Hold] = {
    function.__name__: function
    for function in (
        hold,
        low,
        wide,
        over_follow,
        over_lead,
        embrace,
        free,
        her_hip,
        her_side,
        her_crown,
        her_hair,
        behind_her,
        guiding,
        around_her,
        around_her_open,
        beside_her,
        before_her,
    )
}


def set_hands(
    bodies: tuple[Skeleton, Skeleton],
    stances: tuple[Stance, Stance],
    keys: Mapping[str, Keys],
    count: float,
    sides: Mapping[str, tuple[str, str]] = CONTACTS,
) -> None:
    """Give both stances their hands at a count."""
    chests = [body.chest(pose) for body, pose in zip(bodies, stances, strict=True)]
    way = towards(chests[0].place, chests[1].place)
    for name, pair in sides.items():
        arms = [
            Arm(SIDES[side], chest, chest.shoulders[side], body.reach())
            for side, chest, body in zip(pair, chests, bodies, strict=True)
        ]
        hands = held(Contact(arms[0], arms[1], way, count), keys[name])
        for pose, side, hand in zip(stances, pair, hands, strict=True):
            pose.hands[side] = hand


def held(contact: Contact, keys: Keys) -> Hands:
    """The two hands of a contact: the hold in force, or on the way to the next one."""
    now = [name for count, name in keys if count <= contact.count][-1]
    coming = [(count, name) for count, name in keys if contact.count < count < contact.count + 1]
    hands = HOLDS[now](contact)
    if not coming:
        return hands
    count, name = coming[0]
    share = eased(1 - (count - contact.count))
    after = HOLDS[name](contact)
    return blend(hands[0], after[0], share), blend(hands[1], after[1], share)
