// The figures of lamina's pages. Each <figure class="chart"> holds its numbers as JSON, in the form that chart_json()
// writes; this draws them as SVG of the place's own width, with values under the pointer or the arrow keys, a legend
// that hides series, and zoom.
'use strict';
(() => {
const kShapes = [
  r => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  r => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  r => `M0 ${-1.25 * r}L${1.2 * r} ${0.9 * r}H${-1.2 * r}z`,
  r => `M0 ${-1.35 * r}L${1.35 * r} 0L0 ${1.35 * r}L${-1.35 * r} 0z`,
  r => `M${-1.2 * r} ${-0.9 * r}H${1.2 * r}L0 ${1.25 * r}z`,
];
const kColours = 6;
const kDots = 60;  // series of more points have no marks
const kSmooth = 150;  // series of more points, where not accuracies, are drawn pale behind their running mean
const kRows = 400;

const svg = (name, attributes, parent) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (parent) parent.append(node);
  return node;
};
const html = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};
const clamp = (v, low, high) => Math.max(low, Math.min(high, v));
const colour = i => `var(--c${i % kColours})`;

// Numbers as text.
const superscript = n => String(n).replace(/./g, c => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]);
const short = (v, digits = 4) => {
  if (v === 0) return '0';
  const size = Math.abs(v);
  if (size >= 1e6 || size < 1e-3) {
    const [factor, power] = v.toExponential(Math.min(digits - 1, 2)).split('e');
    return `${(+factor === 1 ? '' : +factor + ' · ')}10${superscript(+power)}`;
  }
  return (+v.toPrecision(digits)).toLocaleString('en', {maximumFractionDigits: 6});
};
const percent = (v, decimals) => (100 * v).toFixed(decimals) + '%';

// 1, 2 or 5 times a power of ten, at least `step`.
const niceStep = step => {
  const power = 10 ** Math.floor(Math.log10(step));
  for (const factor of [1, 2, 5]) if (factor * power >= step * (1 - 1e-9)) return factor * power;
  return 10 * power;
};

// An axis from `low` to `high` over the pixels from..to, with its marks.
class Axis {
  constructor(low, high, log, from, to, count, whole) {
    Object.assign(this, {low, high, log, from, to, ticks: [], step: 0});
    if (log) {
      const first = Math.log10(low), last = Math.log10(high);
      const step = Math.max(1, Math.ceil((last - first) / count));
      const factors = last - first <= 1.2 ? [1, 2, 3, 5, 7] : last - first <= 2.2 ? [1, 2, 5] : [1];
      for (let power = Math.floor(first); power <= last; ++power)
        for (const factor of factors) {
          const v = factor * 10 ** power;
          if (v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9) && (step === 1 || power % step === 0)) this.ticks.push(v);
        }
    } else {
      this.step = niceStep((high - low) / count);
      if (whole) this.step = Math.max(1, this.step);
      for (let k = Math.ceil(low / this.step - 1e-6); k * this.step <= high + 1e-6 * this.step; ++k)
        this.ticks.push(k * this.step);
    }
  }
  pixel(v) {
    const t = this.log ? Math.log(v / this.low) / Math.log(this.high / this.low) : (v - this.low) / (this.high - this.low);
    return this.from + t * (this.to - this.from);
  }
  value(pixel) {
    const t = (pixel - this.from) / (this.to - this.from);
    return this.log ? this.low * (this.high / this.low) ** t : this.low + t * (this.high - this.low);
  }
  text(v, asPercent) {
    if (asPercent) return percent(v, this.step < 0.00999 ? 1 : 0);
    const power = Math.round(Math.log10(v));
    if (this.log) return Math.abs(Math.log10(v) - power) < 1e-9 && (this.low < 5e-3 || this.high > 2e4) && v !== 1
      ? '10' + superscript(power) : short(v, 2);
    if (Math.abs(v) < 1e-9 * this.step) return '0';
    return this.step >= 1e6 || this.step < 1e-4 ? short(v, 3)
      : v.toLocaleString('en', {maximumFractionDigits: Math.max(0, Math.ceil(-Math.log10(this.step) - 1e-9))});
  }
}

const runningMean = (y, width) => y.map((_, i) => {
  const half = Math.min(width >> 1, i), end = Math.min(i + half, y.length - 1);
  let sum = 0, count = 0;
  for (let k = i - half; k <= end; ++k) if (y[k] !== null) sum += y[k], ++count;
  return count ? sum / count : null;
});

