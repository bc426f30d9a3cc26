// Who fails when on one path: a row a company, a mark a stage, a curve from the customer that pulled it down.

import { plain } from "./format.js";
import { layerColour } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";
import { distinct } from "./rows.js";

const ROW = 26;
const FOOT = 112;

// Shape tells the stage, never colour alone: a dotted ring for distress, solid ink for a default.
const STAGES = [
  ["distress", "distress", "circle", 15, 0],
  ["standstill", "default", "circle", 10, 0],
  ["restructuring", "restructured", "rect", 9, 11],
  ["rescue", "rescued by the state", "diamond", 12, 11],
  ["acquisition", "plant bought", "triangle", 11, 11],
  ["liquidation", "wound up", "path://M0 0L3 0L6 4L9 0L12 0L7.5 6L12 12L9 12L6 8L3 12L0 12L4.5 6Z", 10, 11],
];

function companies(view) {
  const { rows, figure } = view;
  const rank = new Map(figure.options.layers.map(([layer], index) => [layer, index]));
  const first = new Map();
  rows.forEach((row) => {
    if (!first.has(row.company) || row.quarter < first.get(row.company).quarter) first.set(row.company, row);
  });
  return [...first.values()]
    .sort((a, b) => (rank.get(a.layer) ?? 99) - (rank.get(b.layer) ?? 99) || (a.quarter < b.quarter ? -1 : 1))
    .map((row) => row.company);
}

export function cascadeHeight(width, figure, rows) {
  return Math.max(1, distinct(rows.map((row) => row.company)).length) * ROW + FOOT + (width < 520 ? 44 : 0);
}

export function cascadeOption(view) {
  const { rows, colours, figure, width } = view;
  const names = companies(view);
  const quarters = figure.options.quarters;
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const layerNames = new Map(figure.options.layers);
  const layerOf = new Map(rows.map((row) => [row.company, layerNames.get(row.layer) || ""]));
  const named = (name) => (width >= 700 && layerOf.get(name) ? `${name} · ${layerOf.get(name)}` : name);
  const longest = Math.max(0, ...names.map((name) => named(name).length)) * 7.2 + 14;
  const left = Math.min(Math.round(width * 0.36), 340, Math.max(70, longest));
  const at = (row) => [quarters.indexOf(row.quarter), names.indexOf(row.company)];
  const fell = new Map(rows.filter((row) => row.stage === "standstill").map((row) => [row.company, row]));
  const pulls = rows
    .filter((row) => row.stage === "standstill" && fell.has(row.pulled_by))
    .map((row) => [...at(fell.get(row.pulled_by)), ...at(row)]);
  const tooltip = (row) => {
    const amount = row.usd_bn === null ? [] : [`$${plain(row.usd_bn)}bn`];
    return tooltipBody(`${row.company}, ${row.quarter}: ${row.stage}`, [row.cause, ...amount].filter(Boolean));
  };
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: { left, right: 22, top: 8, bottom: FOOT - 36 + (width < 520 ? 44 : 0) },
    legend: {
      bottom: 0,
      left: 0,
      itemGap: 12,
      itemWidth: 13,
      itemHeight: 13,
      selectedMode: false,
      textStyle: { ...text, color: colours.ink },
      data: STAGES.map(([, label]) => label),
    },
    xAxis: {
      type: "category",
      data: quarters,
      axisLine: { lineStyle: { color: colours.strongLine } },
      axisTick: { show: false },
      splitLine: { show: true, interval: (index) => quarters[index].endsWith("Q1"), lineStyle: { color: colours.line } },
      axisLabel: {
        ...text,
        interval: (index) => quarters[index].endsWith("Q1") || quarters.length < 5,
        formatter: (quarter) => quarter.slice(0, 4),
        hideOverlap: true,
      },
    },
    yAxis: {
      type: "category",
      data: names,
      inverse: true,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: true, lineStyle: { color: colours.line } },
      axisLabel: { ...text, color: colours.ink, width: left - 10, overflow: "truncate", formatter: named },
    },
    tooltip: { ...tooltipBase(colours), formatter: (item) => (item.data && item.data.row ? tooltip(item.data.row) : "") },
    series: [
      {
        type: "custom",
        silent: true,
        data: pulls,
        z: 2,
        renderItem: (params, api) => {
          const pull = pulls[params.dataIndex];
          const [x1, y1] = api.coord([pull[0], pull[1]]);
          const [x2, y2] = api.coord([pull[2], pull[3]]);
          return {
            type: "bezierCurve",
            shape: { x1, y1, x2, y2, cpx1: x1 + (x2 - x1) * 0.7, cpy1: y1, cpx2: x2, cpy2: y1 + (y2 - y1) * 0.4 },
            style: { fill: "none", stroke: colours.accent, lineWidth: 2, opacity: 0.85 },
          };
        },
      },
      ...STAGES.map(([stage, label, symbol, size, shift]) => ({
        type: "scatter",
        name: label,
        symbol,
        symbolSize: size,
        symbolOffset: [shift, 0],
        z: stage === "standstill" ? 4 : 3,
        itemStyle:
          stage === "distress"
            ? { color: "transparent", borderColor: colours.ink, borderWidth: 1.5, borderType: "dotted" }
            : { color: colours.ink, borderColor: colours.background, borderWidth: 1 },
        data: rows
          .filter((row) => row.stage === stage)
          .map((row) => ({
            value: at(row),
            row,
            itemStyle: stage === "standstill" ? { color: layerColour(row.layer, colours), borderColor: colours.ink } : {},
          })),
      })),
    ],
  };
}
