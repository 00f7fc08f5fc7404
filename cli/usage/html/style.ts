/** How the page looks, in light and in dark. Each pair of text and ground has a contrast of 4.5 or more. */
import { Markup } from './markup.ts';

/** Repositories next to each other can be told apart by so many colours. */
export const HUES = 6;

const LIGHT = {
  ground: '#ffffff',
  panel: '#f6f7f9',
  line: '#d5d9df',
  ink: '#1b1f24',
  quiet: '#4d5661',
  accent: '#1f5fbf',
  hue0: '#c9ddf6',
  hue1: '#cfe9cd',
  hue2: '#f4dfc0',
  hue3: '#e1d4f1',
  hue4: '#c6e8e8',
  hue5: '#f6d2d9',
  shared: '#dde0e5',
  unused: '#f5e29a',
  untagged: '#b3261e',
};

const DARK: typeof LIGHT = {
  ground: '#14171b',
  panel: '#1d2127',
  line: '#3a414b',
  ink: '#eceff3',
  quiet: '#aab3bf',
  accent: '#7db0f5',
  hue0: '#27456e',
  hue1: '#2a5232',
  hue2: '#5d4522',
  hue3: '#493a66',
  hue4: '#1f5252',
  hue5: '#653444',
  shared: '#3b414a',
  unused: '#5e5114',
  untagged: '#ff9d94',
};

const variables = (colours: typeof LIGHT): string =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');

const RULES = `
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 8px 0 4px; }
h2 { font-size: 20px; margin: 40px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.quiet, caption, th { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tiles dt { color: var(--quiet); font-size: 14px; }
.tiles dd { margin: 0; font-size: 24px; font-weight: 600; }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 760px; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .quiet { fill: var(--quiet); }
svg .group { fill: var(--panel); stroke: var(--ground); stroke-width: 2; }
svg .name { font-weight: 600; }
svg .leaf { stroke: var(--ground); }
svg .shared { fill: var(--shared); }
svg .more { fill: var(--panel); }
svg .unused { fill: var(--unused); }
svg .untagged { stroke: var(--untagged); stroke-width: 2; stroke-dasharray: 4 3; }
svg g:hover > .leaf { stroke: var(--accent); stroke-width: 2; stroke-dasharray: none; }
svg .axis { stroke: var(--line); }
svg .run { stroke: var(--accent); fill: var(--accent); stroke-width: 2; }
${Array.from({ length: HUES }, (_, hue) => `svg .hue${hue} { fill: var(--hue${hue}); }`).join('\n')}
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; padding: 0; margin: 8px 0; font-size: 14px; }
.legend i { display: inline-block; width: 14px; height: 14px; border-radius: 3px; margin-right: 6px; vertical-align: -2px; border: 1px solid var(--line); }
.legend .shared { background: var(--shared); } .legend .unused { background: var(--unused); }
.legend .image { background: linear-gradient(90deg, var(--hue0), var(--hue1), var(--hue2)); }
.legend .untagged { border: 2px dashed var(--untagged); }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 8px 0 16px; }
caption { text-align: left; padding: 4px 0; }
th { text-align: left; font-weight: 500; border-bottom: 1px solid var(--line); }
th, td { padding: 5px 12px 5px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.number, th.number { text-align: right; width: 1%; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.digest { font-family: ui-monospace, monospace; font-size: 13px; white-space: nowrap; }
.bar { width: 34%; min-width: 120px; }
.bar span { display: block; height: 14px; margin-top: 3px; border-radius: 3px; background: var(--accent); min-width: 1px; }
summary { cursor: pointer; color: var(--accent); margin: 8px 0; }
.warning { border-left: 4px solid var(--untagged); padding: 4px 12px; background: var(--panel); }
`;

export const STYLE = new Markup(
  `:root { color-scheme: light dark; ${variables(LIGHT)} }\n` +
    `@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }${RULES}`,
);
