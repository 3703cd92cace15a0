"""The monitor while things happen: taps, a lone occupant, a server that dies and comes back."""

from playwright.sync_api import expect

from tests.stack.flows.console import Console


def test_a_tap_is_seen_within_moments_and_a_server_that_dies_is_noticed_and_caught_up_with(console: Console) -> None:
    guard = console.page("guard")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    assert console.site.tap("b-li", "lobby-in").decision == "granted"
    expect(guard.locator("#events > li").first).to_contain_text("M1001")
    console.stack.kill("server")
    expect(guard.locator("#banner")).to_contain_text("Connection lost since")
    assert console.site.tap("unknown", "hall-in").decision == "denied"
    console.stack.restore("server")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    expect(guard.locator("#banner")).to_be_hidden()
    expect(guard.locator('#events > li[data-kind="AccessDenied"]')).to_have_count(1)
