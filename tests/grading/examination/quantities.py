"""Numbers with units as people write them: decimals, groups of digits, decimal commas, fractions, powers of ten, prefixes, words."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from tests.grading.examination.wording import Written

MANTISSAS = tuple(
    map(
        Fraction,
        (
            "1",
            "1.2",
            "1.5",
            "2.2",
            "2.5",
            "3.3",
            "4.7",
            "5.5",
            "6.8",
            "10",
            "12",
            "15",
            "25",
            "47",
            "100",
            "150",
            "220",
            "470",
        ),
    )
)
PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}
PREFIX_WORDS = {-9: "nano", -6: "micro", -3: "milli", 0: "", 3: "kilo", 6: "mega"}
SIUNITX = {-9: "\\nano", -6: "\\micro", -3: "\\milli", 0: "", 3: "\\kilo", 6: "\\mega"}
WORDS = {
    "V": ("volts", "volt"),
    "A": ("amperes", "amps"),
    "Ω": ("ohms", "Ohm"),
    "W": ("watts",),
    "Hz": ("hertz",),
    "s": ("seconds",),
    "F": ("farads",),
}
UNITS = {"V": "\\volt", "A": "\\ampere", "Ω": "\\ohm", "W": "\\watt", "Hz": "\\hertz", "s": "\\second", "F": "\\farad"}


def decimal(value: Fraction) -> str:
    """A value as a plain decimal, exact where it ends within twelve digits, else rounded to four significant ones."""
    text = f"{float(value):.12f}".rstrip("0").rstrip(".")
    return text if Fraction(text) == value else f"{float(value):.4g}"


def thousands(value: Fraction, exponents: tuple[int, ...]) -> int:
    """The exponent of the prefix that people would choose among these."""
    for exponent in sorted(exponents, reverse=True):
        if abs(value) >= Fraction(10) ** exponent:
            return exponent
    return min(exponents)


def written(value: Fraction, unit: str, rng: Random) -> Written:
    """A value with its unit in one of the styles; "" for a ratio, which has none."""
    if not unit:
        return rng.choice(RATIOS)(value, rng)
    return rng.choice(STYLES)(value, unit, rng)


def _digits(value: Fraction, exponent: int, rng: Random) -> str:
    """The digits with a sign, at times with groups, a decimal comma, or a Unicode minus."""
    text = decimal(value / Fraction(10) ** exponent)
    whole, _, decimals = text.lstrip("-").partition(".")
    if len(whole) > 3 and rng.random() < 0.5:
        separator = rng.choice((" ", ",", "'", "\u202f", "\u2009"))
        first = len(whole) % 3 or 3
        whole = separator.join([whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))])
        comma = False
    else:
        comma = bool(decimals) and rng.random() < 0.2 and (len(decimals) != 3 or whole == "0")
    minus = rng.choice(("-", "-", "-", "−", "- ", "–")) if value < 0 else rng.choice(("", "", "", "", "+"))
    return minus + whole + (("," if comma else ".") + decimals if decimals else "")


def _with_prefix(value: Fraction, unit: str, rng: Random) -> Written:
    exponent = thousands(value, tuple(PREFIXES))
    digits, prefix = _digits(value, exponent, rng), PREFIXES[exponent]
    prefix = rng.choice(("µ", "μ", "u")) if prefix == "µ" else prefix
    unit_latex = unit.replace("Ω", "\\Omega")
    prefix_latex = prefix.replace("µ", "\\mu ").replace("μ", "\\mu ")
    latex = rng.choice(
        (
            "{}\\,\\mathrm{{{}{}}}",
            "{}\\,\\text{{{}{}}}",
            "{}\\ \\mathrm{{{}{}}}",
            "{}~\\mathrm{{{}{}}}",
            "{} \\, {}{}",
            "{}\\text{{ {}{}}}",
        )
    )
    plain = digits + rng.choice((" ", " ", "", "\u00a0")) + prefix + unit
    return Written(plain, latex.format(digits.replace(" ", "\\,").replace("\u202f", "\\,"), prefix_latex, unit_latex))


def _in_the_base_unit(value: Fraction, unit: str, rng: Random) -> Written:
    digits = _digits(value, 0, rng)
    return Written(
        f"{digits} {unit}", f"{digits.replace(',', '{,}')}\\,\\mathrm{{{unit.replace('Ω', chr(92) + 'Omega')}}}"
    )


def _in_words(value: Fraction, unit: str, rng: Random) -> Written:
    exponent = thousands(value, tuple(PREFIX_WORDS))
    return Written(f"{_digits(value, exponent, rng)} {PREFIX_WORDS[exponent]}{rng.choice(WORDS[unit])}")


def _siunitx(value: Fraction, unit: str, rng: Random) -> Written:
    exponent = thousands(value, tuple(SIUNITX))
    command, number = rng.choice(("SI", "qty")), decimal(value / Fraction(10) ** exponent)
    text = f"\\{command}{{{number}}}{{{SIUNITX[exponent]}{UNITS[unit]}}}"
    return Written(text, text)


def _mantissa_and_power(value: Fraction, unit: str, rng: Random) -> Written:
    exponent = -9
    while abs(value) >= Fraction(10) ** (exponent + 1):
        exponent += 1
    mantissa = decimal(value / Fraction(10) ** exponent)
    raised = str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    forms = [
        "{m}e{e}",
        "{m}E{e:+03d}",
        "{m}*10^{e}",
        "{m} x 10^{e}",
        "{m} × 10{r}",
        "{m}·10{r}",
        "{m}*10**{e}",
        "{m} * 10^({e})",
        "{m}*^{e}",
    ]
    latex = ["{m} \\times 10^{{{e}}}", "{m} \\cdot 10^{{{e}}}", "{m}\\cdot10^{{{e}}}"]
    if mantissa in ("1", "-1"):
        sign = mantissa.rstrip("1")
        forms += [f"{sign}10{{r}}", f"{sign}10^{{e}}"]
        latex += [f"{sign}10^{{{{{{e}}}}}}"]
    shown = {"m": mantissa, "e": exponent, "r": raised}
    unit_latex = unit.replace("Ω", "\\Omega")
    return Written(
        rng.choice(forms).format(**shown) + f" {unit}",
        rng.choice(latex).format(**shown) + f"\\,\\mathrm{{{unit_latex}}}",
    )


def _fraction(value: Fraction, unit: str, rng: Random) -> Written:
    exponent = thousands(value, (-6, -3, 0, 3))
    part = (value / Fraction(10) ** exponent).limit_denominator(999)
    sign, prefix = "-" if part < 0 else "", PREFIXES[exponent]
    top, bottom = abs(part.numerator), part.denominator
    unit_latex = (prefix + unit).replace("Ω", "\\Omega").replace("µ", "\\mu ")
    plain = rng.choice((f"{sign}{top}/{bottom} {prefix}{unit}", f"{sign}({top}/{bottom}) {prefix}{unit}"))
    return Written(plain, rf"{sign}{rng.choice((' ', ''))}\frac{{{top}}}{{{bottom}}}\,\mathrm{{{unit_latex}}}")


STYLES = (
    _with_prefix,
    _with_prefix,
    _with_prefix,
    _in_the_base_unit,
    _in_words,
    _siunitx,
    _mantissa_and_power,
    _mantissa_and_power,
    _fraction,
)
RATIOS = (
    lambda value, rng: Written(_digits(value, 0, rng), decimal(value)),
    lambda value, rng: Written(decimal(value) + rng.choice((" V/V", " (dimensionless)"))),
    lambda value, rng: _ratio_fraction(value, rng),
    lambda value, rng: Written(f"{decimal(value / 10)}e1", rf"{decimal(value * 10)} \times 10^{{-1}}"),
    lambda value, rng: Written(f"{decimal(value * 100)} %", rf"{decimal(value * 100)}\,\%"),
)


def _ratio_fraction(value: Fraction, rng: Random) -> Written:
    sign, part = "-" if value < 0 else "", abs(value)
    return Written(
        rng.choice((f"{sign}{part}", f"{sign}({part})")), rf"{sign} \frac{{{part.numerator}}}{{{part.denominator}}}"
    )
