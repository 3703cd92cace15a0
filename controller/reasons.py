"""The closed list of reasons and alarms, each with its rule, typed inputs, and a sentence in zh-CN and English (RULES).

A reason appears elsewhere only by its name here. ``remedy`` makes the sentence that a person at the door or the desk reads.
``since`` says who gives a reason: ``edge``, or ``server`` (at the desk, never at a door).
"""

import enum
import string
from collections.abc import Mapping
from typing import Literal

import msgspec

from controller.event_base import AlarmName, Explanation
from controller.reason_words import in_words

Language = Literal["zh-CN", "en"]
Since = Literal["edge", "server"]


class Meaning(msgspec.Struct, frozen=True):
    """What a reason stands for. ``inputs``: the names that an explanation carries and the templates may use.
    ``rule`` is the usual rule; an explanation may name a closer one (R7 for a cage)."""

    rule: str
    since: Since
    zh: str
    en: str
    inputs: Mapping[str, type[str] | type[int]] = {}
    kind: Literal["granted", "pending", "denied", "command"] = "denied"
    out: tuple[str, str] | None = None
    """The sentences, zh-CN and English, where somebody waits at a way out (input ``way`` = ``out``)."""
    over: tuple[str, str] | None = None
    """The sentences where nothing is awaited any more (input ``wait_s`` = 0)."""


_BADGE: dict[str, type[str] | type[int]] = {"number": str}
_AREA: dict[str, type[str] | type[int]] = {"number": str, "area": str}


