#include "workbench/pages/report_parts.h"

namespace lamina::detail {

const char* const kReportStyle = R"(
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:30px;line-height:1.2;margin:0 0 10px}
h2{font-size:20px;margin:44px 0 12px}
p{max-width:72ch;margin:8px 0}
.result{font-size:18px}
.warn{border-left:4px solid var(--c1);padding:6px 14px;background:var(--panel)}
.well{border-left:4px solid var(--c2);padding:6px 14px;background:var(--panel)}
.open{border-left:4px solid var(--axis);padding:6px 14px;background:var(--panel)}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:24px 0 8px;padding:0}
.tiles div{flex:1 1 150px;background:var(--panel);border-radius:10px;padding:12px 16px}
.tiles dt{color:var(--muted);font-size:14px}
.tiles dd{margin:2px 0 0;font-size:25px;font-weight:600;font-variant-numeric:tabular-nums}
.hint{color:var(--muted);font-size:14px}
:focus-visible{outline:3px solid var(--c0);outline-offset:2px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:15px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 22px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--muted);font-weight:600;font-size:14px}
td.n,th.n{text-align:right}
tfoot td{font-weight:600;border-bottom:0}
.net table{width:100%}
.confusion th,.confusion td{padding:5px 10px}
.confusion td{background:color-mix(in srgb,var(--c1) var(--share),transparent)}
.confusion .right{background:color-mix(in srgb,var(--c0) var(--share),transparent)}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono",Consolas,monospace;font-size:14px}
pre{background:var(--panel);border-radius:8px;padding:12px 16px;overflow-x:auto;margin:6px 0 14px}
.filters{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
.filters img{image-rendering:pixelated;width:min(100%,340px);border-radius:8px}
.filters p{flex:1 1 260px}
summary{cursor:pointer;padding:4px 0}
footer{color:var(--muted);font-size:14px;padding-top:36px;padding-bottom:48px}
@media print{.hint{display:none}}
)";

const char* const kFigureHint =
    "<noscript><p class=\"warn\">The figures of this page are drawn by its script, which is switched off "
    "here.</p></noscript>\n<p class=\"hint\">Figures: point at them, or move to them with Tab and use the arrow keys, "
    "to see values; drag across one, or press + and \u2212, to zoom, 0 for the whole; the legend hides and shows "
    "series.</p>\n";

}  // namespace lamina::detail
