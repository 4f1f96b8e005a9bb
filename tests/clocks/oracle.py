"""Deadlines and windows by brute force, for tests/clocks.rs to be held against.

Reads one question a line from stdin, as JSON, and answers one line each to stdout. It shares nothing with the desk but the rules:
it walks through time minute by minute, and second by second where something happens inside the minute, and looks at the wall clock.
Instants and lengths are whole seconds.

    {"ask": "due", "zone", "week", "holidays", "start", "worked"}  ->  {"due", "holidays": the dates that moved it}
    {"ask": "worked", "zone", "week", "holidays", "start", "end"}  ->  {"worked", "holidays"}
    {"ask": "window", "zone", "kind": "week" | "month" | "quarter", "at"}  ->  {"start", "end"}

`week` has a list of periods for each day from Monday; periods and holidays are texts as in programme.toml. The first line says which
IANA release answers.
"""

import calendar
import datetime
import json
import multiprocessing
import os
import sys
import zoneinfo

import tzdata

MINUTE = 60
CLOSED, OPEN, HOLIDAY = 0, 1, 2
FARTHEST = 800 * 24 * 60 * MINUTE


def minute_of_day(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


class Hours:
    """What the wall clock's minutes mean, day by day."""

    def __init__(self, week, holidays):
        self.by_weekday = []
        for periods in week:
            minutes = bytearray(24 * 60)
            for period in periods:
                start, end = map(minute_of_day, period.split("-"))
                for minute in range(start, end):
                    minutes[minute] = OPEN
            self.by_weekday.append(bytes(minutes))
        self.holidays = holidays
        self.years = {}
        self.days = {}

    def is_holiday(self, date):
        year = date.year
        if year not in self.years:
            self.years[year] = set()
            for holiday in self.holidays:
                first, _, last = holiday.partition("..")
                self.years[year] |= days_in(year, first, last or first)
        return date in self.years[year]

    def of(self, ordinal):
        """The meaning of each minute of a day."""
        found = self.days.get(ordinal)
        if found is None:
            date = datetime.date.fromordinal(ordinal)
            found = self.by_weekday[date.weekday()]
            if self.is_holiday(date):
                found = found.replace(bytes([OPEN]), bytes([HOLIDAY]))
            self.days[ordinal] = found
        return found


def days_in(year, first, last):
    """The dates of a holiday that fall into a year."""
    spans = []
    if len(first) == len("2026-12-24"):
        spans.append((datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)))
    else:
        # One that began in the year before may last into this one.
        for begins in (year - 1, year):
            if first == "02-29" and not calendar.isleap(begins):
                continue
            start = datetime.date.fromisoformat(f"{begins}-{first}")
            ends = begins + 1 if last < first else begins
            if last == "02-29" and not calendar.isleap(ends):
                end = datetime.date(ends, 2, 28)
            else:
                end = datetime.date.fromisoformat(f"{ends}-{last}")
            spans.append((start, end))
    days = set()
    for start, end in spans:
        while start <= end:
            if start.year == year:
                days.add(start)
            start += datetime.timedelta(days=1)
    return days


def walk(question):
    """From start until `worked` seconds were open, or until `end`."""
    zone = zoneinfo.ZoneInfo(question["zone"])
    hours = Hours(question["week"], question["holidays"])
    at = question["start"]
    left = question.get("worked")
    end = question.get("end", at + FARTHEST)
    done = 0
    moved_by = set()

    def look(at):
        local = datetime.datetime.fromtimestamp(at, zone)
        ordinal = local.toordinal()
        return hours.of(ordinal)[local.hour * 60 + local.minute], local.utcoffset(), ordinal

    here = look(at)
    while at < end and (left is None or done < left):
        step = 1
        if at % MINUTE == 0 and at + MINUTE <= end:
            # Periods and the time between them last a minute or more: alike at both ends is alike in between.
            there = look(at + MINUTE)
            if here[:2] == there[:2]:
                step = MINUTE
        if here[0] == OPEN:
            if left is not None and done + step > left:
                step = left - done
            done += step
        elif here[0] == HOLIDAY:
            moved_by.add(here[2])
        at += step
        here = there if step == MINUTE else look(at)
    if left is not None and done < left:
        raise ValueError("no deadline within two years")
    days = [datetime.date.fromordinal(ordinal).isoformat() for ordinal in sorted(moved_by)]
    return {"due": at, "holidays": days} if left is not None else {"worked": done, "holidays": days}


def first_instant(zone, date):
    """When the wall clock first shows the date's midnight; where it never does, the first instant at which it shows more."""
    midnight = datetime.datetime.combine(date, datetime.time())
    around = calendar.timegm(midnight.timetuple())

    def look(at):
        local = datetime.datetime.fromtimestamp(at, zone)
        return local.replace(tzinfo=None), local.utcoffset()

    jump = None
    here = look(around - 27 * 3600)
    for at in range(around - 27 * 3600, around + 27 * 3600, MINUTE):
        there = look(at + MINUTE)
        if here[1] == there[1]:
            if here[0] <= midnight < there[0]:
                return at + int((midnight - here[0]).total_seconds())
        else:
            shown = here[0]
            for second in range(at, at + MINUTE):
                before, (shown, _) = shown, look(second)
                if shown == midnight:
                    return second
                if jump is None and before < midnight < shown:
                    jump = second
            if jump is None and shown < midnight < there[0]:
                jump = at + MINUTE
        here = there
    return jump


def window(question):
    zone = zoneinfo.ZoneInfo(question["zone"])
    kind, at = question["kind"], question["at"]
    date = datetime.datetime.fromtimestamp(at, zone).date()

    def next_start(date):
        date += datetime.timedelta(days=1)
        while not is_first(date):
            date += datetime.timedelta(days=1)
        return date

    def is_first(date):
        if kind == "week":
            return date.weekday() == 0
        return date.day == 1 and (kind == "month" or date.month in (1, 4, 7, 10))

    # Two windows early, and then on to the one that holds the instant.
    date -= datetime.timedelta(days={"week": 9, "month": 33, "quarter": 94}[kind])
    date = next_start(date)
    start = first_instant(zone, date)
    while True:
        date = next_start(date)
        end = first_instant(zone, date)
        if start <= at < end:
            return {"start": start, "end": end}
        start = end


def answer(line):
    question = json.loads(line)
    return json.dumps(window(question) if question["ask"] == "window" else walk(question))


def main():
    print(json.dumps({"iana": tzdata.IANA_VERSION, "zones": sorted(zoneinfo.available_timezones())}), flush=True)
    with multiprocessing.Pool(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for found in pool.imap(answer, sys.stdin, chunksize=32):
            print(found)


if __name__ == "__main__":
    main()
