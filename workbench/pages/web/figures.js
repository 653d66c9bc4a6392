// The figures of lamina's pages. Each <figure class="chart"> holds its numbers as JSON, in the form that figure_json()
// writes; this draws them as SVG of the place's own width, with values under the pointer or the arrow keys, a legend
// that hides series, and zoom.
class Chart {
  constructor(figure) {
    this.figure = figure;
    const data = this.data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    this.series = data.series.map((s, index) => {
      const smooth = s.y.length > kSmooth && !data.percent && data.smooth !== false;
      const width = clamp(s.y.length / 40 | 1, 5, 501);
      const y = s.y.map(v => Number.isFinite(v) && Math.abs(v) < kLargest ? v : null);
      return {...s, y, index, shown: true, mean: smooth ? runningMean(y, width) : null};
    });
    this.scattered = this.series.some(s => s.line === false);  // its points are told of one by one
    this.logY = Boolean(data.log_y);
    const all = data.series.flatMap(s => s.x.filter(x => Number.isFinite(x) && (!data.log_x || x > 0)));
    this.whole = all.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
    if (data.x_names) this.whole = [-0.5, data.x_names.length - 0.5];
    else if (!all.length) this.whole = [0.1, 1];
    else if (this.whole[0] === this.whole[1]) {
      const [x] = this.whole;
      this.whole = data.log_x ? [x / 2, x * 2] : [x < 0 ? x - 0.5 : Math.max(0, x - 0.5), x + 0.5];
    }
    if (!data.log_x && this.whole[0] > 0 && this.whole[0] <= 0.5 * this.whole[1]) this.whole[0] = 0;
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
    const named = this.series.filter(s => s.name && s.listed !== false);
    if (named.length > 1) named.forEach(s => this.legend.append(this.legendButton(s)));
    this.plot = html('div', {className: 'chart-plot', tabIndex: 0});
    this.plot.setAttribute('role', 'group');
    this.plot.setAttribute('aria-label', `${what}: ${data.y_label} against ${data.x_label}. ` + (this.scattered ? 'Plus' : 'Arrow keys show values, plus') +
                                             ' and minus zoom, 0 shows the whole range.');
    this.svg = svg('svg', {role: 'img', 'aria-label': `${what}, ${this.series.length} series`}, this.plot);
    this.box = html('div', {className: 'chart-values', hidden: true});
    this.box.setAttribute('role', 'status');
    this.plot.append(this.box);
    figure.append(this.legend, this.plot, this.table());
    this.listen();
  }

  legendButton(s) {
    const mark = svg('svg', {width: 26, height: 12, viewBox: '-13 -6 26 12', 'aria-hidden': 'true'});
    if (s.line !== false) svg('path', {d: 'M-12 0H12', class: s.faint ? 'faint' : 'line', stroke: colour(s)}, mark);
    if (this.marked(s, s.y.length)) svg('path', {d: this.shape(s), class: this.dotClass(s), stroke: colour(s), ...this.fill(s)}, mark);
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

  // Whether the points of a series are marked, of which so many are in view.
  marked(s, points) {
    return s.dots || s.line === false || (!s.faint && !s.mean && points <= kDots);
  }
  shape(s) {
    return s.titles ? kShapes[0](5) : kShapes[s.listed === false ? 0 : s.index % 5](3.6);
  }
  dotClass(s) {
    return s.titles ? 'dot filled' : 'dot';
  }
  fill(s) {
    return s.titles ? {style: `fill:${colour(s)}`} : {};
  }

  usable(x, y) {
    return y !== null && (!this.logY || y > 1 / kLargest) && (!this.data.log_x || x > 0);
  }

  // The lowest and highest value in view, with room around.
  range() {
    let low = Infinity, high = -Infinity;
    for (const s of this.series)
      if (s.shown)
        for (let i = 0; i < s.x.length; ++i)
          if (s.x[i] >= this.view[0] && s.x[i] <= this.view[1] && this.usable(s.x[i], s.y[i]))
            low = Math.min(low, s.y[i]), high = Math.max(high, s.y[i]);
    if (this.data.from_zero && !this.logY && low <= high) low = Math.min(low, 0), high = Math.max(high, this.data.percent ? 0.1 : high);
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
    const top = 28, bottom = height - 44, right = width - 14;
    const {data} = this, [low, high] = this.range();
    this.y = new Axis(low, high, this.logY, bottom, top, height > 260 ? 6 : 4, false);
    const labels = this.y.ticks.map(v => this.y.text(v, data.percent));
    const left = 16 + 7.2 * Math.max(3, ...labels.map(text => text.length));
    const span = this.view[1] - this.view[0];
    const epochs = this.series.every(s => s.x.every((x, i) => i === 0 || Number.isInteger(x)));
    const names = data.x_names;
    this.x = new Axis(...this.view, data.log_x, left, right, clamp(Math.round((right - left) / 75), 2, 9), epochs && span >= 2);
    if (names) this.x.ticks = names.map((_, i) => i).filter(i => i >= this.view[0] && i <= this.view[1]);
    const room = Math.max(2, Math.floor((right - left) / Math.max(1, span) / 7.2));  // letters of a name
    const tick = v => !names ? this.x.text(v, false) : names[v].length <= room ? names[v] : names[v].slice(0, room - 1) + '…';
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
      svg('text', {class: 'tick', 'text-anchor': 'middle', x, y: bottom + 19}, root).textContent = tick(v);
    }
    svg('text', {class: 'label', 'text-anchor': 'middle', x: (left + right) / 2, y: height - 7}, root).textContent = data.x_label;
    svg('text', {class: 'label', x: 2, y: 14}, root).textContent = data.y_label;
    const kRing = 10;  // so that a ring at the edge is whole
    const box = [left - kRing, top - kRing, right - left + 2 * kRing, bottom - top + 2 * kRing];
    const inside = svg('svg', {class: 'inside', x: box[0], y: box[1], width: box[2], height: box[3], viewBox: box.join(' ')}, root);
    for (const line of data.lines || []) {
      const y = this.y.pixel(line.y);
      svg('line', {class: 'reference', x1: left, x2: right, y1: y, y2: y}, inside);
      svg('text', {class: 'note', x: left + 6, y: y - 5}, inside).textContent = line.label;
    }
    this.places = [];
    for (const faint of [true, false])
      for (const s of this.series) if (s.shown && Boolean(s.faint) === faint) this.drawSeries(s, inside);
    this.drawMarks(inside);
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
    if (s.mean) svg('path', {class: 'pale', d: this.path(s.x, s.y), stroke: colour(s)}, group);
    if (s.line !== false)
      svg('path', {class: s.faint ? 'faint' : 'line', d: this.path(s.x, s.mean || s.y), stroke: colour(s)}, group);
    if (!this.marked(s, points)) return;
    for (let i = 0; i < s.x.length; ++i)
      if (this.usable(s.x[i], s.y[i]) && s.x[i] >= this.view[0] && s.x[i] <= this.view[1]) {
        const dot = svg('path', {class: this.dotClass(s), stroke: colour(s), d: this.shape(s), ...this.fill(s),
                                 transform: `translate(${this.x.pixel(s.x[i]).toFixed(1)} ${this.y.pixel(s.y[i]).toFixed(1)})`}, group);
        if (s.keys) dot.dataset.key = s.keys[i];
        if (s.titles) svg('title', {}, dot).textContent = s.titles[i];
      }
  }

