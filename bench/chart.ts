/** A line chart as SVG: a few series of points over axes that are logarithmic or begin at zero. */

export interface Series {
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  readonly name: string;
  readonly kind: 'logarithmic' | 'linear';
  readonly format: (value: number) => string;
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

interface Scale {
  readonly ticks: readonly number[];
  /** From 0 to 1 along the axis. */
  readonly at: (value: number) => number;
}

const SIZE = { width: 760, height: 420 };
const PLOT = { left: 90, top: 44, width: 430, height: 310 };
/** Told apart by those who do not see all colours (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const TICKS = 5;

/** @throws RangeError where a logarithmic axis is to show what is not above zero. */
export function svgOf({ title, x, y, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const across = scaleOf(
    x,
    points.map(([value]) => value),
  );
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
  );
  const left = (value: number): string => (PLOT.left + across.at(value) * PLOT.width).toFixed(1);
  const top = (value: number): string => (PLOT.top + (1 - up.at(value)) * PLOT.height).toFixed(1);
  const bottom = PLOT.top + PLOT.height;
  const right = PLOT.left + PLOT.width;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${SIZE.width}" height="${SIZE.height}" fill="white"/>`,
    text(PLOT.left, 24, title, 'font-size="15" font-weight="bold"'),
    ...across.ticks.flatMap((value) => [
      `<path d="M${left(value)} ${PLOT.top}V${bottom}" stroke="#ddd"/>`,
      text(left(value), bottom + 18, x.format(value), 'text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((value) => [
      `<path d="M${PLOT.left} ${top(value)}H${right}" stroke="#ddd"/>`,
      text(PLOT.left - 8, Number(top(value)) + 4, y.format(value), 'text-anchor="end"'),
    ]),
    text(PLOT.left + PLOT.width / 2, bottom + 40, x.name, 'text-anchor="middle"'),
    `<g transform="translate(18 ${PLOT.top + PLOT.height / 2}) rotate(-90)">${text(0, 0, y.name, 'text-anchor="middle"')}</g>`,
    ...series.flatMap(({ name, points }, at) => {
      const colour = COLOURS[at % COLOURS.length] ?? 'black';
      const line = points.map(([x, y]) => `${left(x)},${top(y)}`).join(' ');
      const row = PLOT.top + 10 + at * 20;
      return [
        `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...points.map(([x, y]) => `<circle cx="${left(x)}" cy="${top(y)}" r="3.5" fill="${colour}"/>`),
        `<path d="M${right + 16} ${row}h18" stroke="${colour}" stroke-width="2"/>`,
        text(right + 40, row + 4, name),
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number | string, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;
}

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function scaleOf({ kind, name }: Axis, values: readonly number[]): Scale {
  if (kind === 'linear') {
    const step = niceStep(Math.max(0, ...values) / TICKS);
    const end = step * Math.max(1, Math.ceil(Math.max(0, ...values) / step));
    const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, at) => at * step);
    return { ticks, at: (value) => value / end };
  }
  const bad = values.find((value) => !(value > 0));
  if (bad !== undefined) throw new RangeError(`${name}: ${bad} cannot be shown on a logarithmic axis`);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at));
  return { ticks, at: (value) => (Math.log10(value) - low) / (high - low) };
}

/** 1, 2 or 5 times a power of ten, not below. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least || 1));
  return power * ([1, 2, 5].find((step) => step * power >= least) ?? 10);
}
