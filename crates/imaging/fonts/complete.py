#!/usr/bin/env python3
"""Makes the complete fonts of drawings: one file for each style, so that the drawing library never has to look for a second one.

complete.py OUT ARIMO_DIR TINOS_DIR COUSINE_DIR SCRIPTS_DIR, with fonttools 4.68.0 and brotli. The folders are those that PROVENANCE.md names.
"""

import io
import sys
from pathlib import Path

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

# Instructions for small screens, signatures and the like: nothing here is drawn by them.
UNUSED = ["DSIG", "gasp", "STAT", "meta", "MVAR"]
# What stays the first font's, because lines are laid out by it.
LINE = {"hhea": ["ascent", "descent", "lineGap"], "OS/2": ["sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent", "sxHeight", "sCapHeight", "ySubscriptYOffset", "ySuperscriptYOffset", "yStrikeoutPosition", "yStrikeoutSize"], "post": ["underlinePosition", "underlineThickness"]}


def stripped(path: Path, without: set[int]) -> TTFont:
    """A font with every glyph for characters that are not in `without`, and no instructions."""
    font = TTFont(path, recalcTimestamp=False)
    options = Options(hinting=False, layout_features=["*"], notdef_outline=True, glyph_names=False)
    options.drop_tables += UNUSED
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=set(font.getBestCmap()) - without)
    subsetter.subset(font)
    return font


def complete(first: Path, others: list[Path], out: Path) -> None:
    base = stripped(first, set())
    units = base["head"].unitsPerEm
    line = {table: {name: getattr(base[table], name) for name in names} for table, names in LINE.items()}
    seen = set(base.getBestCmap())
    parts = [base]
    for path in others:
        part = stripped(path, seen)
        scale_upem(part, units)
        seen |= set(part.getBestCmap())
        parts.append(part)
    files = []
    for part in parts:
        data = io.BytesIO()
        part.flavor = None
        part.save(data)
        data.seek(0)
        files.append(data)
    merged = Merger().merge(files) if others else TTFont(files[0], recalcTimestamp=False)
    for table, values in line.items():
        for name, value in values.items():
            setattr(merged[table], name, value)
    merged.recalcTimestamp = False
    merged["head"].modified = merged["head"].created
    merged.save(out)
    print(f"{out.stat().st_size:8} {len(merged.getGlyphOrder()):6} glyphs  {out.name}")


def main() -> None:
    out, arimo, tinos, cousine, arabic, devanagari = map(Path, sys.argv[1:])
    for weight, word in ((400, "Regular"), (700, "Bold")):
        scripts = [arabic / f"noto-sans-arabic-arabic-{weight}-normal.woff2", devanagari / f"noto-sans-devanagari-devanagari-{weight}-normal.woff2"]
        complete(arimo / f"{weight}{word}/Arimo_{weight}{word}.ttf", scripts, out / f"arimo-complete-{weight}-normal.ttf")
        complete(arimo / f"{weight}{word}_Italic/Arimo_{weight}{word}_Italic.ttf", [], out / f"arimo-complete-{weight}-italic.ttf")
        complete(tinos / f"{weight}{word}/Tinos_{weight}{word}.ttf", [], out / f"tinos-complete-{weight}-normal.ttf")
        complete(cousine / f"{weight}{word}/Cousine_{weight}{word}.ttf", [], out / f"cousine-complete-{weight}-normal.ttf")


main()
