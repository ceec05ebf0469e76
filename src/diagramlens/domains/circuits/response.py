"""What a transfer function with numbers does over frequency: poles and zeros, gains, cut-off frequencies, the Bode plot's curves.

Roots are those of polynomials with whole coefficients, isolated by FLINT (squarefree factors first, then certified intervals), so that a
double pole is two equal numbers and not two that differ in the eighth digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import cast

import numpy as np
from flint import acb, arb, ctx, fmpq, fmpq_poly, fmpz_poly

from diagramlens.domains.circuits.formula import Formula
from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.domains.circuits.solve import formula

_BITS = 160
_DIGITS = 30


@dataclass(frozen=True)
class Root:
    """A pole or zero in rad/s, to 30 digits; the two of a conjugate pair are exact mirror images."""

    real: Decimal
    imaginary: Decimal

    def __complex__(self) -> complex:
        return complex(float(self.real), float(self.imaginary))


@dataclass(frozen=True)
class Response:
    """A quotient of two coprime polynomials in s with whole coefficients, lowest power first."""

    above: tuple[int, ...]
    below: tuple[int, ...]

    @property
    def poles(self) -> tuple[Root, ...]:
        """The roots of the denominator, each as often as it occurs, smallest magnitude first."""
        return roots(self.below)

    @property
    def zeros(self) -> tuple[Root, ...]:
        """The finite roots of the numerator, each as often as it occurs, smallest magnitude first."""
        return roots(self.above) if any(self.above) else ()

    def at(self, s: complex) -> complex:
        """The value at one s."""
        return _horner(self.above, s) / _horner(self.below, s)

    def dc_gain(self) -> Fraction:
        """The limit for s → 0. Raises SolveError where there is none."""
        return self._end(self.above, self.below, "DC")

    def hf_gain(self) -> Fraction:
        """The limit for s → infinity. Raises SolveError where there is none."""
        size = max(len(self.above), len(self.below))
        above, below = (terms + (0,) * (size - len(terms)) for terms in (self.above, self.below))
        return self._end(above[::-1], below[::-1], "high frequencies")

    def _end(self, above: Sequence[int], below: Sequence[int], where: str) -> Fraction:
        if below[0]:
            return Fraction(above[0], below[0])
        if not any(self.above):
            return Fraction(0)
        raise SolveError(f"there is no gain at {where}: it grows without bound")

    def time_constant(self) -> Fraction:
        """Seconds of a circuit of first order: −1 over its only pole. Raises SolveError where there are more or none, or it is unstable."""
        if len(self.below) != 2:
            raise SolveError(f"a time constant is of a circuit with one pole; this one has {len(self.below) - 1}")
        if self.below[0] * self.below[1] <= 0:
            raise SolveError(
                "the circuit's only pole is not in the left half plane, so nothing settles and there is no time constant"
            )
        return Fraction(self.below[1], self.below[0])

    def cutoffs(self) -> tuple[Decimal, ...]:
        """The frequencies in Hz, ascending, at which the gain is the pass band's over √2.

        The pass band's gain is the larger of the gains at DC and at high frequencies (low-pass, high-pass, notch), and where both are zero
        the largest there is (band-pass). Raises SolveError where the gain is nowhere bounded or nowhere falls so far.
        """
        above, below = _squared(self.above), _squared(self.below)
        reference = self._flat_squared() or _peak(above, below)
        if not reference:
            raise SolveError("the transfer function is zero, so there is no cut-off frequency")
        half = fmpq(reference.numerator, 2 * reference.denominator)
        crossings = _positive_roots(above - half * below)
        if not crossings:
            raise SolveError("the gain nowhere falls to the pass band's over √2, so there is no cut-off frequency")
        with _precision():
            return tuple(_decimal(omega_squared.sqrt() / (2 * arb.pi())) for omega_squared in crossings)

    def peaks_above_pass_band(self) -> bool:
        """Whether the gain rises to √2 times the larger of those at DC and at high frequencies: then "3 dB below" is in doubt.

        Decided exactly: |H|² − 2·|H(end)|² changes its sign at a positive root of a polynomial in ω², whose roots are isolated. False
        where both gains are zero, for the peak is the pass band then. Raises SolveError where one of them is unbounded.
        """
        reference = self._flat_squared()
        double = fmpq(2 * reference.numerator, reference.denominator)
        return bool(reference) and bool(_positive_roots(_squared(self.above) - double * _squared(self.below)))

    def _flat_squared(self) -> Fraction:
        """The larger of the squared gains at DC and at high frequencies."""
        return max(self.dc_gain() ** 2, self.hf_gain() ** 2)

    def bode(self, hertz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Magnitudes in dB and phases in degrees at each frequency; the phase runs on over ±180° instead of jumping."""
        s = 2j * np.pi * np.asarray(hertz, dtype=float)
        if not any(self.above):
            return np.full(s.shape, -np.inf), np.zeros(s.shape)
        leading = Fraction(self.above[-1], self.below[-1])
        decibels = np.full(s.shape, 20 * _log10(abs(leading)))
        radians = np.full(s.shape, 0.0 if leading > 0 else np.pi)
        for some, sign in ((self.zeros, 1), (self.poles, -1)):
            for root in some:
                factor = s - complex(root)
                decibels += sign * 20 * np.log10(np.abs(factor))
                # From the right half plane the angle falls from 180° to 90°: continuous as it is.
                radians += sign * np.angle(factor)
        turns = np.round((radians[0] if radians.size else 0.0) / (2 * np.pi))
        return decibels, np.degrees(radians - 2 * np.pi * turns)

    def frequencies(self, points: int = 400) -> np.ndarray:
        """Hertz for a plot, logarithmic: from a decade below the smallest pole or zero other than zero to a decade above the largest."""
        sizes = [abs(complex(root)) / (2 * np.pi) for root in (*self.poles, *self.zeros)]
        sizes = [size for size in sizes if size > 0] or [1e3 / 10**0.5, 1e3 * 10**0.5]
        return np.logspace(np.floor(np.log10(min(sizes))) - 1, np.ceil(np.log10(max(sizes))) + 1, points)


