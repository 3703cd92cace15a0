"""Papers of one customer in every step, made through a running site's API by as many people as each takes: what the pages of the console have to show.

They touch no door and nobody else's records, so that other tests may work beside them on the same site.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from server.permits.entrance import entrance_code, printed_code
from sim.desk import PARTS, Desk
from sim.documents import document
from sim.goods_desk import GoodsDesk
from sim.operators import Operators
from sim.scenario_given import ItemGiven, LineGiven
from sim.scenario_goods import OrderTerms, SlipTerms
from sim.stack import Stack

API = "/api/v1"
OURS, TWIN, PERSON = "H100", "H101", "H200"
"""Customer codes: who the papers are of, a file that may be the same customer, an individual."""
SERIALS = ("HN-R750-0301", "HN-R750-0302", "HN-S5735-0303", "HN-S5735-0304")
MODELS = dict(zip(SERIALS, ("R750", "R750", "S5735", "S5735"), strict=True))
LONG_NAME = "海宁市长安镇数据服务与信息技术咨询发展有限责任公司上海分公司"
REASON = "更换故障电源模块，并核对机柜标签"
CARDS = ("T8001", "T8002")
VISITORS = (
    ("邓小宁", "110101199003070417"),
    ("许岚", "310101198811230026"),
    ("Alexandra Montgomery-Whitfield", "E12345678"),
)

Places = dict[str, str]
"""What a path's ``{name}`` stands for: the ids of what was made."""


