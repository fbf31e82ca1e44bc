"""The style of the HTML report: light and dark, wide and narrow, on screen and on paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --page: #ffffff; --panel: #f5f6f8; --line: #d4d8de; --text: #1c2127; --soft: #525b66;
  --pass: #146c3a; --fail: #b3261e; --skip: #5c6570; --deploy: #2f5fb3; --verify: #146c3a; --pass-back: #e2f3e8;
  --fail-back: #fbe6e4; --skip-back: #eceef1; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --panel: #1d2126; --line: #3a414a; --text: #e8eaed;
  --soft: #aab2bc; --pass: #7ed9a0; --fail: #ff9c94; --skip: #b4bcc6; --deploy: #8fb5ff; --verify: #7ed9a0;
  --pass-back: #17301f; --fail-back: #3c1d1b; --skip-back: #2a2f36; } }
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main, header, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; display: inline; }
.verdict { display: inline-block; padding: .15rem .7rem; border-radius: 1rem; font-weight: 600; }
.pass { color: var(--pass); background: var(--pass-back); }
.fail { color: var(--fail); background: var(--fail-back); }
.skip { color: var(--skip); background: var(--skip-back); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem 1.5rem;
  margin: 1.25rem 0 0; padding: 1rem 1.25rem; background: var(--panel); border-radius: .5rem; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: .9rem; margin-bottom: .5rem; }
svg { display: block; width: 100%; min-width: 36rem; height: auto; }
svg text { paint-order: stroke; stroke: var(--page); stroke-width: 3px; fill: var(--text);
  font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .deploy { fill: var(--deploy); }
svg .verify { fill: var(--verify); }
svg .bad { fill: var(--fail); }
svg .moment { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 3 3; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .55rem .9rem; }
summary:focus-visible { outline: 3px solid var(--deploy); outline-offset: 2px; border-radius: .5rem; }
summary .counts { color: var(--soft); margin-left: .6rem; }
.rows { overflow-x: auto; padding: 0 .9rem .9rem; }
figure .rows, .trouble .rows { padding: 0; }
.rows:focus-visible { outline: 3px solid var(--deploy); outline-offset: -3px; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: .85rem; }
tbody th { font-weight: 500; min-width: 10rem; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.status { white-space: nowrap; }
.tag { display: inline-block; padding: 0 .5rem; border-radius: .75rem; font-size: .85rem; font-weight: 600; }
.trouble { border: 1px solid var(--fail); border-left-width: .4rem; border-radius: .5rem; padding: .5rem 1rem;
  margin: .75rem 0; overflow-wrap: anywhere; }
.trouble p { margin: .25rem 0; }
code { font: .9em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .85rem; padding-top: 1.5rem; padding-bottom: 2rem; }
@media print { details { break-inside: avoid; } }
"""
