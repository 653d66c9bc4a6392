#include "workbench/pages/report_parts.h"

namespace lamina::detail {

const char* const kReportStyle = R"(
*{box-sizing:border-box}
:root{color-scheme:light dark;--panel:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--panel:#1b2027}}
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
.inside{margin-top:20px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:24px 0 8px;padding:0}
.tiles div{flex:1 1 150px;background:var(--panel);border-radius:10px;padding:12px 16px}
.tiles dt{color:var(--muted);font-size:14px}
.tiles dd{margin:2px 0 0;font-size:25px;font-weight:600;font-variant-numeric:tabular-nums}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:20px}
.plot{position:relative;margin:0;border:1px solid var(--rule);border-radius:10px;padding:10px 6px 4px}
.plot svg{display:block;width:100%;height:auto}
.plot .cursor{stroke:var(--axis);stroke-dasharray:3 3}
.values{position:absolute;pointer-events:none;background:var(--page);border:1px solid var(--axis);border-radius:6px;
padding:5px 10px;font-size:13px;white-space:nowrap;font-variant-numeric:tabular-nums;box-shadow:0 2px 8px #0003}
.values i{display:inline-block;width:12px;height:3px;border-radius:2px;margin-right:7px;vertical-align:middle}
.hint{color:var(--muted);font-size:14px}
:focus-visible{outline:3px solid var(--c0);outline-offset:2px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:15px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 22px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--muted);font-weight:600;font-size:14px}
td.n,th.n{text-align:right}
tfoot td{font-weight:600;border-bottom:0}
.net table{width:100%}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono",Consolas,monospace;font-size:14px}
pre{background:var(--panel);border-radius:8px;padding:12px 16px;overflow-x:auto;margin:6px 0 14px}
.filters{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
.filters img{image-rendering:pixelated;width:min(100%,340px);border-radius:8px}
.filters p{flex:1 1 260px}
summary{cursor:pointer;padding:4px 0}
footer{color:var(--muted);font-size:14px;padding-top:36px;padding-bottom:48px}
@media (max-width:520px){.plot svg{overflow:visible}.figure text{font-size:17px}.figure .title{font-size:22px}
.figure .label,.figure .legend,.figure .mark-text{font-size:16px}}
@media print{.hint{display:none}.plot{break-inside:avoid}}
)";

const char* const kReportScript = R"(
for (const plot of document.querySelectorAll('.plot')) {
  const data = JSON.parse(plot.querySelector('script').textContent);
  const svg = plot.querySelector('svg'), box = plot.querySelector('.values');
  const [left, top, width, height] = data.plot, whole = svg.viewBox.baseVal.width;
  const make = (name, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.style.display = 'none';
    return svg.appendChild(node);
  };
  const px = v => left + width * (v - data.x[0]) / (data.x[1] - data.x[0]);
  const scale = data.log ? Math.log10 : v => v;
  const py = v => top + height * (1 - (scale(v) - scale(data.y[0])) / (scale(data.y[1]) - scale(data.y[0])));
  const cursor = make('line', {class: 'cursor', y1: top, y2: top + height});
  const dots = data.series.map(s => make('circle', {r: 4.5, fill: `var(--c${s.colour})`}));
  const places = [...new Set(data.series.flatMap(s => s.x))].sort((a, b) => a - b);
  const text = v => data.percent ? (100 * v).toFixed(1) + '%' : String(+v.toPrecision(4));
  const number = v => String(+v.toFixed(2));
  let at = -1;

  const nearest = (list, v) => {
    let low = 0, high = list.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle] > v) high = middle; else low = middle;
    }
    return Math.abs(list[low] - v) <= Math.abs(list[high] - v) ? low : high;
  };
  const hide = () => {
    box.hidden = true;
    for (const node of [cursor, ...dots]) node.style.display = 'none';
  };
  const show = place => {
    at = Math.max(0, Math.min(places.length - 1, place));
    const x = places[at];
    cursor.setAttribute('x1', px(x));
    cursor.setAttribute('x2', px(x));
    cursor.style.display = '';
    box.replaceChildren(`${data.xLabel} ${number(x)}`);
    data.series.forEach((s, i) => {
      const k = nearest(s.x, x);
      if (!s.x.length) return;
      dots[i].setAttribute('cx', px(s.x[k]));
      dots[i].setAttribute('cy', py(s.y[k]));
      dots[i].style.display = '';
      const row = document.createElement('div'), swatch = document.createElement('i');
      swatch.style.background = `var(--c${s.colour})`;
      row.append(swatch, `${s.name ? s.name + ': ' : ''}${text(s.y[k])}`);
      box.append(row);
    });
    box.hidden = false;
    const frame = svg.getBoundingClientRect(), outer = plot.getBoundingClientRect();
    const middle = frame.left - outer.left + px(x) * frame.width / whole;
    const right = middle + 16 + box.offsetWidth < outer.width;
    box.style.left = (right ? middle + 14 : Math.max(2, middle - 14 - box.offsetWidth)) + 'px';
    box.style.top = frame.top - outer.top + (top + 8) * frame.width / whole + 'px';
  };
  if (!places.length) continue;
  svg.addEventListener('pointermove', event => {
    const frame = svg.getBoundingClientRect();
    const x = (event.clientX - frame.left) * whole / frame.width;
    show(nearest(places, data.x[0] + (x - left) / width * (data.x[1] - data.x[0])));
  });
  svg.addEventListener('pointerleave', hide);
  plot.addEventListener('blur', hide);
  plot.addEventListener('focus', () => { if (plot.matches(':focus-visible')) show(at < 0 ? places.length - 1 : at); });
  plot.addEventListener('keydown', event => {
    const step = event.shiftKey ? Math.ceil(places.length / 20) : 1;
    const to = {ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: places.length - 1}[event.key];
    if (event.key === 'Escape') hide();
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}
)";

}  // namespace lamina::detail
