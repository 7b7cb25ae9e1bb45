"""Ten made-up files with the headers and the defects that the exports of ten cities have; every row is made up."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

KINDS = ("THEFT", "ASSAULT", "BURGLARY", "ROBBERY", "FRAUD")
SHARES = (0.42, 0.25, 0.17, 0.1, 0.06)
PLACES = ("STREET", "RESIDENCE", "APARTMENT", "SHOP", "SCHOOL", "PARKING LOT")


class Town:
    """Rows with a signal in place, hour and part of the town, drawn from a seed."""

    def __init__(self, rows, seed, kinds=KINDS, shares=SHARES, years=3):
        self.generator = np.random.default_rng(seed)
        self.rows, self.kinds = rows, np.array(kinds)
        self.y = self.generator.choice(len(kinds), rows, p=np.array(shares) / sum(shares))
        minutes = np.sort(self.generator.integers(0, years * 365 * 24 * 60, rows))
        day = pd.Timestamp("2021-01-01") + pd.to_timedelta(minutes // (24 * 60), unit="D")
        hour = np.clip(np.round(self.generator.normal(4 + 4 * self.y, 3)), 0, 23).astype(int)
        self.when = pd.Series(day) + pd.to_timedelta(hour, unit="h")
        self.when += pd.to_timedelta(self.generator.integers(0, 60, rows), unit="m")
        self.place = self.signalled(PLACES)
        self.beat = 100 + 10 * self.near(9) + self.generator.integers(0, 3, rows)
        self.lat = np.round(40 + 0.02 * self.near(7) + self.generator.normal(0, 0.01, rows), 6)
        self.lon = np.round(-75 - 0.03 * self.near(5) + self.generator.normal(0, 0.01, rows), 6)

    def near(self, n):
        """Whole numbers below ``n`` that go with the class in half of the rows."""
        return np.where(self.generator.random(self.rows) < 0.5, self.y * n // len(self.kinds), self.any(n))

    def any(self, n):
        return self.generator.integers(0, n, self.rows)

    def signalled(self, values):
        return np.array(values)[self.near(len(values))]

    def choice(self, values, shares=None):
        return self.generator.choice(np.array(values, dtype=object), self.rows, p=shares)

    @property
    def kind(self):
        return self.kinds[self.y]

    def ids(self, prefix=""):
        return [f"{prefix}{number}" for number in self.generator.permutation(self.rows) + 1_000_000]


def with_gaps(values, generator, share, marker=None):
    found = np.array(values, dtype=object)
    found[generator.random(len(found)) < share] = marker
    return found


def chicago(folder):
    """Socrata: AM/PM, codes and an outcome beside the kind, a class of eight rows, copies of rows."""
    town = Town(2400, 1)
    kind = town.kind.astype(object)
    kind[town.any(300) == 7] = "ARSON"
    arson = np.flatnonzero(kind == "ARSON")
    kind[arson[8:]] = "THEFT"
    codes = {name: f"{i:02d}A" for i, name in enumerate(sorted(set(kind)))}
    frame = pd.DataFrame(
        {
            "ID": town.ids(),
            "Case Number": town.ids("JG"),
            "Date": town.when.dt.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Block": [f"{n:03d}XX W MAIN ST" for n in town.any(200)],
            "IUCR": [codes[name] for name in kind],
            "Primary Type": kind,
            "Description": [
                f"{name} {'AGGRAVATED' if flag else 'SIMPLE'}" for name, flag in zip(kind, town.any(2), strict=True)
            ],
            "Location Description": with_gaps(town.place, town.generator, 0.02),
            "Arrest": np.where(town.any(5) == 0, "true", "false"),
            "Domestic": np.where(town.any(7) == 0, "true", "false"),
            "Beat": [f"{beat:04d}" for beat in town.beat],
            "District": town.beat // 10,
            "Ward": with_gaps(town.near(20), town.generator, 0.03),
            "Community Area": town.near(30) + 1,
            "FBI Code": [codes[name][:2] for name in kind],
            "X Coordinate": (1_150_000 + 300_000 * (town.lon + 75)).round(),
            "Y Coordinate": (1_850_000 + 300_000 * (town.lat - 40)).round(),
            "Year": town.when.dt.year,
            "Updated On": "02/10/2024 03:40:01 PM",
            "Latitude": town.lat,
            "Longitude": town.lon,
            "Location": [f"({lat}, {lon})" for lat, lon in zip(town.lat, town.lon, strict=True)],
        }
    )
    frame = pd.concat([frame, frame.iloc[:40]])
    return _csv(folder / "Crimes - 2021 to Present.csv", frame), "Primary Type"


def los_angeles(folder):
    """A date at midnight and the time as HHMM beside it, 0/0 for an unknown place, empty codes, ages of 0."""
    town = Town(1800, 2, kinds=("BATTERY - SIMPLE ASSAULT", "VEHICLE - STOLEN", "BURGLARY", "THEFT PLAIN", "ROBBERY"))
    nowhere = town.any(60) == 0
    frame = pd.DataFrame(
        {
            "DR_NO": town.ids(),
            "Date Rptd": (town.when + pd.to_timedelta(town.any(9), unit="D")).dt.strftime("%m/%d/%Y 12:00:00 AM"),
            "DATE OCC": town.when.dt.strftime("%m/%d/%Y 12:00:00 AM"),
            "TIME OCC": town.when.dt.strftime("%H%M"),
            "AREA": [f"{n:02d}" for n in town.near(12) + 1],
            "AREA NAME": town.signalled(["Central", "Harbor", "Hollywood", "Olympic", "Topanga"]),
            "Rpt Dist No": town.beat,
            "Part 1-2": np.where(town.y < 3, 1, 2),
            "Crm Cd": np.array([624, 510, 310, 440, 210])[town.y],
            "Crm Cd Desc": town.kind,
            "Mocodes": with_gaps(
                [f"{a:04d} {b:04d}" for a, b in zip(town.any(90), town.any(90), strict=True)], town.generator, 0.1
            ),
            "Vict Age": town.any(80),
            "Vict Sex": town.choice(["M", "F", "X", None]),
            "Vict Descent": town.choice(["H", "W", "B", "A", "O", None]),
            "Premis Cd": town.near(40) + 101,
            "Premis Desc": town.place,
            "Weapon Used Cd": with_gaps(town.any(20) + 100, town.generator, 0.7),
            "Status": town.choice(["IC", "AO", "AA"]),
            "Status Desc": town.choice(["Invest Cont", "Adult Other", "Adult Arrest"]),
            "LOCATION": [f"{n:>5}00 S   FIGUEROA                     ST" for n in town.any(150)],
            "Cross Street": None,
            "LAT": np.where(nowhere, 0.0, town.lat - 6),
            "LON": np.where(nowhere, 0.0, town.lon - 43),
        }
    )
    return _csv(folder / "los angeles' crime.csv", frame), "Crm Cd Desc"


def new_york(folder):
    """Upper-case names, days and hours apart, `(null)`, races and ages, projected feet, a rare class."""
    kinds = ("PETIT LARCENY", "HARRASSMENT 2", "ASSAULT 3", "GRAND LARCENY", "DANGEROUS DRUGS", "ARSON")
    town = Town(2600, 3, kinds, (0.4, 0.24, 0.18, 0.12, 0.055, 0.005), years=2)
    frame = pd.DataFrame(
        {
            "CMPLNT_NUM": town.ids(),
            "CMPLNT_FR_DT": town.when.dt.strftime("%m/%d/%Y"),
            "CMPLNT_FR_TM": town.when.dt.strftime("%H:%M:%S"),
            "CMPLNT_TO_DT": with_gaps(town.when.dt.strftime("%m/%d/%Y"), town.generator, 0.2, "(null)"),
            "ADDR_PCT_CD": town.beat,
            "RPT_DT": town.when.dt.strftime("%m/%d/%Y"),
            "KY_CD": np.array([341, 578, 344, 109, 117, 114])[town.y],
            "OFNS_DESC": town.kind,
            "PD_CD": with_gaps(
                np.array([338, 638, 101, 415, 511, 263])[town.y] + town.any(3), town.generator, 0.01, "(null)"
            ),
            "LAW_CAT_CD": np.array(["MISDEMEANOR", "VIOLATION", "MISDEMEANOR", "FELONY", "MISDEMEANOR", "FELONY"])[
                town.y
            ],
            "BORO_NM": with_gaps(
                town.signalled(["BRONX", "BROOKLYN", "MANHATTAN", "QUEENS"]), town.generator, 0.01, "(null)"
            ),
            "PREM_TYP_DESC": with_gaps(town.place, town.generator, 0.02, "(null)"),
            "SUSP_AGE_GROUP": town.choice(["25-44", "18-24", "(null)", "UNKNOWN"]),
            "SUSP_RACE": town.choice(["BLACK", "WHITE", "(null)", "UNKNOWN"]),
            "VIC_SEX": town.choice(["M", "F", "D", "E"]),
            "X_COORD_CD": with_gaps(
                (1_000_000 + 250_000 * (town.lon + 75)).round().astype(int), town.generator, 0.01, "(null)"
            ),
            "Y_COORD_CD": (200_000 + 250_000 * (town.lat - 40)).round().astype(int),
            "Latitude": town.lat,
            "Longitude": town.lon,
        }
    )
    return _csv(folder / "nypd.csv", frame), "OFNS_DESC"


def san_francisco(folder):
    """ISO times, a byte order mark, several rows per incident, a subcategory and a resolution."""
    town = Town(1500, 4, kinds=("Larceny Theft", "Malicious Mischief", "Assault", "Burglary", "Fraud"))
    incident = np.minimum(np.arange(town.rows) // 2 * 2 + (town.any(3) == 0), town.rows)
    frame = pd.DataFrame(
        {
            "Incident Datetime": town.when.dt.strftime("%Y/%m/%d %I:%M:%S %p"),
            "Incident Date": town.when.dt.strftime("%Y/%m/%d"),
            "Incident Time": town.when.dt.strftime("%H:%M"),
            "Incident Year": town.when.dt.year,
            "Incident Day of Week": town.when.dt.day_name(),
            "Report Datetime": (town.when + pd.Timedelta(hours=5)).dt.strftime("%Y/%m/%d %I:%M:%S %p"),
            "Row ID": town.ids(),
            "Incident Number": 210_000_000 + incident,
            "Report Type Code": town.choice(["II", "IS", "VI"]),
            "Incident Code": np.array([6374, 28150, 4134, 5043, 9320])[town.y],
            "Incident Category": town.kind,
            "Incident Subcategory": [
                f"{kind} - {'Other' if flag else 'Main'}" for kind, flag in zip(town.kind, town.any(2), strict=True)
            ],
            "Resolution": town.choice(["Open or Active", "Cite or Arrest Adult", "Unfounded"]),
            "Police District": town.signalled(["Central", "Mission", "Northern", "Park", "Tenderloin"]),
            "Analysis Neighborhood": with_gaps([f"Quarter {n}" for n in town.near(36)], town.generator, 0.03),
            "Latitude": with_gaps(town.lat, town.generator, 0.05),
            "Longitude": town.lon,
            "Point": [f"POINT ({lon} {lat})" for lat, lon in zip(town.lat, town.lon, strict=True)],
        }
    )
    return _csv(folder / "Police_Department_Incident_Reports.csv", frame, encoding="utf-8-sig"), "Incident Category"


def seattle(folder):
    """`-` and `UNKNOWN` among codes and coordinates of 0, a group above the offence, Windows line ends."""
    town = Town(1700, 5, kinds=("Larceny", "Assault", "Burglary", "Motor Vehicle Theft", "Fraud"))
    frame = pd.DataFrame(
        {
            "Report Number": town.ids("2021-"),
            "Offense ID": town.ids("7"),
            "Offense Start DateTime": town.when.dt.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Offense End DateTime": with_gaps(town.when.dt.strftime("%m/%d/%Y %I:%M:%S %p"), town.generator, 0.4),
            "Report DateTime": (town.when + pd.Timedelta(hours=3)).dt.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Group A B": "A",
            "Crime Against Category": np.where(town.y == 1, "PERSON", "PROPERTY"),
            "Offense Parent Group": town.kind,
            "Offense Code": np.array(["23D", "13A", "220", "240", "26A"])[town.y],
            "Precinct": with_gaps(town.signalled(["N", "S", "E", "W", "SW"]), town.generator, 0.04, "UNKNOWN"),
            "Sector": with_gaps(town.signalled(list("BCDEFGJK")), town.generator, 0.04, "-"),
            "Beat": with_gaps([f"B{beat}" for beat in town.beat], town.generator, 0.04, "-"),
            "MCPP": with_gaps([f"AREA {n}" for n in town.near(25)], town.generator, 0.04, "UNKNOWN"),
            "100 Block Address": [f"{n}XX BLOCK OF PINE ST" for n in town.any(120)],
            "Longitude": with_gaps(town.lon, town.generator, 0.02, "REDACTED"),
            "Latitude": with_gaps(town.lat, town.generator, 0.02, "REDACTED"),
        }
    )
    return _csv(folder / "SPD_Crime_Data.csv", frame, lineterminator="\r\n"), "Offense Parent Group"


def philadelphia(folder):
    """Carto: the offset in the time, hexadecimal geometry, spellings of one class in two cases."""
    town = Town(
        1200, 6, kinds=("Thefts", "Other Assaults", "Vandalism/Criminal Mischief", "Fraud"), shares=(4, 3, 2, 1)
    )
    kind = town.kind.astype(object)
    kind = np.where(town.any(10) == 0, np.char.upper(kind.astype(str)), kind)
    frame = pd.DataFrame(
        {
            "the_geom": [f"0101000020E6100000{n:032X}" for n in town.generator.integers(0, 2**60, town.rows)],
            "cartodb_id": np.arange(town.rows),
            "objectid": town.ids(),
            "dc_dist": town.near(12) + 1,
            "psa": town.choice(["1", "2", "3"]),
            "dispatch_date_time": town.when.dt.strftime("%Y-%m-%d %H:%M:%S+00"),
            "dispatch_date": town.when.dt.strftime("%Y-%m-%d"),
            "dispatch_time": town.when.dt.strftime("%H:%M:%S"),
            "hour": town.when.dt.hour,
            "dc_key": town.ids("2021"),
            "location_block": [f"{n}00 BLOCK N BROAD ST" for n in town.any(90)],
            "ucr_general": np.array([600, 800, 1400, 1100])[town.y],
            "text_general_code": kind,
            "point_x": town.lon,
            "point_y": town.lat,
            "lat": town.lat,
            "lng": town.lon,
        }
    )
    return _csv(folder / "incidents_part1_part2.csv", frame), "text_general_code"


def boston(folder):
    """CKAN: codes and words of the offence, several rows per incident, `-1` for an unknown place."""
    town = Town(3000, 7, kinds=("Larceny", "Vandalism", "Simple Assault", "Residential Burglary", "Fraud"), years=2)
    unknown = town.any(40) == 0
    frame = pd.DataFrame(
        {
            "INCIDENT_NUMBER": [f"I{192000000 + n}" for n in np.arange(town.rows) * 3 // 4],
            "OFFENSE_CODE": np.array([613, 1402, 802, 520, 1107])[town.y],
            "OFFENSE_CODE_GROUP": town.kind,
            "OFFENSE_DESCRIPTION": [
                f"{kind.upper()} - {'ALL OTHERS' if flag else 'FROM BUILDING'}"
                for kind, flag in zip(town.kind, town.any(2), strict=True)
            ],
            "DISTRICT": with_gaps(town.signalled(["A1", "B2", "C6", "D14", "E18"]), town.generator, 0.02),
            "REPORTING_AREA": with_gaps(town.beat, town.generator, 0.05, " "),
            "SHOOTING": with_gaps(["Y"] * town.rows, town.generator, 0.97),
            "OCCURRED_ON_DATE": town.when.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "YEAR": town.when.dt.year,
            "MONTH": town.when.dt.month,
            "DAY_OF_WEEK": town.when.dt.day_name(),
            "HOUR": town.when.dt.hour,
            "UCR_PART": np.where(town.y == 1, "Part Two", "Part One"),
            "STREET": [f"STREET {n}" for n in town.near(150)],
            "Lat": np.where(unknown, -1.0, town.lat),
            "Long": np.where(unknown, -1.0, town.lon),
            "Location": [f"({lat}, {lon})" for lat, lon in zip(town.lat, town.lon, strict=True)],
        }
    )
    return _csv(folder / "boston.csv", frame), "OFFENSE_CODE_GROUP"


def toronto(folder):
    """ArcGIS Hub as GeoJSON: epochs in milliseconds, hours apart, two divisions of the city, edited dates."""
    town = Town(900, 8, kinds=("Assault", "Break and Enter", "Auto Theft", "Robbery"), shares=(5, 2, 2, 1))
    local = town.when.dt.tz_localize("America/Toronto", ambiguous=True, nonexistent="shift_forward")
    epoch = (local - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)
    rows = pd.DataFrame(
        {
            "OBJECTID": np.arange(town.rows) + 1,
            "EVENT_UNIQUE_ID": town.ids("GO-2021"),
            "REPORT_DATE": (epoch + 86_400_000).tolist(),
            "OCC_DATE": epoch.tolist(),
            "OCC_HOUR": town.when.dt.hour,
            "DIVISION": [f"D{n}" for n in town.near(15) + 11],
            "PREMISES_TYPE": town.place,
            "UCR_CODE": np.array([1430, 2120, 2135, 1610])[town.y],
            "OFFENCE": [
                f"{kind} {'Plus' if flag else 'Basic'}" for kind, flag in zip(town.kind, town.any(2), strict=True)
            ],
            "MCI_CATEGORY": town.kind,
            "HOOD_158": with_gaps([f"{n:03d}" for n in town.near(60)], town.generator, 0.02, "NSA"),
            "LONG_WGS84": town.lon,
            "LAT_WGS84": town.lat,
        }
    )
    features = [
        {
            "type": "Feature",
            "properties": json.loads(row.to_json()),
            "geometry": {"type": "Point", "coordinates": [row["LONG_WGS84"], row["LAT_WGS84"]]},
        }
        for _, row in rows.iterrows()
    ]
    path = folder / "Major_Crime_Indicators.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path, "MCI_CATEGORY"


def london(folder):
    """A workbook without a day: areas and months of years, so that a year is held out."""
    town = Town(1600, 9, kinds=("Violence", "Theft", "Burglary", "Drugs"), shares=(4, 3, 2, 1), years=5)
    frame = pd.DataFrame(
        {
            "lsoa_code": [f"E010{n:05d}" for n in town.near(80)],
            "borough": town.signalled(["Camden", "Hackney", "Lambeth", "Barnet", "Ealing", "Croydon"]),
            "major_category": town.kind,
            "minor_category": [f"{kind} {n}" for kind, n in zip(town.kind, town.any(3), strict=True)],
            "value": town.any(4),
            "year": town.when.dt.year,
            "month": town.when.dt.month,
        }
    )
    path = folder / "london crime.xlsx"
    frame.to_excel(path, index=False)
    return path, "major_category"


def police_uk(folder):
    """A folder of months from a German Excel: `sep=`, semicolons, decimal commas, cp1252, trailing empty columns."""
    town = Town(1400, 10, kinds=("Anti-social behaviour", "Violence", "Shoplifting", "Drugs", "Robbery"), years=1)
    frame = pd.DataFrame(
        {
            "Crime ID": with_gaps(town.ids("c"), town.generator, 0.3),
            "Month": town.when.dt.strftime("%Y-%m"),
            "Reported by": "Zürich Constabulary",
            "Falls within": "Zürich Constabulary",
            "Longitude": with_gaps([f"{x:.6f}".replace(".", ",") for x in town.lon + 73], town.generator, 0.02),
            "Latitude": [f"{x:.6f}".replace(".", ",") for x in town.lat + 13],
            "Location": [f"On or near Straße {n}" for n in town.near(70)],
            "LSOA code": [f"E010{n:05d}" for n in town.near(50)],
            "LSOA name": [f"Bradford {n:03d}" for n in town.near(50)],
            "Crime type": town.kind,
            "Last outcome category": with_gaps(
                town.choice(["Under investigation", "Offender sent to prison"]), town.generator, 0.3
            ),
            "Context": None,
        }
    )
    months = folder / "months of police"
    months.mkdir()
    for month, rows in frame.groupby("Month"):
        text = "sep=;\r\n" + rows.to_csv(sep=";", index=False, lineterminator=";;\r\n")
        (months / f"{month}.csv").write_bytes(text.encode("cp1252"))
    return months, "Crime type"


def _csv(path, frame, **options):
    frame.to_csv(path, index=False, **options)
    return path


CITIES = {
    each.__name__: each
    for each in (
        chicago,
        los_angeles,
        new_york,
        san_francisco,
        seattle,
        philadelphia,
        boston,
        toronto,
        london,
        police_uk,
    )
}


if __name__ == "__main__":  # python -m tests.edges.cities chicago data: the file of docs/how-to/own-data.md
    CITIES[sys.argv[1]](Path(sys.argv[2]))
