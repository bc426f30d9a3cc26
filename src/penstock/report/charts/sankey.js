// Money between layers and sectors. A Sankey needs a graph without cycles, so payments that run back are
// left out of it and drawn as dashed arcs beneath, from the payer's band to the payee's.

import { plain } from "./format.js";
import { layerColour, layerOutline } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

const ARC_ROOM = 120;
const ARCS_NAMED = 6;
const SMALLEST_ARC = 0.01; // of the largest; smaller return flows are in the table only

const NARROW = 520;
const NARROW_NODE = 10;

export function sankeyHeight(width) {
  return (width < NARROW ? 560 : 520) + ARC_ROOM;
}

// Names beside the first column stand at the tops of its nodes, clear of what follows at half height.
const FIRST_LABEL = { position: [21, 2] };

// Columns stand close in a narrow chart: names start at the tops of their nodes, which are seldom level, and that
// of the last column but one stands beneath, clear of the names at the right.
function narrowLabel(depth, columns) {
  if (depth === columns - 1) return {};
  return depth === columns - 2 ? { position: "bottom" } : { position: [NARROW_NODE + 5, 1] };
}

export function sankeyOption(view) {
  const { rows, colours, figure, width, unit } = view;
  const { source, target, value, direction, nodes, range = "90%" } = figure.options;
  const forward = rows.filter((row) => row[direction] === "forward" && row[value] > 0);
  const used = new Set(rows.flatMap((row) => [row[source], row[target]]));
  const ranks = [...new Set(nodes.filter(([name]) => used.has(name)).map((node) => node[2]))].sort((a, b) => a - b);
  const narrow = width < NARROW;
  const text = { color: colours.ink, fontFamily: colours.font, fontSize: 13 };
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        if (item.dataType === "edge") {
          return tooltipBody(`${item.data.source} to ${item.data.target}`, [
            `${plain(item.data.value)} (${plain(item.data.p05)} to ${plain(item.data.p95)}, ${range})`,
            unit,
          ]);
        }
        return tooltipBody(item.name, [`${plain(item.value)} through it, return flows aside`, unit]);
      },
    },
    series: [
      {
        type: "sankey",
        left: 10,
        right: narrow ? 114 : 130,
        top: 10,
        bottom: ARC_ROOM,
        nodeWidth: narrow ? NARROW_NODE : 16,
        nodeGap: 12,
        nodeAlign: "left",
        layoutIterations: 32,
        draggable: false,
        data: nodes
          .filter(([name]) => used.has(name))
          .map(([name, layer, rank]) => ({
            name,
            depth: ranks.indexOf(rank),
            label: narrow ? narrowLabel(ranks.indexOf(rank), ranks.length) : rank === ranks[0] ? FIRST_LABEL : {},
            itemStyle: {
              color: layerColour(layer, colours),
              borderColor: layerOutline(layer, colours),
              borderWidth: 1,
            },
          })),
        links: forward.map((row) => ({
          source: row[source],
          target: row[target],
          value: row[value],
          p05: row.p05,
          p95: row.p95,
        })),
        label: { ...text, textBorderColor: colours.background, textBorderWidth: 3 },
        lineStyle: { color: "source", opacity: colours.dark ? 0.4 : 0.32, curveness: 0.5 },
        emphasis: { focus: "adjacency", lineStyle: { opacity: 0.7 } },
        animation: false,
      },
    ],
  };
}

// Draw the arcs once the bands have their places. `chart` is an ECharts instance that holds the option.
export function drawReturns(chart, view) {
  const { rows, colours, figure, width } = view;
  const { source, target, value, direction, nodes, prefix = "$", suffix = "bn" } = figure.options;
  const data = chart.getModel().getSeriesByIndex(0).getData();
  const places = new Map();
  for (let index = 0; index < data.count(); index += 1) {
    const layout = data.getItemLayout(index);
    if (layout) places.set(data.getName(index), layout);
  }
  const layerOf = new Map(nodes.map(([name, layer]) => [name, layer]));
  const back = rows
    .filter((row) => row[direction] === "return" && row[value] > 0)
    .sort((a, b) => b[value] - a[value])
    .filter((row, index, sorted) => row[value] >= SMALLEST_ARC * sorted[0][value]);
  const height = chart.getHeight();
  const floor = height - ARC_ROOM + 6;
  const largest = back.length ? back[0][value] : 1;
  const children = [];
  const labels = [];
  back.forEach((row, index) => {
    const from = places.get(row[source]);
    const to = places.get(row[target]);
    if (!from || !to) return;
    const x0 = from.x + from.dx / 2;
    const x1 = to.x + to.dx / 2;
    const own = row[source] === row[target] || Math.abs(x0 - x1) < 4;
    const dip = own ? 26 : Math.min(ARC_ROOM - 34, 30 + (Math.abs(x0 - x1) / width) * 110);
    const reach = own ? 16 : 0;
    const stroke = layerOutline(layerOf.get(row[source]), colours);
    const thick = Math.max(1, 9 * Math.sqrt(row[value] / largest));
    children.push({
      type: "bezierCurve",
      shape: {
        x1: x0 - reach,
        y1: floor,
        x2: x1 + reach,
        y2: floor,
        cpx1: x0 - reach,
        cpy1: floor + dip * 1.33,
        cpx2: x1 + reach,
        cpy2: floor + dip * 1.33,
      },
      style: { stroke, lineWidth: thick, lineDash: [6, 3], fill: "none", opacity: 0.6 },
      silent: true,
    });
    // the head of the arrow, at the payee
    children.push({
      type: "polygon",
      shape: { points: [[x1 + reach - 5, floor + 3], [x1 + reach + 5, floor + 3], [x1 + reach, floor - 6]] },
      style: { fill: stroke },
      silent: true,
    });
    if (index < ARCS_NAMED && !own && width >= NARROW) {
      labels.push({
        type: "text",
        style: {
          x: (x0 + x1) / 2,
          y: floor + dip,
          text: `${prefix}${plain(row[value])}${suffix}`,
          fill: colours.ink,
          font: `13px ${colours.font}`,
          align: "center",
          verticalAlign: "middle",
          backgroundColor: colours.background,
          padding: [1, 3],
        },
        silent: true,
      });
    }
  });
  chart.setOption({ graphic: [{ type: "group", id: "returns", $action: "replace", children: [...children, ...labels] }] });
}
