/** The style sheet of a report, and the policy that allows nothing but it. */
import { createHash } from 'node:crypto'

export const STYLE = `
:root{color-scheme:light dark;--bg:#fafbfb;--panel:#fff;--rule:#dfe4e7;--text:#13181b;--soft:#56626a;--crit:#b3211d;
--free:#56626a;--available:#3574d6;--anon:#2f9148;--file:#a97d00;--slab:#12898a;--swap:#c8302b;--out:#cf580f;--cpu:#6a50cc}
@media (prefers-color-scheme:dark){:root{--bg:#0d1012;--panel:#13171a;--rule:#2a3238;--text:#e9edef;--soft:#8f9ba3;--crit:#ff7169;
--free:#b7c1c8;--available:#6199f2;--anon:#55b86a;--file:#dfb341;--slab:#46c8c4;--swap:#f2655f;--out:#f07f3a;--cpu:#8a72ee}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 16px 64px;max-width:1248px;background:var(--bg);color:var(--text);
font:13px/1.45 system-ui,'Segoe UI',sans-serif;font-variant-numeric:tabular-nums}
h1{margin:0;font-size:20px;font-weight:640}
h2{margin:32px 0 8px;font-size:15px;font-weight:640}
h3{margin:0;font-size:13px;font-weight:640}
p{margin:4px 0;max-width:80ch}
small,.soft{color:var(--soft);font-size:12px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:16px 0 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code,pre,td.m{font-family:ui-monospace,'Cascadia Mono',Menlo,monospace;font-size:12px}
pre{margin:8px 0;padding:8px 12px;overflow-x:auto;background:var(--panel);border:1px solid var(--rule)}
.note{white-space:pre-wrap;overflow-wrap:anywhere;margin-top:16px;padding-left:12px;border-left:3px solid var(--available)}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
figure{margin:0;padding:10px 12px;background:var(--panel);border:1px solid var(--rule);min-width:0}
figure.wide{grid-column:1/-1}
@media (max-width:900px){.charts{grid-template-columns:minmax(0,1fr)}}
svg{display:block;width:100%;height:auto;margin-top:4px}
svg text{fill:var(--soft);font-size:11px}
path{fill:none}
.grid{stroke:var(--rule)}
.kill{stroke:var(--crit);stroke-width:1.5;stroke-dasharray:3 3}
.line{stroke:currentColor;stroke-width:1.5;stroke-linejoin:round}
.free{color:var(--free)}.available{color:var(--available)}.anon{color:var(--anon)}.file{color:var(--file)}
.slab{color:var(--slab)}.swap{color:var(--swap)}.out{color:var(--out)}.cpu{color:var(--cpu)}
i{display:inline-block;width:14px;height:3px;margin-right:8px;vertical-align:middle;background:currentColor}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:540;color:var(--soft);font-size:12px}
th,td{padding:2px 12px 2px 0;vertical-align:top}
tr+tr td,thead+tbody td{border-top:1px solid var(--rule)}
figure table{margin-top:6px;font-size:12px}
figure td,figure tr+tr td{border:0;padding-block:0}
th.n,td.n{text-align:right;white-space:nowrap}
td.text{width:100%;overflow-wrap:anywhere}
.crit{color:var(--crit)}
.kind,.crit{white-space:nowrap}
details{margin:8px 0}
summary{cursor:pointer}
`

/** No script, no request, no other style: whatever a recording holds stays text. */
export const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`
