"""Reception levels: who receives a visitor, and whom the guard refuses politely, in which words (C6)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """``received_by``: who is called. ``refuse``: the words with which the guard turns somebody away; None: they are received."""

    code: str
    name: tuple[str, str]
    received_by: tuple[str, str]
    refuse: tuple[str, str] | None = None


LEVELS = {
    level.code: level
    for level in (
        Level(
            "vip",
            ("重要来宾", "important guest"),
            ("请部门负责人迎接", "call the head of the department, who receives them"),
        ),
        Level(
            "business",
            ("业务来访", "business visit"),
            ("请客服接待", "call customer service, who receives them"),
        ),
        Level(
            "work",
            ("现场作业", "work on site"),
            ("请陪同人员到前台", "call the escort to the desk"),
        ),
        Level(
            "delivery",
            ("送货、取件", "delivery"),
            ("在前台办理，不进机房", "served at the desk, outside the rooms"),
            (
                "您好，送货和取件请在前台办理，机房内不便接待，感谢理解。",
                "Good day. Deliveries are handled here at the desk; we cannot take you into the rooms. Thank you for understanding.",
            ),
        ),
        Level(
            "not_received",
            ("不予接待", "not received"),
            ("不通知任何人", "nobody is called"),
            (
                "您好，很抱歉，今天无法安排参观或来访，请通过客服提前预约，感谢理解。",
                "Good day. We are sorry that no visit can be arranged today; please make an appointment with customer service. Thank you for"
                " understanding.",
            ),
        ),
    )
}
"""Code → level."""
