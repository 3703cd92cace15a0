"""Operators at once, out of session, out of bounds, on a phone (C4, D1, R4, E4)."""

import pytest
from playwright.sync_api import Page, expect

from server.console.sections import SECTIONS
from server.operators.permissions import ROLE_PERMISSIONS, Role
from tests.stack.flows.console import Console, settled
from tests.stack.flows.test_equipment_flows import draft_slip
from tests.stack.flows.test_visit_flows import draft

PHONE = {"width": 390, "height": 844}


def test_two_who_edit_the_same_file_both_see_both_versions(console: Console) -> None:
    first = console.page("customer_service", "/customers/C003")
    second = console.page("customer_service2", "/customers/C003")
    edit(first, remark="comes on Mondays")
    edit(second, remark="comes on Tuesdays")
    keep(first)
    expect(first.locator(".facts-list").first).to_contain_text("comes on Mondays")
    keep(second)
    conflict = second.locator(".conflict")
    expect(conflict).to_contain_text("comes on Mondays")
    expect(conflict).to_contain_text("comes on Tuesdays")
    second.get_by_role("button", name="Send mine all the same").click()
    expect(second.locator(".facts-list").first).to_contain_text("comes on Tuesdays")


def test_who_finds_a_permit_changed_meanwhile_may_take_what_stands(console: Console) -> None:
    first = console.page("customer_service", "/permits/new")
    permit = draft(console, first, "C002", "look at a leaking tap", "孟雪", "E11223344", operates=False)
    second = console.page("customer_service2", permit)
    for page, reason in ((first, "repair a leaking tap"), (second, "replace a leaking tap")):
        page.click("[data-act=change]")
        page.locator("form[data-method=PATCH] [name=reason]").fill(reason)
    first.locator("form[data-method=PATCH] button.main").click()
    expect(first.locator(".facts-list")).to_contain_text("repair a leaking tap")
    second.locator("form[data-method=PATCH] button.main").click()
    expect(second.locator(".conflict")).to_contain_text("repair a leaking tap")
    second.get_by_role("button", name="Take what stands now").click()
    expect(second.locator("form[data-method=PATCH] [name=reason]")).to_have_value("repair a leaking tap")
    expect(second.locator(".conflict")).to_have_count(0)


def test_who_is_signed_out_by_an_administrator_comes_back_to_what_they_typed(console: Console) -> None:
    service = console.page("customer_service3", "/customers/C002")
    edit(service, remark="typed before I was signed out")
    administrator = console.page("administrator", "/system/operators")
    administrator.locator("tr", has_text=console.operator("customer_service3")).locator("a").click()
    administrator.wait_for_url("**/system/operators/*")
    settled(administrator)
    administrator.locator("[data-act=close-session] button").first.click()
    expect(administrator.locator("li[data-session]")).to_have_count(0)
    service.wait_for_url("**/sign-in?**")
    console.sign_in(service, "customer_service3")
    assert service.url == f"{console.url}/customers/C002"
    expect(service.locator("#edit-facts [name=remark]")).to_have_value("typed before I was signed out")
    keep(service)
    expect(service.locator(".facts-list").first).to_contain_text("typed before I was signed out")


@pytest.mark.parametrize("role", [role for role in ROLE_PERMISSIONS if role != "kiosk"])
def test_a_role_sees_its_sections_and_a_readable_no_beyond_them(console: Console, role: Role) -> None:
    held = ROLE_PERMISSIONS[role]
    page = console.page(role, "/register")
    seen = page.locator(".rail a").evaluate_all("all => all.map((one) => one.dataset.go)")
    assert seen == [one.key for one in SECTIONS if any(tab.wanted & held for tab in one.tabs)]
    forbidden = [tab.path for one in SECTIONS for tab in one.tabs if not tab.wanted & held]
    for path in forbidden[:1]:
        answer = page.goto(console.url + path)
        assert answer is not None
        assert answer.status == 403
        expect(page.locator("h1")).to_have_text("This page is not for your role")
        expect(page.get_by_role("link", name="To the live page")).to_be_visible()
    for path in forbidden:
        answer_zh = page.request.get(console.url + path, headers={"Accept": "text/html", "Accept-Language": "zh-CN"})
        assert answer_zh.status == 403, path
        assert "此页面不对您的角色开放" in answer_zh.text(), path


def test_a_supervisor_approves_a_permit_and_a_slip_on_a_phone(console: Console) -> None:
    service = console.page("customer_service", "/permits/new")
    draft(console, service, "C002", "measure the air", "孟洁", "E55667788", operates=False)
    service.locator("form[data-api$='/submit'] button").click()
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "submitted")
    console.go(service, "/equipment")
    draft_slip(service, "HY-R750-0118", "sent to another hall")
    service.locator("form[data-api$='/reconcile'] button").click()
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "reconciled")
    guard = console.page("guard", service.url.removeprefix(console.url))
    guard.click("[data-act=inspect]")
    expect(guard.locator("h1 .badge-state")).to_have_attribute("data-value", "inspected")

    phone = console.page("supervisor", "/approvals", viewport=PHONE, has_touch=True, is_mobile=True)
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for kind, text in (("permit", "measure the air"), ("slip", "sent to another hall")):
        card = phone.locator(f".verdict[data-kind={kind}]", has_text=text)
        card.locator("[data-act=approve]").tap()
        expect(card).to_have_count(0)
        expect(phone.locator("#decided")).to_be_visible()
    service.reload()
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "approved")


def edit(page: Page, **values: str) -> None:
    """Open the form of a customer's facts and type."""
    page.click("[data-act=edit]")
    for name, text in values.items():
        page.fill(f"#edit-facts [name={name}]", text)


def keep(page: Page) -> None:
    """Send the form of a customer's facts."""
    page.locator("#edit-facts button.main").last.click()
