"""The faults of a spreadsheet in Chinese: what the readers of cells and rows say in English is translated where the API shows it."""

import re
from typing import Final

_PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    (r"is empty; its first row must be the headings", "表为空：第一行须为表头"),
    (r"has no rows below its headings", "表头下没有数据"),
    (r"holds a formula; paste its value instead", "含公式：请粘贴为数值"),
    (r"no such heading; write one of (.*)", "没有此列名：请使用 {0}"),
    (r"this heading stands twice; keep one", "列名重复：请只保留一个"),
    (r"this heading is missing \((.*)\); add it", "缺少列“{0}”：请补上"),
    (r"is empty; fill it", "为空：请填写"),
    (r"is the same as in row (\d+); keep one of them", "与第 {0} 行重复：请只保留一行"),
    (r"holds more than (\d+) characters; shorten it", "超过 {0} 个字符：请缩短"),
    (r"must be a whole number", "须为整数"),
    (r"holds a date, time or truth value where text is wanted; format the cell as text", "应为文本，却是日期、时间或真假值：请将单元格设为文本格式"),
    (r"holds a NUL character; write the text again", "含不可见的空字符：请重新输入"),
    (r"holds a fraction where text is wanted; format the cell as text", "应为文本，却是小数：请将单元格设为文本格式"),
    (r"holds a long number, which the spreadsheet has rounded; format the cell as text and write it again", "长数字已被表格软件舍入：请将单元格设为文本格式后重新输入"),
    (r"must be yes or no .*", "须为“是”或“否”"),
    (r"holds a time without its zone; .*", "时间缺少时区：请填日期，或以文本填写 2026-12-31T16:00:00Z"),
    (r"must be a date", "须为日期"),
    (r"write a date \(2026-12-31\) or a time with its zone .*", "请填日期（2026-12-31）或带时区的时间（2026-12-31T16:00:00Z）"),
    (r"there is no customer of this code; .*", "没有此代码的客户：请先建立客户档案"),
    (r"must be 1 for a device with a serial number", "有序列号的设备数量须为 1"),
    (r"this device is in the inventory already; remove the row", "该设备已在库存中：请删除此行"),
    (r"is in the future; write when it came", "时间在将来：请填写实际进入时间"),
    (r"makes more than (\d+) devices; split the file", "超过 {0} 台设备：请拆分文件"),
    (r"String should have at most (\d+) characters?; correct it", "最多 {0} 个字符：请改正"),
    (r"String should have at least (\d+) characters?; correct it", "至少 {0} 个字符：请改正"),
    (r"Input should be greater than or equal to (\d+); correct it", "不得小于 {0}：请改正"),
    (r"Input should be less than or equal to (\d+); correct it", "不得大于 {0}：请改正"),
    (r"List should have at most (\d+) items? .*", "最多 {0} 项：请改正"),
)  # fmt: skip
OTHERWISE: Final = "内容不符合要求：请改正"
"""Of a fault without words of its own; the English stands beside it."""


def in_chinese(message: str) -> str:
    """A fault's message in Chinese."""
    for pattern, chinese in _PATTERNS:
        found = re.fullmatch(pattern, message)
        if found is not None:
            return chinese.format(*found.groups())
    return f"{OTHERWISE}（{message}）"
