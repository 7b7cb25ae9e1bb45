"""The look of the gate report: light, dark and on paper."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c1c1e;--mute:#60646c;--line:#d9dbe0;--soft:#f4f5f7;
--pass:#16692f;--fail:#a8071a;--undecided:#7a4b00;--one:#1f5fbf;--two:#8a8f99;--better:31 95 191;--worse:214 106 0}
@media (prefers-color-scheme:dark){:root{--paper:#17181b;--ink:#e8e9ec;--mute:#a2a7b0;--line:#3a3d44;--soft:#212329;
--pass:#6fd08c;--fail:#ff8a8f;--undecided:#f0b95a;--one:#7fb0ff;--two:#9aa0ab;--better:90 150 255;--worse:240 140 40}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem;color:var(--ink);
background:var(--paper)}
header{border-left:6px solid var(--tone);background:var(--soft);padding:1rem 1.25rem;border-radius:4px}
header.passes{--tone:var(--pass)}header.fails{--tone:var(--fail)}header.doubt{--tone:var(--undecided)}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .5rem}h1 span{color:var(--tone);display:inline-block}
h1 span::first-letter{text-transform:uppercase}
h1 span::after{content:":"}
h2{font-size:1.15rem;margin:2.2rem 0 .5rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.2rem 0 .4rem}.kicker{color:var(--mute);margin:0}.lead{font-weight:600;margin:.3rem 0}
.lead::first-letter,header li::first-letter{text-transform:uppercase}
header ul{margin:.3rem 0 0;padding-left:1.2rem}.note{color:var(--mute);font-size:.87rem;margin:.3rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .6rem;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--mute);vertical-align:bottom}.n{text-align:right;font-variant-numeric:tabular-nums}
table.compact{width:auto;min-width:60%}table.facts td:first-child{white-space:nowrap;color:var(--mute);width:1%}
table.conditions td:nth-child(3){min-width:16rem}table.conditions td:nth-child(4){white-space:nowrap}
table.facts td,table.changes td{overflow-wrap:anywhere}table.confusion td{padding:.15rem .3rem}
table.small{font-size:.75rem}.cell{display:block;padding:.1rem .35rem;border-radius:3px}small{opacity:.8}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
b.pass{color:var(--pass)}b.fail{color:var(--fail)}b.undecided{color:var(--undecided)}
figure{margin:.5rem 0}figcaption{font-weight:600}figcaption::first-letter{text-transform:uppercase}
svg.wide{width:100%;max-width:760px;height:auto}svg.square{width:330px;max-width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--mute)}svg .label{fill:var(--ink);text-anchor:end;font-size:13px}
svg line,svg path{stroke:var(--line);fill:none}svg .zero{stroke:var(--two)}
svg .bound{stroke:var(--ink);stroke-dasharray:4 3}svg .boundname{fill:var(--ink)}
svg .pass{--tone:var(--pass)}svg .fail{--tone:var(--fail)}svg .undecided{--tone:var(--undecided)}
svg .range{stroke:var(--tone);stroke-width:3}svg .dot{fill:var(--tone)}
svg .ring{fill:var(--paper);stroke:var(--tone);stroke-width:2}svg .cross{stroke:var(--tone);stroke-width:3}
svg .champion{--tone:var(--two)}svg .challenger{--tone:var(--one)}
svg .curve{stroke:var(--tone);stroke-width:1.5}svg g circle:not(.dot):not(.ring){fill:var(--tone);fill-opacity:.75}
.beside{display:flex;flex-wrap:wrap;gap:1.5rem;align-items:center}.beside>div{flex:1;min-width:14rem}
.key{list-style:none;padding:0}.key i{display:inline-block;width:.8rem;height:.8rem;
border-radius:50%;margin-right:.5rem}.key .champion i{background:var(--two)}.key .challenger i{background:var(--one)}
table.groups td:first-child{white-space:nowrap}
@media screen and (max-width:40rem){svg.wide{overflow:visible}svg.wide text,svg.wide .label{font-size:17px}
table.conditions thead{display:none}table.conditions td:nth-child(n){border:0;padding:.05rem .4rem;min-width:0}
table.conditions tr{display:grid;grid-template-columns:5.5em 1fr;padding:.4rem 0;border-bottom:1px solid var(--line)}
table.conditions td:nth-child(n+3){grid-column:2;white-space:normal}
table.conditions td:nth-child(4):not(:empty)::before{content:"allowed: "}
table.conditions td:nth-child(5):not(:empty)::before{content:"would decide: "}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--mute:#444;--line:#bbb;--soft:#f4f4f4;--pass:#16692f;
--fail:#a8071a;--undecided:#7a4b00;--one:#1f5fbf;--two:#777;--better:31 95 191;--worse:214 106 0}
body{max-width:none;font-size:11pt;padding:0;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h2{break-after:avoid}figure,svg,tr,header{break-inside:avoid}.scroll{overflow:visible}}
"""
