// Intervals with a dot: one row per category, low to high, the dot at the estimate where there is one.

import { percent, plain, tick } from "./format.js";
import { LAYER_SHAPES, layerColour, layerOutline } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

const ROW = 28;

const LINE = 15;
const LETTER = 6.7; // mean width of a letter of 12 px
const MOST_LINES = 4;

// Long labels break into lines where the page is narrow; a row is as high as the longest of them needs.
const breaks = (width, figure) => width < 520 && Boolean(figure.options.label_width);
const narrowLeft = (width) => Math.round(width * 0.5);

function labelLines(name, width) {
  const letters = Math.floor((narrowLeft(width) - 12) / LETTER);
  const lines = [""];
  for (const word of name.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length > letters && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  const shown = lines.map((line) => (line.length > letters ? `${line.slice(0, letters - 1)}…` : line));
  if (shown.length > MOST_LINES) shown.splice(MOST_LINES - 1, shown.length, `${shown[MOST_LINES - 1].slice(0, letters - 1)}…`);
  return shown;
}

const nameOf = (row, category) => String(row[category]).replaceAll("_", " ");

export function whiskersHeight(width, figure, rows) {
  if (!breaks(width, figure)) return Math.max(1, rows.length) * ROW + 46;
  const most = Math.max(1, ...rows.map((row) => labelLines(nameOf(row, figure.options.category), width).length));
  return Math.max(1, rows.length) * Math.max(ROW, most * LINE + 9) + 46;
}

export function whiskersOption(view) {
  const { rows, colours, figure, width, unit } = view;
  const { category, low, value, high, layer, zero } = figure.options;
  const share = Boolean(figure.options.percent);
  const level = figure.options.level || "90%";
  const names = rows.map((row) => nameOf(row, category));
  const broken = breaks(width, figure);
  const longest = Math.max(0, ...names.map((name) => name.length)) * 7.6 + 22;
  const left = broken
    ? narrowLeft(width)
    : Math.min(Math.round(width * 0.42), figure.options.label_width || 260, Math.max(70, longest));
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const write = (number) => (share ? percent(number) : plain(number));
  const colourOf = (row) => (layer && row[layer] ? layerColour(row[layer], colours) : colours.accent);
  const outlineOf = (row) => (layer && row[layer] ? layerOutline(row[layer], colours) : colours.accent);
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: { left, right: 24, top: 8, bottom: 34 },
    xAxis: {
      type: "value",
      min: share ? 0 : undefined,
      // round steps would carry the axis of a share beyond all of it
      max: share ? ({ max }) => (max > 0.75 && max <= 1 ? 1 : null) : undefined,
      splitNumber: width < 520 ? 3 : 6,
      axisLabel: {
        ...text,
        formatter: (number) => (share ? `${tick(Math.round(1000 * number) / 10)}%` : tick(number)),
        hideOverlap: true,
      },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: "category",
      data: names,
      inverse: true,
      axisLine: { show: Boolean(zero), onZero: true, lineStyle: { color: colours.strongLine } },
      axisTick: { show: false },
      axisLabel: {
        ...text,
        color: colours.ink,
        width: left - 12,
        margin: 10,
        ...(broken
          ? { formatter: (name) => labelLines(name, width).join("\n"), interval: 0, lineHeight: LINE, fontSize: 12 }
          : { overflow: "truncate", interval: 0 }),
      },
      position: "left",
    },
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        const row = rows[item.dataIndex];
        const lines = [`${write(row[low])} to ${write(row[high])} (${level})`, unit];
        if (row[value] !== null) lines.unshift(write(row[value]));
        if (row.share_text) lines.splice(0, lines.length, row.share_text, unit);
        return tooltipBody(names[item.dataIndex], lines);
      },
    },
    series: [
      {
        type: "custom",
        clip: false,
        data: rows.map((row, index) => [row[low], index, row[high]]),
        encode: { x: [0, 2], y: 1 },
        renderItem: (params, api) => {
          const row = rows[params.dataIndex];
          const [x0, y] = api.coord([row[low], params.dataIndex]);
          const [x1] = api.coord([row[high], params.dataIndex]);
          return {
            type: "rect",
            shape: { x: x0, y: y - 4, width: Math.max(2, x1 - x0), height: 8, r: 2 },
            style: { fill: colourOf(row), opacity: 0.55, stroke: outlineOf(row), lineWidth: 1 },
          };
        },
        z: 2,
      },
      {
        type: "scatter",
        data: rows.map((row, index) => ({
          value: [row[value] === null ? NaN : row[value], index],
          symbol: layer ? (LAYER_SHAPES[row[layer]] || "circle").replace("emptyCircle", "circle") : "circle",
          // a pin stands on its point: move its head there
          symbolOffset: layer && LAYER_SHAPES[row[layer]] === "pin" ? [0, "45%"] : [0, 0],
          itemStyle: { color: colourOf(row), borderColor: colours.ink, borderWidth: 1 },
        })),
        symbolSize: 10,
        z: 3,
      },
    ],
  };
}
