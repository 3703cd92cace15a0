"""One thing has one Chinese word: on the pages, in refusals, in the sentences of reasons and alarms, on printed sheets, at the edge and in the hall."""

import re
from functools import cache
from pathlib import Path

import pytest

from server.console.language import catalogue

ROOT = Path(__file__).parents[3]
GLOSSARY = {
    # the word: what else it has been called (a pattern)
    "出入证号": "证件编号|[证卡]面编号|卡面号|出入证编号|证件号(?!码)|(?<!出入)(?<!身份)证号",
    "出入证": "挂失的?证件|挂失证(?!明)|借出证件|收回证件|各类证件|证件类别",
    "临时证": "临时卡|访客证",
    "货物门": "设备通道",
    "未提前提交": "(?<!最)迟到",
    "台账": "总账|账本",
    "报警": "告警",
    "控制器": "边缘控制器",
    "扫码器": "扫描器|扫描枪",
    "前台": "服务台",
    "值班人员": "保安|门卫|警卫|值班员",
    "指令": "命令(?!行)",
    "检修": "维护(时间|中)",
    "暂停": "出入证[^，。；：]{0,12}停用|原证即停用|证停用",
    "中止": "合同.{0,8}暂停|暂停.{0,4}合同|恢复合同",
    "长期许可": "定期来访|长期来访",
    "遗失证明": "挂失函|挂失声明|丢失证明",
    "遗失补发": "挂失补[办发]|遗失补办",
    "在场人员名单": "在场名单|人员清单|清点名单",
    "结案": "销账|了结",
    "本场员工": "本站|本单位|内部人员|内部员工",
    "办理入场": "办理登记",
    "不予接待": "婉拒|劝返",
    "客户代码": "客户编[号码]",
    "双人区域": "双人间",
}
READ = {"server/registry/sheets.py": {"保安", "警卫"}}
"""What a customer's spreadsheet may say and we understand; we do not write it."""
PARTS = ("controller", "edge", "server", "sim")


@cache
def texts() -> dict[str, str]:
    """Where → everything that is written there."""
    found = {"the catalogue": "\n".join(catalogue().values())}
    for part in PARTS:
        for path in (ROOT / part).rglob("*"):
            if path.suffix in (".py", ".typ", ".js") and "vendor" not in path.parts:
                found[str(path.relative_to(ROOT))] = path.read_text("utf-8")
    return found


@pytest.mark.parametrize("word", GLOSSARY)
def test_one_thing_has_one_chinese_word(word: str) -> None:
    others = re.compile(GLOSSARY[word])
    assert not others.search(word)
    said = {
        (where, other[0])
        for where, text in texts().items()
        for other in others.finditer(text)
        if other[0] not in READ.get(where, ())
    }
    assert said == set(), f"write {word}"
    assert any(word in text for text in texts().values()), f"nobody says {word} any more: take it out"
