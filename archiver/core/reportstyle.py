"""How the pages that this program writes beside an archive look: on screens of any size, light and dark, and on paper."""

from __future__ import annotations

STYLE = """\
:root {
  --ground: #fbfaf8; --card: #fff; --ink: #1d2327; --soft: #59636b; --line: #e2ded7;
  --accent: #0b6b57; --tint: #e6f2ee; --code: #f3f0ea; --warn: #8a4b00; --warn-tint: #fdf1df;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181a; --card: #1b2124; --ink: #e6e8e6; --soft: #9fabb0; --line: #30393d;
    --accent: #6fd0b4; --tint: #16302a; --code: #101416; --warn: #f0b866; --warn-tint: #33270f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
.wrap { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem 4rem; }
header { padding: 3rem 0 .5rem; }
.label { margin: 0; color: var(--accent); font-size: .85rem; font-weight: 600; letter-spacing: .06em; text-transform: uppercase; }
h1 { margin: .2rem 0 .6rem; font-size: clamp(1.9rem, 6vw, 2.75rem); line-height: 1.1; letter-spacing: -.02em; overflow-wrap: anywhere; }
.lead { margin: 0; color: var(--soft); font-size: 1.05rem; overflow-wrap: anywhere; }
.note { margin: 1.25rem 0 0; padding: .8rem 1rem; border-left: 4px solid var(--accent); border-radius: .3rem; background: var(--tint); }
.note.warn { border-color: var(--warn); background: var(--warn-tint); }
.note p { margin: 0; }
.note strong { font-size: 1.15rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.2rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }
.facts li { padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; color: var(--soft); font-size: .9rem; }
.facts b { display: block; color: var(--ink); font-size: 1.4rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.facts .warn b { color: var(--warn); }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 1.5rem 0 0; padding: .8rem 0; border-block: 1px solid var(--line); font-size: .95rem; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .2em; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .2rem; }
h2 { margin: 3rem 0 .3rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h3 { margin: 1.75rem 0 .4rem; font-size: 1.05rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft { color: var(--soft); }
.badge { display: inline-block; padding: 0 .55rem; border-radius: 99px; font-size: .8rem; font-weight: 600; vertical-align: .15em; color: var(--accent); background: var(--tint); letter-spacing: 0; }
.badge.warn { color: var(--warn); background: var(--warn-tint); }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; padding: .1em .3em; border-radius: .25rem; background: var(--code); overflow-wrap: anywhere; }
details { margin: .6rem 0; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); overflow: hidden; }
summary { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; padding: .55rem .9rem; cursor: pointer; }
summary::before { content: "\\25B8"; color: var(--soft); transition: rotate .12s; }
details[open] > summary::before { rotate: 90deg; }
summary::-webkit-details-marker { display: none; }
summary b { font-weight: 650; }
summary .count { margin-left: auto; font-variant-numeric: tabular-nums; color: var(--soft); }
details > p { margin: 0; padding: 0 .9rem .6rem 2.2rem; font-size: .92rem; color: var(--soft); max-width: none; }
details[open] > summary { border-bottom: 1px solid var(--line); }
details[open] > p { padding-top: .5rem; }
.urls { margin: 0; padding: .3rem 0; list-style: none; font-size: .9rem; max-height: 34rem; overflow: auto; overscroll-behavior: contain; }
.urls li { padding: .35rem .9rem; }
.urls li + li { border-top: 1px solid var(--line); }
.urls small { display: block; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.bar { display: block; width: 100%; height: .6rem; margin: .5rem 0; border-radius: 99px; overflow: hidden; background: var(--warn-tint); border: 1px solid var(--line); }
.bar rect { fill: var(--accent); }
.scroll { margin: .6rem 0; overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
details table { border-top: 0; }
th, td { padding: .45rem .9rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-size: .8rem; font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; min-width: 5rem; }
td small { display: block; color: var(--soft); font-size: .85rem; }
td.size, th.size { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; }
@media (max-width: 36rem) {
  header { padding-top: 1.75rem; }
  .facts { grid-template-columns: repeat(2, 1fr); }
  h2 { margin-top: 2.4rem; font-size: 1.3rem; }
  thead { display: none; }
  tr { display: block; padding: .55rem .9rem; border-bottom: 1px solid var(--line); }
  tr:last-child { border-bottom: 0; }
  td, td.size { display: block; padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  td:first-child { font-weight: 600; }
  td + td::before { content: attr(data-name) ": "; color: var(--soft); }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } summary::before { transition: none; } }
@media print { body { background: #fff; color: #000; } nav { display: none; } .urls { max-height: none; } }
"""
"""A style sheet, with classes for what stands on such pages."""