const nearest = (list, v) => {
  let low = 0, high = list.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] > v) high = middle; else low = middle;
  }
  return Math.abs(list[low] - v) <= Math.abs(list[high] - v) ? low : high;
};

class Chart {
  constructor(figure) {
    this.figure = figure;
    const data = this.data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    this.series = data.series.map((s, index) => {
      const smooth = s.y.length > kSmooth && !data.percent;
      const width = clamp(s.y.length / 40 | 1, 5, 501);
      const y = s.y.map(v => Number.isFinite(v) ? v : null);
      return {...s, y, index, shown: true, mean: smooth ? runningMean(y, width) : null};
    });
    this.logY = Boolean(data.log_y);
    const all = data.series.flatMap(s => s.x.filter(x => Number.isFinite(x) && (!data.log_x || x > 0)));
    this.whole = all.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
    if (!all.length) this.whole = [0.1, 1];
    else if (this.whole[0] === this.whole[1])
      this.whole = data.log_x ? [this.whole[0] / 2, this.whole[0] * 2] : [this.whole[0] - 0.5, this.whole[0] + 0.5];
    this.view = [...this.whole];
    this.at = null;
    this.build();
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.draw();
  }

  build() {
    const {data, figure} = this, what = data.title;
    const button = (text, label, action) => {
      const node = html('button', {type: 'button', textContent: text, title: label, onclick: action});
      node.setAttribute('aria-label', `${label}: ${what}`);
      return node;
    };
    this.resetButton = button('reset', 'The whole range (0, or a double click)', () => this.zoom(null));
    this.tools = html('div', {className: 'chart-tools'}, button('+', 'Zoom in', () => this.scaleBy(0.5)),
                      button('−', 'Zoom out', () => this.scaleBy(2)), this.resetButton);
    if (!data.percent && this.series.every(s => s.y.every(y => y === null || y > 0))) {
      const log = button('log', 'Logarithmic y axis', () => {
        this.logY = !this.logY;
        log.setAttribute('aria-pressed', this.logY);
        this.draw();
      });
      log.setAttribute('aria-pressed', this.logY);
      this.tools.prepend(log);
    }
    figure.querySelector('figcaption').after(this.tools);
    this.legend = html('div', {className: 'chart-legend'});
    if (this.series.length > 1) this.series.forEach(s => this.legend.append(this.legendButton(s)));
    this.plot = html('div', {className: 'chart-plot', tabIndex: 0});
    this.plot.setAttribute('role', 'group');
    this.plot.setAttribute('aria-label', `${what}: ${data.y_label} against ${data.x_label}. Arrow keys show values, ` +
                                             'plus and minus zoom, 0 shows the whole range.');
    this.svg = svg('svg', {role: 'img', 'aria-label': `${what}, ${this.series.length} series`}, this.plot);
    this.box = html('div', {className: 'chart-values', hidden: true});
    this.box.setAttribute('role', 'status');
    this.plot.append(this.box);
    figure.append(this.legend, this.plot, this.table());
    this.listen();
  }

  legendButton(s) {
    const mark = svg('svg', {width: 26, height: 12, viewBox: '-13 -6 26 12', 'aria-hidden': 'true'});
    svg('path', {d: 'M-12 0H12', class: 'line', stroke: colour(s.index)}, mark);
    if (s.y.length <= kDots) svg('path', {d: kShapes[s.index % 5](3.6), class: 'dot', stroke: colour(s.index)}, mark);
    const node = html('button', {type: 'button', title: 'Hide or show this series'}, mark, s.name);
    node.setAttribute('aria-pressed', 'true');
    node.onclick = () => {
      s.shown = !s.shown;
      node.setAttribute('aria-pressed', s.shown);
      this.draw();
    };
    return node;
  }

