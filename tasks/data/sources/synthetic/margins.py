"""How often each value occurs in the Supplementary Homicide Reports 1980-2014, and an invented pattern of weapons.

Counts refer to all 638,454 rows unless a name says otherwise. Counts per month and year are rounded.
"""

from __future__ import annotations

WEAPONS = {
    "Handgun": 317_484, "Knife": 94_962, "Blunt Object": 67_337, "Firearm": 46_980, "Unknown": 33_192,
    "Shotgun": 30_722, "Rifle": 23_347, "Strangulation": 8_110, "Fire": 6_173, "Suffocation": 3_968, "Gun": 2_206,
    "Drugs": 1_588, "Drowning": 1_204, "Explosives": 537, "Poison": 454, "Fall": 190,
}  # fmt: skip

STATES = {
    "California": 99_783, "Texas": 62_095, "New York": 49_268, "Florida": 37_164, "Michigan": 28_448,
    "Illinois": 25_871, "Pennsylvania": 24_236, "Georgia": 21_088, "North Carolina": 20_390, "Louisiana": 19_629,
    "Ohio": 19_158, "Maryland": 17_312, "Virginia": 15_520, "Tennessee": 14_930, "Missouri": 14_832,
    "New Jersey": 14_132, "Arizona": 12_871, "South Carolina": 11_698, "Indiana": 11_463, "Alabama": 11_376,
    "Oklahoma": 8_809, "Washington": 7_815, "District of Columbia": 7_115, "Arkansas": 6_947, "Colorado": 6_593,
    "Kentucky": 6_554, "Mississippi": 6_546, "Wisconsin": 6_191, "Massachusetts": 6_036, "Nevada": 5_553,
    "Connecticut": 4_896, "New Mexico": 4_272, "Oregon": 4_217, "Minnesota": 3_975, "Kansas": 3_085,
    "West Virginia": 3_061, "Utah": 2_033, "Iowa": 1_749, "Alaska": 1_617, "Hawaii": 1_338, "Nebraska": 1_331,
    "Rhodes Island": 1_211, "Delaware": 1_179, "Idaho": 1_150, "Maine": 869, "New Hampshire": 655, "Wyoming": 630,
    "Montana": 601, "South Dakota": 442, "Vermont": 412, "North Dakota": 308,
}  # fmt: skip

MONTHS = {
    "January": 52_900, "February": 46_079, "March": 51_400, "April": 51_200, "May": 53_700, "June": 53_700,
    "July": 58_696, "August": 58_100, "September": 54_100, "October": 53_700, "November": 51_000, "December": 53_900,
}  # fmt: skip

YEARS = dict(zip(range(1980, 2015), (
    23_100, 21_200, 20_500, 18_700, 16_700, 17_500, 19_300, 17_900, 18_000, 19_000, 21_200, 22_700, 23_800, 24_300,
    23_200, 21_200, 17_900, 16_900, 15_300, 13_800, 14_700, 15_800, 16_300, 16_500, 16_000, 16_700, 17_300, 17_300,
    16_600, 15_800, 15_100, 14_900, 15_100, 14_300, 14_200,
), strict=True))  # fmt: skip

SOLVED = {"Yes": 448_172, "No": 190_282}
CRIMES = {"Murder or Manslaughter": 629_338, "Manslaughter by Negligence": 9_116}
RECORDS = {"FBI": 616_647, "FOIA": 21_807}

AGENCIES_SOLVED = {
    "Municipal Police": 336_009, "Sheriff": 82_994, "County Police": 15_160, "State Police": 11_715,
    "Special Police": 2_058, "Regional Police": 186, "Tribal Police": 50,
}  # fmt: skip
AGENCIES_UNSOLVED = {
    "Municipal Police": 157_017, "Sheriff": 22_328, "County Police": 7_533, "State Police": 2_520,
    "Special Police": 831, "Regional Police": 49, "Tribal Police": 4,
}  # fmt: skip

# Who the victim was to the perpetrator, in solved cases. In unsolved cases it is Unknown.
RELATIONSHIPS_SOLVED = {
    "Unknown": 82_731, "Acquaintance": 126_018, "Stranger": 96_593, "Wife": 23_187, "Friend": 21_945,
    "Girlfriend": 16_465, "Son": 9_904, "Family": 9_535, "Husband": 8_803, "Daughter": 7_539, "Boyfriend": 7_302,
    "Neighbor": 6_294, "Brother": 5_514, "Father": 4_361, "Mother": 4_248, "In-Law": 3_637, "Common-Law Wife": 2_477,
    "Ex-Wife": 1_973, "Common-Law Husband": 1_954, "Boyfriend/Girlfriend": 1_383, "Stepfather": 1_360,
    "Sister": 1_292, "Stepson": 1_170, "Stepdaughter": 753, "Ex-Husband": 629, "Employer": 509, "Employee": 384,
    "Stepmother": 212,
}  # fmt: skip
CHILDREN = ("Son", "Daughter", "Stepson", "Stepdaughter")
PARENTS = ("Father", "Mother", "Stepfather", "Stepmother", "In-Law")
LOVERS = (
    "Wife", "Girlfriend", "Husband", "Boyfriend", "Common-Law Wife", "Ex-Wife", "Common-Law Husband",
    "Boyfriend/Girlfriend", "Ex-Husband",
)  # fmt: skip
FEMALE = (
    "Wife", "Girlfriend", "Daughter", "Mother", "Common-Law Wife", "Ex-Wife", "Sister", "Stepdaughter", "Stepmother",
)  # fmt: skip
MALE = (
    "Son", "Husband", "Boyfriend", "Brother", "Father", "Common-Law Husband", "Stepfather", "Stepson", "Ex-Husband",
)  # fmt: skip

