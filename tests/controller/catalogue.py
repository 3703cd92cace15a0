"""The catalogue of rules (shared RULES.md) in short words: where each is enforced, and what shows it.

``docs/rules.md`` is written from this by :mod:`tests.controller.catalogue_page`. A point is ``module:name`` or ``module:Class.method`` and must exist.
Tests are found by the rule's id in a docstring or name; ``tests`` names those that say it otherwise. Scenarios are found by their file's
prefix (``r2-…``, ``b4-b9-…``); ``scenarios`` names those whose prefix says something else. What is kept at the desk alone (``desk``) has none.
"""

import msgspec

ISSUE = 6
"""Rules of issues up to this one must be enforced, have a scenario (but ``desk``) and tests."""


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``issue``: the one that completes it; 0: none is planned yet. ``desk``: no door ever decides by it, so no scenario shows it."""

    id: str
    title: str
    text: str
    issue: int
    edge: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    guard: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    desk: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        return (*self.edge, *self.server, *self.guard)


# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(
        "B1", "a badge is issued on a contract in force and complete papers",
        "No badge without a signed hosting contract in force, a photo, a copy of the ID document and, from an organisation, its letter. What is missing is named.", 3,
        server=("server.badges.approval:refuse_incomplete", "server.badges.approval:refuse_without_footing", "server.badges.documents:required_parts", "server.badges.issuing:refuse_unissuable"),
        edge=("controller.encoding:begin",),
    ),
    Rule(
        "B2", "quota: two badges for an organisation, one for an individual",
        "A place is taken from approval until deregistration; loss alone frees none. The database holds it against every race, the edge checks every policy again.", 3,
        server=("server.badges.slots:take_free_slot", "server.registry.merge:merge_customers", "server.badges.models:Badge"),
        edge=("controller.quota:without_place", "controller.access:quota_slot"),
    ),
    Rule(
        "B3", "a badge is for its holder alone, within its validity",
        "Nobody lends a badge: who is inside cannot enter again, the guard sees the photo, and outside its dates it opens no entry.", 4,
        edge=("controller.access:badge_validity", "controller.access:untrusted_time", "controller.access:anti_passback"),
        guard=("server.badges.face:print_face",),
    ),
    Rule(
        "B4", "a lost badge opens nothing; re-issue needs the letter",
        "From the report on it opens no door, ways out included, and its use is an alarm. The letter of loss comes before a successor; the two never both work.", 3,
        server=("server.badges.acts:refuse_without_loss_letter", "server.fleet.awaited:activate_awaiting", "server.badges.slots:take_slot_of"),
        edge=("controller.access:lost_badge", "controller.access:badge_status"),
    ),
    Rule(
        "B5", "a holder who leaves: the badge is deregistered or passed on",
        "When somebody leaves, the badge stops; a new holder needs an application of their own.", 3,
        server=("server.registry.people:holder_left", "server.badges.applications:refuse_left"),
        edge=("controller.access:badge_status",),
    ),
    Rule(
        "B6", "the contract ends: every badge stops, with or without a network",
        "At the end of a contract its badges stop at every door and stay listed until they are back; an edge that hears nothing ends them by the date it knows, or by its lease.", 3,
        server=("server.registry.contract_terms:act_on_contract", "server.badges.to_be_returned:page", "server.fleet.compile:compile_rows"),
        edge=("controller.access:contract", "controller.access:permission", "controller.access:lease"),
        scenarios=("badge-expires",),
    ),
    Rule(
        "B7", "emergency entry by two operators",
        "The supervisor approves, a guard checks the document and admits; the debt stays listed. The edge admits by command, and cut off by the badges of a supervisor and a guard.", 5,
        server=("server.permits.emergencies:approve", "server.permits.emergencies:admit", "server.permits.emergencies:close", "server.permits.admission:permitted", "server.permits.edge_emergencies:EdgeEmergencies"),
        edge=("controller.orders:command", "controller.visitors:admit", "controller.emergency:enter"),
    ),
    Rule(
        "B8", "temporary entry on an approved permit",
        "A letter first, then approval, then entry within the window on a badge lent against the document. The edge keeps the window.", 5,
        server=("server.permits.drafting:submit", "server.permits.approval:approve", "server.permits.visits:check_in", "server.permits.lending:lend", "server.permits.visits:check_out"),
        edge=("controller.access:permission",),
    ),
    Rule(
        "B9", "every decision is attributable",
        "Each record holds the input, the rule, what decided it and the policy version; without a record nothing is unlocked but ways out, and it can be decided again.", 4,
        edge=("controller.tap:card_read", "controller.access:journal", "controller.engine:Engine.handle", "controller.what_if:Recheck"),
        server=("server.operators.audit:record", "server.registry.history:row_history"),
    ),
    Rule(
        "R1", "default deny",
        "Who is not known, or has no permission for this area at this time, does not enter; neither does anybody into what is closed or locked down.", 4,
        edge=("controller.access:decide", "controller.access:unknown_badge", "controller.access:permission", "controller.access:area_closed", "controller.access:lockdown", "controller.schedule:Calendar"),
        scenarios=("tap-opens-a-door", "unknown-card", "every-card-technology", "forced-and-held", "operator-command"),
    ),
    Rule(
        "R2", "two persons in the main room",
        "Nobody is alone in it by our doing: two different holders enter an empty room, the last two leave together; who is alone is told, raised as an alarm and never held.", 4,
        edge=("controller.group:decide_entry", "controller.pairing:decide_exit", "controller.occupancy:settle"),
    ),
    Rule(
        "R3", "the register: granted is not taken",
        "Only a door that opened after the grant makes an entry, with partner, permission and purpose; a correction is a signed note beside it.", 4,
        edge=("controller.passage:happen", "controller.presence:occupancy"),
        server=("server.rooms.register:Register", "server.rooms.notes:add_note", "server.permits.visits:check_out", "server.rooms.append_only:refuse_changes", "server.shift.people_debts:incomplete_entries"),
        scenarios=("granted-is-not-taken",),
    ),
    Rule(
        "R4", "staff by name, customers by badge, all others escorted",
        "Own staff enter by the head's permission, customers by their badge; everybody else waits for an escort, who taps last and stays.", 4,
        edge=("controller.escort:needs_escort", "controller.escort:may_escort", "controller.escort:settle_escorts", "controller.visitors:fetch", "controller.visitors:hand_over"),
        server=("server.badges.approval:refuse_forbidden_staff", "server.permits.approval:approvals_needed"),
    ),
    Rule(
        "R5", "each visitor is recorded",
        "Name, in, out and content of each visit; open visits hold up the handover of a shift.", 5,
        server=("server.permits.visits:check_out", "server.permits.overdue:open_visits", "server.shift.people_debts:visits", "server.shift.handovers:sign", "server.shift.handovers:accept"),
        scenarios=("b8-r8-a-visitor-from-the-permit-to-the-way-out",),
    ),
    Rule(
        "R6", "operation by others than operations staff is approved and signed",
        "Approved by the head, watched, signed by operator and witness.", 5,
        server=("server.permits.approval:approvals_needed", "server.permits.visits:witness", "server.permits.signing:sign", "server.shift.people_debts:unsigned_records"),
        desk=True,
    ),
    Rule(
        "R7", "a customer touches only their own equipment",
        "Cage and cabinet doors are doors; whose they are, the contract says.", 4,
        edge=("controller.access:cage",),
        server=("server.fleet.compile:compile_rows",),
    ),
    Rule(
        "R8", "declaration and photo at the door",
        "The guard confirms the declaration item by item, and the photo where a door asks for it.", 5,
        server=("server.permits.declaration:declare", "server.permits.declaration:refuse_undeclared", "server.permits.overdue:undeclared_badges"),
        edge=("controller.confirmation:ask_guard", "controller.confirmation:confirm_holder"),
    ),
    Rule(
        "R9", "violations are recorded and can suspend a badge",
        "Each is on record with its evidence and who handled it; it can suspend the holder's badges, which open no entry until that is lifted.", 5,
        server=("server.badges.acts:report_badge", "server.shift.violations:record_violation", "server.shift.suspending:suspend_badges", "server.shift.suspended_for:refuse_suspended", "server.shift.suspending:lift_suspensions"),
        edge=("controller.access:badge_status",),
        scenarios=("b3-b9-a-badge-opens-within-its-validity",),
    ),
    Rule(
        "E1", "a work order 24 hours before the first racking",
        "The order reaches the machine room a day before the goods do; the door knows from when it may be used.", 5,
        server=("server.equipment.orders:submit", "server.equipment.orders:approve_exception", "server.equipment.orders:ready_at", "server.equipment.desk:receive"),
        edge=("controller.equipment:refused_document",),
    ),
    Rule(
        "E2", "arriving equipment is unpacked and checked line by line",
        "Model, quantity and serial; what is not on the order does not enter, cartons neither.", 5,
        server=("server.equipment.orders:attest_unpacked", "server.equipment.order_lines:refuse_serials_elsewhere", "server.equipment.desk:receive"),
        edge=("controller.goods_scan:scan", "controller.equipment:judge_item", "controller.equipment:packed", "controller.goods_entry:refused"),
    ),
    Rule("E3", "one server, one address, one port", "More only where the contract says so.", 5, desk=True, server=("server.equipment.order_lines:refuse_beyond_contract", "server.registry.models:Contract")),
    Rule(
        "E4", "withdrawal on an exit slip",
        "Nothing leaves before the list is checked and a slip issued; a goods door that opens outward otherwise is inspected and attested.", 5,
        server=("server.equipment.slips.reconciling:reconcile", "server.equipment.slips.inspecting:inspect", "server.equipment.slips.deciding:refuse_unapprovable", "server.equipment.slips.deciding:issue", "server.equipment.attesting:attest"),
        edge=("controller.goods_exit:leave", "controller.goods_scan:scan", "controller.goods_door:opened", "controller.goods_door:unchecked"),
    ),
    Rule(
        "E5", "removal for repair binds to carriers and date",
        "A sealed application names who carries what, and when; the door asks for that carrier's badge and that date.", 5,
        server=("server.equipment.slips.drafting:missing_parts", "server.equipment.slips.deciding:approve"),
        edge=("controller.carrier:carrier_among_waiting", "controller.equipment:refused_document"),
    ),
    Rule(
        "E6", "a slip is spent once, item by item",
        "Also when the network is cut: reserved before the unlock, spent when the leaf opens, bound to one edge; and nothing leaves under another customer.", 5,
        server=("server.equipment.slips.claims:claim", "server.equipment.slips.binding:bind"),
        edge=("controller.goods_door:reserve", "controller.goods_door:opened", "controller.goods_policy:withdraw", "controller.equipment:of_another"),
    ),
    Rule(
        "E7", "equipment stands in the customer's own rack",
        "On the provided power; a rack that the contract does not name is on no work order, and what is found elsewhere is a recorded violation.", 5,
        server=("server.equipment.order_lines:replace_lines", "server.shift.violations:record_violation"),
        desk=True,
    ),
    Rule(
        "E8", "the site's own equipment leaves on an approved slip",
        "Storage erased first; checked for malware on return; own staff carry it.", 5,
        server=("server.equipment.slips.deciding:refuse_not_approver", "server.equipment.slips.inspecting:inspect", "server.equipment.slips.returning:expect_replacement"),
        edge=("controller.carrier:may_carry",),
    ),
    Rule(
        "C1", "one file per customer",
        "One code, kind, class, contacts, contracts, racks, and the running record; what is true and what happened are kept apart.", 3,
        server=("server.registry.customer_files:create_customer", "server.registry.models:Customer", "server.registry.people:create_contact"),
    ),
    Rule(
        "C2", "the registry is the one source",
        "A change there reaches every door that it concerns without being typed again.", 3,
        server=("server.registry.triggers:install_triggers", "server.registry.watcher:follow_registry", "server.fleet.compiling:Compiler"),
    ),
    Rule(
        "C3", "every change of a file is kept, duplicates are merged",
        "Who, when and what it was before; two files of one customer become one with both histories.", 3,
        server=("server.registry.history:customer_history", "server.registry.duplicates:duplicate_pairs", "server.registry.merge:merge_customers"),
    ),
    Rule(
        "C4", "viewing is by role, personal data are masked",
        "A look names its reason and is recorded; files of other departments take a higher role.", 3,
        server=("server.personal.masking:mask_name", "server.personal.looks:look_at_fields", "server.registry.lookup:may_see", "server.operators.guard:requires"),
    ),
    Rule("C5", "complaints are answered within three days", "Never by whom they concern; otherwise they escalate.", 0),
    Rule(
        "C6", "reception levels and visitor badges",
        "Who receives them, by level; refused politely where the level says so, and each wears a badge with a number.", 5,
        server=("server.permits.reception:Level", "server.permits.visits:check_in", "server.kiosk.looking:expected_now"),
        desk=True,
    ),
    Rule("C7", "classes are reviewed on a date", "A review that is due shows.", 0),
    Rule(
        "C8", "who leaves hands over every customer",
        "No file stays without an owner.", 6,
        server=("server.registry.customer_files:hand_over",),
        desk=True,
    ),
    Rule(
        "D1", "one account per operator",
        "Never shared, closed at the moment of transfer with its sessions; whoever is to approve for management becomes so by another's approval.", 6,
        server=("server.operators.service:change_operator", "server.operators.service:authorise", "server.operators.approvals:decide", "server.operators.sign_in:sign_in", "server.operators.sign_in:close_sessions", "server.operators.second_factor:take"),
        desk=True,
    ),
    Rule(
        "D2", "passwords are hashed and not guessable",
        "A modern KDF, no name, birthday, run or repetition; renewed, and changed at once on suspicion.", 6,
        server=("server.operators.passwords:hash_password", "server.operators.passwords:refuse_weak", "server.operators.password_changes:reset_password", "server.operators.sign_in:refuse_guessing"),
        desk=True,
    ),
    Rule(
        "D3", "the superuser's recovery secret has two halves",
        "Two people hold them; it opens with both halves and a superior's approval, every opening is in a ledger, and then a new one is due.", 6,
        server=("server.operators.recovery:make", "server.operators.recovery:show_half", "server.operators.recovery:read_back", "server.operators.recovery:open_secret", "server.operators.approvals:use", "server.operators.recovery:needed"),
        desk=True,
    ),
    Rule("D4", "a backup counts when its restore was verified", "Labelled, elsewhere, and before any restore or purge.", 0),
    Rule(
        "D5", "180 days online",
        "Nothing is purged that is not acknowledged and past its retention; the verified backup follows.", 0,
        edge=("edge.journal:SqliteJournal.purge",),
    ),
    Rule(
        "D6", "personal data are encrypted at rest, and nowhere else",
        "Absent from logs and from the edges: integer ids, printed numbers, keyed hashes.", 3,
        server=("server.personal.cipher:PersonalKeys", "server.personal.fields:write_field"),
        edge=("controller.policy:credential_key",),
    ),
    Rule(
        "D7", "the record is tamper-evident",
        "A chain of hashes from the edge to the export; the public verifier follows.", 0,
        edge=("controller.wire:chain", "edge.journal:SqliteJournal.verify"),
        server=("server.ledger.chain:judge", "server.ledger.reading:export"),
    ),
    Rule(
        "L1", "the way out always works",
        "REX and fire unlock without asking policy, network or database, and are recorded after; gas lets nobody in.", 4,
        edge=("controller.access:decide", "controller.passage:happen", "controller.passage:release_by_fire", "edge.no_journal:NoJournal", "controller.access:area_unsafe"),
        scenarios=("way-out", "fire-releases"),
    ),
    Rule(
        "L2", "link, restart and crash never unlock a door",
        "Outputs go to rest before anything is read; what was pending or granted does not survive; a board ends its pulse by itself.", 4,
        edge=("controller.supervision:started", "controller.supervision:link", "edge.boards.board_thread:BoardThread"),
        scenarios=("board-unplugged", "edge-killed", "network-dead", "reader-unplugged", "server-and-broker-killed"),
    ),
    Rule(
        "L3", "a muster list within a second",
        "From the edge alone, on its own page and on paper: who, where, since when; during a fire, as it began.", 4,
        edge=("controller.presence:muster", "edge.muster.facts:muster_of", "edge.muster.stored:read_situation"),
        server=("server.rooms.occupancy:occupancy", "server.rooms.muster_sheet:print_muster"),
    ),
    Rule(
        "L4", "a late read opens nothing",
        "A read carries its boot time; older than two seconds it is recorded and refused.", 4,
        edge=("controller.access:late_read", "readers.thread:ReaderThread"),
    ),
    Rule(
        "L5", "life-safety devices are tested on a date",
        "Exits, REX, releases and batteries, with result and signature; what is overdue shows.", 4,
        server=("server.duty.testing:note_test", "server.duty.overdue:overdue"),
    ),
)
# fmt: on