class Papers:
    """``make`` once for each site. Every call raises :class:`sim.clients.Refused` when the server refuses it."""

    def __init__(self, stack: Stack, operators: Operators, now: dt.datetime) -> None:
        self._stack = stack
        self._as = operators.client
        self._goods = GoodsDesk(operators, now, REASON)
        self._desk = Desk(stack.api, stack.hall)
        self._now = now
        self._places: Places = {}

    def make(self) -> Places:
        """All of it."""
        self._customers()
        self._badges()
        self._equipment()
        self._permits()
        self._violation()
        self._duties()
        operators = self._stack.api.get(f"{API}/operators")["items"]
        self._places["operator"] = next(one["id"] for one in operators if one["role"] == "guard")
        return self._places

    def _post(self, path: str, role: str | None = None, /, **body: Any) -> Any:
        return self._as(role).post(f"{API}/{path}", body)

    def _customers(self) -> None:
        for code, name in ((OURS, "海宁数据科技有限公司"), (TWIN, LONG_NAME)):
            self._post("customers", external_id=code, code=code, kind="organisation", name=name, **{"class": "B"})
            self._post(
                "contacts",
                external_id=f"contact-{code}",
                customer=code,
                name="沈建国",
                phone="13901110100",
                email="shen@example.com",
                role="运维负责人",
            )
        self._post("customers", external_id=PERSON, code=PERSON, kind="individual", name="顾一鸣", **{"class": "C"})
        for code in (OURS, PERSON):
            terms = {
                "from": (self._now - dt.timedelta(days=40)).isoformat(),
                "until": (self._now + dt.timedelta(days=325)).isoformat(),
            }
            self._post("contracts", external_id=f"K-{code}", customer=code, areas=["lobby", "hall", "goods"], **terms)
        for name, of, customer in (
            ("shen", "沈静", OURS),
            ("lu", "陆川", OURS),
            ("gu", "顾一鸣", PERSON),
            ("han", "韩雪", OURS),
        ):
            self._post("holders", external_id=f"holder-{name}", customer=customer, name=of, phone="13801110101")
        self._places |= {"customer": OURS, "twin": TWIN}

    def _badges(self) -> None:
        """One issued, one that waits for its card, one application to be decided, one without its letter."""
        for name, last in (("shen", "issue"), ("lu", "approve"), ("gu", "apply")):
            self._desk.apply(f"badge-{name}", f"holder-{name}")
            if last != "apply":
                self._desk.approve(f"badge-{name}")
        self._desk.issue("badge-shen", number="M2001")
        self._desk.apply("badge-han", "holder-han", PARTS[:2])
        for name, place in (("shen", "badge"), ("lu", "badge_without_card")):
            self._places[place] = self._stack.api.get(f"{API}/badges/badge-{name}")["id"]
        for name, place in (
            ("shen", "application_approved"),
            ("gu", "application_ready"),
            ("han", "application_incomplete"),
        ):
            self._places[place] = self._desk.application(f"badge-{name}")["id"]

    def _equipment(self) -> None:
        """Slips in three steps, orders in two, a correction that waits for the second operator."""
        goods = self._goods
        goods.stock(ItemGiven(serial, MODELS[serial], OURS) for serial in SERIALS)
        for name, items, steps in (
            ("slip-draft", SERIALS[2:3], ()), ("slip-look", SERIALS[3:4], ("reconcile",)),
            ("slip-out", SERIALS[:2], ("approve", "issue")),
        ):  # fmt: skip
            goods.write_slip(name, SlipTerms(OURS, "withdrawal", (), items, (), None, None, None), MODELS)
            if "reconcile" in steps:
                self._post(f"exit-slips/{name}/reconcile", "customer_service")
            if "approve" in steps:
                goods.approve_slip(name)
                goods.issue_slip(name)
            self._places[name.replace("-", "_")] = self._stack.api.get(f"{API}/exit-slips/{name}")["id"]
        lines = (LineGiven("R760", ("HN-R760-0401", "HN-R760-0402")), LineGiven("导轨", (), 4))
        for name in ("order-draft", "order-in"):
            goods.write_order(name, OrderTerms(OURS, lines if name == "order-in" else lines[1:], None, None))
        goods.approve_order("order-in", unpacked=False)
        for name in ("order-draft", "order-in"):
            self._places[name.replace("-", "_")] = self._stack.api.get(f"{API}/work-orders/{name}")["id"]
        act = {"act": "in", "device": "HN-R750-0399", "model": "R750", "customer": OURS, "rack": ""}
        made = self._post("inventory/corrections", "supervisor", acts=[act], reason="盘点时发现，未登记")
        self._places |= {"correction": made["id"], "serial": SERIALS[0], "code": goods.code("slip", "slip-out")}

    def _permits(self) -> None:
        """One that waits for its second approval, one approved with three visits: at the door, in the middle of the steps, inside."""
        for number in CARDS:
            self._stack.hall.post("/cards", {"id": number, "technology": "desfire", "number": number})
            self._post("temporary-badges", number=number, card={"technology": "desfire", "number": number})
        waiting, approved = self._permit("permit-waiting", VISITORS[:1]), self._permit("permit-approved", VISITORS)
        self._post(f"permits/{waiting}/approve", "customer_service", note=REASON)
        self._post(f"permits/{approved}/approve", "customer_service", note=REASON)
        self._post(f"permits/{approved}/approve", "it_head", note=REASON)
        visits = self._stack.api.get(f"{API}/permits/{approved}")["visits"]
        self._places |= {
            "permit_waiting": waiting,
            "permit": approved,
            "arrival": printed_code(entrance_code(approved)),
        }
        self._places |= dict(zip(("visit_inside", "visit_desk", "visit_expected"), visits, strict=True))
        self._checked_in(visits[0])
        self._document(visits[1])
        said: dict[str, Any] = {item: {"confirmed": True} for item in self._items()[:4]}
        self._post(
            f"visits/{visits[1]}/declaration", "guard", items=said | {"media": {"confirmed": False, "note": "U 盘一个"}}
        )
        made = self._post("emergencies", "supervisor", reason="精密空调停机，厂家抢修", areas=["lobby"])
        self._places["emergency"] = made["id"]

    def _permit(self, name: str, persons: Iterable[tuple[str, str]]) -> str:
        service = self._as("customer_service")
        made = service.post(f"{API}/permits", {
            "external_id": name, "kind": "temporary", "customer": OURS, "reason": REASON, "areas": ["lobby", "hall"],
            "from": (self._now - dt.timedelta(hours=1)).isoformat(), "until": (self._now + dt.timedelta(hours=9)).isoformat(),
            "persons": [
                {"name": person, "id_document": "id_card" if number.isdigit() else "passport", "id_number": number}
                for person, number in persons
            ],
        })  # fmt: skip
        service.put(f"{API}/permits/{name}/letter", *document("letter", name))
        for person in made["persons"]:
            service.put(f"{API}/permits/{name}/persons/{person['id']}/id-copy", *document("id_copy", person["id"]))
        service.post(f"{API}/permits/{name}/submit")
        return str(made["id"])

    def _items(self) -> list[str]:
        return [item["item"] for item in self._as("guard").get(f"{API}/visits/forms")["declaration"]]

    def _document(self, visit: str) -> None:
        shown = self._as("guard").get(f"{API}/visits/{visit}")
        tail = {name[0]: number[-4:] for name, number in VISITORS}[str(shown["name"])[0]]
        self._post(
            f"visits/{visit}/document", "guard", id_document="id_card" if tail.isdigit() else "passport", number=tail
        )

    def _checked_in(self, visit: str) -> None:
        self._document(visit)
        self._post(f"visits/{visit}/declaration", "guard", items={item: {"confirmed": True} for item in self._items()})
        self._as("guard").put(f"{API}/visits/{visit}/photo", *document("photo", visit))
        self._post(f"visits/{visit}/check-in", "guard", card=CARDS[0], visitor_badge="V-12")

    def _violation(self) -> None:
        seen = [{"note": "监控画面里他用手机拍了 A-03 机柜"}]
        made = self._post(
            "violations", "guard", kind="photography", description="在主机房内用手机拍摄相邻客户机柜的标签，劝阻后删除。", holder="holder-shen",
            area="hall", rack="A-03", evidence=seen,
        )  # fmt: skip
        self._places["violation"] = made["id"]

    def _duties(self) -> None:
        items = self._stack.api.get(f"{API}/duty-items")["items"]
        item = next(one for one in items if one["subject"] == "hall-door")
        self._post(f"duty-items/{item['id']}/tests", "guard", result="fail", note="磁力锁没有断电")
        key = self._post(
            "mechanical-keys", "supervisor", number="K-081", opens=["hall-door"], kept_at="值班室钥匙柜 3 号钩"
        )
        self._post(f"mechanical-keys/{key['id']}/take", "guard", holder="holder-shen", reason="读卡器故障，陪同开门")
        self._places |= {"duty": str(item["id"]), "key": str(key["id"])}
