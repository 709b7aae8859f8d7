"""The parts the sandbox sells. Numbers, makes and replacements are catalogue facts; prices and stock are invented.

Columns: make, number, description, price, stock by warehouse, what it is, replaced by.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Row:
    """One line of the catalogue. `price` is the account's own, in US dollars."""

    make: str
    number: str
    description: str
    price: str
    stock: dict[str, int]
    traits: frozenset[str] = frozenset()
    replaced_by: tuple[tuple[str, str], ...] = ()

    @property
    def net(self) -> Decimal:
        """The account's price as a decimal."""
        return Decimal(self.price)


def _old(make: str, number: str, description: str, *replacements: tuple[str, str]) -> Row:
    """Return a number that is no longer made, and what is sold instead."""
    return Row(make, number, description, "0", {}, frozenset({"discontinued"}), replacements)


EVERYWHERE = {"601": 6, "602": 9, "701": 14, "901": 8}

ROWS: tuple[Row, ...] = (
    Row("WPL", "WPW10348269", "PUMP, DISHWASHER DRAIN", "38.41", EVERYWHERE),
    _old("WPL", "W10348269", "PUMP, DISHWASHER DRAIN", ("WPL", "WPW10348269")),
    _old("WPL", "8558995", "PUMP, DISHWASHER DRAIN", ("WPL", "WPW10348269")),
    Row("WPL", "W10712395", "ADJUSTER KIT, UPPER RACK", "22.15", {"601": 3, "602": 0, "701": 11, "901": 4}),
    Row("WPL", "WP8565925", "STOP, RACK TRACK", "3.62", {"601": 40, "602": 25, "701": 60, "901": 18}),
    Row("WPL", "W10703867", "ELEMENT, DISHWASHER HEATING", "35.90", {"601": 2, "602": 5, "701": 7, "901": 0}),
    Row("WPL", "W10595568", "CONTROL, DISHWASHER ELECTRONIC", "131.70", {"601": 1, "602": 2, "701": 3, "901": 1}),
    Row("WPL", "W11419334", "HOSE, DISHWASHER", "18.24", {"601": 0, "602": 0, "701": 5, "901": 0}),
    _old("WPL", "W10524469", "GASKET, DISHWASHER", ("WPL", "WPW10524469")),
    _old("WPL", "WPW10524469", "GASKET, DISHWASHER", ("WPL", "W11425053")),
    _old("WPL", "W11425053", "GASKET, DISHWASHER", ("WPL", "W11498831")),
    _old("WPL", "W11498831", "GASKET, DISHWASHER", ("WPL", "W11768590")),
    Row("WPL", "W11768590", "GASKET, DISHWASHER", "12.08", {"601": 4, "602": 4, "701": 9, "901": 2}),
    _old("WPL", "8270018", "BALANCE, DISHWASHER DOOR", ("WPL", "8194001"), ("WPL", "WP8524474")),
    Row("WPL", "8194001", "LINK KIT, DOOR BALANCE", "18.77", {"601": 5, "602": 2, "701": 6, "901": 3}),
    Row("WPL", "WP8524474", "WHEEL, DOOR BALANCE", "4.05", {"601": 12, "602": 7, "701": 20, "901": 9}),
    _old("WPL", "W10321304", "BIN, REFRIGERATOR DOOR", ("WPL", "WPW10321304")),
    Row("WPL", "WPW10321304", "BIN, REFRIGERATOR DOOR", "20.33", {"601": 2, "602": 6, "701": 4, "901": 4}),
    _old("WPL", "W10295370A", "FILTER, REFRIGERATOR WATER", ("WPL", "EDR1RXD1")),
    Row(
        "WPL", "EDR1RXD1", "FILTER 1, REFRIGERATOR WATER AND ICE", "33.95", {"601": 15, "602": 22, "701": 30, "901": 17}
    ),
    _old("WPL", "W10190960", "ICE MAKER ASSEMBLY", ("WPL", "2198597")),
    Row("WPL", "2198597", "ICE MAKER ASSEMBLY, 8 CUBE", "71.20", {"601": 1, "602": 3, "701": 2, "901": 0}),
    Row("WPL", "4389144", "MOTOR, EVAPORATOR FAN 120 V", "49.60", {"601": 3, "602": 1, "701": 5, "901": 2}),
    _old("WPL", "3392519", "FUSE, DRYER THERMAL", ("WPL", "WP3392519")),
    Row("WPL", "WP3392519", "FUSE, DRYER THERMAL", "6.85", {"601": 25, "602": 31, "701": 44, "901": 20}),
    Row("WPL", "279838", "ELEMENT, DRYER HEATING", "21.47", {"601": 8, "602": 4, "701": 10, "901": 6}),
    Row("WPL", "8186024", "CONTROL, OVEN ELECTRONIC", "0", {}, frozenset({"discontinued"})),
    Row("GEH", "WR55X10025", "SENSOR, REFRIGERATOR TEMPERATURE", "11.36", {"601": 10, "602": 8, "701": 9, "901": 5}),
    _old("GEH", "WR50X10027", "SENSOR, REFRIGERATOR TEMPERATURE", ("GEH", "WR55X10025")),
    Row("GEH", "WR55X10942", "BOARD, REFRIGERATOR MAIN CONTROL", "248.10", {}, frozenset({"drop_ship_only"})),
    Row("GEH", "WR57X10051", "VALVE, DUAL WATER INLET", "36.72", {"601": 4, "602": 3, "701": 6, "901": 2}),
    Row("SPE", "WR57X10051", "VALVE, DUAL WATER INLET, REPLACEMENT BRAND", "19.88", {"601": 0, "602": 6, "701": 3}),
    Row("GEH", "WD15X10014", "VALVE, DISHWASHER WATER INLET", "25.14", {"601": 0, "602": 0, "701": 0, "901": 0}),
    _old("GEH", "WD28X30219", "RACK ASSEMBLY, DISHWASHER UPPER", ("GEH", "WD28X35779")),
    Row(
        "GEH", "WD28X35779", "RACK, DISHWASHER UPPER", "52.30", {"601": 1, "701": 2, "901": 1}, frozenset({"oversize"})
    ),
    _old("GEH", "WR02X12650", "SPRING, DOOR MULLION", ("SAM", "DA81-01345B")),
    Row("SAM", "DA81-01345B", "SPRING, DOOR MULLION", "5.11", {"601": 6, "602": 4, "701": 8, "901": 5}),
    Row("SAM", "DA32-10104N", "SENSOR, REFRIGERATOR TEMPERATURE", "17.94", {"601": 3, "602": 2, "701": 5, "901": 0}),
    _old("SAM", "DC97-16985A", "PUMP, WASHER DRAIN", ("SAM", "DC98-01877A"), ("SAM", "DC98-01877B")),
    Row("SAM", "DC98-01877A", "RELOCATION KIT A, WASHER DRAIN PUMP", "44.05", {"601": 2, "602": 2, "701": 3, "901": 1}),
    Row("SAM", "DC98-01877B", "RELOCATION KIT B, WASHER DRAIN PUMP", "45.60", {"601": 1, "602": 2, "701": 4, "901": 0}),
    Row(
        "WCI",
        "5304475102",
        "COMPRESSOR, REFRIGERATOR",
        "229.00",
        {"601": 1, "701": 2},
        frozenset({"oversize", "hazmat"}),
    ),
    Row("WCI", "242252702", "VALVE, WATER INLET", "32.18", {"601": 0, "602": 5, "701": 0, "901": 3}),
    Row("L-G", "4681JB1027C", "MOTOR, EVAPORATOR FAN", "54.77", {"601": 0, "602": 0, "701": 0, "901": 2}),
    Row("L-G", "MJU62070603", "TUBING, PLASTIC 5/16 IN", "9.90", {"601": 0, "602": 0, "701": 0, "901": 0}),
    Row("BSH", "00165314", "WHEEL WITH CLIP, LOWER RACK", "9.45", {"601": 20, "602": 14, "701": 16, "901": 12}),
    _old("BSH", "00420198", "WHEEL, LOWER RACK", ("BSH", "00165314")),
)