SEXES = ("Male", "Female", "Unknown")
# Shares of SEXES where the relationship does not determine the victim's sex.
SEX_SOLVED = (0.8497, 0.1494, 0.0009)
SEX_UNSOLVED = (0.8231, 0.1735, 0.0034)

RACES = ("White", "Black", "Asian/Pacific Islander", "Native American/Alaska Native", "Unknown")
RACE_SHARES = (0.596, 0.3663, 0.0198, 0.0079, 0.01)
ETHNICITIES = ("Hispanic", "Not Hispanic", "Unknown")
ETHNICITY_UNKNOWN = {"Yes": 0.569, "No": 0.595}
HISPANIC_GIVEN_RACE = (0.401, 0.012, 0.02, 0.02, 0.02)

# Odds factors of each weapon, by what is known of the victim. The pattern is invented; the margins are kept.
WEAPON_FACTORS: dict[str, dict[str, float]] = {
    "stranger": {"Handgun": 2.2, "Knife": 0.8, "Strangulation": 0.4, "Suffocation": 0.3, "Poison": 0.2, "Drugs": 0.3},
    "acquaintance": {"Knife": 1.5, "Drugs": 2.0, "Handgun": 0.9, "Fire": 0.7},
    "lover": {"Strangulation": 3.0, "Knife": 1.6, "Shotgun": 1.7, "Poison": 2.0, "Rifle": 1.5, "Fall": 1.5},
    "child": {"Blunt Object": 5.0, "Drowning": 10.0, "Suffocation": 7.0, "Fire": 2.0, "Handgun": 0.3, "Knife": 0.4},
    "family": {"Shotgun": 2.2, "Rifle": 2.2, "Knife": 1.4, "Poison": 3.0, "Handgun": 0.6},
    "nobody known": {"Unknown": 4.0, "Firearm": 1.7, "Strangulation": 0.8, "Explosives": 2.0},
    "female": {"Strangulation": 9.0, "Suffocation": 3.0, "Drowning": 2.0, "Poison": 2.0, "Handgun": 0.6, "Fire": 2.0},
    "aged 0-4": {"Blunt Object": 8.0, "Drowning": 14.0, "Suffocation": 12.0, "Fall": 14.0, "Handgun": 0.04,
                 "Knife": 0.08, "Shotgun": 0.1, "Rifle": 0.1, "Firearm": 0.06, "Drugs": 5.0, "Strangulation": 0.8},
    "aged 5-13": {"Fire": 12.0, "Drowning": 4.0, "Handgun": 0.5, "Rifle": 1.5, "Suffocation": 2.0},
    "aged 14-24": {"Handgun": 2.0, "Blunt Object": 0.5, "Fire": 0.3, "Suffocation": 0.3, "Poison": 0.2, "Gun": 1.5},
    "aged 45-64": {"Knife": 1.4, "Blunt Object": 1.7, "Handgun": 0.7, "Shotgun": 1.4, "Drugs": 1.8},
    "aged 65-99": {"Blunt Object": 4.0, "Suffocation": 5.0, "Strangulation": 3.0, "Handgun": 0.3, "Poison": 7.0,
                   "Fall": 8.0, "Fire": 3.0, "Knife": 1.6},
    "by negligence": {"Rifle": 4.0, "Shotgun": 3.0, "Drugs": 14.0, "Knife": 0.1, "Strangulation": 0.1, "Fall": 5.0},
    "more victims": {"Fire": 9.0, "Explosives": 25.0, "Rifle": 2.0, "Drowning": 2.0, "Knife": 0.6},
    "Oklahoma 1995": {"Explosives": 900.0},
    "not municipal": {"Shotgun": 2.0, "Rifle": 2.2, "Handgun": 0.8, "Drowning": 1.8},
    "thirty years later": {"Firearm": 4.0, "Shotgun": 0.3, "Rifle": 0.6, "Gun": 0.1, "Drugs": 6.0,
                           "Strangulation": 0.5},
}  # fmt: skip
# Standard deviation over the states of the logarithm of such a factor; 0.25 for the other weapons.
STATE_SPREAD = {"Gun": 1.6, "Firearm": 1.1, "Unknown": 0.7, "Rifle": 0.6, "Shotgun": 0.5, "Poison": 0.6}
