/** The style of the page: light and dark as the reader has it, readable without colours. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --dim: #5c6672; --back: #fff; --soft: #f3f5f7; --line: #d8dde3;
  --passed: #1a7f4b; --failed: #c0362c; --late: #a05a00; --unscored: #6b7280; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ed; --dim: #9aa5b1; --back: #14171b; --soft: #1d2227; --line: #343b43;
    --passed: #4cc38a; --failed: #ff7b72; --late: #e3a44c; --unscored: #9aa5b1; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.15rem; }
h3 { margin: 0 0 .3rem; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
a { color: inherit; }
.sub { color: var(--dim); font-size: .88rem; }
.scale { display: flex; justify-content: space-between; }
.figures { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0 0; }
.figures div { background: var(--soft); border-radius: 6px; padding: .5rem .8rem; min-width: 7rem; }
.figures dt { color: var(--dim); font-size: .8rem; }
.figures dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { border: 1px solid var(--line); padding: .25rem .55rem; text-align: left; vertical-align: top; }
.matrix th small { color: var(--dim); font-weight: normal; }
.matrix td a { text-decoration: none; }
td.passed, .badge.passed { color: var(--passed); } td.failed, .badge.failed { color: var(--failed); }
td.late, .badge.late { color: var(--late); } td.unscored, .badge.unscored, td.none { color: var(--unscored); }
svg { width: 100%; min-width: 30rem; height: auto; background: var(--soft); border-radius: 6px; }
rect.passed { fill: var(--passed); } rect.failed { fill: var(--failed); } rect.late { fill: var(--late); } rect.unscored { fill: var(--unscored); }
section { border-top: 1px solid var(--line); padding: .9rem 0; }
section:target { background: var(--soft); }
.badge { display: inline-block; min-width: 4.6rem; font-weight: 600; }
summary { cursor: pointer; color: var(--dim); }
pre { background: var(--soft); border-radius: 6px; padding: .7rem; overflow: auto; max-height: 30rem; font-size: .8rem; line-height: 1.4; }
pre .added { color: var(--passed); } pre .removed { color: var(--failed); } pre .hunk, pre .head { color: var(--dim); }
`;