  table() {
    const details = html('details', {className: 'chart-table'}, html('summary', {textContent: 'Values'}));
    details.addEventListener('toggle', () => {
      if (!details.open || details.childElementCount > 1) return;
      const places = [...new Set(this.series.flatMap(s => s.x))].sort((a, b) => a - b);
      const stride = Math.ceil(places.length / kRows);
      const head = html('tr', {}, ...[this.data.x_label, ...this.series.map(s => s.name)].map(
                                      text => Object.assign(html('th', {textContent: text}), {scope: 'col'})));
      const rows = places.filter((_, i) => i % stride === 0).map(x => html('tr', {}, html('td', {textContent: short(x, 6)}),
        ...this.series.map(s => {
          const i = s.x.indexOf(x);
          return html('td', {textContent: i < 0 ? '' : this.text(s.y[i])});
        })));
      const scroll = html('div', {className: 'scroll', tabIndex: 0},
                          html('table', {}, html('thead', {}, head), html('tbody', {}, ...rows)));
      if (stride > 1) scroll.prepend(html('p', {textContent: `Every ${stride}th of ${places.length} rows.`}));
      details.append(scroll);
    });
    return details;
  }

  text(v) {
    if (v === null || v === undefined) return 'not finite';
    return this.data.percent ? percent(v, 1) : short(v);
  }

  usable(x, y) {
    return y !== null && (!this.logY || y > 0) && (!this.data.log_x || x > 0);
  }

  // The lowest and highest value in view, with room around.
  range() {
    let low = Infinity, high = -Infinity;
    for (const s of this.series)
      if (s.shown)
        for (let i = 0; i < s.x.length; ++i)
          if (s.x[i] >= this.view[0] && s.x[i] <= this.view[1] && this.usable(s.x[i], s.y[i]))
            low = Math.min(low, s.y[i]), high = Math.max(high, s.y[i]);
    for (const line of this.data.lines || []) low = Math.min(low, line.y), high = Math.max(high, line.y);
    if (low > high) [low, high] = [0.1, 1];
    if (this.logY) {
      const room = Math.max((high / low) ** 0.06, 1.05);
      return [low / room, high * room];
    }
    const room = Math.max(0.06 * (high - low), 1e-3 * Math.abs(high), 1e-12);
    const zoomed = this.view[0] !== this.whole[0] || this.view[1] !== this.whole[1];
    const fromZero = low >= 0 && !zoomed && low < 0.6 * high;
    const top = this.data.percent ? Math.min(high + room, Math.max(1.02, high)) : high + room;
    return [fromZero ? 0 : low - room, top];
  }

  draw() {
    const width = Math.floor(this.plot.clientWidth);
    if (width < 40) return;
    const height = Math.round(clamp(width * 0.6, 210, 330));
    const top = 12, bottom = height - 44, right = width - 14;
    const {data} = this, [low, high] = this.range();
    this.y = new Axis(low, high, this.logY, bottom, top, height > 260 ? 6 : 4, false);
    const labels = this.y.ticks.map(v => this.y.text(v, data.percent));
    const left = 16 + 7.2 * Math.max(3, ...labels.map(text => text.length));
    const span = this.view[1] - this.view[0];
    const epochs = this.series.every(s => s.x.every(Number.isInteger));
    this.x = new Axis(...this.view, data.log_x, left, right, clamp(Math.round((right - left) / 75), 2, 9), epochs && span >= 2);
    Object.assign(this, {width, height, top, bottom, left, right});
    const root = this.svg;
    root.setAttribute('viewBox', `0 0 ${width} ${height}`);
    root.setAttribute('height', height);
    root.replaceChildren();
    this.y.ticks.forEach((v, i) => {
      const y = this.y.pixel(v);
      svg('line', {class: 'grid', x1: left, x2: right, y1: y, y2: y}, root);
      svg('text', {class: 'tick', 'text-anchor': 'end', x: left - 8, y: y + 4}, root).textContent = labels[i];
    });
    svg('line', {class: 'axis', x1: left, x2: right, y1: bottom, y2: bottom}, root);
    for (const v of this.x.ticks) {
      const x = this.x.pixel(v);
      svg('line', {class: 'axis', x1: x, x2: x, y1: bottom, y2: bottom + 5}, root);
      svg('text', {class: 'tick', 'text-anchor': 'middle', x, y: bottom + 19}, root).textContent = this.x.text(v, false);
    }
    svg('text', {class: 'label', 'text-anchor': 'middle', x: (left + right) / 2, y: height - 7}, root).textContent = data.x_label;
    const inside = svg('svg', {class: 'inside', x: left - 6, y: top - 6, width: right - left + 12, height: bottom - top + 12,
                               viewBox: `${left - 6} ${top - 6} ${right - left + 12} ${bottom - top + 12}`}, root);
    for (const line of data.lines || []) {
      const y = this.y.pixel(line.y);
      svg('line', {class: 'reference', x1: left, x2: right, y1: y, y2: y}, inside);
      svg('text', {class: 'note', x: left + 6, y: y - 5}, inside).textContent = line.label;
    }
    this.places = [];
    for (const s of this.series) if (s.shown) this.drawSeries(s, inside);
    this.places = [...new Set(this.places)].sort((a, b) => a - b);
    if (!this.places.length)
      svg('text', {class: 'note', x: (left + right) / 2, y: (top + bottom) / 2, 'text-anchor': 'middle'}, root).textContent =
          'nothing to show';
    this.cursor = svg('g', {class: 'cursor'}, root);
    this.band = svg('rect', {class: 'band', y: top, height: bottom - top, width: 0}, root);
    const zoomed = this.view[0] !== this.whole[0] || this.view[1] !== this.whole[1];
    this.resetButton.disabled = !zoomed;
    this.figure.dataset.drawn = 'yes';
    if (this.at !== null) this.show(this.at);
  }

