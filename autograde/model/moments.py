"""Moments: how ``course.toml`` writes them, and how people read them in the course's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import PlainValidator, ValidationInfo

from autograde.model.kinds import meant, nearest, refusal

FIRST_YEAR, LAST_YEAR = 2000, 2100

_WRITTEN = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*([Zz]|[+-]\d{2}:?\d{2})?"
)
_WITH_OFFSET = (
    'a time with its offset, such as "2027-04-30T23:59:00+02:00"; with timezone = "Europe/Vienna" '
    "at the top of the file the offset can be left out"
)
STAND_IN = ZoneInfo.no_cache("UTC")
"""In place of a zone that has no meaning: no moment is refused because of it."""

_LOCAL = 'a day and a time, such as "2027-04-30T23:59"'


def in_words(moment: datetime) -> str:
    """Return a moment as people read it: weekday, day, time, and its zone's abbreviation."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} {zone_of(moment)}"


def zone_of(moment: datetime) -> str:
    """Return the abbreviation of a moment's zone, such as CEST, or its offset if it has none."""
    name = moment.tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return the moment as clocks in this zone show it.

    Differences between such moments are true ones: between two moments of one :class:`ZoneInfo`
    Python would count what clocks show, an hour more or less over a night when they are changed.
    """
    there = moment.astimezone(zone)
    offset = there.utcoffset()
    assert offset is not None
    return there.replace(tzinfo=timezone(offset, there.tzname() or ""), fold=0)


def _zone(value: Any) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if isinstance(value, str):
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # Python raises all of them for what is no name of a zone
    known = available_timezones()  # reads hundreds of files
    near = "."
    if isinstance(value, str) and not value.isupper():  # CEST is no city
        cities = {name.rpartition("/")[2]: name for name in sorted(known) if "/" in name}
        city = nearest(value.replace(" ", "_"), cities)
        near = f"; do you mean {cities[city]}?" if city else meant(value, known)
    raise refusal(f'the name of a time zone, such as "Europe/Vienna"{near.removesuffix(".")}')


def _moment(value: Any, info: ValidationInfo) -> datetime:
    """Read a moment; one without an offset is meant in the course's time zone."""
    zone: ZoneInfo | None = (info.context or {}).get("zone")
    wanted = _LOCAL if zone else _WITH_OFFSET
    if isinstance(value, str) and _WRITTEN.fullmatch(value.strip()):
        try:
            value = datetime.fromisoformat(re.sub(r"\s+(?=[Zz+-])", "", value.strip()).upper())
        except ValueError:
            raise refusal(f"a time of the calendar, which {value.strip()} is not") from None
    if not isinstance(value, datetime):
        raise refusal(wanted)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise refusal(f"a time in the years {FIRST_YEAR} to {LAST_YEAR}")
    if value.tzinfo is not None:
        return _agreeing(value, zone) if zone and zone is not STAND_IN else value
    if zone is None:
        raise refusal(wanted)
    return _local(value, zone)


def _agreeing(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment in the zone; its offset is that of the zone at that time, or UTC's."""
    there = moment.astimezone(zone)
    if moment.utcoffset() not in (there.utcoffset(), timedelta(0)):
        raise refusal(
            f"written without its offset {moment.isoformat()[-6:]}, because {zone.key} has "
            f"{there.isoformat()[-6:]} then"
        )
    return there


def _local(clock: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which clocks in the zone show this, unless they never do, or twice."""
    first, second = (clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    shown = f"{clock:%Y-%m-%d %H:%M}"
    after = first.astimezone(UTC).astimezone(zone)
    if after.replace(tzinfo=None) != clock:
        raise refusal(
            f"another time: {shown} does not exist in {zone.key}, where clocks are put forward "
            f"then; do you mean {after:%H:%M}?"
        )
    offsets = " or ".join(each.isoformat()[-6:] for each in (first, second))
    raise refusal(
        f"a time with its offset, {offsets}: {shown} comes twice in {zone.key}, where clocks are "
        "put back then"
    )


Zone = Annotated[ZoneInfo, PlainValidator(_zone)]

Moment = Annotated[datetime, PlainValidator(_moment)]
