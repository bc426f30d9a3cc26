// Fans: 50% and 90% bands, the median, and thin sample paths on demand; alone or as small panels.
// Rows need quarter, p05, p25, p50, p75, p95 and path_0 ... path_(samples-1).

import { plain, tick } from "./format.js";
import { layerColour, layerOutline } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

const LABEL_GAP = 17;
// Room for the words beside the line between data and forecast.
const AS_OF_ROOM = 22;

// Ends of a scale and the number of parts that gives round ticks.
const TOPS = [[1, 4], [1.2, 4], [1.6, 4], [2, 4], [2.4, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 5]];

export function fanHeight(width) {
  return width < 520 ? 280 : 340;
}

export function fanOption(view) {
  const { rows, colours, width, unit, figure } = view;
  const wide = width >= 520;
  const top = figure.options.as_of ? AS_OF_ROOM : 14;
  const layout = { left: 8, right: wide ? 104 : 14, top, bottom: 8, containLabel: true };
  const option = base(view, [layout], [rows]);
  addFan(option, view, rows, 0, colours.accent, colours.accent, wide);
  option.tooltip = fanTooltip(colours, () => rows, unit);
  return option;
}

export function panelColumns(width) {
  return width < 520 ? 1 : width < 780 ? 2 : width < 1000 ? 3 : 4;
}

const PANEL_HEIGHT = 200;

export function panelsHeight(width, figure) {
  return Math.ceil(figure.options.panels.length / panelColumns(width)) * PANEL_HEIGHT;
}

export function panelsOption(view) {
  const { rows, colours, width, figure, unit } = view;
  const panels = figure.options.panels;
  const key = figure.options.panel;
  const columns = panelColumns(width);
  const cell = width / columns;
  const byPanel = panels.map(([value]) => rows.filter((row) => row[key] === value));
  const layouts = panels.map((_, index) => ({
    left: (index % columns) * cell + 8,
    top: Math.floor(index / columns) * PANEL_HEIGHT + (figure.options.as_of ? 46 : 34),
    width: cell - 28,
    height: PANEL_HEIGHT - (figure.options.as_of ? 56 : 44),
    containLabel: true,
  }));
  const option = base(view, layouts, byPanel);
  option.title = panels.map(([, name], index) => ({
    text: name,
    left: (index % columns) * cell + 6,
    top: Math.floor(index / columns) * PANEL_HEIGHT + 4,
    padding: 0,
    textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 14, fontWeight: 600 },
  }));
  panels.forEach(([value], index) => {
    addFan(option, view, byPanel[index], index, layerColour(value, colours), layerOutline(value, colours), false);
  });
  option.tooltip = fanTooltip(colours, (index) => byPanel[index], unit, panels);
  return option;
}

function base(view, layouts, groups) {
  const { colours, figure, showPaths } = view;
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: layouts,
    xAxis: layouts.map((layout, index) => ({
      type: "category",
      gridIndex: index,
      data: quartersOf(view, groups[index]),
      boundaryGap: false,
      axisLine: { lineStyle: { color: colours.strongLine } },
      axisTick: { show: false },
      axisLabel: {
        ...text,
        interval: yearInterval(quartersOf(view, groups[index]), layout.width || view.width - 110),
        formatter: (quarter) => quarter.slice(0, 4),
        hideOverlap: true,
        showMaxLabel: false,
      },
    })),
    yAxis: layouts.map((_, index) => ({
      type: "value",
      gridIndex: index,
      min: (extent) => Math.min(0, extent.min),
      ...niceTop(groups[index], showPaths ? figure.options.samples : 0),
      axisLabel: { ...text, formatter: tick },
      splitLine: { lineStyle: { color: colours.line } },
    })),
    series: [],
  };
}

// The quarter in which data end stands before those that are simulated: the line between them runs in its gap.
function quartersOf(view, rows) {
  const end = view.figure.options.as_of;
  const simulated = rows.map((row) => row.quarter);
  return end ? [`${end.slice(0, 4)}Q${Math.ceil(Number(end.slice(5, 7)) / 3)}`, ...simulated] : simulated;
}

const leadOf = (view) => (view.figure.options.as_of ? 1 : 0);

function asOfLine(view, colours, axes, rows) {
  return {
    ...axes,
    type: "custom",
    name: "as-of",
    clip: false,
    z: 6,
    data: rows.length ? [[0, 0]] : [],
    renderItem: (params, api) => {
      const { y, height } = params.coordSys;
      const x = (api.coord([0, 0])[0] + api.coord([1, 0])[0]) / 2;
      const line = { x1: x, x2: x, y1: y - 16, y2: y + height };
      return {
        type: "group",
        children: [
          { type: "line", shape: line, style: { stroke: colours.ink, lineWidth: 1, lineDash: [3, 3] } },
          {
            type: "text",
            style: {
              x: x + 5,
              y: y - 11,
              text: `data to ${view.figure.options.as_of}${params.coordSys.width > 320 ? "; from here on simulated" : ""}`,
              fill: colours.muted,
              font: `13px ${colours.font}`,
              verticalAlign: "middle",
            },
          },
        ],
      };
    },
  };
}

