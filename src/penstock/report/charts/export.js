// Taking a figure away: CSV, JSON, SVG, PNG. Pictures are always light and carry title, finding and notice.

import { KINDS } from "./kinds.js";
import { chosenObjects, finding, unitOf } from "./rows.js";
import { theme } from "./theme.js";

const PICTURE_WIDTH = 1200;
const PNG_SCALE = 2;

export function csvText(figure) {
  const quote = (value) => {
    if (value === null || value === undefined) return "";
    let text = String(value);
    // a leading =, + or @ would run as a formula in a spreadsheet; numbers stay numbers
    if (typeof value === "string" && /^[=+@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [figure.columns.map((column) => quote(column.key)).join(",")];
  for (const row of figure.rows) lines.push(row.map(quote).join(","));
  return `${lines.join("\n")}\n`;
}

export function jsonText(figure, notice) {
  const keys = figure.columns.map((column) => column.key);
  const result = {
    title: figure.title,
    unit: figure.unit,
    columns: figure.columns,
    findings: figure.findings,
    rows: figure.rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, row[index]]))),
  };
  return JSON.stringify({ schema_version: 1, notice, result }, null, 1);
}

export function svgText(echarts, figure, choice, showPaths, notice) {
  const colours = theme(false);
  const rows = chosenObjects(figure, choice);
  const kind = KINDS[figure.kind];
  const unit = unitOf(figure, choice);
  const height = kind.height(PICTURE_WIDTH, figure, rows);
  const view = { figure, rows, colours, width: PICTURE_WIDTH, showPaths, unit };
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: PICTURE_WIDTH, height });
  chart.setOption(kind.option(view));
  if (kind.after) kind.after(chart, view);
  const inner = chart.renderToSVGString();
  chart.dispose();
  const head = [
    ...lines(figure.title, 28, 90).map((text) => ({ text, size: 22, weight: 600, fill: colours.ink })),
    ...lines(finding(figure, choice), 22, 150).map((text) => ({ text, size: 15, weight: 400, fill: colours.ink })),
    ...lines(choiceText(figure, choice, unit), 20, 150).map((text) => ({ text, size: 13, weight: 400, fill: colours.muted })),
  ];
  const foot = lines(notice, 18, 190).map((text) => ({ text, size: 11, weight: 400, fill: colours.muted }));
  let y = 16;
  const parts = [];
  const write = (line) => {
    y += line.size * 1.35;
    parts.push(
      `<text x="16" y="${y.toFixed(1)}" font-family="${escape(colours.font)}" font-size="${line.size}" font-weight="${line.weight}" fill="${line.fill}">${escape(line.text)}</text>`,
    );
  };
  head.forEach(write);
  y += 12;
  const top = y;
  y += height;
  foot.forEach(write);
  const total = Math.ceil(y + 16);
  const placed = inner.replace("<svg ", `<svg x="0" y="${top.toFixed(1)}" `);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${PICTURE_WIDTH}" height="${total}" viewBox="0 0 ${PICTURE_WIDTH} ${total}"><rect width="100%" height="100%" fill="${colours.background}"/>${parts.join("")}${placed}</svg>`;
}

function choiceText(figure, choice, unit) {
  const chosen = figure.facets.map((facet) => {
    const pair = facet.values.find(([value]) => value === choice[facet.column]);
    return `${facet.label}: ${pair ? pair[1] : ""}`;
  });
  return [unit, ...chosen].filter(Boolean).join(" · ");
}

function lines(text, _, length) {
  const out = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + word.length + 1 > length) {
      out.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  if (line) out.push(line);
  return out;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export function pngBlob(svg) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = image.naturalWidth * PNG_SCALE;
      canvas.height = image.naturalHeight * PNG_SCALE;
      const context = canvas.getContext("2d");
      context.scale(PNG_SCALE, PNG_SCALE);
      context.drawImage(image, 0, 0);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png");
    };
    image.onerror = () => reject(new Error("the SVG could not be drawn"));
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  });
}

export function save(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
