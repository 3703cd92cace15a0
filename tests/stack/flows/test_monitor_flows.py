"""The monitor while things happen: taps, a lone occupant, a server that dies and comes back."""

import re

from playwright.sync_api import expect

from tests.stack.flows.console import Console, press


def test_a_server_that_dies_is_noticed_caught_up_with_and_loses_nothing_that_was_typed(console: Console) -> None:
    service = console.page("customer_service", "/customers/C005")
    service.click("[data-act=edit]")
    remark = service.locator("#edit-facts [name=remark]")
    remark.fill("typed while the server was dead")
    guard = console.page("guard")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    assert console.site.tap("b-chen", "lobby-in").decision == "granted"
    expect(guard.locator('#events > [data-kind="AccessGranted"]').first).to_contain_text("M1003")
    console.stack.kill("server")
    expect(guard.locator("#banner")).to_contain_text("Connection lost since")
    expect(service.locator("#live-chip")).to_have_attribute("data-state", "lost")
    service.locator("#edit-facts button.main").last.click()
    expect(service.locator("#edit-facts [data-problem]")).to_contain_text("What you typed is still here")
    expect(remark).to_have_value("typed while the server was dead")
    assert console.site.tap("unknown", "cage-in").decision == "denied"
    console.stack.restore("server")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    expect(guard.locator("#banner")).to_be_hidden()
    expect(guard.locator('#events > [data-kind="AccessDenied"]', has_text="Cage A")).to_have_count(1)
    service.locator("#edit-facts button.main").last.click()
    expect(service.locator(".facts-list").first).to_contain_text("typed while the server was dead")


def test_who_is_alone_in_the_hall_is_an_alarm_until_somebody_joins_them(console: Console) -> None:
    guard = console.page("guard")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    guard.click("#alarms-title")  # a browser sounds once it was touched
    tap = console.site.tap
    tap("b-li", "hall-in")
    expect(guard.locator("#waiting .waits")).to_contain_text("M1001")
    assert tap("b-wang", "hall-in").decision == "granted"
    console.walk("hall-door", people=2)
    expect(guard.locator("#plan")).to_contain_text("2")
    tap("b-wang", "hall-out")
    expect(guard.locator("#waiting .waits .left")).to_have_attribute("data-until", re.compile("."))
    assert tap("b-wang", "hall-out").decision == "granted"
    console.walk("hall-door", out=True)
    alarm = guard.locator("#alarms .alarm", has_text="One person alone")
    expect(alarm).to_have_attribute("data-state", "raised")
    expect(alarm).to_have_attribute("data-priority", "1")
    expect(alarm.locator(".left")).to_have_text(re.compile(r"\d"))
    expect(guard.locator("#sound-do")).to_have_text("Sound on")
    press(guard, "m")
    expect(guard.locator("#sound-do")).to_contain_text(re.compile(r"\d"))  # counts down: there is no mute for ever
    press(guard, "m")
    expect(guard.locator("#sound-do")).to_have_text("Sound on")
    press(guard, "a")
    expect(guard.locator("#alarms [data-act=acknowledge]:focus")).to_have_count(1)
    guard.keyboard.press("Enter")
    guard.fill("#ask-text", "called them: a colleague is on the way")
    guard.click("#ask-do")
    expect(alarm).to_have_attribute("data-state", "acknowledged")
    expect(alarm).to_contain_text("a colleague is on the way")
    tap("b-guo", "hall-in")  # to somebody alone goes who comes in by two (MEANINGS 11)
    assert tap("b-sun", "hall-in").decision == "granted"
    console.walk("hall-door", people=2)
    expect(alarm).to_have_count(0)
    assert tap("b-li", "hall-out").decision == "granted"
    console.walk("hall-door", out=True)
    tap("b-guo", "hall-out")  # the last two leave as a pair
    assert tap("b-sun", "hall-out").decision == "granted"
    console.walk("hall-door", people=2, out=True)
