/** The map: a rectangle for each share, as large as its bytes. */
import { type HierarchyRectangularNode, hierarchy, treemap } from 'd3-hierarchy';
import { bytes } from '../../output.ts';
import type { Share } from '../shares.ts';
import { html, type Markup } from './markup.ts';
import { HUES } from './style.ts';

const [WIDTH, HEIGHT] = [1200, 680];
/** Of a group's name above its parts. */
const HEAD = 19;
const EDGE = 2;
/** Of the font that the page uses: seldom wider, on average. */
const [CHARACTER_WIDTH, LINE] = [7.8, 15];
/** A share smaller than this part of the whole, some pixels, is in the table only. */
const SMALLEST = 1 / 50_000;

type Node = HierarchyRectangularNode<Share>;

export function mapSvg(shares: readonly Share[]): Markup {
  const whole = layout(shares);
  const smallest = (whole.value ?? 0) * SMALLEST;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Map of the registry's bytes; the table below has the same figures" class="map">
${(whole.children ?? []).map((node, place) => group(node, place % HUES, smallest))}
</svg>`;
}

function layout(shares: readonly Share[]): Node {
  const root: Share = { kind: 'repository', name: 'registry', bytes: 0, parts: shares };
  const tree = hierarchy(root, ({ parts }) => parts)
    .sum(({ parts, bytes: size }) => (parts === undefined ? size : 0))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  return treemap<Share>()
    .size([WIDTH, HEIGHT])
    .paddingOuter((node) => (node.depth === 1 && hasRoom(node) ? EDGE : 0))
    .paddingTop((node) => (node.depth === 1 && hasRoom(node) ? HEAD : 0))(tree);
}

const widthOf = ({ x0, x1 }: Node): number => x1 - x0;
const heightOf = ({ y0, y1 }: Node): number => y1 - y0;

/** Whether the name fits above the parts. */
const hasRoom = (node: Node): boolean => widthOf(node) >= 60 && heightOf(node) >= 3 * HEAD;

function group(node: Node, hue: number, smallest: number): Markup | string {
  if (node.data.bytes < smallest) return '';
  if (node.children === undefined) return leaf(node, node.data.name, hue);
  const { name, bytes: size } = node.data;
  const inside = { x: node.x0 + 5, y: node.y0 + 14, room: widthOf(node) - 10 };
  const visible = node.children
    .filter(({ data }) => data.bytes >= smallest)
    // Their dashes are not to be drawn over.
    .sort((a, b) => Number(a.data.kind === 'untagged') - Number(b.data.kind === 'untagged'));
  return html`<g><rect class="group" ${place(node)}/><title>${name}: ${bytes(size)}</title>
${hasRoom(node) ? label(`${name}  ${bytes(size)}`, inside, 'name') : ''}
${visible.map((child) => leaf(child, `${name}: ${child.data.name}`, hue))}</g>
`;
}

function leaf(node: Node, title: string, hue: number): Markup {
  const { kind, name, bytes: size } = node.data;
  const colour = kind === 'image' || kind === 'untagged' ? `hue${hue} ${kind}` : kind;
  const [width, height] = [widthOf(node), heightOf(node)];
  const inside = { x: node.x0 + 5, y: node.y0 + LINE, room: width - 10 };
  const untagged = kind === 'untagged' ? ' (no tag leads to it)' : '';
  return html`<g><rect class="leaf ${colour}" ${place(node)}/><title>${title}${untagged}: ${bytes(size)} (${size} bytes)</title>
${width < 45 || height < LINE + 5 ? '' : label(name, inside, '')}${
  width < 60 || height < 2 * LINE + 7 ? '' : label(bytes(size), { ...inside, y: inside.y + LINE }, 'size')
}</g>
`;
}

function place(node: Node): Markup {
  const [x, y, width, height] = [node.x0, node.y0, widthOf(node), heightOf(node)].map((n) => n.toFixed(2));
  return html`x="${x ?? 0}" y="${y ?? 0}" width="${width ?? 0}" height="${height ?? 0}"`;
}

interface Inside {
  readonly x: number;
  readonly y: number;
  readonly room: number;
}

function label(text: string, { x, y, room }: Inside, kind: string): Markup {
  return html`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${kind}">${fitting(text, room)}</text>`;
}

/** As much of a text as there is room for; whole characters, whatever they are made of. */
function fitting(text: string, room: number): string {
  const characters = Array.from(text);
  const most = Math.max(1, Math.floor(room / CHARACTER_WIDTH));
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
