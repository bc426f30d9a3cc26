// A heat table: share of paths by row and period, on Tol's YlOrBr ramp; zero stays empty.

import { percent } from "./format.js";
import { LOSS_RAMP } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";
import { distinct } from "./rows.js";

const ROW = 26;

function axes(view) {
  const { rows, figure } = view;
  const { x, y, x_order: xOrder, y_order: yOrder } = figure.options;
  const present = new Set(rows.map((row) => row[y]));
  return {
    periods: xOrder || distinct(rows.map((row) => row[x])).sort(),
    names: (yOrder || distinct(rows.map((row) => row[y]))).filter((name) => present.has(name)),
  };
}

export function heatHeight(width, figure, rows) {
  const names = new Set(rows.map((row) => row[figure.options.y])).size;
  return Math.max(1, names) * (figure.options.labels ? 40 : ROW) + 96;
}

export function heatOption(view) {
  const { rows, colours, figure, width } = view;
  const { x, y, value, labels, y_groups: groups } = figure.options;
  const { periods, names } = axes(view);
  const nameWidth = Math.min(300, Math.round(width * 0.36));
  const top = Math.max(0.01, ...rows.map((row) => row[value] || 0));
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const yearly = periods.every((period) => period.length === 4);
  // the layer stands beside the name where there is room: rows are grouped by it
  const named = (name) => (groups && groups[name] && width >= 700 ? `${name} · ${groups[name]}` : name);
  const longest = Math.max(0, ...names.map((name) => named(name).length)) * 7.2 + 14;
  const grid = { left: Math.min(nameWidth, Math.max(60, longest)), right: 14, top: 8, bottom: 78 };
  const room = (width - grid.left - grid.right) / Math.max(1, periods.length);
  const write = labels && room >= 22;
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid,
    xAxis: {
      type: "category",
      data: periods,
      axisLine: { lineStyle: { color: colours.strongLine } },
      axisTick: { show: false },
      axisLabel: {
        ...text,
        interval: yearly && room >= 40 ? 0 : everyYear(periods, room),
        formatter: (period) => period.slice(0, 4),
        hideOverlap: true,
      },
      splitArea: { show: false },
    },
    yAxis: {
      type: "category",
      data: names,
      inverse: true,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...text, color: colours.ink, width: grid.left - 10, overflow: "truncate", formatter: named },
    },
    visualMap: {
      type: "continuous",
      min: 0,
      max: top,
      calculable: false,
      orient: "horizontal",
      left: grid.left,
      bottom: 4,
      itemWidth: 12,
      itemHeight: Math.min(180, width - grid.left - 120),
      text: [percent(top), "0%"],
      textStyle: text,
      // on a dark ground the largest is the brightest
      inRange: { color: colours.dark ? [...LOSS_RAMP].reverse() : LOSS_RAMP },
    },
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        const name = names[item.value[1]];
        const group = groups && groups[name] ? ` (${groups[name]})` : "";
        return tooltipBody(`${name}${group}, ${periods[item.value[0]]}`, [percent(item.value[2])]);
      },
    },
    series: [
      {
        type: "heatmap",
        data: rows
          .filter((row) => row[value] > 0)
          .map((row) => [periods.indexOf(row[x]), names.indexOf(row[y]), row[value]])
          .map((cell) => ({
            value: cell,
            label: { color: (colours.dark ? cell[2] < 0.4 * top : cell[2] > 0.68 * top) ? "#FFFFFF" : "#1C2430" },
          })),
        label: {
          show: Boolean(write),
          fontFamily: colours.font,
          fontSize: 13,
          formatter: (item) => (item.value[2] >= 0.005 ? Math.round(100 * item.value[2]).toString() : "<1"),
        },
        itemStyle: { borderColor: colours.background, borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: colours.ink, borderWidth: 2 } },
        animation: false,
      },
    ],
  };
}

function everyYear(periods, room) {
  const quarterly = periods.some((period) => period.includes("Q"));
  const step = Math.max(1, Math.ceil(44 / Math.max(room * (quarterly ? 4 : 1), 1)));
  let years = -1;
  const shown = periods.map((period) => {
    if (quarterly && !period.endsWith("Q1")) return false;
    years += 1;
    return years % step === 0;
  });
  return (index) => shown[index];
}