class Reason(enum.Enum):
    """Every reason there is. The name is the code on the wire, in the register, in tests and on the console."""

    # fmt: off
    # granted
    PERMITTED = Meaning("R1", "edge", "允许出入 {area}。", "Access to {area} is permitted.", {"area": str, "grant": int}, "granted")
    PUBLIC_AREA = Meaning("R1", "edge", "{area} 为公共区域，有效出入证即可进入。", "{area} is public to every valid badge.", {"area": str}, "granted")
    WAY_OUT = Meaning("L1", "edge", "离开 {area} 不受限制。", "Leaving {area} is always allowed.", {"area": str, "irregular": str}, "granted")
    # the read and the card
    LATE_READ = Meaning("L4", "edge", "读卡已过时（{late_ms} 毫秒），请重新刷卡。", "The read came {late_ms} ms late. Tap again.", {"late_ms": int})
    TWO_CARDS = Meaning("R1", "edge", "同时有两张卡，请只出示一张。", "Two cards in the field. Present one card only.", {"technology": str})
    NOT_AUTHENTICATED = Meaning("R1", "edge", "卡片未通过密钥认证（{technology}），请换用正式出入证或到前台换卡。", "The card did not prove its key ({technology}). Use the issued badge or exchange it at the desk.", {"technology": str})
    UNKNOWN_BADGE = Meaning("R1", "edge", "系统中没有此卡，请到前台办理。", "This card is not known. Apply at the desk.", {"technology": str})
    # the badge
    BADGE_LOST = Meaning("B4", "edge", "出入证 {number} 已挂失，请保留此卡并通知值班人员。", "Badge {number} is reported lost. Keep it and call the guard.", _BADGE)
    BADGE_REVOKED = Meaning("B5", "edge", "出入证 {number} 已注销，请到前台交回。", "Badge {number} is deregistered. Hand it in at the desk.", _BADGE)
    BADGE_SUSPENDED = Meaning("R9", "edge", "出入证 {number} 已暂停，请联系客服。", "Badge {number} is suspended. Ask customer service.", _BADGE)
    BADGE_NOT_ACTIVE = Meaning("B4", "edge", "出入证 {number} 尚未启用，请到前台确认。", "Badge {number} is not active yet. Ask at the desk.", _BADGE)
    BADGE_EXPIRED = Meaning("B3", "edge", "出入证 {number} 已过期，请到前台延期。", "Badge {number} has expired. Renew it at the desk.", {"number": str, "until_us": int})
    BADGE_NOT_YET_VALID = Meaning("B3", "edge", "出入证 {number} 尚未生效。", "Badge {number} is not valid yet.", {"number": str, "from_us": int})
    QUOTA_SLOT_INVALID = Meaning("B2", "edge", "出入证 {number} 不在客户的名额之内（{cause}），请客服核对。", "Badge {number} has no place in the customer's quota ({cause}). Ask customer service.", {"number": str, "cause": str})
    TIME_UNTRUSTED = Meaning("B3", "edge", "控制器重启后时间未校准，暂只允许本场员工进入，请联系值班人员。", "The controller has had no trusted time since it started; only staff may enter. Call the guard.", {"kind": str})
    # customer and permission
    CONTRACT_ENDED = Meaning("B6", "edge", "客户 {customer} 的合同已终止，请联系客服并交回出入证。", "The contract of customer {customer} has ended. Ask customer service and return the badge.", {"customer": str, "area": str})
    CONTRACT_SUSPENDED = Meaning("B6", "edge", "客户 {customer} 的合同已中止，请联系客服。", "The contract of customer {customer} is suspended. Ask customer service.", {"customer": str})
    NO_PERMISSION = Meaning("R1", "edge", "出入证 {number} 没有进入 {area} 的权限。", "Badge {number} has no permission for {area}.", _AREA)
    OUTSIDE_SCHEDULE = Meaning("R1", "edge", "当前不在 {area} 的允许时段（{schedule}）内。", "Not within the hours ({schedule}) for {area}.", {"area": str, "schedule": str})
    OUTSIDE_PERMIT_WINDOW = Meaning("B8", "edge", "不在临时进入许可的时间范围内（{area}）。", "Outside the window of the permit for {area}.", _AREA)
    ESCORT_REQUIRED = Meaning(
        "R4",
        "edge",
        "等待陪同人刷卡进入 {area}，剩余 {wait_s} 秒。",
        "Waiting for an escort to tap for {area}, {wait_s} s left.",
        {"number": str, "area": str, "way": str, "wait_s": int},
        out=(
            "您陪同的访客仍在 {area}：请与访客一同刷卡，或由他人刷卡接替陪同；确需离开请稍后再刷一次。",
            "Your visitors are still in {area}: let them tap too, or let another escort tap and take over; to leave all the same, tap again in a moment.",
        ),
        over=(
            "进入 {area} 须有工作人员陪同并一同刷卡。",
            "Entry to {area} needs an escort who taps in with you.",
        ),
    )
    SECOND_PERSON_REQUIRED = Meaning(
        "R2",
        "edge",
        "等待第二人刷卡进入 {area}，剩余 {wait_s} 秒。",
        "Waiting for a second person to tap for {area}, {wait_s} s left.",
        {"area": str, "way": str, "wait_s": int},
        "pending",
        out=(
            "您离开后 {area} 内将只剩一人：请等同伴刷卡（{wait_s} 秒内）一同离开；确需离开请稍后再刷一次。",
            "Your leaving would leave one person alone in {area}: let them tap within {wait_s} s and leave together; to leave all the same, tap again in a moment.",
        ),
        over=(
            "{area} 须两人以上同进，请与同伴一同刷卡。",
            "{area} takes two persons at least. Tap together with the second.",
        ),
    )
    COMPOSITION = Meaning("R2", "edge", "同行人员不符合 {area} 的要求（{composition}），请与符合要求的人员一同刷卡。", "The persons together do not satisfy the rule of {area} ({composition}). Tap with somebody who does.", {"area": str, "composition": str})
    FIRST_IN_REQUIRED = Meaning("R4", "edge", "须由本场员工先进入 {area}，请等待或联系值班人员。", "Own staff must be in {area} first. Wait, or call the guard.", {"area": str})
    AREA_FULL = Meaning("R3", "edge", "{area} 限 {capacity} 人，加上您为 {people} 人，请待他人离开后再进。", "{area} takes {capacity} people; with you they would be {people}. Enter when somebody has left.", {"area": str, "capacity": int, "people": int})
    ANTI_PASSBACK = Meaning("B3", "edge", "出入证 {number} 已在 {area} 内，请先刷卡离开；如有不符请联系值班人员清点。", "Badge {number} is already inside {area}. Tap out first; if that is wrong, have the guard count.", _AREA)
    ADMITTED = Meaning("B8", "edge", "{number} 经人工核准，由陪同人带入 {area}。", "{number} was admitted by command and goes into {area} with an escort.", {"number": str, "area": str}, "granted")
    EMERGENCY_ADMITTED = Meaning("B7", "edge", "断网紧急进入 {area}：主管出入证 {number} 核准，值班人员陪同。", "Emergency entry to {area} with the link down: approved by the supervisor's badge {number}, escorted by the guard.", {"number": str, "area": str}, "granted")
    # the area and the edge
    INTERLOCKED = Meaning("R3", "edge", "互锁的门 {door} 未关好，请等它关闭并锁上后再试。", "The interlocked door {door} is not locked and closed. Wait until it is, then try again.", {"door": str})
    LOCKDOWN = Meaning("R1", "edge", "已封锁，请等待解除；离开不受影响。", "Lockdown: no entry until it is released. Ways out work.", {"area": str})
    AREA_CLOSED = Meaning("R1", "edge", "{area} 已关闭。", "{area} is closed.", {"area": str})
    AREA_UNSAFE = Meaning("L1", "edge", "{zone} 区气体灭火已启动，禁止进入，请立即离开。", "Gas discharge in zone {zone}: do not enter, leave at once.", {"zone": str})
    JOURNAL_UNAVAILABLE = Meaning("B9", "edge", "控制器无法写入记录，暂停进入；离开不受影响。请联系值班人员。", "The controller cannot write its journal: no entry. Ways out work. Call the guard.")
    LEASE_ENDED = Meaning("B6", "edge", "控制器与服务器失联过久，{kind}的授权已到期，暂不能进入，请联系值班人员。", "No contact with the server for too long: the lease for {kind} badges has ended. Call the guard.", {"kind": str})
    # commands
    REASON_REQUIRED = Meaning("B9", "edge", "请填写原因。", "Give a reason.", {}, "command")
    NO_SUCH_DOOR = Meaning("B9", "edge", "此控制器没有门 {door}。", "This edge has no door {door}.", {"door": str}, "command" )
    NO_SUCH_POINT = Meaning("B9", "edge", "此控制器没有通行点 {access_point}。", "This edge has no access point {access_point}.", {"access_point": str}, "command")
    NO_SUCH_BADGE = Meaning("B9", "edge", "没有编号为 {number} 的出入证。", "There is no badge numbered {number}.", {"number": str}, "command")
    COUNT_INVALID = Meaning("B9", "edge", "清点数据有误（{cause}：{number}），请核对后重填。", "The count cannot be right ({cause}: {number}). Check it and enter it again.", {"cause": str, "number": str}, "command")
    NO_SUCH_ALARM = Meaning("B9", "edge", "没有这样的报警：{alarm} {subject}。", "No such alarm stands: {alarm} {subject}.", {"alarm": str, "subject": str}, "command")
    FIRE_INPUT_ACTIVE = Meaning("L1", "edge", "{zone} 区消防信号仍未恢复，不能复位。", "The fire input of zone {zone} is still active; restore it first.", {"zone": str}, "command")
    FIRE_NOT_LATCHED = Meaning("L1", "edge", "{zone} 区没有待复位的消防释放。", "Zone {zone} has no fire release to reset.", {"zone": str}, "command")
    SUPERVISOR_REQUIRED = Meaning("B9", "edge", "此操作须由主管执行。", "Only a supervisor may do this. Ask one.", {}, "command")
    NO_SUCH_AREA = Meaning("B9", "edge", "没有区域 {area}。", "This site has no area {area}.", {"area": str}, "command")
    NOT_LOCKED_DOWN = Meaning("R1", "edge", "{area} 没有封锁；请核对区域（留空表示整个场地）。", "{area} is not locked down. Check the area (empty: the site).", {"area": str}, "command")
    LOCKDOWN_INPUT_ACTIVE = Meaning("R1", "edge", "封锁按钮仍处于按下状态，请先复位按钮。", "The lockdown input is still active. Restore it first.", {"area": str}, "command")
    FIRE_INPUT_UNKNOWN = Meaning("L1", "edge", "{zone} 区消防输入所在的继电器板 {board} 没有应答，不能确认火警已解除，请先修复。", "Board {board}, which carries the fire input of zone {zone}, does not answer: nobody knows whether it is over. Repair it first.", {"zone": str, "board": str}, "command")
    MAINTENANCE_OUT_OF_RANGE = Meaning("R1", "edge", "检修时间为 0 至 {most_minutes} 分钟。", "Give 0 to {most_minutes} minutes of maintenance.", {"most_minutes": int}, "command")
    # given at the desk, by the server
    QUOTA_EXCEEDED = Meaning("B2", "server", "客户 {customer} 的出入证名额（{quota}）已满，请先注销旧证。", "Customer {customer} already holds its {quota} badges. Deregister one first.", {"customer": str, "quota": int})
    ALLOCATION_EXCEEDS_CONTRACT = Meaning("E3", "server", "申请超出合同约定（一台服务器一个 IP、一个端口）。", "More than the contract allows: one server, one address, one port.")
    # writing a card at the desk (DESIGN 21)
    NOT_A_DESK = Meaning("B1", "edge", "控制器 {edge} 不是发卡台。", "Edge {edge} is not a desk.", {"edge": str}, "command")
    NUMBER_INVALID = Meaning("B1", "edge", "卡内编号须为 1–24 个可见 ASCII 字符，不含空格。", "A card's number is 1 to 24 printable ASCII characters without spaces.", {}, "command")
    DESK_BUSY = Meaning("B1", "edge", "发卡台正在写另一张卡，请稍后再试。", "The desk is writing another card. Try again when it is done.", {}, "command")
    ENCODING_INTERRUPTED = Meaning("B1", "edge", "发卡台重新启动，写卡中断，请再写一次。", "The desk restarted while writing. Do it again with the same card.", {}, "command")
    NO_CARD = Meaning("B1", "edge", "规定时间内没有放卡，请再写一次。", "No card was laid down in time. Do it again.", {}, "command")
    CARD_TAKEN_AWAY = Meaning("B1", "edge", "写卡未完成卡已移开（步骤 {step}），请用同一张卡再写一次，写完前不要移动。", "The card was taken away while being written (step {step}). Do it again with the same card and leave it there.", {"step": str}, "command")
    NOT_DESFIRE = Meaning("B1", "edge", "此卡不是 DESFire EV2/EV3，请换卡。", "This is no DESFire EV2 or EV3 card. Take another.", {}, "command")
    RANDOM_UID = Meaning("B1", "edge", "此卡使用随机卡号，不能发放，请换卡。", "This card makes up its identifier: it cannot be a badge. Take another.", {}, "command")
    UID_LENGTH = Meaning("B1", "edge", "此卡的卡号不是 7 字节，请换卡。", "This card's identifier is not of seven bytes. Take another.", {}, "command")
    CARD_BOUND = Meaning("B3", "edge", "此卡已写有另一张出入证的编号，请换空白卡，或先注销原证。", "This card is another badge already. Take a blank one, or deregister that badge first.", {"credential": str}, "command")
    CARD_FOREIGN = Meaning("B1", "edge", "此卡的密钥不是出厂值，也不是本场地的（步骤 {step}），请换卡。", "This card's keys are neither the factory's nor this site's (step {step}). Take another.", {"step": str}, "command")
    CARD_REFUSED = Meaning("B1", "edge", "此卡拒绝写入（步骤 {step}），请换卡。", "The card refused to be written (step {step}). Take another.", {"step": str}, "command")
    DESK_READER_FAILED = Meaning("B1", "edge", "发卡台读卡器没有应答，请检查后用同一张卡再写一次。", "The desk's reader does not answer. Check it, then do it again with the same card.", {}, "command")
    # permits, visitors and emergencies: at the desk, by the server
    NO_PERMIT = Meaning("B7", "server", "没有有效的进入许可或主管核准（{permit}），不能放行。", "There is no permit in force and no supervisor's approval ({permit}): nobody is admitted.", {"permit": str})
    PERMIT_NOT_APPROVED = Meaning("B8", "server", "临时进入许可 {permit} 尚未批准。", "Permit {permit} is not approved.", {"permit": str})
    # the guard's word on a person (R8)
    GUARD_CONFIRMATION_REQUIRED = Meaning(
        "R8",
        "edge",
        "请面向摄像头稍候，值班人员正在核对照片（剩余 {wait_s} 秒）。",
        "Wait while the guard compares your photo, {wait_s} s left.",
        {"number": str, "area": str, "wait_s": int},
        "pending",
        over=(
            "值班人员没有答复，请联系值班台后再刷卡。",
            "The guard did not answer. Call the guard, then tap again.",
        ),
    )
    HOLDER_MISMATCH = Meaning("R8", "edge", "持证人与照片不符，出入证 {number} 已暂停，请到值班台。", "The holder does not match the photo: badge {number} is suspended. Go to the guard's desk.", _BADGE)
    CONSOLE_UNREACHABLE = Meaning(
        "R8",
        "edge",
        "与值班台的连接中断，暂不能核对，请联系值班人员。",
        "The guard's console cannot be reached, so nothing can be checked here now. Call the guard.",
        {"area": str, "wait_s": int, "way": str},
        out=(
            "与值班台的连接中断，暂不能核对设备：设备须留下，不带设备离开请稍后再刷一次。",
            "The guard's console cannot be reached, so no equipment can be checked: leave it here. To leave without it tap again in a moment.",
        ),
    )
    NOBODY_WAITS = Meaning("R8", "edge", "{access_point} 没有持出入证 {number} 的人在等候核对。", "Nobody with badge {number} waits for the guard at {access_point}.", {"access_point": str, "number": str}, "command")
    # equipment (docs/goods.md)
    NO_EXIT_SLIP = Meaning(
        "E4",
        "edge",
        "请扫描出门条，再逐件扫描设备；不带设备离开请稍后再刷一次（将通知值班人员）。",
        "Scan the exit slip, then each device. To leave without equipment tap again in a moment; the guard is told.",
        {"area": str, "wait_s": int, "way": str},
        "pending",
    )
    GUARD_CHECK_REQUIRED = Meaning("E4", "edge", "此处没有可用的扫码器，请值班台核对出门条与设备；不带设备离开请稍后再刷一次。", "There is no working scanner here: the guard's console checks slip and devices. To leave without equipment tap again in a moment.", {"area": str, "wait_s": int, "way": str}, "pending")
    ITEMS_MISSING = Meaning("E2", "edge", "{number} 还有 {left} 件未扫描：请继续扫描，或稍后再刷一次只带已扫描的。", "{left} devices of {number} are not scanned. Scan them, or tap again in a moment to take only those scanned.", {"number": str, "left": int, "wait_s": int, "way": str}, "pending", over=("{number} 还有 {left} 件未扫描：请扫描后再刷卡。", "{left} devices of {number} are not scanned. Scan them, then tap again."))
    NO_WORK_ORDER = Meaning("E2", "edge", "请先扫描开工单和设备；不带设备请走其他门。", "Scan the work order and the devices first; without equipment use another door.", {"area": str})
    CARRIER_REQUIRED = Meaning("E5", "edge", "请携带人先刷出入证，再扫描出门条。", "The carrier taps first, then the slip is scanned.", {"slip": str})
    UNKNOWN_DOCUMENT = Meaning("E4", "edge", "系统中没有此单据，请到前台核对。", "This document is not known here. Ask at the desk.", {"document": str})
    SCAN_UNREADABLE = Meaning("E4", "edge", "扫描不清（{cause}），请重新扫描。", "The scan was not readable ({cause}). Scan again.", {"cause": str})
    NO_CHECK_RUNS = Meaning("E2", "edge", "请先扫描单据（开工单或出门条），再扫描设备。", "Scan the order or slip first, then the devices.", {"serial": str})
    NOT_A_GOODS_DOOR = Meaning("E4", "edge", "{access_point} 不是货物门。", "{access_point} is no goods door.", {"access_point": str})
    WRONG_DIRECTION = Meaning("E4", "edge", "单据 {number} 不能用于此方向：开工单用于进入，出门条用于离开或归还。", "Document {number} does not serve this direction: orders bring in, slips take out or bring back.", {"number": str})
    WORK_ORDER_LATE = Meaning("E1", "edge", "开工单 {order} 须提前送达机房，{ready_us} 之后方可使用；例外须由主管批准。", "Work order {order} reached the machine room too late; a supervisor may approve an exception.", {"order": str, "ready_us": int})
    ORDER_WRONG_DATE = Meaning("E1", "edge", "开工单 {order} 不在计划时间内。", "Work order {order} is not for this time.", {"order": str})
    ORDER_DONE = Meaning("E2", "edge", "开工单 {order} 的设备已全部进入。", "All devices of work order {order} are in.", {"order": str})
    ITEM_NOT_ON_ORDER = Meaning("E2", "edge", "设备 {serial} 不在开工单 {order} 上，不得带入。", "Device {serial} is not on work order {order}: it stays outside.", {"serial": str, "order": str})
    ITEM_ALREADY_IN = Meaning("E2", "edge", "设备 {serial} 已在机房内，请核对序列号。", "Device {serial} is in the room already. Check the serial number.", {"serial": str})
    PACKAGING_NOT_REMOVED = Meaning("E2", "edge", "请先拆除开工单 {order} 的包装，并由值班人员确认。", "Unpack what work order {order} brings first; the guard confirms it.", {"order": str})
    QUANTITY_EXCEEDED = Meaning("E2", "edge", "{serial} 超出单据 {number} 的数量（{quantity}）。", "{serial} is beyond the quantity ({quantity}) on {number}.", {"serial": str, "number": str, "quantity": int})
    ITEM_SCANNED_TWICE = Meaning("E2", "edge", "设备 {serial} 已扫描过。", "Device {serial} has been scanned already.", {"serial": str})
    ITEM_NOT_ON_SLIP = Meaning("E4", "edge", "设备 {serial} 不在出门条 {slip} 上，请放回。", "Device {serial} is not on slip {slip}: put it back.", {"serial": str, "slip": str})
    SLIP_SPENT = Meaning("E6", "edge", "出门条 {slip} 已使用。", "Slip {slip} has been spent.", {"slip": str, "serial": str})
    SLIP_CANCELLED = Meaning("E4", "edge", "出门条 {slip} 已作废。", "Slip {slip} is cancelled.", {"slip": str})
    NOT_A_NAMED_CARRIER = Meaning("E5", "edge", "出入证 {number} 不是出门条 {slip} 的携带人。", "Badge {number} is no carrier of slip {slip}.", {"number": str, "slip": str})
    SLIP_WRONG_DATE = Meaning("E5", "edge", "出门条 {slip} 不在有效日期。", "Slip {slip} is not for this date.", {"slip": str})
    SLIP_BOUND_ELSEWHERE = Meaning("E6", "edge", "出门条 {slip} 绑定在其他出口（{edge}）。", "Slip {slip} is bound to another exit ({edge}).", {"slip": str, "edge": str})
    ORDER_BOUND_ELSEWHERE = Meaning("E2", "edge", "开工单 {order} 绑定在其他入口（{edge}）。", "Work order {order} is bound to another entrance ({edge}).", {"order": str, "edge": str})
    ITEM_OF_ANOTHER_CUSTOMER = Meaning("E6", "edge", "设备 {serial} 属于其他客户，不得带出带入。", "Device {serial} belongs to another customer: it may not pass.", {"serial": str})
    NOT_THE_CUSTOMER = Meaning("E2", "edge", "须由开工单 {order} 的客户或本场员工带入。", "Somebody of the customer of work order {order}, or own staff, must bring it in.", {"order": str})
    ATTESTATION_REQUIRED = Meaning("E4", "edge", "此报警须由值班人员现场核对设备并签字确认后才能解除（{openings} 次开门）。", "This alarm ends only by a guard's attestation of what left ({openings} openings).", {"openings": int}, "command")
    # fmt: on


