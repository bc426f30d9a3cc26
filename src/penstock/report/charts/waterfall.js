// From a total down to what is left of it: a bar a step, each beginning where the one before it ended.

import { percent, plain, tick } from "./format.js";
import { layerColour, layerOutline } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

const ROW = 30;

export function waterfallHeight(width, figure, rows) {
  return Math.max(1, rows.length) * ROW + 44;
}

// `from` and `to` of each bar: totals stand on zero, what is lost hangs from what was left before it.
export function spans(rows, total, value) {
  let left = 0;
  return rows.map((row) => {
    if (row[total] === "yes") {
      left = row[value];
      return [0, left];
    }
    const from = left;
    left -= row[value];
    return [left, from];
  });
}

export function waterfallOption(view) {
  const { rows, colours, figure, width, unit } = view;
  const { category, value, low, high, layer, total, share, level } = figure.options;
  const narrow = width < 520;
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const left = narrow ? 138 : 250;
  const right = narrow ? 74 : 210;
  const bars = spans(rows, total, value);
  const isTotal = (row) => row[total] === "yes";
  const said = (row) => `${isTotal(row) || !row[value] ? "" : "\u2212"}${plain(row[value])}`;
  const range = (row) => `${plain(row[low], 2)} to ${plain(row[high], 2)}`;
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: { left, right, top: 4, bottom: 36 },
    xAxis: {
      type: "value",
      min: 0,
      splitNumber: narrow ? 2 : 5,
      axisLabel: { ...text, formatter: (number) => tick(number), hideOverlap: true },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: [
      {
        type: "category",
        data: rows.map((row) => row[category]),
        inverse: true,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...text, color: colours.ink, interval: 0, width: left - 12, overflow: "break", lineHeight: 14, fontSize: narrow ? 12 : 13 },
      },
      {
        type: "category",
        data: rows.map((row) => (narrow ? said(row) : `${said(row)} (${range(row)})`)),
        inverse: true,
        position: "right",
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...text, color: colours.ink, interval: 0 },
      },
    ],
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        const row = rows[item.dataIndex];
        return tooltipBody(row[category], [`${said(row)} (${percent(row[share])} of the first bar)`, `${range(row)} (${level})`, unit]);
      },
    },
    series: [
      {
        type: "custom",
        data: bars.map(([from, to], index) => [from, index, to]),
        encode: { x: [0, 2], y: 1 },
        renderItem: (params, api) => {
          const index = params.dataIndex;
          const row = rows[index];
          const [from, to] = bars[index];
          const [x0, y] = api.coord([from, index]);
          const [x1] = api.coord([to, index]);
          const height = isTotal(row) ? 20 : 16;
          const bar = {
            type: "rect",
            shape: { x: x0, y: y - height / 2, width: Math.max(1.5, x1 - x0), height },
            style: {
              fill: isTotal(row) ? colours.strongLine : layerColour(row[layer], colours),
              stroke: isTotal(row) ? colours.ink : layerOutline(row[layer], colours),
              lineWidth: 1,
            },
          };
          if (index + 1 >= rows.length) return bar;
          // a thin line leads from what is left to the next bar
          const [x] = api.coord([isTotal(row) ? to : from, index]);
          const line = {
            type: "line",
            shape: { x1: x, y1: y + height / 2, x2: x, y2: y + ROW - 8 },
            style: { stroke: colours.strongLine, lineWidth: 1 },
          };
          return { type: "group", children: [line, bar] };
        },
      },
      // keeps the second axis, whose labels are the numbers
      { type: "bar", yAxisIndex: 1, data: [], silent: true },
    ],
  };
}