// Label first quarters of years, and only as many as fit.
function yearInterval(quarters, width) {
  const firsts = quarters.filter((quarter) => quarter.endsWith("Q1")).length || 1;
  const every = Math.max(1, Math.ceil((firsts * 48) / Math.max(width, 1)));
  let seen = -1;
  const shown = quarters.map((quarter) => {
    if (!quarter.endsWith("Q1")) return false;
    seen += 1;
    return seen % every === 0;
  });
  return (index) => shown[index];
}

function niceTop(rows, samples) {
  let top = 0;
  for (const row of rows) {
    top = Math.max(top, row.p95 || 0);
    for (let k = 0; k < samples; k += 1) top = Math.max(top, row[`path_${k}`] || 0);
  }
  if (top <= 0) return { max: 1, interval: 0.25 };
  const unit = 10 ** Math.floor(Math.log10(top));
  const [end, parts] = TOPS.find(([step]) => step * unit >= top * 1.02) || [12, 4];
  return { max: end * unit, interval: (end * unit) / parts };
}

function addFan(option, view, rows, index, colour, outline, labels) {
  const { colours, figure, showPaths } = view;
  const axes = { xAxisIndex: index, yAxisIndex: index, silent: true, animation: false };
  const lead = leadOf(view);
  const before = lead ? [null] : [];
  option.series.push(
    band(rows, "p05", "p95", colour, 0.2, outline, axes, 1, lead),
    band(rows, "p25", "p75", colour, 0.38, outline, axes, 2, lead),
  );
  if (showPaths) {
    for (let k = 0; k < figure.options.samples; k += 1) {
      option.series.push({
        ...axes,
        type: "line",
        name: `path ${k + 1}`,
        data: [...before, ...rows.map((row) => row[`path_${k}`])],
        showSymbol: false,
        lineStyle: { color: colours.muted, width: 1, opacity: 0.9 },
        z: 3,
      });
    }
  }
  option.series.push({
    ...axes,
    type: "line",
    name: "median",
    data: [...before, ...rows.map((row) => row.p50)],
    showSymbol: false,
    lineStyle: { color: colours.ink, width: 2 },
    z: 4,
  });
  if (labels && rows.length) option.series.push(bandLabels(rows, colours, axes, lead));
  if (lead) option.series.push(asOfLine(view, colours, axes, rows));
}

function band(rows, low, high, colour, opacity, outline, axes, z, lead) {
  return {
    ...axes,
    type: "custom",
    clip: true,
    z,
    // one item that draws the whole band
    data: rows.length ? [[lead, rows[0][high]]] : [],
    renderItem: (_, api) => {
      const upper = rows.map((row, position) => api.coord([position + lead, row[high]]));
      const lower = rows.map((row, position) => api.coord([position + lead, row[low]]));
      return {
        type: "polygon",
        shape: { points: [...upper, ...lower.reverse()] },
        style: { fill: colour, opacity, stroke: outline, lineWidth: 0.5 },
      };
    },
  };
}

// The bands are named on the chart itself, at their right ends.
function bandLabels(rows, colours, axes, lead) {
  const row = rows.at(-1);
  const last = rows.length - 1 + lead;
  const marks = [
    { at: (row.p75 + row.p95) / 2, text: "9 of 10 paths" },
    { at: (row.p50 + row.p75) / 2, text: "half of paths" },
    { at: row.p50, text: "median", strong: true },
  ];
  return {
    ...axes,
    type: "custom",
    clip: false,
    z: 5,
    data: [[last, row.p50]],
    renderItem: (_, api) => {
      let previous = -Infinity;
      const children = marks.map((mark) => {
        const [x, y] = api.coord([last, mark.at]);
        const placed = Math.max(y, previous + LABEL_GAP);
        previous = placed;
        return {
          type: "text",
          style: {
            x: x + 8,
            y: placed,
            text: mark.text,
            fill: mark.strong ? colours.ink : colours.muted,
            font: `${mark.strong ? 600 : 400} 13px ${colours.font}`,
            verticalAlign: "middle",
          },
        };
      });
      return { type: "group", children };
    },
  };
}

function fanTooltip(colours, rowsOf, unit, panels) {
  return {
    ...tooltipBase(colours),
    trigger: "axis",
    axisPointer: { type: "line", lineStyle: { color: colours.strongLine } },
    formatter: (params) => {
      const item = params[0];
      const panel = item.axisIndex || 0;
      const row = rowsOf(panel).find((entry) => entry.quarter === item.axisValue);
      if (!row) return tooltipBody(item.axisValue, ["data end here; what follows is simulated"]);
      const name = panels ? `${panels[panel][1]}, ${item.axisValue}` : item.axisValue;
      return tooltipBody(name, [
        `median ${plain(row.p50)}`,
        `half of the paths: ${plain(row.p25)} to ${plain(row.p75)}`,
        `9 of 10 paths: ${plain(row.p05)} to ${plain(row.p95)}`,
        unit,
      ]);
    },
  };
}
