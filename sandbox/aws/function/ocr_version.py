"""The version of this package, as OCR_VERSION.txt beside it says."""
from pathlib import Path

_lines = Path(__file__).with_name("OCR_VERSION.txt").read_text(encoding="utf-8").splitlines()
_facts = dict(line.split("=", 1) for line in _lines if "=" in line)
OCR_VERSION = _facts.get("VERSION", "unknown")
OCR_BUILD_DATE = _facts.get("BUILD_DATE", "unknown")
OCR_DESCRIPTION = _facts.get("DESCRIPTION", "")
