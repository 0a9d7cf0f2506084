"""A trace as a picture: a line for each span, in the order in which they began."""

from collections.abc import Sequence
from html import escape
from typing import Final

from tests.integration.otel.collector import Seen

_COLOURS: Final = {"paywall-api": "#2f6f4e", "paywall-worker": "#b3541e"}
_FAILED: Final = "#b00020"
_ROW, _TOP, _NAMES, _BARS, _LEFT_OVER = 24, 44, 250, 430, 160
_LEAST: Final = 3.0


def picture(spans: Sequence[Seen]) -> str:
    """An SVG document. Times are from the first span's beginning; what takes no time to see is three points wide."""
    ordered = sorted(spans, key=lambda span: (span.begun, span.ended))
    begin, end = ordered[0].begun, max(span.ended for span in ordered)
    scale = _BARS / max(end - begin, 1)
    width, height = _NAMES + _BARS + _LEFT_OVER, _TOP + _ROW * len(ordered) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<style>text {font-size: 12px}</style><title>The spans of one purchase</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" font-weight="bold">Trace {ordered[0].trace_id}</text>',
    ]
    for number, (service, colour) in enumerate(_COLOURS.items()):
        left = _NAMES + _BARS + 150 * (number - 1) - 60
        lines.append(f'<rect x="{left}" y="13" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="{left + 15}" y="22">{service}</text>')
    for number, span in enumerate(ordered):
        y = _TOP + _ROW * number
        x = _NAMES + (span.begun - begin) * scale
        wide = max((span.ended - span.begun) * scale, _LEAST)
        colour = _FAILED if span.error else _COLOURS.get(span.service, "#555")
        if number % 2 == 0:
            lines.append(f'<rect y="{y - 4}" width="{width}" height="{_ROW}" fill="#f4f4f1"/>')
        lines.append(f'<text x="{12 if span.parent_id == "" else 26}" y="{y + 12}">{escape(_title(span))}</text>')
        lines.append(f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="15" rx="2" fill="{colour}"/>')
        lines.append(
            f'<text x="{_NAMES + _BARS + 12}" y="{y + 12}" fill="#444">+{_long(span.begun - begin)}, '
            f"{_long(span.ended - span.begun)}</text>"
        )
    return "\n".join([*lines, "</svg>", ""])


def _title(span: Seen) -> str:
    about = span.about.get("paywall.effect") or span.about.get("stripe.event_type") or ""
    return f"{span.name} {about}".strip()


def _long(nanoseconds: int) -> str:
    milliseconds = nanoseconds / 1e6
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"