class AlarmMeaning(msgspec.Struct, frozen=True):
    """One alarm. ``priority`` 1 is the most urgent. ``clears``: ``cause`` when the cause is gone, ``acknowledged`` for a moment that
    is over when an operator has dealt with it, ``attested`` when a guard has attested what left (MEANINGS 26). The texts are instructions to the guard."""

    rule: str
    priority: Literal[1, 2, 3]
    clears: Literal["cause", "acknowledged", "attested"]
    zh: str
    en: str
    since: Since = "edge"


ALARMS: dict[AlarmName, AlarmMeaning] = {
    "FIRE": AlarmMeaning("L1", 1, "cause", "消防释放：核对在场人员名单，确认全部撤离；恢复后由主管复位。", "Fire release: check the muster list, see everybody out; a supervisor resets it afterwards."),
    "GAS": AlarmMeaning("L1", 1, "cause", "气体灭火：禁止进入，确认区内无人。", "Gas discharge: let nobody in, make sure nobody is inside."),
    "DURESS": AlarmMeaning("R1", 1, "acknowledged", "胁迫报警：切勿声张，立即拨打 110。", "Duress: stay quiet and call the police."),
    "DoorForcedOpen": AlarmMeaning("R1", 1, "cause", "门被强行打开：立即到现场查看并关门。", "Door forced open: go there, look, and close it."),
    "DoorHeldOpen": AlarmMeaning("R1", 2, "cause", "门长时间未关：到现场关门。", "Door held open: go there and close it."),
    "LONE_OCCUPANT": AlarmMeaning("R2", 1, "cause", "主机房内仅一人：联系此人，派第二人或请其离开。", "One person alone in a main room: call them; send a second or see them out."),
    "ESCORT_LEFT": AlarmMeaning("R4", 2, "cause", "陪同人已离开：派人陪同或请访客离开。", "The escort left: send another or see the visitors out."),
    "OVERSTAY": AlarmMeaning("B3", 2, "acknowledged", "人员超时停留或超期离开：联系此人并核对。", "Someone stayed beyond their time: find them and clear it up."),
    "EXIT_IRREGULAR": AlarmMeaning("B3", 3, "acknowledged", "非正常离开：核对此人何时、如何进入。", "An irregular exit: find out how and when this person came in."),
    "OCCUPANCY_MISMATCH": AlarmMeaning("R3", 2, "cause", "人数不符：到现场清点。", "The count does not match: count on site."),
    "BADGE_LOST": AlarmMeaning("B4", 1, "acknowledged", "挂失的出入证被使用：到现场核对持证人照片，收回该证。", "A lost badge was used: go there, compare the photo, take the badge."),
    "BADGE_IN_TWO_PLACES": AlarmMeaning("B3", 1, "acknowledged", "同一出入证出现在两处：核对两处人员。", "One badge in two places: check both persons.", "server"),
    "EQUIPMENT_UNCHECKED": AlarmMeaning("E4", 1, "attested", "货物门未经核对而开启：到现场核对带出的设备并签字确认。", "The goods door opened unchecked: inspect what left and attest it."),
    "SLIP_REUSED": AlarmMeaning("E6", 1, "acknowledged", "已使用或已作废的出门条再次出现：到现场留住设备，核对出门条来源。", "A spent or cancelled slip was shown again: go there, keep the devices, find out where the slip came from."),
    "EMERGENCY_ENTRY": AlarmMeaning("B7", 2, "acknowledged", "紧急进入：补办手续并核对在场人员。", "Emergency entry: complete the papers and reconcile who is inside."),
    "TAMPER": AlarmMeaning("R1", 1, "cause", "防拆报警：到现场检查设备。", "Tamper: inspect the device on site."),
    "REPEATED_DENIALS": AlarmMeaning("R1", 3, "acknowledged", "多次被拒：到现场了解情况。", "Repeated denials: go and see who is there."),
    "READER_FAULT": AlarmMeaning("R1", 2, "cause", "读卡器故障：检查电源与接线，安排人工核验。", "Reader fault: check power and cable; check badges by hand meanwhile."),
    "BOARD_FAULT": AlarmMeaning("L5", 1, "cause", "继电器板故障：门可能无法开闭，派人到场并检查接线。", "Relay board fault: its doors may not move; post someone there and check power and cable."),
    "JOURNAL_UNAVAILABLE": AlarmMeaning("B9", 1, "cause", "控制器无法写入记录：检查磁盘空间；期间只出不进。", "The edge cannot write its journal: check the disk. Until then people can only leave."),
    "CLOCK_UNTRUSTED": AlarmMeaning("B9", 2, "cause", "控制器时间不可信：检查时间服务器。", "The edge's clock is not to be trusted: check its time source."),
    "LINK_LOST": AlarmMeaning("L2", 3, "cause", "与服务器的连接中断：门继续工作，检查网络。", "No link to the server: the doors go on deciding; check the network."),
    "FORK": AlarmMeaning("D7", 1, "acknowledged", "控制器记录与台账不一致：保全证据并通知管理员。", "The edge's journal and the ledger differ: keep the evidence, tell the administrator."),
}  # fmt: skip
"""The closed list of alarms."""


