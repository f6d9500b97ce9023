"""The kinds of calls that the simulated citizens make, as data: what they say, press, and how it ends."""

from dataclasses import dataclass
from enum import Enum


class Ends(Enum):
    """How a citizen's call comes to its end."""

    TALK = "talks with a human, then hangs up"
    OPERATOR = "talks until the operator hangs up"
    IN_IVR = "hangs up while the machine speaks"
    AT_ONCE = "hangs up within five seconds of the answer"
    WAITING = "hangs up while waiting for a human"
    MESSAGE = "listens until the machine has finished"


class Caller(Enum):
    """What the network tells about the caller."""

    MOBILE = "a mobile number"
    LANDLINE = "a number of the province"
    FOREIGN = "a number from abroad"
    WITHHELD = "no number"


@dataclass(frozen=True)
class Kind:
    """One kind of call."""

    name: str
    says: str
    """What troubles the citizen, for the table and for people who read logs."""
    keys: str
    """Pressed one after another, each while its question is being spoken."""
    acuity: str
    """What the shipped protocol makes of these keys; "" where nothing is decided before the end."""
    ends: Ends = Ends.TALK
    caller: Caller = Caller.MOBILE
    speaks: bool = True
    """False: the line is silent, as that of somebody who can neither speak nor press."""
    when_busy: bool = False
    """Calls once every desk is talking, if that happens within half a minute."""
    weight: int = 1
    """How often it comes once every kind has come once."""


KINDS = (
    Kind("emergency", "Người nhà tím tái, khó thở", "1", "RED", weight=3),
    Kind("cannot breathe", "Ho sốt, nói không hết câu", "21", "RED"),
    Kind("after vaccination, throat closing", "Sau tiêm nghẹn họng", "31", "RED"),
    Kind("emergency in the wrong menu", "Vào nhầm mục chính sách khi cấp cứu", "49", "RED"),
    Kind("low oxygen", "SpO2 94", "2222", "ORANGE", weight=2),
    Kind("not sure", "Không rõ dấu hiệu nguy hiểm", "23", "ORANGE"),
    Kind("late after vaccination", "Đau đầu dữ dội ngày thứ tám sau tiêm", "3231", "ORANGE"),
    Kind("risk group with fever", "Người 70 tuổi, sốt, tiếp xúc F0", "222322", "YELLOW", weight=2),
    Kind("asks for a human", "Chỉ muốn gặp tổng đài viên", "0", "YELLOW", Ends.OPERATOR, weight=2),
    Kind("mild", "Ho nhẹ, không dấu hiệu nguy hiểm", "222333", "GREEN", Ends.MESSAGE, weight=2),
    Kind("sore arm", "Đau chỗ tiêm", "32223", "GREEN", Ends.MESSAGE),
    Kind("relief", "Hết lương thực trong khu phong tỏa", "42", "NONMED", weight=4),
    Kind("policy", "Hỏi chế độ hỗ trợ", "41", "NONMED", Ends.OPERATOR, weight=4),
    Kind("report", "Phản ánh tụ tập đông người", "43", "NONMED", caller=Caller.LANDLINE, weight=2),
    Kind("gives up in the menu", "Tắt máy giữa lời hướng dẫn", "2", "", Ends.IN_IVR),
    Kind("wrong number", "Gọi nhầm, tắt ngay", "", "", Ends.AT_ONCE),
    Kind("gives up waiting", "Không chờ được nữa", "41", "NONMED", Ends.WAITING),
    Kind("gives up waiting, urgent", "Mất sóng khi đang chờ", "23", "ORANGE", Ends.WAITING),
    Kind("all desks busy", "Gọi đúng lúc mọi tổng đài viên đang bận", "42", "NONMED", when_busy=True),
    Kind("silent", "Không nói, không bấm được phím", "", "ORANGE", speaks=False),
    Kind("withheld number", "Ẩn số", "0", "YELLOW", caller=Caller.WITHHELD),
    Kind("from abroad", "Người thân gọi từ nước ngoài", "44", "NONMED", caller=Caller.FOREIGN),
)