  drawSeries(s, parent) {
    const group = svg('g', {class: 'series'}, parent);
    let points = 0;
    for (let i = 0; i < s.x.length; ++i)
      if (this.usable(s.x[i], s.y[i]) && s.x[i] >= this.view[0] && s.x[i] <= this.view[1]) {
        ++points;
        this.places.push(s.x[i]);
      }
    group.dataset.name = s.name;
    group.dataset.points = points;
    if (s.mean) svg('path', {class: 'pale', d: this.path(s.x, s.y), stroke: colour(s.index)}, group);
    svg('path', {class: 'line', d: this.path(s.x, s.mean || s.y), stroke: colour(s.index)}, group);
    if (s.mean || points > kDots) return;
    for (let i = 0; i < s.x.length; ++i)
      if (this.usable(s.x[i], s.y[i]) && s.x[i] >= this.view[0] && s.x[i] <= this.view[1])
        svg('path', {class: 'dot', stroke: colour(s.index), d: kShapes[s.index % 5](3.6),
                     transform: `translate(${this.x.pixel(s.x[i]).toFixed(1)} ${this.y.pixel(s.y[i]).toFixed(1)})`}, group);
  }

  // Of many points in one column of pixels the first, the lowest, the highest and the last stand for all.
  path(xs, ys) {
    let text = '', down = false, column = [];
    const flush = () => {
      if (column.length > 4) {
        let low = 0, high = 0;
        column.forEach((p, i) => {
          if (p[1] < column[low][1]) low = i;
          if (p[1] > column[high][1]) high = i;
        });
        const kept = [...new Set([0, low, high, column.length - 1])].sort((a, b) => a - b);
        column = kept.map(i => column[i]);
      }
      for (const [x, y] of column) {
        text += `${down ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
        down = true;
      }
      column = [];
    };
    const pad = this.data.log_x ? 0 : (this.view[1] - this.view[0]);
    for (let i = 0; i < xs.length; ++i) {
      if (!this.usable(xs[i], ys[i])) {
        flush();
        down = false;
        continue;
      }
      if (pad && (xs[i] < this.view[0] - pad || xs[i] > this.view[1] + pad)) continue;
      const point = [this.x.pixel(xs[i]), clamp(this.y.pixel(ys[i]), -1e4, 1e4)];
      if (column.length && Math.floor(column[0][0]) !== Math.floor(point[0])) flush();
      column.push(point);
    }
    flush();
    return text;
  }

  // Values at a place; `place` is an x.
  show(place) {
    this.cursor.replaceChildren();
    if (!this.places.length) return this.hide();
    const x = this.places[nearest(this.places, place)];
    this.at = x;
    const px = this.x.pixel(x);
    svg('line', {x1: px, x2: px, y1: this.top, y2: this.bottom}, this.cursor);
    this.box.replaceChildren(html('div', {className: 'where', textContent: `${this.data.x_label} ${short(x, 6)}`}));
    for (const s of this.series) {
      if (!s.shown || !s.x.length) continue;
      const i = nearest(s.x, x), other = s.x[i ? i - 1 : 1] ?? s.x[i];
      if (Math.abs(s.x[i] - x) > Math.abs(other - s.x[i]) * 0.51) continue;
      const value = this.text(s.y[i]) + (s.mean && s.mean[i] !== null ? ` (mean ${this.text(s.mean[i])})` : '');
      const key = html('i', {});
      key.style.background = colour(s.index);
      this.box.append(html('div', {}, key, `${s.name} `, html('b', {textContent: value})));
      const y = s.mean ? s.mean[i] : s.y[i];
      if (this.usable(x, y))
        svg('circle', {r: 4.5, cx: this.x.pixel(s.x[i]), cy: this.y.pixel(y), fill: colour(s.index)}, this.cursor);
    }
    this.box.hidden = false;
    const fits = px + 16 + this.box.offsetWidth < this.width;
    this.box.style.left = (fits ? px + 14 : Math.max(0, px - 14 - this.box.offsetWidth)) + 'px';
    this.box.style.top = this.top + 4 + 'px';
  }

  hide() {
    this.at = null;
    this.box.hidden = true;
    this.cursor.replaceChildren();
  }

  // Shows low..high of x; null: all.
  zoom(range) {
    if (range) {
      const {log_x: log} = this.data, to = log ? Math.log : v => v, from = log ? Math.exp : v => v;
      let [low, high] = range.map(to);
      const [first, last] = this.whole.map(to);
      const inside = this.series.flatMap(s => s.x.map(to)).filter(x => x >= low && x <= high);
      if (high - low >= last - first) return this.zoom(null);
      if (new Set(inside).size < 2 && high - low < this.view.map(to)[1] - this.view.map(to)[0]) return;
      if (low < first) [low, high] = [first, first + high - low];
      if (high > last) [low, high] = [last - (high - low), last];
      this.view = [low, high].map(from);
    } else {
      this.view = [...this.whole];
    }
    this.at = null;
    this.box.hidden = true;
    this.draw();
  }

  // Zooms around the place shown, or the middle.
  scaleBy(factor) {
    const {log_x: log} = this.data, to = log ? Math.log : v => v, from = log ? Math.exp : v => v;
    const [low, high] = this.view.map(to), centre = this.at !== null ? to(this.at) : (low + high) / 2, place = this.at;
    this.zoom([centre - (centre - low) * factor, centre + (high - centre) * factor].map(from));
    if (place !== null) this.show(place);
  }

  listen() {
    const {plot} = this;
    let start = null;
    const pixel = event => event.clientX - this.svg.getBoundingClientRect().left;
    plot.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      start = clamp(pixel(event), this.left, this.right);
    });
    plot.addEventListener('pointermove', event => {
      const x = clamp(pixel(event), this.left, this.right);
      if (start !== null && Math.abs(x - start) > 6) {
        if (!plot.hasPointerCapture(event.pointerId)) plot.setPointerCapture(event.pointerId);
        this.band.setAttribute('x', Math.min(x, start));
        this.band.setAttribute('width', Math.abs(x - start));
      }
      this.show(this.x.value(x));
    });
    const end = event => {
      const x = clamp(pixel(event), this.left, this.right), from = start;
      start = null;
      this.band.setAttribute('width', 0);
      if (event.type === 'pointerup' && from !== null && Math.abs(x - from) > 6)
        this.zoom([this.x.value(Math.min(x, from)), this.x.value(Math.max(x, from))]);
    };
    plot.addEventListener('pointerup', end);
    plot.addEventListener('pointercancel', end);
    plot.addEventListener('pointerleave', () => { if (start === null) this.hide(); });
    plot.addEventListener('dblclick', () => this.zoom(null));
    plot.addEventListener('blur', () => this.hide());
    plot.addEventListener('focus', () => { if (plot.matches(':focus-visible') && this.places.length) this.show(this.places[0]); });
    plot.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const last = this.places.length - 1, now = this.at === null ? 0 : nearest(this.places, this.at);
      const stride = event.shiftKey ? Math.ceil(this.places.length / 20) : 1;
      const to = {ArrowLeft: now - stride, ArrowRight: now + stride, Home: 0, End: last}[event.key];
      const action = {'+': () => this.scaleBy(0.5), '=': () => this.scaleBy(0.5), '-': () => this.scaleBy(2),
                      '0': () => this.zoom(null), Escape: () => this.hide()}[event.key];
      if (to === undefined && !action) return;
      event.preventDefault();
      if (action) action(); else this.show(this.places[clamp(to, 0, last)]);
    });
  }
}

for (const figure of document.querySelectorAll('figure.chart')) new Chart(figure);
})();