def because(reason: Reason, rule: str = "", **inputs: str | int) -> Explanation:
    """The explanation for a reason. ``rule`` only where a closer rule than the usual one applies."""
    # _name_ and _value_ are what the enum's properties look up, at a tenth of their cost
    return Explanation(reason._name_, rule or reason._value_.rule, inputs)


class _Gaps(dict[str, str | int]):
    """An input that an older record does not carry shows as a question mark instead of failing the page."""

    def __missing__(self, key: str) -> str:
        return "?"


def remedy(explanation: Explanation, language: Language = "en") -> str:
    """The sentence for a person: what is wrong and what to do, codes in words. A reason of a newer version gives its bare code."""
    meaning = Reason.__members__.get(explanation.reason)
    if meaning is None:
        return explanation.reason
    texts = (meaning.value.zh, meaning.value.en)
    if meaning.value.out is not None and explanation.inputs.get("way") == "out":
        texts = meaning.value.out
    elif meaning.value.over is not None and explanation.inputs.get("wait_s") == 0:
        texts = meaning.value.over
    said = in_words(explanation.inputs, chinese=language == "zh-CN")
    return string.Formatter().vformat(texts[language == "en"], (), _Gaps(said))


def instruction(alarm: AlarmName, language: Language = "en") -> str:
    """What the guard should do about an alarm."""
    return ALARMS[alarm].zh if language == "zh-CN" else ALARMS[alarm].en