  // Points that are ringed, each with its label where it hides least: inside the plot, off rings, curves and one another.
  drawMarks(parent) {
    const taken = [];
    for (const mark of this.data.marks || []) {
      if (!this.usable(mark.x, mark.y) || mark.x < this.view[0] || mark.x > this.view[1]) continue;
      const x = this.x.pixel(mark.x), y = this.y.pixel(mark.y);
      svg('circle', {class: 'ring', r: 7.5, cx: x, cy: y}, parent);
      const text = svg('text', {class: 'mark', x, y}, parent);
      text.textContent = mark.label;
      const {width} = text.getBBox();
      let best = null;
      for (const down of [26, -14, 5, 44, -32, 62, -50, 80, -68])
        for (const aside of down === 5 ? [14, -14 - width] : [-6, 6 - width]) {
          const left = clamp(x + aside, this.left, Math.max(this.left, this.right - width)), base = y + down;
          const box = [left - 2, base - 13, left + width + 2, base + 5];
          let cost = this.under(box) + (base - 13 < this.top || base + 5 > this.bottom ? 1000 : 0);
          if (box[0] < x + 8 && box[2] > x - 8 && box[1] < y + 8 && box[3] > y - 8) cost += 50;
          for (const other of taken)
            if (box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]) cost += 100;
          if (!best || cost < best.cost) best = {cost, left, base, box};
        }
      text.setAttribute('x', best.left);
      text.setAttribute('y', best.base);
      taken.push(best.box);
    }
  }

  // How many dots and stretches of curves lie under a box.
  under([left, top, right, bottom]) {
    let found = 0;
    for (const s of this.series) {
      if (!s.shown) continue;
      let from = null;
      const ys = s.mean || s.y;
      for (let i = 0; i < s.x.length; ++i) {
        if (!this.usable(s.x[i], ys[i])) {
          from = null;
          continue;
        }
        const to = [this.x.pixel(s.x[i]), this.y.pixel(ys[i])];
        if (this.marked(s, s.x.length) && to[0] > left - 4 && to[0] < right + 4 && to[1] > top - 4 && to[1] < bottom + 4) ++found;
        if (from && s.line !== false && to[0] > left && from[0] < right) {
          const at = x => from[1] + (to[1] - from[1]) * (to[0] === from[0] ? 0 : (x - from[0]) / (to[0] - from[0]));
          const ends = [at(Math.max(left, from[0])), at(Math.min(right, to[0]))];
          if (Math.max(...ends) > top && Math.min(...ends) < bottom) ++found;
        }
        from = to;
      }
    }
    return found;
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
    if (!this.places.length || this.scattered) return this.hide();
    const x = this.places[nearest(this.places, place)];
    this.at = x;
    const px = this.x.pixel(x);
    svg('line', {x1: px, x2: px, y1: this.top, y2: this.bottom}, this.cursor);
    this.box.replaceChildren(html('div', {className: 'where', textContent: `${this.data.x_label} ${short(x, 6)}`}));
    let listed = 0, more = 0;
    for (const s of this.series) {
      if (!s.shown || !s.x.length) continue;
      const i = nearest(s.x, x), other = s.x[i ? i - 1 : 1] ?? s.x[i];
      if (Math.abs(s.x[i] - x) > Math.abs(other - s.x[i]) * 0.51) continue;
      if (++listed > kListed) {
        ++more;
        continue;
      }
      const value = this.text(s.y[i]) + (s.mean && s.mean[i] !== null ? ` (mean ${this.text(s.mean[i])})` : '');
      const key = html('i', {});
      key.style.background = colour(s);
      this.box.append(html('div', {}, key, `${s.name} `, html('b', {textContent: value})));
      const y = s.mean ? s.mean[i] : s.y[i];
      if (this.usable(x, y))
        svg('circle', {r: 4.5, cx: this.x.pixel(s.x[i]), cy: this.y.pixel(y), fill: colour(s)}, this.cursor);
    }
    if (more) this.box.append(html('div', {className: 'where', textContent: `and ${more} more`}));
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
