"""What reports, their figures and the reasons in them are called, in Chinese and English: for files, which speak both."""

from controller.site import Area, Door, Site

TITLES: dict[str, tuple[str, str]] = {
    "entries": ("进入人次", "Entries"),
    "denials": ("拒绝原因", "Denials by reason"),
    "doors": ("门超时未关与强开", "Doors held or forced open"),
    "customers": ("客户来访", "Visits per customer"),
    "alone": ("单人在场与陪同离开", "Alone, or escort left"),
    "edges": ("控制器离线", "Edges not heard"),
}
FIGURES: dict[str, tuple[str, str]] = {
    "entries": ("进入人次", "entries"),
    "denials": ("拒绝次数", "denials"),
    "visits": ("来访人次", "visits"),
    "DoorHeldOpen": ("超时未关", "held open"),
    "DoorForcedOpen": ("强行打开", "forced open"),
    "LONE_OCCUPANT": ("单人在场", "one person alone"),
    "ESCORT_LEFT": ("陪同人离开", "escort left"),
    "LINK_LOST": ("离线次数", "times not heard"),
    "total_s": ("合计时长", "time altogether"),
    "longest_s": ("最长一次", "the longest"),
    "silent_percent": ("离线占比 %", "share of the time, %"),
    "other": ("其他", "other"),
}
REASONS: dict[str, tuple[str, str]] = {
    "LATE_READ": ("读卡过时", "read came late"),
    "TWO_CARDS": ("同时两张卡", "two cards at once"),
    "NOT_AUTHENTICATED": ("卡片未通过认证", "card not authenticated"),
    "UNKNOWN_BADGE": ("未知卡", "unknown card"),
    "BADGE_LOST": ("出入证已挂失", "badge lost"),
    "BADGE_REVOKED": ("出入证已注销", "badge deregistered"),
    "BADGE_SUSPENDED": ("出入证已暂停", "badge suspended"),
    "BADGE_NOT_ACTIVE": ("出入证尚未启用", "badge not active"),
    "BADGE_EXPIRED": ("出入证已过期", "badge expired"),
    "BADGE_NOT_YET_VALID": ("出入证尚未生效", "badge not valid yet"),
    "QUOTA_SLOT_INVALID": ("名额不符", "no place in the quota"),
    "TIME_UNTRUSTED": ("控制器时间未校准", "edge's time not trusted"),
    "CONTRACT_ENDED": ("合同已终止", "contract ended"),
    "CONTRACT_SUSPENDED": ("合同已中止", "contract suspended"),
    "NO_PERMISSION": ("没有该区域权限", "no permission for the room"),
    "OUTSIDE_SCHEDULE": ("不在允许时段", "outside the hours"),
    "OUTSIDE_PERMIT_WINDOW": ("不在许可时间内", "outside the permit's time"),
    "ESCORT_REQUIRED": ("无人陪同", "no escort"),
    "SECOND_PERSON_REQUIRED": ("缺第二人", "no second person"),
    "COMPOSITION": ("同行人员不符", "wrong company"),
    "FIRST_IN_REQUIRED": ("工作人员未先进入", "own staff not in first"),
    "AREA_FULL": ("人数已满", "room full"),
    "ANTI_PASSBACK": ("反潜回：已在内", "anti-passback: already inside"),
    "INTERLOCKED": ("互锁门未关好", "interlocked door open"),
    "LOCKDOWN": ("封锁中", "lockdown"),
    "AREA_CLOSED": ("区域关闭", "room closed"),
    "AREA_UNSAFE": ("气体灭火，禁止进入", "gas discharge"),
    "JOURNAL_UNAVAILABLE": ("控制器无法记录", "edge cannot record"),
    "LEASE_ENDED": ("授权租约已到期", "lease ended"),
    "GUARD_CONFIRMATION_REQUIRED": ("值班人员未确认", "guard did not confirm"),
    "HOLDER_MISMATCH": ("人证不符", "holder does not match"),
    "CONSOLE_UNREACHABLE": ("值班台连接中断", "console not reachable"),
    "NO_EXIT_SLIP": ("无出门条", "no exit slip"),
    "GUARD_CHECK_REQUIRED": ("值班台未核对设备", "guard did not check equipment"),
    "ITEMS_MISSING": ("设备未扫描完", "devices not all scanned"),
    "NO_WORK_ORDER": ("无开工单", "no work order"),
    "CARRIER_REQUIRED": ("携带人未刷卡", "carrier did not tap"),
    "UNKNOWN_DOCUMENT": ("未知单据", "unknown document"),
    "SCAN_UNREADABLE": ("扫描不清", "scan not readable"),
    "NO_CHECK_RUNS": ("未先扫描单据", "document not scanned first"),
    "NOT_A_GOODS_DOOR": ("不是货物门", "no goods door"),
    "WRONG_DIRECTION": ("单据方向不符", "wrong direction for the document"),
    "WORK_ORDER_LATE": ("开工单送达过晚", "work order late"),
    "ORDER_WRONG_DATE": ("开工单时间不符", "order not for this time"),
    "ORDER_DONE": ("开工单已完成", "order done"),
    "ITEM_NOT_ON_ORDER": ("设备不在开工单上", "device not on the order"),
    "ITEM_ALREADY_IN": ("设备已在机房内", "device in already"),
    "PACKAGING_NOT_REMOVED": ("未拆包装", "packaging not removed"),
    "QUANTITY_EXCEEDED": ("超出数量", "quantity exceeded"),
    "ITEM_SCANNED_TWICE": ("重复扫描", "scanned twice"),
    "ITEM_NOT_ON_SLIP": ("设备不在出门条上", "device not on the slip"),
    "SLIP_SPENT": ("出门条已使用", "slip spent"),
    "SLIP_CANCELLED": ("出门条已作废", "slip cancelled"),
    "NOT_A_NAMED_CARRIER": ("不是携带人", "not a named carrier"),
    "SLIP_WRONG_DATE": ("出门条日期不符", "slip not for this date"),
    "SLIP_BOUND_ELSEWHERE": ("出门条绑定在他处", "slip bound elsewhere"),
    "ORDER_BOUND_ELSEWHERE": ("开工单绑定在他处", "order bound elsewhere"),
    "ITEM_OF_ANOTHER_CUSTOMER": ("他客户的设备", "device of another customer"),
    "NOT_THE_CUSTOMER": ("不是该客户的人员", "not of the customer"),
}
"""Every reason for which an edge refuses or lets wait."""
NO_CUSTOMER = ("本场员工与本场地来宾", "own staff and guests of the site")
OTHER_CUSTOMERS = ("其他部门的客户", "customers of other departments")


def named(report: str, code: str, site: Site) -> tuple[str, str]:
    """What a code of this report is called, Chinese and English; itself where nothing is known."""
    if report == "customers" and code in ("", "other"):
        return OTHER_CUSTOMERS if code else NO_CUSTOMER
    if code in FIGURES:
        return FIGURES[code]
    if code in REASONS:
        return REASONS[code]
    places: tuple[Area | Door, ...] = (*site.areas, *site.doors)
    for place in places:
        if place.id == code:
            return place.name_zh or code, place.name_en or code
    return (code, code) if code else ("不详", "not known")
