"""Faults planted in the controller, one line each: what the agreement with the reference model and the search must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One line of ``controller/<module>.py``, what it becomes, and the buildings where that matters."""

    name: str
    module: str
    line: str
    becomes: str
    buildings: tuple[str, ...]


MUTATIONS = (
    Mutation("one-person-inside-is-enough", "group", "if there < 2:", "if there < 1:", ("hall-with-cage",)),
    Mutation("a-pair-of-one", "group", "if len(group) < 2:", "if len(group) < 1:", ("hall-with-two-doors",)),
    Mutation("the-last-pair-is-not-asked", "pairing", "if len(staying) == 1:", "if len(staying) == 0:", ("hall-with-cage",)),
    Mutation("held-while-uncertain", "pairing", "if room.two_person and room.id not in state.uncertain:", "if room.two_person:", ("hall-with-two-doors",)),
    Mutation("the-confirmation-comes-too-late", "pairing", "prompt is not None and turn.mono_us >= prompt.asked_at_mono_us", "prompt is not None and turn.mono_us > prompt.asked_at_mono_us", ("hall-with-two-doors",)),
    Mutation("the-window-ends-late", "pairing", "if not is_prompt(one.pending) and one.pending.until_mono_us <= turn.mono_us:", "if not is_prompt(one.pending) and one.pending.until_mono_us < turn.mono_us:", ("hall-with-cage",)),
    Mutation("passback-although-unsure", "anti_passback", "if presence is None or not presence.sure:", "if presence is None:", ("hall-with-cage",)),
    Mutation("unseen-entries-are-silent", "anti_passback", "and room.id not in state.uncertain and not listed:", "and room.id not in state.uncertain and listed:", ("hall-with-cage",)),
    Mutation("forced-and-still-certain", "passage", 'turn.doubt_opening(door, "forced")', "pass", ("hall-with-cage",)),
    Mutation("a-command-leaves-no-doubt", "passage", "if facts.commanded or not (", "if not (", ("mantrap", "full")),
    Mutation("rex-and-grant-are-told-apart", "passage", '"ambiguous" if facts.grants else "rex"', '"rex"', ("hall-with-two-doors",)),
    Mutation("restart-and-still-certain", "supervision", "first = not turn.state.boot_id", "first = True", ("hall-with-cage",)),
    Mutation("nobody-is-ever-alone", "occupancy", "one = len(listed(state, room)) == 1", "one = len(listed(state, room)) == 0", ("hall-with-cage",)),
    Mutation("rex-alarms-nobody", "occupancy", "if not one and not doubtful:", "if not one:", ("hall-with-two-doors",)),
    Mutation("a-count-takes-the-old-list-s-word", "occupancy", "while not known.sure and area != room.id", "while False and area != room.id", ("hall-with-cage",)),
    Mutation("a-count-answers-for-inner-rooms", "occupancy", "        if around:\n", "        if not around:\n", ("hall-with-cage",)),
    Mutation("who-may-still-be-alone-is-forgotten", "occupancy", "perhaps = left_by_rex | _counted_around(turn)", "perhaps = left_by_rex", ("room-in-room",)),
    Mutation("visitors-go-alone", "escort", 'return kind is None or kind == "temporary" or', "return kind is None or", ("escorted", "full")),
    Mutation("the-escort-who-left-is-not-missed", "escort", "if escort is None or escort.area not in", "if escort is None and escort.area not in", ("escorted",)),
    Mutation("the-interlock-looks-at-the-leaf-only", "interlock", 'if facts.lock == "unlocked" or not closed:', "if not closed:", ("mantrap",)),
    Mutation("the-room-before-stays-certain", "turn", "for area in self.areas_before(door):", "for area in ():", ("mantrap",)),
    Mutation("visitors-are-handed-to-nobody", "visitors", "if not newcomer.may_escort or newcomer.alarms:", "if True:", ("escorted",)),
    Mutation("a-late-visitor-pulls-the-escort-out", "visitors", "if not escort.may_escort or escort.alarms:", "if True:", ("escorted", "full")),
    Mutation("a-guard-alone-is-an-emergency", "emergency", "if supervisor is None:", "if False:", ("hall-with-cage",)),
    Mutation("lockdown-takes-nobody-s-grant", "lockdown", "_lapse_entries(turn, door, shut)", "pass", ("hall-with-cage",)),
    Mutation("lockdown-shuts-ways-out", "lockdown", "if not leaving:", "if True:", ("hall-with-cage",)),
    Mutation("one-too-many", "group", "if people > room.capacity:", "if people > room.capacity + 1:", ("full", "mantrap")),
    Mutation("a-second-read-after-a-second", "tap", "0 <= turn.mono_us - read.mono_us < window_us", "0 <= turn.mono_us - read.mono_us <= window_us", ("hall-with-cage",)),
    Mutation("soft-passback-is-silent", "answers", 'return inside_already(point, presence, "soft") is not None', "return False", ("escorted", "full")),
)  # fmt: skip