def response(netlist: Netlist, source: str, positive: str, negative: str) -> Response:
    """The response of V(positive) − V(negative) to a source, as solve.transfer. Raises SolveError for a symbol without a number."""
    return response_of(formula(netlist, source, positive, negative, symbols=False))


def response_of(solved: Formula) -> Response:
    """A formula in s alone as a response. Raises SolveError naming a symbol that has no value."""
    above, below = solved.coefficients()
    return Response(tuple(above), tuple(below))


def roots(coefficients: Sequence[int]) -> tuple[Root, ...]:
    """The complex roots of a polynomial with whole coefficients (lowest power first), each as often as it occurs."""
    with _precision():
        found = _isolated(fmpz_poly(list(coefficients))) if len(coefficients) > 1 else []
        pairs = [(Root(_decimal(value.real), _decimal(value.imag)), times) for value, times in found]
    ordered = sorted(pairs, key=lambda pair: (abs(complex(pair[0])), pair[0].real, pair[0].imaginary))
    return tuple(root for root, times in ordered for _ in range(times))


def _precision() -> AbstractContextManager[object]:
    return cast(AbstractContextManager[object], ctx.workprec(_BITS))


def _isolated(polynomial: fmpz_poly) -> list[tuple[acb, int]]:
    """The roots as certified balls, each with how often it occurs; a real root has an imaginary part of exactly zero."""
    return cast(list[tuple[acb, int]], polynomial.complex_roots())


def _decimal(value: arb) -> Decimal:
    return Decimal(value.mid().str(_DIGITS, radius=False)).normalize(Context(prec=_DIGITS)) or Decimal(0)


def _horner(coefficients: Sequence[int], s: complex) -> complex:
    value = 0j
    for coefficient in reversed(coefficients):
        value = value * s + coefficient
    return value


def _log10(value: Fraction) -> float:
    """Of fractions far beyond what a float can hold."""
    bits = value.numerator.bit_length() - value.denominator.bit_length()
    return float(np.log10(float(value / Fraction(2) ** bits)) + bits * np.log10(2))


def _squared(coefficients: Sequence[int]) -> fmpq_poly:
    """The polynomial in x = ω² that is the squared magnitude of a polynomial in s at s = jω."""
    polynomial, mirrored = fmpq_poly(list(coefficients)), fmpq_poly([(-1) ** k * c for k, c in enumerate(coefficients)])
    product = polynomial * mirrored
    # Only even powers of s are left, and s² = −x.
    return fmpq_poly([product[2 * k] * (-1) ** k for k in range(product.degree() // 2 + 1)])


def _peak(above: fmpq_poly, below: fmpq_poly) -> Fraction:
    """The largest value of a quotient for positive x, to 30 digits. Raises SolveError where it has a pole there."""
    if _positive_roots(below):
        raise SolveError("the gain grows without bound at a resonance without loss, so there is no cut-off frequency")
    largest = Fraction(0)
    for x in _positive_roots(above.derivative() * below - above * below.derivative()):
        place = Fraction(_decimal(x))
        point = fmpq(place.numerator, place.denominator)
        value = above(point) / below(point)
        largest = max(largest, Fraction(int(value.p), int(value.q)))
    return largest


def _positive_roots(polynomial: fmpq_poly) -> list[arb]:
    """The distinct real roots above zero, ascending."""
    if polynomial.degree() < 1:
        return []
    with _precision():
        real = [value.real for value, _ in _isolated(polynomial.numer()) if value.imag == 0 and value.real > 0]
    return sorted(real, key=lambda value: Fraction(_decimal(value)))
