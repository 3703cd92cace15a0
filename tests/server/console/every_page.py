"""Every page of the console, once: where it is, who looks at it there, what is done before a picture of it is taken.

A path's ``{name}`` is one of the ids that :mod:`tests.server.console.played_papers` made, or of what was played at the doors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page

from tests.server.console.played_papers import Places

Who = Literal["guard", "supervisor", "administrator", "kiosk", "nobody"]
"""``kiosk``: the screen at the entrance. ``nobody``: whoever is not signed in."""


@dataclass(frozen=True)
class ShownPage:
    """``phone``: somebody uses it there. ``played``: only there after something happened at the doors. ``status``: what the server answers. ``before``: what is done on it."""

    name: str
    path: str
    who: Who = "supervisor"
    phone: bool = False
    played: bool = False
    status: int = 200
    before: Callable[[Page, Places], None] = lambda _page, _places: None


def _keys(page: Page, places: Places) -> None:
    page.wait_for_selector("body[data-link=up]")
    page.keyboard.press("?")
    page.wait_for_selector("#shortcuts[open]")


def _typed(*lines: str) -> Callable[[Page, Places], None]:
    def at_the_kiosk(page: Page, places: Places) -> None:
        for line in lines:
            page.keyboard.type(line.format(**places))
            page.keyboard.press("Enter")
        page.wait_for_selector("#main:not([data-view=start])")

    return at_the_kiosk


def _wrong(page: Page, places: Places) -> None:
    page.fill("#username", "nobody")
    page.fill("#password", "not the password")
    page.click(".act.main")
    page.wait_for_selector("#problem")


def _unfolded(page: Page, places: Places) -> None:
    page.locator("#main details > summary").evaluate_all(
        "all => all.forEach((one) => { one.parentElement.open = true; })"
    )


PAGES = (
    # The monitor
    ShownPage("live", "/live", "guard", phone=True),
    ShownPage("live-keys", "/live", "guard", before=_keys),
    ShownPage("inside", "/inside", "guard", phone=True),
    ShownPage("register", "/register", "guard", phone=True),
    ShownPage("register-filtered", "/register?incomplete=true&passages=true", "supervisor", before=_unfolded),
    ShownPage("register-entry", "/register/{entry}", "guard", phone=True, played=True),
    # Visits
    ShownPage("visits", "/visits", "guard", phone=True),
    ShownPage("visit-expected", "/visits/{visit_expected}", "guard", phone=True),
    ShownPage("visit-steps", "/visits/{visit_desk}", "guard", phone=True),
    ShownPage("visit-inside", "/visits/{visit_inside}", "guard", phone=True),
    ShownPage("visits-cards", "/visits/cards", "guard"),
    ShownPage("visits-kiosk-codes", "/visits/kiosk", "guard"),
    ShownPage("emergency", "/emergencies/{emergency}", "guard", phone=True),
    ShownPage("permits", "/permits", phone=True),
    ShownPage("permit", "/permits/{permit}"),
    ShownPage("permit-waiting", "/permits/{permit_waiting}", phone=True),
    ShownPage("permit-new", "/permits/new"),
    ShownPage("violations", "/violations", "guard", phone=True),
    ShownPage("violation", "/violations/{violation}", phone=True),
    ShownPage("violation-new", "/violations/new", "guard", phone=True),
    # Equipment
    ShownPage("equipment", "/equipment", "guard", phone=True),
    ShownPage("slip-draft", "/equipment/slips/{slip_draft}"),
    ShownPage("slip-look", "/equipment/slips/{slip_look}", "guard", phone=True),
    ShownPage("slip-out", "/equipment/slips/{slip_out}", "guard", phone=True),
    ShownPage("slip-kind", "/equipment/slips/new"),
    ShownPage("slip-new", "/equipment/slips/new?kind=withdrawal&customer=H100"),
    ShownPage("order-draft", "/equipment/orders/{order_draft}"),
    ShownPage("order-in", "/equipment/orders/{order_in}", "guard", phone=True),
    ShownPage("order-new", "/equipment/orders/new"),
    ShownPage("inventory", "/equipment/inventory", "guard", phone=True),
    ShownPage("inventory-import", "/equipment/inventory/import"),
    ShownPage("corrections", "/equipment/corrections"),
    ShownPage("correction", "/equipment/corrections/{correction}", "administrator"),
    ShownPage("correction-new", "/equipment/corrections/new"),
    ShownPage("path", "/equipment/path?serial={serial}", "guard", phone=True),
    ShownPage("path-empty", "/equipment/path", "guard"),
    ShownPage("discrepancies", "/equipment/discrepancies"),
    # Badges
    ShownPage("badges", "/badges", phone=True),
    ShownPage("badge", "/badges/{badge}", phone=True),
    ShownPage("badge-guard", "/badges/{badge}", "guard"),
    ShownPage("badge-without-card", "/badges/{badge_without_card}"),
    ShownPage("badges-to-return", "/badges/to-return"),
    ShownPage("applications", "/applications"),
    ShownPage("application-new", "/applications/new"),
    ShownPage("application-incomplete", "/applications/{application_incomplete}"),
    ShownPage("application-ready", "/applications/{application_ready}", phone=True),
    ShownPage("application-approved", "/applications/{application_approved}"),
    # Customers
    ShownPage("customers", "/customers", phone=True),
    ShownPage("customer", "/customers/{customer}", phone=True),
    ShownPage("customer-unfolded", "/customers/{customer}", before=_unfolded),
    ShownPage("customer-guard", "/customers/{customer}", "guard"),
    ShownPage("customer-history", "/customers/{customer}/history"),
    ShownPage("customer-new", "/customers/new"),
    ShownPage("customer-hand-over", "/customers/hand-over"),
    ShownPage("duplicates", "/customers/duplicates"),
    ShownPage("merge", "/customers/duplicates/{customer}/{twin}"),
    ShownPage("looks", "/customers/looks"),
    ShownPage("staff", "/staff"),
    ShownPage("staff-new", "/staff/new"),
    ShownPage("staff-person", "/staff/{staff}", played=True),
    # The shift, approvals, reports
    ShownPage("handover", "/handover", "guard", phone=True),
    ShownPage("handover-past", "/handover/{handover}", "guard", played=True),
    ShownPage("approvals", "/approvals", phone=True),
    ShownPage("reports-entries", "/reports", phone=True),
    ShownPage("reports-denials", "/reports?report=denials"),
    ShownPage("reports-doors", "/reports?report=doors"),
    ShownPage("reports-customers", "/reports?report=customers&period=month"),
    ShownPage("reports-alone", "/reports?report=alone"),
    ShownPage("reports-edges", "/reports?report=edges"),
    # The system
    ShownPage("system", "/system", "guard"),
    ShownPage("system-administrator", "/system", "administrator"),
    ShownPage("system-edge", "/system/edges/edge-1", "administrator"),
    ShownPage("system-duties", "/system/duties"),
    ShownPage("system-duty", "/system/duties/{duty}"),
    ShownPage("system-keys", "/system/keys"),
    ShownPage("system-key", "/system/keys/{key}"),
    ShownPage("system-escalations", "/system/escalations"),
    ShownPage("system-operators", "/system/operators", "administrator"),
    ShownPage("system-operator", "/system/operators/{operator}", "administrator", before=_unfolded),
    ShownPage("system-recovery", "/system/recovery", "administrator"),
    ShownPage("system-audit", "/system/audit"),
    # Oneself, and those who are not signed in
    ShownPage("account", "/account", phone=True),
    ShownPage("password", "/password", phone=True),
    ShownPage("error-not-found", "/visits/vis_nothing", "guard", phone=True, status=404),
    ShownPage("error-not-allowed", "/system/audit", "guard", status=403),
    ShownPage("sign-in", "/sign-in", "nobody", phone=True),
    ShownPage("sign-in-wrong", "/sign-in", "nobody", before=_wrong),
    ShownPage("kiosk-sign-in", "/kiosk/sign-in", "nobody"),
    # The screen at the entrance
    ShownPage("kiosk", "/kiosk", "kiosk"),
    ShownPage("kiosk-expected", "/kiosk", "kiosk", before=_typed("{arrival}")),
    ShownPage("kiosk-badge", "/kiosk", "kiosk", played=True, before=_typed("M1001")),
    ShownPage("kiosk-unknown", "/kiosk", "kiosk", before=_typed("M9999")),
)
