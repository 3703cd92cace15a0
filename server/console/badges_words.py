"""What codes of badges and applications are called on their pages. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

BADGES_WORDS: Final[dict[str, dict[str, str]]] = {
    "badge_standing": {
        "approved": N_("no card yet"),
        "issued": N_("waits for edges"),
        "active": N_("valid"),
        "suspended": N_("suspended"),
        "lost": N_("reported lost"),
        "expired": N_("expired"),
        "ended": N_("nothing carries it"),
        "revoked": N_("deregistered"),
        "returned": N_("card is back"),
    },
    "badge_standing_means": {
        "approved": N_("It holds its place in the quota, and opens nothing until a card is written."),
        "issued": N_("The card is written. It opens nothing until every edge knows that the one before is refused, or its lease is over."),
        "active": N_("It opens the doors of its customer's contracts, within its time."),
        "suspended": N_("It opens nothing inward until it is made active again; it keeps its place in the quota."),
        "lost": N_("It opens nothing, and raises an alarm with the photo where it is tapped; it keeps its place in the quota."),
        "expired": N_("Its time is over. Take the card back."),
        "ended": N_("The contract has ended, or the holder has left. Take the card back."),
        "revoked": N_("It opens nothing, for ever; its place in the quota is free."),
        "returned": N_("The card is back at the desk; its place in the quota is free."),
    },
    "badge_customer": {
        "organisation": N_("organisation"),
        "individual": N_("individual customer"),
        "supplier": N_("supplier"),
        "partner": N_("partner"),
    },
    "application_kind": {
        "new": N_("new badge"),
        "reissue": N_("re-issue after loss"),
        "transfer": N_("passes to another holder"),
    },
    "application_status": {
        "incomplete": N_("papers are missing"),
        "complete": N_("to be approved"),
        "approved": N_("approved"),
        "refused": N_("refused"),
        "withdrawn": N_("withdrawn"),
    },
    "badge_step": {
        "applied": N_("Applied for"),
        "papers": N_("Papers"),
        "approved": N_("Approval"),
        "card": N_("Card"),
        "in_force": N_("In force"),
        "declared": N_("Declaration"),
    },
    "step_state": {"done": N_("finished"), "now": N_("now"), "later": N_("later"), "off": N_("will not be")},
    "paper": {
        "photo": N_("Photo"),
        "id_copy": N_("Copy of the ID document"),
        "letter": N_("Letter of introduction"),
        "loss_letter": N_("Letter that states the loss"),
    },
    "why_out": {
        "contract_ended": N_("the contract has ended"),
        "holder_left": N_("the holder has left"),
        "expired": N_("the badge has expired"),
        "lost": N_("reported lost"),
        "revoked": N_("deregistered, the card is still out"),
    },
    "badge_technology": {
        "desfire": N_("DESFire card written elsewhere"),
        "ultralight-c": N_("Ultralight C card"),
        "felica-lite-s": N_("FeliCa Lite-S card"),
        "uid": N_("card known by its UID only"),
    },
    "badge_column": {
        "status": N_("status"),
        "reason": N_("reason"),
        "number": N_("number"),
        "technology": N_("card"),
        "from": N_("from"),
        "until": N_("until"),
        "schedule": N_("schedule"),
        "slot": N_("place"),
        "generation": N_("generation"),
        "replaces": N_("takes the place of"),
        "kind": N_("kind"),
        "external_id": N_("external id"),
        "issued_at": N_("card written"),
        "activated_at": N_("in force since"),
        "lost_at": N_("lost since"),
        "deregistered_at": N_("deregistered"),
    },
}  # fmt: skip
