// Stacked bars of shares by evidence grade. Texture says how far a grade can be trusted, as colour does:
// solid for filings and statements, hatched for datasets and derivation, dotted for memory and estimates.

import { percent } from "./format.js";
import { GRADE_COLOURS } from "./theme.js";
import { tooltipBase, tooltipBody } from "./tooltip.js";

const INK = "rgba(28,36,48,0.55)";
const HATCH = { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 6], rotation: Math.PI / 4, color: INK };
const DOTS = { symbol: "circle", symbolSize: 0.5, dashArrayX: [[6, 6]], dashArrayY: [6, 0], color: INK };
const TEXTURE = { C: HATCH, D: HATCH, E: DOTS, F: DOTS };

export function barsHeight(width, figure) {
  return figure.options.categories.length * 56 + 84 + (width < 520 ? 70 : 0);
}

export function barsOption(view) {
  const { rows, colours, figure, width } = view;
  const { category, stack, value, stack_order: order, stack_names: names, categories } = figure.options;
  const text = { color: colours.muted, fontFamily: colours.font, fontSize: 13 };
  const narrow = width < 520;
  const left = narrow ? 104 : 190;
  const at = (basis, grade) => rows.find((row) => row[category] === basis && row[stack] === grade);
  return {
    animation: false,
    textStyle: { fontFamily: colours.font },
    grid: { left, right: 18, top: 6, bottom: narrow ? 128 : 72 },
    legend: {
      bottom: 0,
      left: 0,
      itemWidth: 18,
      itemHeight: 12,
      itemGap: 12,
      selectedMode: false,
      textStyle: { ...text, color: colours.ink },
      data: order.map((grade) => names[grade]),
    },
    xAxis: {
      type: "value",
      min: 0,
      max: 1,
      splitNumber: narrow ? 2 : 5,
      axisLabel: { ...text, formatter: (share) => percent(share) },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: "category",
      data: categories,
      inverse: true,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...text, color: colours.ink, width: left - 10, overflow: "break", lineHeight: 16 },
    },
    tooltip: {
      ...tooltipBase(colours),
      formatter: (item) => {
        const row = at(categories[item.dataIndex], order[item.seriesIndex]);
        return tooltipBody(`${row[category]}: ${names[row[stack]]}`, [percent(row[value])]);
      },
    },
    series: order.map((grade) => ({
      type: "bar",
      name: names[grade],
      stack: "share",
      barMaxWidth: 34,
      data: categories.map((basis) => {
        const row = at(basis, grade);
        const share = row ? row[value] : 0;
        return { value: share, label: { show: share * (width - left) > 56 } };
      }),
      itemStyle: {
        color: GRADE_COLOURS[grade],
        borderColor: colours.background,
        borderWidth: 1,
        decal: TEXTURE[grade],
      },
      label: {
        color: grade === "A" || grade === "B" ? "#FFFFFF" : "#1C2430",
        fontFamily: colours.font,
        fontSize: 13,
        formatter: (item) => `${grade} ${percent(item.value)}`,
        // a plain ground behind the text, or the texture makes it hard to read
        backgroundColor: GRADE_COLOURS[grade],
        padding: [2, 5],
        borderRadius: 3,
      },
      animation: false,
    })),
  };
}
