// What figures.js stands on: nodes, numbers as text, axes. figure_script() puts both into one function.
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
const kListed = 12;  // series whose values are shown at once
const kLargest = 1e300;  // beyond it, differences of two values might overflow

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
const colour = s => `var(--c${s.colour ?? s.index % kColours})`;

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
    if (this.log && (this.low < 5e-3 || this.high > 2e4) && v !== 1) {  // all marks as powers of ten
      const power = Math.floor(Math.log10(v) + 1e-9), factor = Math.round(v / 10 ** power);
      return (factor === 1 ? '' : factor + ' · ') + '10' + superscript(power);
    }
    if (this.log) return short(v, 2);
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
