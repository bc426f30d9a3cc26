// A curve with its band, on a logarithmic scale of x where asked for: how often a loss is exceeded.

import { percent, plain, tick } from "./format.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

export function curveHeight(width) {
  return width < 520 ? 290 : 350;
}

export function curveOption(view) {
  const { rows, colours, figure, width } = view;
  const { x, y, low, high, x_label: label } = figure.options;
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const known = rows.filter((row) => row[x] > 0);
  const least = known.length ? 10 ** Math.floor(Math.log10(Math.min(...known.map((row) => row[x])))) : 1;
  const most = known.length ? 10 ** Math.ceil(Math.log10(Math.max(...known.map((row) => row[x])))) : 10;
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: { left: 58, right: 22, top: 14, bottom: 56 },
    xAxis: {
      type: "log",
      min: least,
      max: Math.max(most, least * 10),
      name: label,
      nameLocation: "middle",
      nameGap: 32,
      nameTextStyle: text,
      splitNumber: width < 520 ? 3 : 6,
      axisLabel: { ...text, formatter: (value) => tick(value), hideOverlap: true },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: "value",
      min: 0,
      max: 1,
      axisLabel: { ...text, formatter: (share) => percent(share) },
      splitLine: { lineStyle: { color: colours.line } },
    },
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        const row = known[item.dataIndex];
        return row
          ? tooltipBody(`$${plain(row[x])}bn or more`, [
              `on ${percent(row[y])} of paths`,
              `${percent(row[low])} to ${percent(row[high])} (90%)`,
            ])
          : "";
      },
    },
    series: [
      {
        type: "custom",
        silent: true,
        data: known.length ? [0] : [],
        z: 1,
        renderItem: (params, api) => ({
          type: "polygon",
          shape: {
            points: [
              ...known.map((row) => api.coord([row[x], row[high]])),
              ...[...known].reverse().map((row) => api.coord([row[x], row[low]])),
            ],
          },
          style: { fill: colours.accent, opacity: 0.25 },
        }),
      },
      {
        type: "line",
        data: known.map((row) => [row[x], row[y]]),
        showSymbol: true,
        symbolSize: 5,
        lineStyle: { color: colours.accent, width: 2 },
        itemStyle: { color: colours.accent },
        z: 3,
      },
    ],
  };
}
